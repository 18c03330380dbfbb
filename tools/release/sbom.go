package main

import (
	"bufio"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/licensecheck"
)

// components returns what a program consists of and loads: the modules of its build
// information, Go itself, the models, ONNX Runtime and libjpeg-turbo.
func (r *release) components(p *program) (parts []cdx.Component, err error) {
	info, err := buildinfo.ReadFile(p.path)
	if err != nil {
		return nil, err
	}
	licences, err := r.moduleLicences()
	if err != nil {
		return nil, err
	}
	for _, m := range info.Deps {
		known := licences[m.Path+" "+m.Version]
		if known == "" {
			return nil, fmt.Errorf("no licence is known of %s %s: run make docs", m.Path, m.Version)
		}
		// Sum is the digest of the module in go.sum, which is not that of a file.
		parts = append(parts, cdx.Component{
			Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: "pkg:golang/" + m.Path + "@" + m.Version,
			Licenses: expression(known), Properties: &[]cdx.Property{{Name: "go.sum", Value: m.Sum}},
		})
	}
	release := strings.TrimPrefix(strings.Fields(info.GoVersion)[0], "go")
	parts = append(parts, cdx.Component{
		Type: cdx.ComponentTypeLibrary, Name: "std", Version: release, PackageURL: "pkg:golang/std@" + release, Licenses: expression("BSD-3-Clause"),
	})
	fetched, err := r.fetched(p)
	if err != nil {
		return nil, err
	}
	parts = append(parts, fetched...)
	if p.archive == "" {
		return parts, nil
	}
	b, err := os.ReadFile(p.archive)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	version, err := r.output("dpkg-query", "--showformat", "${Version}", "--show", "libjpeg62-turbo-dev")
	if err != nil {
		return nil, err
	}
	return append(parts, cdx.Component{
		Type: cdx.ComponentTypeLibrary, Name: "libjpeg-turbo", Version: version, Hashes: hash(sum[:]),
		Description: "libjpeg.a, linked into the program",
		PackageURL:  "pkg:deb/debian/libjpeg62-turbo-dev@" + version + "?arch=" + p.debian, Licenses: expression("IJG AND BSD-3-Clause AND Zlib"),
	}), nil
}

// fetched returns the models and ONNX Runtime, as third_party/models.lock has them.
func (r *release) fetched(p *program) (parts []cdx.Component, err error) {
	f, err := os.Open(filepath.Join(r.source, "third_party/models.lock"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	from, version := "", ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "package" {
			from, version, _ = strings.Cut(fields[1], "@")
		}
		if len(fields) != 5 || fields[0] != "file" || fields[3] != "any" && fields[3] != p.uname {
			continue
		}
		name := filepath.Base(fields[4])
		part := cdx.Component{
			Type: cdx.ComponentTypeLibrary, Name: name, Version: version, PackageURL: "pkg:npm/" + from + "@" + version,
			Licenses: expression("MIT"),
		}
		switch {
		case strings.HasSuffix(name, ".onnx"):
			part.Type = cdx.ComponentTypeMachineLearningModel
		case strings.HasPrefix(name, "LICENSE"):
			continue
		default:
			part.Name, part.Description = "ONNX Runtime", name
		}
		sum := sha256.Sum256(p.installed["models/"+name].content)
		if hex.EncodeToString(sum[:]) != fields[2] {
			return nil, fmt.Errorf("%s is not the file of third_party/models.lock", name)
		}
		part.Hashes = hash(sum[:])
		parts = append(parts, part)
	}
	return parts, lines.Err()
}

// moduleLicences returns the licences of the linked modules, as SPDX expressions, by
// path and version. It recognises them by the texts in cmd/sesuai/licenses.txt, which a
// test holds to what is linked.
func (r *release) moduleLicences() (map[string]string, error) {
	b, err := os.ReadFile(filepath.Join(r.source, "cmd/sesuai/licenses.txt"))
	if err != nil {
		return nil, err
	}
	found := make(map[string]map[string]bool)
	for section := range strings.SplitSeq(string(b), "\n"+strings.Repeat("=", 80)+"\n") {
		names, text, ok := strings.Cut(section, "\n"+strings.Repeat("-", 80)+"\n")
		if !ok {
			continue // the head of the page
		}
		for name := range strings.Lines(names) {
			module, file, ok := strings.Cut(strings.TrimSpace(name), ": ")
			if !ok || strings.HasPrefix(filepath.Base(file), "PATENTS") || strings.HasPrefix(filepath.Base(file), "NOTICE") {
				continue
			}
			if found[module] == nil {
				found[module] = make(map[string]bool)
			}
			for _, m := range licensecheck.Scan([]byte(text)).Match {
				if !m.IsURL {
					found[module][m.ID] = true
				}
			}
		}
	}
	expressions := make(map[string]string)
	for module, ids := range found {
		expressions[module] = strings.Join(slices.Sorted(maps.Keys(ids)), " AND ")
	}
	return expressions, nil
}

// writeSBOM writes a CycloneDX document about a program and its parts.
func (r *release) writeSBOM(path string, p *program, parts []cdx.Component) error {
	commit, err := r.output("git", "-C", r.source, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(p.installed["bin/sesuai"].content)
	const self = "sesuai"
	var refs []string
	for i := range parts {
		parts[i].BOMRef = parts[i].Name + "@" + parts[i].Version
		refs = append(refs, parts[i].BOMRef)
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp: r.made.Format(time.RFC3339),
		Component: &cdx.Component{
			BOMRef: self, Type: cdx.ComponentTypeApplication, Name: "sesuai", Version: r.version, Hashes: hash(sum[:]),
			Licenses:   expression("Apache-2.0"),
			Properties: &[]cdx.Property{{Name: "commit", Value: commit}, {Name: "architecture", Value: p.debian}},
		},
	}
	bom.Components = &parts
	bom.Dependencies = &[]cdx.Dependency{{Ref: self, Dependencies: &refs}}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := cdx.NewBOMEncoder(f, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return err
	}
	return f.Close()
}

// hash is a SHA-256 as an SBOM has it.
func hash(sum []byte) *[]cdx.Hash {
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
}

// expression is a licence in SPDX's words.
func expression(spdx string) *cdx.Licenses {
	return &cdx.Licenses{{Expression: spdx}}
}
