package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
)

// version is set by the linker: see the Makefile.
var version string

type versionCommand struct{}

// Run prints what the program was made from.
func (versionCommand) Run(s *session) error {
	m, from := face.DefaultManifest(), buildOf()
	out := struct {
		Version string `json:"version"`
		build
		Go          string `json:"go"`
		Platform    string `json:"platform"`
		Model       string `json:"model"`
		Calibration string `json:"calibration"`
		Runtime     string `json:"onnx_runtime"`
		JPEG        string `json:"jpeg"`
	}{
		programVersion(), from, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, m.Model(), m.Calibration,
		app.ONNXRuntime(), app.JPEGDecoder(),
	}
	return s.print(out, "sesuai %s (%s, %s)\ncommit       %s\nface model   %s\ncalibration  %s\nONNX Runtime %s\nJPEG decoder %s\n",
		out.Version, out.Go, out.Platform, from, out.Model, out.Calibration, out.Runtime, out.JPEG)
}

// programVersion is the version of this program.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return cmp.Or(version, info.Main.Version)
	}
	return version
}

// build is the commit that the program was built from.
type build struct {
	// Commit is empty, and Tree unknown, if it was not built in a checkout.
	Commit string `json:"commit"`
	// Tree is clean, modified or unknown: whether all that was built is in the commit.
	Tree string `json:"tree"`
}

// buildOf returns the build of this program, which go build records.
func buildOf() build {
	b := build{Tree: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "false":
			b.Tree = "clean"
		case s.Key == "vcs.modified":
			b.Tree = "modified"
		}
	}
	return b
}

func (b build) String() string {
	return fmt.Sprintf("%s (tree %s)", cmp.Or(b.Commit, "unknown"), b.Tree)
}
