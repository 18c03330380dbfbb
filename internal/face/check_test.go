package face_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// described returns a network that declares what a template network must.
func described() face.Declared {
	return face.Declared{
		Inputs:  []face.DeclaredTensor{{TensorSpec: face.TensorSpec{Name: "in", Shape: []int64{-1, 3, 112, 112}}, Float32: true}},
		Outputs: []face.DeclaredTensor{{TensorSpec: face.TensorSpec{Name: "out", Shape: []int64{-1, 512}}, Float32: true}},
	}
}

// answering is a loaded network that computes its output by a function.
type answering struct {
	input, output []float32
	answer        func(in, out []float32) error
}

func (a *answering) NewRunner() (face.Runner, error) { return a, nil }
func (a *answering) Input() []float32                { return a.input }
func (a *answering) Run() error                      { return a.answer(a.input, a.output) }
func (a *answering) Output(int) []float32            { return a.output }

type answeringNetwork struct{ *answering }

func (answeringNetwork) Close() error { return nil }
func (*answering) Close()             {}

// check calls Check with such a network.
func check(t *testing.T, answer func(in, out []float32) error) face.Checked {
	t.Helper()
	o := realOptions(t)
	load := o.Load
	o.Load = func(onnx []byte, spec face.NetworkSpec) (face.Network, error) {
		if spec.File == "candidate.onnx" {
			return answeringNetwork{&answering{make([]float32, 3*112*112), make([]float32, 512), answer}}, nil
		}
		return load(onnx, spec)
	}
	c, err := face.Check(t.Context(), o, face.Candidate{
		File: "candidate.onnx", ONNX: []byte("a network"), Declared: described(), Channels: "RGB", Mean: 127, Divisor: 128,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Check finds for the default network exactly what its manifest says.
func TestCheckAgreesWithTheManifest(t *testing.T) {
	slow(t)
	o := realOptions(t)
	want := o.Manifest.Template
	onnx, err := os.ReadFile(filepath.Join(modelsDir, want.File))
	if err != nil {
		t.Fatal(err)
	}
	declared := described()
	declared.Inputs[0].Name, declared.Outputs[0].Name = want.Input.Name, want.Outputs[0].Name
	c, err := face.Check(t.Context(), o, face.Candidate{
		File: "/elsewhere/" + want.File, ONNX: onnx, Declared: declared, Channels: want.Channels, Mean: want.Mean, Divisor: want.Divisor,
	})
	if err != nil || len(c.Misfits) > 0 {
		t.Fatalf("%v, %v", c.Misfits, err)
	}
	if d := cmp.Diff(want, c.Template); d != "" {
		t.Error(d)
	}
	if math.Abs(c.SelfTest.Different-o.Manifest.SelfTest.Different) > 0.01 || c.Larger < 0.99 || c.Mirrored < 0.99 {
		t.Errorf("different %v, larger %v, mirrored %v", c.SelfTest.Different, c.Larger, c.Mirrored)
	}
	// Another processor may round differently.
	for i, b := range c.SelfTest.Template {
		if d := int(int8(b)) - int(int8(o.Manifest.SelfTest.Template[i])); d < -3 || d > 3 {
			t.Fatalf("component %d is %d off", i, d)
		}
	}
}

// bands returns sums of rows, which do not depend on the size of a face.
func bands(in, out []float32) {
	for i := range out {
		out[i] = 0
		for _, v := range in[(i%336)*112 : (i%336+1)*112] {
			out[i] += v
		}
	}
}

func TestCheckWatchesTheAnswers(t *testing.T) {
	slow(t)
	runs := 0
	for name, test := range map[string]struct {
		answer func(in, out []float32) error
		says   string
	}{
		"it fits":       {func(in, out []float32) error { bands(in, out); return nil }, ""},
		"it fails":      {func([]float32, []float32) error { return errors.New("no such thing") }, "does not run: no such thing"},
		"zero":          {func(_, out []float32) error { clear(out); return nil }, "not finite, or 0"},
		"not a number":  {func(_, out []float32) error { out[7] = float32(math.NaN()); return nil }, "not finite, or 0"},
		"always as one": {func(_, out []float32) error { out[7] = 1; return nil }, "two drawn faces have a cosine of 1.000"},
		"zero of a face alone": {func(in, out []float32) error {
			clear(out)
			if in[1] == (1-127.0)/128 && in[2] == (2-127.0)/128 { // the ramp
				out[0] = 1
			}
			return nil
		}, "of a drawn face is not finite, or 0"},
		"another answer to the mirror image": {func(in, out []float32) error {
			// The runs before it are the ramp, a reference and its mirror
			// image, the larger drawing, the other face and the drawing.
			bands(in, out)
			if runs++; runs == 7 {
				slices.Reverse(out)
			}
			return nil
		}, "its mirror image"},
	} {
		t.Run(name, func(t *testing.T) {
			c := check(t, test.answer)
			if got := strings.Join(c.Misfits, "\n"); !strings.Contains(got, test.says) || (test.says == "") != (got == "") {
				t.Errorf("%q does not say %q; %v %v %v", got, test.says, c.Larger, c.Mirrored, c.SelfTest.Different)
			}
		})
	}
}

func TestCheckReadsWhatIsDeclared(t *testing.T) {
	for name, test := range map[string]struct {
		change func(d *face.Declared)
		says   string
	}{
		"no input":        {func(d *face.Declared) { d.Inputs = nil }, "it has 0 inputs; it must have one"},
		"two outputs":     {func(d *face.Declared) { d.Outputs = append(d.Outputs, d.Outputs...) }, "it has 2 outputs"},
		"whole numbers":   {func(d *face.Declared) { d.Inputs[0].Float32 = false }, `the input "in" is not a tensor of float32`},
		"128 numbers":     {func(d *face.Declared) { d.Outputs[0].Shape = []int64{1, 128} }, "is 1×128; a template has 512 numbers"},
		"an open output":  {func(d *face.Declared) { d.Outputs[0].Shape = []int64{-1, -1} }, "is ?×?"},
		"no shape":        {func(d *face.Declared) { d.Outputs[0].Shape = nil }, "is without a shape"},
		"512 by overflow": {func(d *face.Declared) { d.Outputs[0].Shape = []int64{1, math.MaxInt64, 2, 512} }, "a template has 512 numbers"},
		"five sizes":      {func(d *face.Declared) { d.Outputs[0].Shape = []int64{1, 1, 1, 1, 512} }, "a template has 512 numbers"},
		"both":            {func(d *face.Declared) { d.Inputs[0].Shape[1], d.Outputs = 1, nil }, "it has 0 outputs"},
	} {
		t.Run(name, func(t *testing.T) {
			d := described()
			test.change(&d)
			c, err := face.Check(t.Context(), face.Options{Manifest: face.DefaultManifest(), Load: noLoad(t)}, face.Candidate{
				File: "candidate.onnx", ONNX: []byte("a network"), Declared: d, Channels: "BGR", Divisor: 1,
			})
			if err != nil || !slices.ContainsFunc(c.Misfits, func(m string) bool { return strings.Contains(m, test.says) }) {
				t.Errorf("%q, %v: want %q", c.Misfits, err, test.says)
			}
		})
	}
}

func TestCheckRefusesFeeding(t *testing.T) {
	for _, f := range []face.Candidate{{Divisor: 0}, {Divisor: -1}, {Divisor: float32(math.Inf(1))}, {Divisor: 1, Mean: float32(math.NaN())}} {
		f.Declared, f.Channels = described(), "BGR"
		_, err := face.Check(t.Context(), face.Options{Manifest: face.DefaultManifest(), Load: noLoad(t)}, f)
		wantKind(t, err, sesuai.KindConfiguration)
	}
}

// An engine needs either a calibration or Uncalibrated.
func TestUncalibratedIsSaid(t *testing.T) {
	for name, change := range map[string]func(*face.Options){
		"neither": func(o *face.Options) { o.Calibration = nil },
		"both":    func(o *face.Options) { o.Uncalibrated = true },
	} {
		o := realOptions(t)
		change(&o)
		if e, err := face.New(o); err == nil {
			e.Close()
			t.Errorf("%s: an engine is made", name)
		}
	}
}
