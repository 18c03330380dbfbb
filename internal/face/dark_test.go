package face_test

import (
	"cmp"
	"context"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

// dimmed returns the photograph as a camera in poor light writes it: at a share
// of its brightness, with noise of σ = 3 of 255 in each channel.
func dimmed(m image.Image, brightness float64, seed uint64) *image.NRGBA {
	noise := rand.New(rand.NewPCG(seed, 0))
	return drawPixels(m.Bounds().Dx(), m.Bounds().Dy(), func(x, y int) [3]byte {
		c := pixel(m, x, y)
		for i, v := range c {
			c[i] = byte(min(max(math.Round(brightness*float64(v)+3*noise.NormFloat64()), 0), 255))
		}
		return c
	})
}

// sitter is one of London's people.
type sitter struct {
	neutral image.Image
	// skin is the mean brightness of the neutral face.
	skin float64
	// reference is the smiling photograph as a reference, probe the neutral one
	// as a probe.
	reference, probe face.Extraction
}

// bySkin returns London's people, those of the darkest skin first.
func bySkin(t *testing.T, e *face.Engine) []sitter {
	t.Helper()
	var people []sitter
	for _, p := range genuine(readPairs(t, "london_pairs.csv")) {
		var made [2]face.Extraction
		var files [2][]byte
		for use, name := range map[face.Use]string{face.ForProbe: p.reference, face.ForReference: p.probe} {
			var err error
			if files[use], err = os.ReadFile(filepath.Join(facesDir, name)); err != nil {
				t.Fatal(err)
			}
			if made[use], err = e.Extract(context.Background(), files[use], use); err != nil {
				t.Fatal(err)
			}
		}
		neutral := pixelsOf(t, files[face.ForProbe])
		people = append(people, sitter{neutral, skin(neutral, made[face.ForProbe].Box), made[face.ForReference], made[face.ForProbe]})
	}
	slices.SortFunc(people, func(a, b sitter) int { return cmp.Compare(a.skin, b.skin) })
	return people
}

// skin returns the mean brightness of the middle of a face.
func skin(m image.Image, box face.Box) float64 {
	var sum, n float64
	for y := int(box.Y0 + box.Height()/4); y < int(box.Y1-box.Height()/4); y++ {
		for x := int(box.X0 + box.Width()/4); x < int(box.X1-box.Width()/4); x++ {
			for _, v := range pixel(m, x, y) {
				sum += float64(v)
				n++
			}
		}
	}
	return sum / n
}

// In poor light people are verified whatever their skin, and no more people pass
// as others than in good light.
func TestPoorLight(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	people := bySkin(t, e)
	groups := map[string][]sitter{"darkest": people[:10]}
	if everyPhotograph() {
		groups["lightest"], groups["all"] = people[len(people)-10:], people
	}
	for name, group := range groups {
		probes := make([]face.Extraction, len(group))
		for i, s := range group {
			probes[i] = s.probe
		}
		_, falseBefore := verified(e, group, probes)
		for _, test := range []struct {
			brightness float64
			refused    int
		}{{0.2, 0}, {0.15, 1}} {
			for i, s := range group {
				probes[i] = extractFile(t, e, encodeJPEG(t, dimmed(s.neutral, test.brightness, uint64(i))))
			}
			right, wrong := verified(e, group, probes)
			t.Logf("the %s, × %v: %d of %d people verified, %d of %d as somebody else (%d in good light)",
				name, test.brightness, right, len(group), wrong, len(group)*(len(group)-1), falseBefore)
			if right < len(group)-test.refused {
				t.Errorf("the %s, × %v: %d of %d people verified", name, test.brightness, right, len(group))
			}
			if wrong > falseBefore {
				t.Errorf("the %s, × %v: %d verified as somebody else, %d in good light", name, test.brightness, wrong, falseBefore)
			}
		}
	}
}

// verified compares every person's probe with every reference. It returns how
// many probes match their own, and how many pairs of two people match.
func verified(e *face.Engine, people []sitter, probes []face.Extraction) (right, wrong int) {
	for i, probe := range probes {
		for j, s := range people {
			similarity, err := s.reference.Template.Compare(probe.Template)
			_, percentage := e.Calibration().Assess(similarity)
			if err != nil || percentage.Value() < threshold {
				continue
			}
			if i == j {
				right++
			} else {
				wrong++
			}
		}
	}
	return right, wrong
}

// A dark face is found and matches the bright one, in front of a bright background
// too, and in every kind of file.
func TestDarkFace(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	plain := face.DrawFirst(400)
	want := extract(t, e, plain)
	dark := relit(plain, func(int) (k, b float64) { return 0.05, 0 })
	backlit := canvas(800, 600)
	put(backlit, dark, 200, 100)
	grey := image.NewGray(dark.Rect)
	for i := range grey.Pix {
		grey.Pix[i] = color.GrayModel.Convert(dark.At(i%400, i/400)).(color.Gray).Y
	}
	for name, file := range map[string][]byte{
		"PNG": encodePNG(t, dark), "JPEG": encodeJPEG(t, dark), "grey PNG": encodePNG(t, grey), "grey JPEG": encodeJPEG(t, grey),
		"before a window": encodePNG(t, backlit), "with noise": encodePNG(t, dimmed(plain, 0.05, 1)),
		"lying on its side": encodePNG(t, turned(90)(dark)),
	} {
		x := extractFile(t, e, file)
		if x.Finding != face.OneFace {
			t.Errorf("%s: %v, failed %v", name, x.Finding, x.Failed)
			continue
		}
		if s := score(t, x, want); s < 0.65 {
			t.Errorf("%s: score %.3f with the bright drawing", name, s)
		}
	}
}

// A dark face that fills the frame is not cut into tiles. It is found only in the
// photograph brightened, after a smaller size has shown nothing as it is.
func TestDarkSelfie(t *testing.T) {
	t.Parallel()
	needTurbo(t) // image/jpeg decodes no smaller size
	e := newEngine(t)
	want := extract(t, e, face.DrawFirst(400))
	frame := canvas(720, 720)
	put(frame, relit(face.DrawFirst(1440), func(int) (k, b float64) { return 0.08, 0 }), -360, -360)
	x := extractFile(t, e, encodeJPEG(t, frame))
	wantOne(t, x, want, face.Point{X: 360, Y: 360}, 720, 0.8)
	// Any gain but that of the search is searched for again.
	if gain := 100 / x.Brightness; gain < 2 || gain > 7.95 {
		t.Errorf("it is brightened by %.2f", gain)
	}
}

// The brightness of a face is that of the photograph as it was given, whether or
// not it was brightened to read the face.
func TestBrightness(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	plain := face.DrawFirst(400)
	full := extract(t, e, plain).Brightness
	if full < 128 || full > 255 {
		t.Fatalf("the drawing has a brightness of %.1f", full)
	}
	for _, k := range []float64{0.7, 0.3, 0.1, 0.05} {
		m := relit(plain, func(int) (float64, float64) { return k, 0 })
		for kind, file := range map[string][]byte{"PNG": encodePNG(t, m), "JPEG": encodeJPEG(t, m)} {
			// relit rounds down, by a half in the mean.
			if x := extractFile(t, e, file); math.Abs(x.Brightness-(k*full-0.5)) > 1 {
				t.Errorf("%s × %v: a brightness of %.1f, %.1f in full light", kind, k, x.Brightness, full)
			}
		}
	}
}

// Nothing is found in the dark where nothing is.
func TestBlackPhotograph(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	black := drawPixels(480, 640, func(int, int) [3]byte { return [3]byte{} })
	if x := extract(t, e, black); x.Finding != face.NoFace {
		t.Errorf("black: %v, failed %v", x.Finding, x.Failed)
	}
	for seed := range uint64(several(2, 20)) {
		if x := extract(t, e, dimmed(black, 0, seed)); x.Finding != face.NoFace {
			t.Errorf("noise alone: %v, failed %v", x.Finding, x.Failed)
		}
	}
}

// The face that is easier to find in the dark is not taken for the only one.
func TestTwoFacesInTheDark(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	two := canvas(900, 500)
	put(two, relit(face.DrawFirst(400), func(int) (k, b float64) { return 0.15, 0 }), 20, 50)
	put(two, relit(face.DrawSecond(400), func(int) (k, b float64) { return 0.05, 0 }), 480, 50)
	if x := extract(t, e, two); x.Finding != face.SeveralFaces {
		t.Errorf("%v, failed %v", x.Finding, x.Failed)
	}
}
