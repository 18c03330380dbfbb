package main

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
)

// version is set by the linker: see the Makefile.
var version string

type versionCommand struct{}

func (versionCommand) Run(s *session) error {
	m := face.DefaultManifest()
	out := struct {
		Version     string `json:"version"`
		Go          string `json:"go"`
		Platform    string `json:"platform"`
		Model       string `json:"model"`
		Calibration string `json:"calibration"`
		JPEG        string `json:"jpeg"`
	}{programVersion(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, m.Model(), m.Calibration, app.JPEGDecoder()}
	return s.print(out, "sesuai %s (%s, %s)\nface model   %s\ncalibration  %s\nJPEG decoder %s\n",
		out.Version, out.Go, out.Platform, out.Model, out.Calibration, out.JPEG)
}

// programVersion is the version of this program.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return cmp.Or(version, info.Main.Version)
	}
	return version
}
