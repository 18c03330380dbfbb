package face_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// The tests use drawn faces, which the pipeline finds like real ones, so that the
// project contains no person's photograph.

// extract extracts a drawing.
func extract(t *testing.T, e *face.Engine, m image.Image) face.Extraction {
	t.Helper()
	return extractFile(t, e, encodePNG(t, m))
}

func extractFile(t *testing.T, e *face.Engine, data []byte) face.Extraction {
	t.Helper()
	x, err := e.Extract(context.Background(), data, face.ForProbe)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// canvas returns a plain background for drawings.
func canvas(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.Draw(m, m.Rect, image.NewUniform(color.NRGBA{196, 204, 208, 255}), image.Point{}, draw.Src)
	return m
}

func put(m *image.NRGBA, drawing *image.NRGBA, x, y int) {
	draw.Draw(m, drawing.Rect.Add(image.Pt(x, y)), drawing, image.Point{}, draw.Src)
}

// score compares two extractions, which must have templates.
func score(t *testing.T, a, b face.Extraction) float64 {
	t.Helper()
	s, err := a.Template.Cosine(b.Template)
	if err != nil {
		t.Fatalf("%v %v, %v %v: %v", a.Finding, a.Failed, b.Finding, b.Failed, err)
	}
	return s
}

// wantOne fails the test unless one face was found at that position, with a
// cosine of at least minScore with the reference.
func wantOne(t *testing.T, x, like face.Extraction, centre face.Point, size, minScore float64) {
	t.Helper()
	if x.Finding != face.OneFace || x.Faces != 1 {
		t.Fatalf("%v, %d faces, failed %v, quality %+v", x.Finding, x.Faces, x.Failed, x.Quality)
	}
	if d := math.Hypot((x.Box.X0+x.Box.X1)/2-centre.X, (x.Box.Y0+x.Box.Y1)/2-centre.Y); d > size/6 {
		t.Errorf("found at %.0f, %.0f away from its position", x.Box, d)
	}
	if s := score(t, x, like); s < minScore {
		t.Errorf("cosine %.3f with the plain drawing, want %.2f", s, minScore)
	}
}

func TestFindsFaceOfAnySize(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	plain := extract(t, e, face.DrawFirst(400))
	for _, size := range []int{100, 160, 300, 640, 1000, 2000} {
		t.Run(fmt.Sprintf("drawing of %d pixels", size), func(t *testing.T) {
			at := float64(size) / 2
			wantOne(t, extract(t, e, face.DrawFirst(size)), plain, face.Point{X: at, Y: at}, float64(size), 0.9)
		})
	}
	// The face is 0.47 of the drawing's width: a crop brings it to the edges.
	drawing := face.DrawFirst(1000)
	for _, part := range []float64{0.8, 0.65, 0.55, 0.5} {
		t.Run(fmt.Sprintf("the middle %.2f of it", part), func(t *testing.T) {
			from, to := int(500*(1-part)), int(500*(1+part))
			m := image.NewNRGBA(image.Rect(0, 0, to-from, to-from))
			draw.Draw(m, m.Rect, drawing, image.Pt(from, from), draw.Src)
			at := float64(to-from) / 2
			wantOne(t, extract(t, e, m), plain, face.Point{X: at, Y: at}, 1000, 0.85)
		})
	}
}

func TestFindsFaceAnywhereInAnyFrame(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	plain := extract(t, e, face.DrawFirst(400))
	for _, test := range []struct{ w, h, size, x, y int }{
		{480, 1040, 400, 40, 300},     // portrait format
		{1040, 480, 400, 600, 40},     // landscape format
		{1920, 1080, 300, 20, 700},    // in a corner
		{4000, 3000, 240, 3000, 2000}, // tiny in a large photograph
		{4000, 3000, 240, 1880, 1380}, // tiny where tiles overlap
		{4000, 3000, 200, 900, 650},
		{3000, 4000, 240, 300, 3500},
		{4000, 3000, 2800, 600, 100}, // large in a large photograph
	} {
		t.Run(fmt.Sprintf("%+v", test), func(t *testing.T) {
			m := canvas(test.w, test.h)
			put(m, face.DrawFirst(test.size), test.x, test.y)
			half := float64(test.size) / 2
			// A PNG of this size promises too much work.
			wantOne(t, extractFile(t, e, encodeJPEG(t, m)), plain, face.Point{X: float64(test.x) + half, Y: float64(test.y) + half}, 2*half, 0.8)
		})
	}
}

func TestSeveralFaces(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	of := func(first, second int) image.Image {
		m := canvas(1200, 700)
		put(m, face.DrawFirst(first), 20, 20)
		put(m, face.DrawSecond(second), 1180-second, 20)
		return m
	}
	for _, test := range []struct {
		first, second int
		want          face.Finding
	}{
		{560, 560, face.SeveralFaces},
		{560, 400, face.SeveralFaces}, // 1.96 times the area, roughly
		{640, 200, face.OneFace},      // 10 times
	} {
		x := extract(t, e, of(test.first, test.second))
		if x.Finding != test.want || x.Faces != 2 {
			t.Errorf("faces of %d and %d: %v of %d", test.first, test.second, x.Finding, x.Faces)
		}
		if (x.Finding == face.OneFace) != (len(x.Template.Vector) > 0) {
			t.Errorf("faces of %d and %d: %v with a template of %d", test.first, test.second, x.Finding, len(x.Template.Vector))
		}
		if test.first > test.second && x.Box.X1 > 640 {
			t.Errorf("faces of %d and %d: the box %.0f is not the larger one's", test.first, test.second, x.Box)
		}
	}
	// The ratio is configurable.
	lenient := newEngine(t, func(o *face.Options) { o.Dominance = 1.3 })
	if x := extract(t, lenient, of(560, 400)); x.Finding != face.OneFace {
		t.Errorf("dominance 1.3: %v", x.Finding)
	}
	strict := newEngine(t, func(o *face.Options) { o.Dominance = 100 })
	if x := extract(t, strict, of(640, 200)); x.Finding != face.SeveralFaces {
		t.Errorf("dominance 100: %v", x.Finding)
	}
}

func TestNoFace(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	noise := rand.New(rand.NewPCG(7, 8))
	grain := make([][3]byte, 300*300)
	for i := range grain {
		grain[i] = [3]byte{byte(noise.IntN(256)), byte(noise.IntN(256)), byte(noise.IntN(256))}
	}
	for name, m := range map[string]image.Image{
		"black":        drawPixels(300, 300, func(int, int) [3]byte { return [3]byte{} }),
		"white":        drawPixels(300, 300, func(int, int) [3]byte { return [3]byte{255, 255, 255} }),
		"gradient":     drawPixels(300, 300, func(x, y int) [3]byte { return [3]byte{byte(x / 2), byte(y / 2), byte((x + y) / 3)} }),
		"noise":        drawPixels(300, 300, func(x, y int) [3]byte { return grain[y*300+x] }),
		"checkerboard": drawPixels(300, 300, func(x, y int) [3]byte { v := byte(255 * ((x/20 + y/20) & 1)); return [3]byte{v, v, v} }),
		"a wall":       canvas(1600, 1200),
		"one pixel":    canvas(1, 1),
		"a line":       canvas(4000, 1),
		"a column":     canvas(1, 4000),
	} {
		if x := extract(t, e, m); x.Finding != face.NoFace || x.Faces != 0 || len(x.Template.Vector) != 0 {
			t.Errorf("%s: %v of %d at %.0f", name, x.Finding, x.Faces, x.Box)
		}
	}
}

// blurred returns the image averaged twice over squares of 2r+1 pixels.
func blurred(m *image.NRGBA, r int) *image.NRGBA {
	for range 2 {
		for _, step := range [2]image.Point{{X: 1}, {Y: 1}} {
			out := image.NewNRGBA(m.Rect)
			for y := range m.Rect.Dy() {
				for x := range m.Rect.Dx() {
					var sum [4]int
					for k := -r; k <= r; k++ {
						px := min(max(x+k*step.X, 0), m.Rect.Dx()-1)
						py := min(max(y+k*step.Y, 0), m.Rect.Dy()-1)
						for c, v := range m.Pix[m.PixOffset(px, py):][:4] {
							sum[c] += int(v)
						}
					}
					for c := range sum {
						out.Pix[out.PixOffset(x, y)+c] = byte(sum[c] / (2*r + 1))
					}
				}
			}
			m = out
		}
	}
	return m
}

func TestRefusal(t *testing.T) {
	for finding, want := range map[face.Finding]sesuai.Kind{
		face.OneFace: "", face.NoFace: sesuai.KindFaceNotDetected,
		face.SeveralFaces: sesuai.KindMultipleFaces, face.LowQuality: sesuai.KindFaceQuality,
	} {
		wantKind(t, face.Extraction{Finding: finding}.Refusal(), want)
	}
	err := face.Extraction{Finding: face.LowQuality, Failed: []face.Measure{face.Sharpness, face.HeadPoseYaw}}.Refusal()
	if e := err.(*sesuai.Error); !slices.Equal(e.Measures, []string{"sharpness", "head_pose_yaw"}) {
		t.Errorf("measures %v", e.Measures)
	}
}
