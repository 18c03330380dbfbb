//go:build cgo

package ort

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/test/process"
)

const modelsDir = "../../../models"

// small is a network of 1×2×8×8 numbers: a convolution to channels with these
// slopes, and what follows it.
type small struct {
	version   int
	slopes    []float32
	slopeDims []int
	// after are nodes that use the value "conv" or "prelu".
	after []byte
	// output is the name of the network's output; "prelu" if it is empty.
	output string
}

const smallSide = 8

func (s small) file() []byte {
	random := rand.New(rand.NewPCG(1, 2))
	lot := func(dims ...int) *tensor {
		n := 1
		for _, d := range dims {
			n *= d
		}
		t := &tensor{dims, make([]float32, n)}
		for i := range t.values {
			t.values[i] = float32(random.NormFloat64())
		}
		return t
	}
	channels := len(s.slopes)
	if s.slopeDims == nil {
		s.slopeDims = []int{channels, 1, 1}
	}
	if s.output == "" {
		s.output = "prelu"
	}
	g := appendNode(nil, "Conv", "conv", []string{"in", "weights", "biases"}, integers("kernel_shape", 3, 3), integers("pads", 1, 1, 1, 1))
	g = appendNode(g, "PRelu", "prelu", []string{"conv", "slopes"})
	g = append(g, s.after...)
	g = appendField(g, 2, []byte("small"))
	g = appendTensor(g, "weights", lot(channels, 2, 3, 3))
	g = appendTensor(g, "biases", lot(channels))
	g = appendTensor(g, "slopes", &tensor{s.slopeDims, s.slopes})
	g = appendField(g, 11, valueOf("in", 1, 2, smallSide, smallSide))
	g = appendField(g, graphOutput, valueOf(s.output, 1, channels, smallSide, smallSide))
	version := 8
	if s.version > 0 {
		version = s.version
	}
	m := appendNumber(nil, modelVersion, version)
	m = appendField(m, modelGraph, g)
	return appendField(m, 8, appendNumber(appendField(nil, 1, nil), 2, 13)) // the operators' version
}

// valueOf returns the declaration of an input or output of float32.
func valueOf(name string, dims ...int) []byte {
	var shape []byte
	for _, d := range dims {
		shape = appendField(shape, 1, appendNumber(nil, 1, d))
	}
	kind := appendField(nil, 1, appendField(appendNumber(nil, 1, typeFloat), 2, shape))
	return appendField(appendField(nil, valueName, []byte(name)), 2, kind)
}

// run returns the output of a network as it is stored.
func run(t *testing.T, model []byte, spec face.NetworkSpec, in []float32) []float32 {
	t.Helper()
	n, err := open(model, spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	return outputOf(t, n, in)
}

// outputOf returns the first output of a network.
func outputOf(t *testing.T, n face.Network, in []float32) []float32 {
	t.Helper()
	r, err := n.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	copy(r.Input(), in)
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(r.Output(0))
}

func needRuntime(t *testing.T) {
	t.Helper()
	library := filepath.Join(modelsDir, "libonnxruntime.so.1")
	process.Need(t, library)
	if err := start(Options{Library: library}); err != nil {
		t.Fatal(err)
	}
}

// noise returns n numbers from −1 to 1.
func noise(n int) []float32 {
	random := rand.New(rand.NewPCG(3, 4))
	out := make([]float32, n)
	for i := range out {
		out[i] = 2*random.Float32() - 1
	}
	return out
}

// operators counts the nodes of a file by operator.
func operators(t *testing.T, model []byte) map[string]int {
	t.Helper()
	fields, err := fieldsOf(model)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, f := range fields {
		if f.number == modelGraph {
			g, err := parseGraph(f.content)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range g.nodes {
				count[n.operator]++
			}
		}
	}
	return count
}

// Every slope gives the outputs of PRelu: negative and large ones, 0 and 1, and
// the tiny ones of channels that training has switched off.
func TestWithoutPReluComputesTheSame(t *testing.T) {
	needRuntime(t)
	slopes := []float32{
		0.25, -0.5, 0, 1, 1.5, -1.4, 3e-34, -3e-34, 0.999999, 1.000001, 1 - 1.0/(1<<24), 100, -100, 0.5, 0.1, 0.01,
	}
	channels := int64(len(slopes))
	spec := face.NetworkSpec{
		File:    "small.onnx",
		Input:   face.TensorSpec{Name: "in", Shape: []int64{1, 2, smallSide, smallSide}},
		Outputs: []face.TensorSpec{{Name: "prelu", Shape: []int64{1, channels, smallSide, smallSide}}},
	}
	before := small{slopes: slopes}.file()
	after := withoutPRelu(before)
	if n := operators(t, after); n["PRelu"] != 0 || n["Conv"] != 3 {
		t.Fatalf("the network has the operators %v", n)
	}
	in := noise(2 * smallSide * smallSide)
	want, got := run(t, before, spec, in), run(t, after, spec, in)
	each := len(want) / len(slopes)
	for i := range want {
		if d := math.Abs(float64(want[i] - got[i])); d > 1e-5*max(1, math.Abs(float64(want[i]))) {
			t.Errorf("slope %g: %g, want %g", slopes[i/each], got[i], want[i])
		}
	}
	if slices.Min(want) >= 0 {
		t.Error("no output is negative")
	}
}

// The template network and the liveness network have no PRelu left, and their
// outputs are the same but for rounding.
func TestShippedNetworksWithoutPRelu(t *testing.T) {
	needRuntime(t)
	manifest := face.DefaultManifest()
	for _, spec := range []face.NetworkSpec{manifest.Template, manifest.Liveness.NetworkSpec} {
		model, err := os.ReadFile(filepath.Join(modelsDir, spec.File))
		if err != nil {
			t.Fatal(err)
		}
		after := withoutPRelu(model)
		if was, is := operators(t, model)["PRelu"], operators(t, after)["PRelu"]; was == 0 || is != 0 {
			t.Errorf("%s: %d PRelu, of %d", spec.File, is, was)
		}
		in := noise(spec.Input.Size())
		want, got := run(t, model, spec, in), run(t, after, spec, in)
		var largest, difference float64
		for i := range want {
			largest = max(largest, math.Abs(float64(want[i])))
			difference = max(difference, math.Abs(float64(want[i]-got[i])))
		}
		t.Logf("%s: outputs to %.3g, which differ by at most %.2g", spec.File, largest, difference)
		if !(difference <= 1e-4*largest) {
			t.Errorf("%s: the outputs differ by %g of %g", spec.File, difference, largest)
		}
	}
}

// A network is left as it is where a PRelu cannot be replaced.
func TestPReluThatStays(t *testing.T) {
	slopes := []float32{0.5, 0.25}
	nan := float32(math.NaN())
	for name, s := range map[string]small{
		"its input is used twice": {slopes: slopes, after: appendNode(nil, "Add", "sum", []string{"conv", "prelu"}), output: "sum"},
		"its input is an output":  {slopes: slopes, output: "conv"},
		"slopes of another shape": {slopes: slopes, slopeDims: []int{2}},
		"a slope is not a number": {slopes: []float32{0.5, nan}},
		"a slope is infinite":     {slopes: []float32{0.5, float32(math.Inf(-1))}},
		"a slope is large":        {slopes: []float32{0.5, -100.5}},
		"a large slope above 1":   {slopes: []float32{0.5, 100.5}},
		"a value has a new name":  {slopes: slopes, after: appendNode(nil, "Neg", "prelu/linear", []string{"prelu"}), output: "prelu/linear"},
		"a constant has a new name": {
			slopes: slopes,
			after: appendTensor(appendNode(nil, "Mul", "other", []string{"prelu", "prelu/linear/factors"}),
				"prelu/linear/factors", &tensor{[]int{1}, []float32{2}}),
			output: "other",
		},
		"weights that are used twice": {
			slopes: slopes, after: appendNode(nil, "Conv", "other", []string{"prelu", "weights"}, integers("pads", 1, 1, 1, 1)), output: "other",
		},
		"an old version": {slopes: slopes, version: 3},
		"a nested graph": {
			slopes: slopes,
			after: appendNode(nil, "If", "other", []string{"prelu"},
				appendField(appendField(nil, attributeName, []byte("then_branch")), attributeGraph, appendNode(nil, "Neg", "x", []string{"conv"}))),
			output: "other",
		},
	} {
		if model := s.file(); !bytes.Equal(withoutPRelu(model), model) {
			t.Errorf("%s: the network was changed", name)
		}
	}
	if model := (small{slopes: slopes}).file(); bytes.Equal(withoutPRelu(model), model) {
		t.Error("the network without any of these was not changed")
	}
}

// A damaged file is for ONNX Runtime to refuse.
func TestWithoutPReluOfDamagedFiles(t *testing.T) {
	model := small{slopes: []float32{0.5, 0.25}}.file()
	random := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		damaged := slices.Clone(model)
		for range 1 + random.IntN(3) {
			damaged[random.IntN(len(damaged))] ^= 1 << random.IntN(8)
		}
		withoutPRelu(damaged[:len(damaged)-random.IntN(2)*random.IntN(len(damaged))])
	}
}

// A loader runs a network as its file has it only if that is asked for.
func TestAsStored(t *testing.T) {
	needRuntime(t)
	spec := face.DefaultManifest().Template
	model, err := os.ReadFile(filepath.Join(modelsDir, spec.File))
	if err != nil {
		t.Fatal(err)
	}
	in := noise(spec.Input.Size())
	for _, asStored := range []bool{false, true} {
		load, err := NewLoader(Options{Library: filepath.Join(modelsDir, "libonnxruntime.so.1"), AsStored: asStored})
		if err != nil {
			t.Fatal(err)
		}
		network, err := load(model, spec)
		if err != nil {
			t.Fatal(err)
		}
		stored := slices.Equal(outputOf(t, network, in), run(t, model, spec, in))
		if err := network.Close(); err != nil || stored != asStored {
			t.Errorf("AsStored %t: the outputs are those of the file: %t; %v", asStored, stored, err)
		}
	}
}
