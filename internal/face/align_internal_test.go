package face

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// drawSimilarity draws a rotation by any angle, a scaling by a factor from
// minScale to maxScale, and a translation.
func drawSimilarity(t *rapid.T, minScale, maxScale float64) similarity {
	angle := rapid.Float64Range(-math.Pi, math.Pi).Draw(t, "angle")
	scale := math.Exp(rapid.Float64Range(math.Log(minScale), math.Log(maxScale)).Draw(t, "log scale"))
	return similarity{
		scale * math.Cos(angle), scale * math.Sin(angle),
		rapid.Float64Range(-500, 500).Draw(t, "tx"), rapid.Float64Range(-500, 500).Draw(t, "ty"),
	}
}

func TestSimilarityBetweenRecoversASimilarity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawSimilarity(t, 0.05, 40)
		var to []Point
		for _, p := range arcFacePoints {
			to = append(to, want.apply(p))
		}
		got, ok := similarityBetween(arcFacePoints[:], to)
		if !ok {
			t.Fatal("no similarity")
		}
		for _, d := range []float64{got.a - want.a, got.b - want.b, got.tx - want.tx, got.ty - want.ty} {
			if math.Abs(d) > 1e-6 {
				t.Fatalf("%+v, want %+v", got, want)
			}
		}
	})
}

func TestSimilarityBetweenIsTheBestOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		point := rapid.Custom(func(t *rapid.T) Point {
			return Point{rapid.Float64Range(0, 300).Draw(t, "x"), rapid.Float64Range(0, 300).Draw(t, "y")}
		})
		to := rapid.SliceOfN(point, len(arcFacePoints), len(arcFacePoints)).Filter(func(to []Point) bool {
			_, ok := similarityBetween(arcFacePoints[:], to)
			return ok // they do not all coincide
		}).Draw(t, "points")
		s, _ := similarityBetween(arcFacePoints[:], to)
		off := func(s similarity) (sum float64) {
			for i, p := range arcFacePoints {
				q := s.apply(p)
				sum += (q.X-to[i].X)*(q.X-to[i].X) + (q.Y-to[i].Y)*(q.Y-to[i].Y)
			}
			return sum
		}
		best := off(s)
		for _, d := range []similarity{{0.01, 0, 0, 0}, {0, 0.01, 0, 0}, {0, 0, 0.3, 0}, {0, 0, 0, 0.3}} {
			for _, sign := range []float64{-1, 1} {
				other := similarity{s.a + sign*d.a, s.b + sign*d.b, s.tx + sign*d.tx, s.ty + sign*d.ty}
				if off(other) < best {
					t.Fatalf("%+v is a better fit than %+v", other, s)
				}
			}
		}
	})
}

func TestSimilarityBetweenRefusesOnePoint(t *testing.T) {
	same := make([]Point, 5)
	if _, ok := similarityBetween(arcFacePoints[:], same); ok {
		t.Error("a face of one point is accepted")
	}
	if _, ok := similarityBetween(same, arcFacePoints[:]); ok {
		t.Error("one point is mapped to a face")
	}
	if _, ok := similarityBetween([]Point{{math.NaN(), 0}, {1, 1}}, []Point{{0, 0}, {1, 1}}); ok {
		t.Error("NaN is mapped to a face")
	}
}

// memoryRunner is a Runner that has only an input.
type memoryRunner struct{ in []float32 }

func (r memoryRunner) Input() []float32     { return r.in }
func (r memoryRunner) Run() error           { return nil }
func (r memoryRunner) Output(int) []float32 { return nil }
func (r memoryRunner) Close()               {}

// newAligner returns a worker that can only align.
func newAligner() *worker {
	return &worker{
		engine:   &Engine{manifest: DefaultManifest()},
		template: memoryRunner{make([]float32, 3*alignedSize*alignedSize)},
	}
}

// fiveLandmarks returns landmarks that five reduces to these points.
func fiveLandmarks(five [5]Point) *landmarks {
	var l landmarks
	for i, points := range [5][]int{{37, 38, 40, 41}, {43, 44, 46, 47}, {30}, {48, 60}, {54, 64}} {
		for _, p := range points {
			l[p] = five[i]
		}
	}
	return &l
}

// A spot at each of the five points of a photograph is drawn at its
// arcFacePoint, whatever the face's size and rotation. An error of half a pixel,
// or a wrong convention for the centres of pixels, fails the test.
func TestAlignPutsPointsWhereTheyBelong(t *testing.T) {
	w := newAligner()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSimilarity(t, 0.4, 4)
		size := int(112*1.5*s.scale()) + 40
		s.tx, s.ty = 0, 0
		centre := s.apply(Point{56, 56})
		s.tx, s.ty = float64(size)/2-centre.X+s.b, float64(size)/2-centre.Y+s.a
		var five [5]Point
		for i, p := range arcFacePoints {
			five[i] = s.apply(p)
		}
		// The spot is as wide as two aligned pixels and has a soft edge.
		sigma := max(2*s.scale(), 1)
		which := rapid.IntRange(0, 4).Draw(t, "point")
		at := five[which]
		p := photoOf(t, size, size, func(x, y int) [3]byte {
			// For landmarks, the centres of pixels are at whole numbers.
			dx, dy := float64(x)-at.X, float64(y)-at.Y
			v := byte(200 * math.Exp(-(dx*dx+dy*dy)/(2*sigma*sigma)))
			return [3]byte{v, v, v}
		})
		if !w.align(p, fiveLandmarks(five)) {
			t.Fatal("no face")
		}
		face := rasterOf(w.template.Input(), w.engine.manifest.Template)
		var sum, mx, my float64
		for i, v := range face.planes[1] {
			v := float64(v)*128 + 127
			if v < 4 {
				continue
			}
			sum, mx, my = sum+v, mx+v*float64(i%alignedSize), my+v*float64(i/alignedSize)
		}
		want := arcFacePoints[which]
		if math.Hypot(mx/sum-want.X, my/sum-want.Y) > 0.15 {
			t.Fatalf("point %d is drawn at %.2f,%.2f, want %.2f,%.2f", which, mx/sum, my/sum, want.X, want.Y)
		}
	})
}

func TestAlignKeepsTheOrderOfColours(t *testing.T) {
	w := newAligner()
	p := photoOf(t, 200, 200, func(int, int) [3]byte { return [3]byte{200, 120, 40} })
	var five [5]Point
	for i, q := range arcFacePoints {
		five[i] = Point{q.X + 40, q.Y + 40}
	}
	if !w.align(p, fiveLandmarks(five)) {
		t.Fatal("no face")
	}
	const n = alignedSize * alignedSize
	for i, want := range []float64{40, 120, 200} { // BGR
		if got := float64(w.template.Input()[i*n+n/2])*128 + 127; !near(got, want, 0.01) {
			t.Errorf("plane %d is %v, want %v", i, got, want)
		}
	}
}

// For a face beyond the photograph's edge, the edge is repeated.
func TestAlignBeyondThePhotograph(t *testing.T) {
	w := newAligner()
	p := photoOf(t, 60, 40, func(int, int) [3]byte { return [3]byte{90, 90, 90} })
	rapid.Check(t, func(t *rapid.T) {
		s := drawSimilarity(t, 0.02, 50)
		var five [5]Point
		for i, q := range arcFacePoints {
			five[i] = s.apply(q)
		}
		if !w.align(p, fiveLandmarks(five)) {
			t.Fatal("no face")
		}
		for _, v := range w.template.Input() {
			if !near(float64(v)*128+127, 90, 0.1) {
				t.Fatalf("a pixel is %v, want 90", float64(v)*128+127)
			}
		}
	})
}

func TestMirrorTurnsRows(t *testing.T) {
	planes := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	mirror(planes, 3)
	for i, want := range []float32{3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10} {
		if planes[i] != want {
			t.Fatalf("mirrored to %v", planes)
		}
	}
}
