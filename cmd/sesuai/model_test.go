package main

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/test/process"
)

// checkModel runs CheckModel on a file of that content.
func checkModel(t *testing.T, content []byte) (face.Checked, error) {
	t.Helper()
	models, err := filepath.Abs("../../models")
	if err != nil {
		t.Fatal(err)
	}
	process.Need(t, models)
	path := filepath.Join(t.TempDir(), "candidate.onnx")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	c := app.DefaultConfig()
	c.Models = models
	return app.CheckModel(t.Context(), c, path, face.Candidate{Channels: "BGR", Mean: 127, Divisor: 128})
}

func TestTinyModelFits(t *testing.T) {
	for name, m := range map[string]tinyModel{
		"as it is":                  {},
		"an open number of samples": {input: []int64{0, 3, 112, 112}, output: []int64{0, 512}},
		"other weights":             {seed: 2},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := checkModel(t, m.bytes())
			if err != nil || len(c.Misfits) > 0 {
				t.Fatalf("%v, %v", c.Misfits, err)
			}
			if !slices.Equal(c.Template.Input.Shape, []int64{1, 3, 112, 112}) || !slices.Equal(c.Template.Outputs[0].Shape, []int64{1, 512}) {
				t.Errorf("%+v", c.Template)
			}
		})
	}
}

func TestModelThatDoesNotFit(t *testing.T) {
	for name, test := range map[string]struct {
		model tinyModel
		says  string
	}{
		"another size":          {tinyModel{input: []int64{1, 3, 128, 128}}, "1×3×128×128"},
		"the channels last":     {tinyModel{input: []int64{1, 112, 112, 3}}, "1×112×112×3"},
		"open sides":            {tinyModel{input: []int64{1, 3, 0, 0}}, "1×3×?×?"},
		"two photographs":       {tinyModel{input: []int64{2, 3, 112, 112}}, "2×3×112×112"},
		"vast sides":            {tinyModel{input: []int64{1, 3, math.MaxInt64, math.MaxInt64}}, "the aligned face is"},
		"zeros":                 {tinyModel{weight: func() float32 { return 0 }}, "not finite, or 0"},
		"not a number":          {tinyModel{weight: func() float32 { return float32(math.NaN()) }}, "not finite, or 0"},
		"infinite":              {tinyModel{weight: func() float32 { return float32(math.Inf(1)) }}, "not finite, or 0"},
		"one number for a face": {tinyModel{weight: func() float32 { return 1 }}, "two drawn faces have a cosine of -1.000"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := checkModel(t, test.model.bytes())
			if err != nil {
				// ONNX Runtime may see by itself that a shape cannot be.
				if sesuai.KindOf(err) != sesuai.KindConfiguration || test.model.input == nil {
					t.Fatal(err)
				}
				t.Logf("refused at once: %v", err)
				return
			}
			if !strings.Contains(strings.Join(c.Misfits, "\n"), test.says) {
				t.Errorf("%q does not say %q", c.Misfits, test.says)
			}
		})
	}
}

// Whatever the file is, it is refused and nothing crashes.
func TestModelThatIsNone(t *testing.T) {
	good := tinyModel{}.bytes()
	random := rand.New(rand.NewPCG(3, 0))
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for name, content := range map[string][]byte{
		"nothing":               nil,
		"a byte":                {8},
		"text":                  []byte("not a model\n"),
		"noise":                 noise,
		"zeros":                 make([]byte, 4096),
		"half":                  good[:len(good)/2],
		"without its last byte": good[:len(good)-1],
		"a matrix with more rows than there is content": tinyModel{claimed: 589}.bytes(),
		"a matrix of vast size":                         tinyModel{claimed: 1 << 52}.bytes(),
		"a matrix of negative size":                     tinyModel{claimed: -1}.bytes(),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := checkModel(t, content)
			if sesuai.KindOf(err) != sesuai.KindConfiguration {
				t.Errorf("%v, %v", c.Misfits, err)
			}
		})
	}
	// Bits flipped in what describes the network, before and behind the matrix:
	// it fits, does not fit or is none.
	for range 40 {
		damaged := slices.Clone(good)
		at := random.IntN(200)
		if random.IntN(2) == 0 {
			at = len(good) - 1 - random.IntN(100)
		}
		damaged[at] ^= 1 << random.IntN(8)
		if _, err := checkModel(t, damaged); err != nil && sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}
