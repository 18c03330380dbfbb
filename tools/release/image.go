package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// imageUser is the number of the user in the image.
const imageUser = 65532

// library is a Debian package of which the image has a part.
type library struct {
	name, version, architecture string
	digest                      [sha256.Size]byte // of the package
	files                       tree
}

// imageLibraries are the packages, with what is taken of each besides its licence, and
// the licence.
var imageLibraries = []struct{ name, folder, licence string }{
	{"libc6", "lib", "LGPL-2.1-or-later"},
	{"libgcc-s1", "lib", "GPL-3.0-or-later WITH GCC-exception-3.1"},
	{"libstdc++6", "usr/lib", "GPL-3.0-or-later WITH GCC-exception-3.1"},
	{"gcc-12-base", "", "GPL-3.0-or-later WITH GCC-exception-3.1"}, // has the licence of the two above
	{"ca-certificates", "usr/share/ca-certificates", "MPL-2.0"},
}

// libraries has apt download the packages, whose signatures it checks, and reads them.
func (r *release) libraries(p *program) (found []library, err error) {
	folder, err := os.MkdirTemp("", "sesuai-image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	download := r.command("apt-get", "download", "-q", "-o", "APT::Sandbox::User=root")
	for _, l := range imageLibraries {
		download.Args = append(download.Args, l.name)
	}
	download.Dir = folder
	if err := download.Run(); err != nil {
		return nil, fmt.Errorf("apt-get download: %w", err)
	}
	for _, l := range imageLibraries {
		paths, err := filepath.Glob(filepath.Join(folder, l.name+"_*.deb"))
		if err != nil || len(paths) != 1 {
			return nil, fmt.Errorf("apt-get download: %d packages %s, %v", len(paths), l.name, err)
		}
		read, err := r.readLibrary(paths[0], l.folder)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		if read.architecture != p.debian && read.architecture != "all" {
			return nil, fmt.Errorf("%s is for %s: the image is made on %s", l.name, read.architecture, p.debian)
		}
		found = append(found, read)
	}
	return found, nil
}

// readLibrary reads what is in a folder of a Debian package, and its licence.
func (r *release) readLibrary(deb, folder string) (library, error) {
	b, err := os.ReadFile(deb)
	if err != nil {
		return library{}, err
	}
	l := library{digest: sha256.Sum256(b), files: make(tree)}
	for field, to := range map[string]*string{"Package": &l.name, "Version": &l.version, "Architecture": &l.architecture} {
		if *to, err = r.output("dpkg-deb", "--field", deb, field); err != nil {
			return library{}, err
		}
	}
	data, err := r.command("dpkg-deb", "--fsys-tarfile", deb).Output()
	if err != nil {
		return library{}, fmt.Errorf("dpkg-deb: %w", err)
	}
	for archive := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return library{}, err
		}
		name := path.Clean(h.Name)
		licence := strings.HasPrefix(name, "usr/share/doc/") && (path.Base(name) == "copyright" || h.Typeflag == tar.TypeSymlink)
		// lib and lib64, without the converters of character sets
		wanted := folder != "" && strings.HasPrefix(name, folder) && !strings.Contains(name, "/gconv/")
		if !licence && !wanted {
			continue
		}
		switch h.Typeflag {
		case tar.TypeReg:
			content, err := io.ReadAll(archive)
			if err != nil {
				return library{}, err
			}
			l.files[name] = file{mode: h.Mode, content: content}
		case tar.TypeSymlink:
			l.files[name] = file{link: h.Linkname}
		}
	}
}

// component describes the package in an SBOM.
func (l library) component() cdx.Component {
	licence := ""
	for _, i := range imageLibraries {
		if i.name == l.name {
			licence = i.licence
		}
	}
	return cdx.Component{
		Type: cdx.ComponentTypeLibrary, Name: l.name, Version: l.version,
		PackageURL: fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s", l.name, l.version, l.architecture),
		Hashes:     hash(l.digest[:]), Licenses: expression(licence),
	}
}

// certificates joins the certificates that ca-certificates has one by one into the file
// that programs read, as update-ca-certificates(8) does.
func certificates(all tree) {
	const folder, bundle = "usr/share/ca-certificates/", "etc/ssl/certs/ca-certificates.crt"
	var names []string
	for name := range all {
		if strings.HasPrefix(name, folder) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var joined []byte
	for _, name := range names {
		joined = append(append(joined, bytes.TrimSpace(all[name].content)...), '\n')
		delete(all, name)
	}
	all[bundle] = file{mode: 0o644, content: joined}
}

// writeImage writes an OCI image layout as a tar: one layer with the libraries, one with
// the models and ONNX Runtime, one with the program.
func (r *release) writeImage(p *program, libraries []library) error {
	base, models, own := make(tree), make(tree), make(tree)
	for _, l := range libraries {
		base.add("", l.files)
	}
	certificates(base)
	base["etc/passwd"] = file{mode: 0o644, content: fmt.Appendf(nil, "root:x:0:0:root:/:/sbin/nologin\nsesuai:x:%[1]d:%[1]d:Sesuai:/var/lib/sesuai:/sbin/nologin\n", imageUser)}
	base["etc/group"] = file{mode: 0o644, content: fmt.Appendf(nil, "root:x:0:\nsesuai:x:%d:\n", imageUser)}
	base["tmp"] = file{mode: 0o1777, folder: true}
	base["var/lib/sesuai"] = file{mode: 0o700, owner: imageUser, folder: true}
	for name, f := range p.installed {
		if strings.HasPrefix(name, "models/") {
			models["opt/sesuai/"+name] = f
		} else {
			own["opt/sesuai/"+name] = f
		}
	}
	image, err := mutate.ConfigFile(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), &v1.ConfigFile{
		Architecture: p.debian, OS: "linux", Created: v1.Time{Time: r.made}, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User:       fmt.Sprintf("%[1]d:%[1]d", imageUser),
			Entrypoint: []string{"/opt/sesuai/bin/sesuai"}, Cmd: []string{"serve"},
			// The port of a container is reached from outside it.
			Env:        []string{"PATH=/opt/sesuai/bin", "SESUAI_DATA=/var/lib/sesuai/data", "SESUAI_LISTEN=0.0.0.0:8080"},
			WorkingDir: "/var/lib/sesuai", Volumes: map[string]struct{}{"/var/lib/sesuai": {}},
			ExposedPorts: map[string]struct{}{"8080/tcp": {}}, StopSignal: "SIGTERM",
			Labels: map[string]string{
				"org.opencontainers.image.title": "sesuai", "org.opencontainers.image.version": r.version,
				"org.opencontainers.image.licenses": "Apache-2.0",
			},
		},
	})
	if err != nil {
		return err
	}
	for _, part := range []tree{base, models, own} {
		var b bytes.Buffer
		if err := part.writeTar(&b, r.made); err != nil {
			return err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil },
			tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
		if err != nil {
			return err
		}
		if image, err = mutate.Append(image, mutate.Addendum{
			Layer: layer, History: v1.History{Created: v1.Time{Time: r.made}, CreatedBy: "make release"},
		}); err != nil {
			return err
		}
	}
	folder, err := os.MkdirTemp("", "sesuai-oci-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	l, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	if err := l.AppendImage(image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "sesuai:" + r.version})); err != nil {
		return err
	}
	all := make(tree)
	if err := filepath.WalkDir(folder, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		relative, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		return all.addFile(relative, name, 0o644)
	}); err != nil {
		return err
	}
	f, err := os.Create(r.name("image", p.debian, "tar"))
	if err != nil {
		return err
	}
	if err := all.writeTar(f, r.made); err != nil {
		return err
	}
	return f.Close()
}
