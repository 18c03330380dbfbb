package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/test/process"
)

// TestEvaluationEngine: it takes photographs that the service refuses, unless
// it is told to have the gate; and its key changes with whatever decides a
// template.
func TestEvaluationEngine(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels, photosDir)
	photo, err := os.ReadFile(filepath.Join(photosDir, "ayu-selfie.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	strict := func(c *app.Config) { c.Face.Quality.Probe.InterEyeDistance = 99.9 }
	keys := make(map[[32]byte]string)
	for _, test := range []struct {
		about   string
		subject face.Subject
		gate    bool
		config  func(c *app.Config)
		again   bool
		want    face.Finding
	}{
		{about: "dominant", subject: face.Dominant},
		{about: "the same again", subject: face.Dominant, again: true},
		{about: "largest", subject: face.Largest},
		{about: "with the gate", subject: face.Largest, gate: true},
		{about: "with a strict gate", subject: face.Largest, gate: true, config: strict, want: face.LowQuality},
		{about: "strict limits without the gate", subject: face.Largest, config: strict, again: true},
		{about: "dominance", config: func(c *app.Config) { c.Face.Dominance = 5 }},
		{about: "pixels", config: func(c *app.Config) { c.Face.MaxPixels-- }},
	} {
		c := config(t)
		if test.config != nil {
			test.config(&c)
		}
		e, err := app.OpenEvaluationEngine(c, test.subject, test.gate)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := keys[e.Key]; ok != test.again {
			t.Errorf("%s: the key is that of %q", test.about, before)
		}
		keys[e.Key] = test.about
		x, err := e.Extract(t.Context(), photo, face.ForProbe)
		if err != nil || x.Finding != test.want {
			t.Errorf("%s: %v, %v %v, want %v", test.about, err, x.Finding, x.Failed, test.want)
		}
		e.Close()
	}
}
