package face

import (
	"math"
	"testing"
)

// The network's input is a square within the photograph that includes the face.
func TestSurroundings(t *testing.T) {
	for _, test := range []struct {
		about         string
		face          Box
		scale         float64
		width, height float64
		want          Box
	}{
		{"in the middle", Box{40, 40, 60, 60}, 1.5, 100, 100, Box{35, 35, 65, 65}},
		{"the face alone", Box{40, 40, 60, 60}, 1, 100, 100, Box{40, 40, 60, 60}},
		{"less than the face", Box{40, 40, 60, 60}, 0.5, 100, 100, Box{45, 45, 55, 55}},
		{"at the top left", Box{0, 2, 20, 22}, 1.5, 100, 100, Box{0, 0, 30, 30}},
		{"at the bottom right", Box{80, 78, 100, 98}, 1.5, 100, 100, Box{70, 70, 100, 100}},
		{"as wide as the photograph", Box{10, 40, 70, 100}, 1.5, 80, 200, Box{0, 30, 80, 110}},
		{"as high as the photograph", Box{40, 10, 100, 70}, 1.5, 200, 80, Box{30, 0, 110, 80}},
		{"larger than the photograph", Box{-10, -20, 110, 100}, 1.5, 100, 90, Box{5, 0, 95, 90}},
		{"beyond the edge", Box{-30, 40, -10, 60}, 1.5, 100, 100, Box{0, 35, 30, 65}},
		{"beyond the corner", Box{110, 120, 130, 140}, 2, 100, 100, Box{60, 60, 100, 100}},
	} {
		if got := surroundings(test.face, test.scale, test.width, test.height); got != test.want {
			t.Errorf("%s: %v, want %v", test.about, got, test.want)
		}
	}
}

func TestSoftmax(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, test := range []struct {
		v    []float32
		i    int
		want float64
	}{
		{[]float32{0, 0, 0, 0}, 2, 0.25},
		{[]float32{1, 0}, 0, math.E / (math.E + 1)},
		{[]float32{1, 0}, 1, 1 / (math.E + 1)},
		{[]float32{1000, 999, -1000}, 0, math.E / (math.E + 1)},
		{[]float32{3e38, -3e38}, 0, 1},
		{[]float32{3e38, -3e38}, 1, 0},
		{[]float32{0, inf}, 0, 0},
		{[]float32{0, -inf}, 0, 1},
	} {
		if got := softmax(test.v, test.i); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("softmax of %v at %d is %v, want %v", test.v, test.i, got, test.want)
		}
	}
	nan := float32(math.NaN())
	for _, v := range [][]float32{{nan, 0}, {0, nan}, {inf, 0}, {inf, inf}} {
		if got := softmax(v, 0); !math.IsNaN(got) {
			t.Errorf("softmax of %v is %v", v, got)
		}
	}
}
