//go:build cgo

package ort_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/face/ort"
	"github.com/sesuai/sesuai/test/process"
)

const (
	modelsDir = "../../../models"
	library   = modelsDir + "/libonnxruntime.so.1"
)

func TestMissingLibraryIsConfiguration(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none.so"), t.TempDir()} {
		load, err := ort.NewLoader(ort.Options{Library: path})
		if sesuai.KindOf(err) != sesuai.KindConfiguration || load != nil {
			t.Errorf("%s: loader %v, error %v", path, load != nil, err)
		}
	}
	// A correct path works after a wrong one.
	loadTemplate(t)
}

// loadTemplate loads the template network.
func loadTemplate(t *testing.T) face.Network {
	t.Helper()
	process.Need(t, library)
	load, err := ort.NewLoader(ort.Options{Library: library})
	if err != nil {
		t.Fatal(err)
	}
	spec := face.DefaultManifest().Template
	onnx, err := os.ReadFile(filepath.Join(modelsDir, spec.File))
	if err != nil {
		t.Fatal(err)
	}
	n, err := load(onnx, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func newRunner(t *testing.T, n face.Network) face.Runner {
	t.Helper()
	r, err := n.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// output returns the network's output for a ramp that starts at from.
func output(t *testing.T, r face.Runner, from int) []float32 {
	t.Helper()
	in := r.Input()
	for i := range in {
		in[i] = float32((i*7+from)%256-127) / 128
	}
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(r.Output(0))
}

func TestRunnerRepeatsItself(t *testing.T) {
	n := loadTemplate(t)
	a, b := newRunner(t, n), newRunner(t, n)
	if got := len(a.Input()); got != 3*112*112 {
		t.Fatalf("the input has %d numbers", got)
	}
	first := output(t, a, 0)
	if len(first) != face.TemplateSize {
		t.Fatalf("the output has %d numbers", len(first))
	}
	if slices.Max(first) == slices.Min(first) {
		t.Fatal("the output is flat")
	}
	other := output(t, a, 90)
	if slices.Equal(first, other) {
		t.Error("two inputs have one output")
	}
	if !slices.Equal(first, output(t, a, 0)) {
		t.Error("the same runner gives another output the second time")
	}
	if !slices.Equal(first, output(t, b, 0)) {
		t.Error("another runner gives another output")
	}
	if !slices.Equal(first, a.Output(0)) {
		t.Error("one runner's output changes with another's run")
	}
}

func TestLoaderRefusesWhatIsNoModel(t *testing.T) {
	process.Need(t, library)
	load, err := ort.NewLoader(ort.Options{Library: library})
	if err != nil {
		t.Fatal(err)
	}
	spec := face.DefaultManifest().Template
	for name, onnx := range map[string][]byte{"text": []byte("not a model"), "zeros": make([]byte, 1000)} {
		if _, err := load(onnx, spec); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneLibraryAProcess(t *testing.T) {
	loadTemplate(t)
	if _, err := ort.NewLoader(ort.Options{Library: library + ".2"}); sesuai.KindOf(err) != sesuai.KindConfiguration {
		t.Errorf("another library: %v", err)
	}
	if _, err := ort.NewLoader(ort.Options{Library: library}); err != nil {
		t.Errorf("the same library: %v", err)
	}
}
