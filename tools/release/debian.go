package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// control is the control file of the package (deb-control(5)). 2.34 is the C library of
// which the program uses symbols, and 252 the first systemd that looks for credentials
// in /etc/credstore.encrypted.
const control = `Package: sesuai
Version: %s
Architecture: %s
Maintainer: The Sesuai authors <sesuai@localhost>
Installed-Size: %d
Depends: libc6 (>= 2.34), libgcc-s1, libstdc++6 (>= 11), systemd (>= 252)
Recommends: ca-certificates
Section: net
Priority: optional
Description: identity and face verification for Indonesia
 A self-hosted service that says whether a person's NIK, name, date of birth and
 photograph match the population registry.
`

// debianVersion returns a version that Debian orders as the commits are: without a tag
// it starts with the date of the commit.
func (r *release) debianVersion() string {
	version := strings.ReplaceAll(r.version, "-", "+")
	if tag, ok := strings.CutPrefix(version, "v"); ok {
		return tag
	}
	return "0~" + r.made.Format("20060102150405") + "." + version
}

// writeDebianPackage has dpkg-deb write the package. It dates all files as the commit.
func (r *release) writeDebianPackage(p *program) error {
	all, packaging := make(tree), filepath.Join(r.source, "packaging")
	all.add("opt/sesuai", p.installed)
	all["usr/bin/sesuai"] = file{link: "/opt/sesuai/bin/sesuai"}
	all["usr/share/doc/sesuai/copyright"] = file{mode: 0o644, content: all["opt/sesuai/licenses.txt"].content}
	for name, from := range map[string]string{
		"etc/sesuai/sesuai.yaml":                "sesuai.yaml",
		"usr/lib/systemd/system/sesuai.service": "sesuai.service",
		"usr/lib/sysusers.d/sesuai.conf":        "sysusers.conf",
	} {
		if err := all.addFile(name, filepath.Join(packaging, from), 0o644); err != nil {
			return err
		}
	}
	size := 0
	for _, f := range all {
		size += len(f.content)
	}
	all["DEBIAN/control"] = file{mode: 0o644, content: fmt.Appendf(nil, control, r.debianVersion(), p.debian, size/1024)}
	all["DEBIAN/conffiles"] = file{mode: 0o644, content: []byte("/etc/sesuai/sesuai.yaml\n")}
	for _, name := range []string{"postinst", "prerm"} {
		if err := all.addFile("DEBIAN/"+name, filepath.Join(packaging, "debian", name), 0o755); err != nil {
			return err
		}
	}
	folder, err := os.MkdirTemp("", "sesuai-deb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	root := filepath.Join(folder, "root") // MkdirTemp's own is of mode 0700
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	if err := all.writeTo(root); err != nil {
		return err
	}
	_, err = r.output("dpkg-deb", "--root-owner-group", "-Zgzip", "-z6", "--build", root, r.name("debian", p.debian, "deb"))
	return err
}
