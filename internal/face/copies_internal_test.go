package face

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// pictureFunc is a random function on the plane whose amplitudes fall with the
// frequency, as those of photographs do.
type pictureFunc func(x, y float64) float64

func randomPicture(seed uint64) pictureFunc {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // must be reproducible
	type wave struct{ x, y, phase, size float64 }
	waves := make([]wave, 60)
	for i := range waves {
		x, y := 10*random.NormFloat64()/112, 10*random.NormFloat64()/112
		waves[i] = wave{x, y, 2 * math.Pi * random.Float64(), 1 / (0.01 + math.Hypot(x, y))}
	}
	return func(x, y float64) (sum float64) {
		for _, w := range waves {
			sum += w.size * math.Cos(2*math.Pi*(w.x*x+w.y*y)/2+w.phase)
		}
		return sum
	}
}

// hash returns the hash of the aligned face that the picture is.
func (f pictureFunc) hash() [4]uint64 {
	face := raster{width: alignedSize, height: alignedSize}
	face.planes[0] = make([]float32, alignedSize*alignedSize)
	face.planes[1], face.planes[2] = face.planes[0], face.planes[0]
	for y := range alignedSize {
		for x := range alignedSize {
			face.planes[0][y*alignedSize+x] = float32(f(float64(x), float64(y)))
		}
	}
	return lookOf(face)
}

func (f pictureFunc) aligned() *Aligned {
	a := newAligned(f.hash(), 0)
	for y := range marginGrid {
		for x := range marginGrid {
			a.pixels[y*marginGrid+x] = float32(f(2*float64(x-margin)+0.5, 2*float64(y-margin)+0.5))
		}
	}
	return a
}

// warped returns the picture moved, squeezed, turned and, if mirror is -1,
// mirrored about the middle of the aligned face.
func (f pictureFunc) warped(dx, dy, across, degrees, mirror float64) pictureFunc {
	const middle = (alignedSize - 1) / 2.0
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	return func(x, y float64) float64 {
		u, v := mirror*(x-middle), y-middle
		return f(middle+dx+across*(cos*u-sin*v), middle+dy+(sin*u+cos*v)/across)
	}
}

// TestShows: a picture is recognised by the hash of one that was moved, squeezed,
// turned or mirrored, and by that of no other picture.
func TestShows(t *testing.T) {
	for seed := range uint64(3) {
		f := randomPicture(seed)
		a := f.aligned()
		for _, w := range [][5]float64{
			{0, 0, 1, 0, 1}, {0, 0, 1, 0, -1}, {1.5, -1, 1, 0, 1}, {0, 0, 1.06, 0, 1}, {0, 0, 0.94, 0, -1}, {0, 1, 1, 2, 1}, {-1, 0, 1.02, -1, -1},
		} {
			if !a.shows(f.warped(w[0], w[1], w[2], w[3], w[4]).hash()) {
				t.Errorf("picture %d is not recognised when changed by %v", seed, w)
			}
		}
		if a.shows(randomPicture(seed + 100).hash()) {
			t.Errorf("picture %d is taken for another one", seed)
		}
	}
}

// TestMirroredLook: it is the hash of the mirrored picture.
func TestMirroredLook(t *testing.T) {
	f := randomPicture(1)
	look := f.hash()
	if got, want := mirroredLook(look), f.warped(0, 0, 1, 0, -1).hash(); bitsApart(got[:], want[:]) > 1 { // a rounding error
		t.Errorf("%d bits differ from the mirrored picture's hash", bitsApart(got[:], want[:]))
	}
	if got := mirroredLook(mirroredLook(look)); got != look {
		t.Error("mirrored twice it is another one")
	}
}

// TestModel: the signs of its amplitudes are the hash.
func TestModel(t *testing.T) {
	a := randomPicture(2).aligned()
	m := a.model(warp{})
	wrong := 0
	for i, v := range m.amplitude {
		if (v > 0) != (a.look[i/64]>>(i%64)&1 == 1) {
			wrong++
		}
	}
	if wrong > 4 { // amplitudes near zero
		t.Errorf("%d signs differ", wrong)
	}
	if text := fmt.Sprintf("%v %+v %d", a, a, a); strings.ContainsAny(text, "0123456789") {
		t.Errorf("formatted as %s", text)
	}
}

func TestSolved(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // must be reproducible
	var a [6][6]float64
	var want, b [6]float64
	for i := range a {
		want[i] = random.NormFloat64()
	}
	for range 10 { // a sum of squares is positive definite
		var v [6]float64
		for i := range v {
			v[i] = random.NormFloat64()
		}
		for i := range v {
			for j := range v {
				a[i][j] += v[i] * v[j]
				b[i] += v[i] * v[j] * want[j]
			}
		}
	}
	for i, x := range solved(a, b) {
		if math.Abs(x-want[i]) > 1e-9 {
			t.Errorf("x[%d] = %v, want %v", i, x, want[i])
		}
	}
}

func BenchmarkModels(b *testing.B) {
	a := randomPicture(1).aligned()
	for b.Loop() {
		newAlignedFrom(a).models()
	}
}

// BenchmarkShows compares with a photograph that is not near, which takes the
// longest.
func BenchmarkShows(b *testing.B) {
	f := randomPicture(1)
	a := f.aligned()
	other := f.warped(2, 2, 1.06, 3, 1).hash()
	if bitsApart(a.look[:], other[:]) > copyLook {
		b.Fatal("it is not compared")
	}
	for b.Loop() {
		a.shows(other)
	}
}

func newAlignedFrom(a *Aligned) *Aligned {
	other := newAligned(a.look, 0)
	other.pixels = a.pixels
	return other
}
