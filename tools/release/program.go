package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// architecture is one that releases are made for, in the words of Go, Debian and
// uname(1).
type architecture struct {
	debian, uname string // Go has Debian's words
	compiler      string
	compilerFrom  string // the Debian package
	tags          string
	// image is whether there is an image of it: its libraries are those of this machine's
	// architecture.
	image bool
}

var architectures = []architecture{
	{debian: "amd64", uname: "x86_64", compiler: "gcc", compilerFrom: "gcc", tags: "turbojpeg", image: true},
	{debian: "arm64", uname: "aarch64", compiler: "aarch64-linux-gnu-gcc", compilerFrom: "gcc-aarch64-linux-gnu"},
}

// program is a built program and what belongs to it.
type program struct {
	architecture
	path string
	// installed is what /opt/sesuai holds.
	installed tree
	// archive is the path of the library that is linked for JPEG, or empty.
	archive string
}

// build fetches the models and ONNX Runtime, and builds the program as make build
// does.
func (r *release) build(a architecture) (*program, error) {
	if _, err := exec.LookPath(a.compiler); err != nil {
		return nil, fmt.Errorf("%s is not installed: Debian's package %s has it", a.compiler, a.compilerFrom)
	}
	work := filepath.Join(r.work, a.debian)
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, err
	}
	fetch := r.command(filepath.Join(r.source, "scripts/fetch.sh"), filepath.Join(r.source, "third_party/models.lock"))
	fetch.Dir, fetch.Env = work, append(fetch.Env, "ARCH="+a.uname)
	if err := fetch.Run(); err != nil {
		return nil, fmt.Errorf("scripts/fetch.sh: %w", err)
	}
	p := &program{architecture: a, path: filepath.Join(work, "sesuai"), installed: make(tree)}
	build := r.command("go", "build", "-buildvcs=true", "-trimpath", "-buildmode=pie", "-tags="+a.tags,
		"-ldflags=-bindnow -X main.version="+r.version, "-o", p.path, "./cmd/sesuai")
	build.Dir = r.source
	build.Env = append(build.Env, "GOOS=linux", "GOARCH="+a.debian, "CGO_ENABLED=1", "CC="+a.compiler,
		"GOFLAGS=-mod=readonly", "GOAMD64=v1", "GOARM64=v8.0", "CGO_CFLAGS=-O2 -g", "CGO_LDFLAGS=-O2 -g")
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("go build: %w", err)
	}
	if strings.Contains(a.tags, "turbojpeg") {
		var err error
		if p.archive, err = r.output(a.compiler, "-print-file-name=libjpeg.a"); err != nil {
			return nil, err
		}
	}
	if err := p.installed.addFile("bin/sesuai", p.path, 0o755); err != nil {
		return nil, err
	}
	models, err := filepath.Glob(filepath.Join(work, "models", "*"))
	if err != nil {
		return nil, err
	}
	for _, path := range models {
		if err := p.installed.addFile("models/"+filepath.Base(path), path, 0o644); err != nil {
			return nil, err
		}
	}
	for name, from := range map[string]string{
		"LICENSE": "LICENSE", "licenses.txt": "cmd/sesuai/licenses.txt",
		"monitoring/sesuai.rules.yml": "packaging/prometheus/sesuai.rules.yml", "monitoring/sesuai.json": "packaging/grafana/sesuai.json",
	} {
		if err := p.installed.addFile(name, filepath.Join(r.source, from), 0o644); err != nil {
			return nil, err
		}
	}
	return p, nil
}
