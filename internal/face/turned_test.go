package face_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

// photograph is a development photograph's pixels.
func photograph(t *testing.T, name string) *image.YCbCr {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(facesDir, name))
	if err != nil {
		t.Fatal(err)
	}
	m, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return m.(*image.YCbCr)
}

// storedAs is the image that a camera held in orientation o stores.
func storedAs(o int, m *image.YCbCr) *image.NRGBA {
	b := m.Bounds()
	return drawPixels(stored(o, b.Dx(), b.Dy(), func(x, y int) [3]byte {
		c := m.YCbCrAt(b.Min.X+x, b.Min.Y+y)
		r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
		return [3]byte{r, g, b}
	}))
}

// turnedPairs are pairs of one person that match as they are.
func turnedPairs(t *testing.T, e *face.Engine, list string, n int, each func(reference face.Extraction, probe *image.YCbCr, percentage float64)) {
	t.Helper()
	for _, p := range spread(genuine(readPairs(t, list)), n) {
		reference, err := e.Extract(context.Background(), encodePNG(t, photograph(t, p.reference)), face.ForReference)
		if err != nil {
			t.Fatal(err)
		}
		probe := photograph(t, p.probe)
		plain := extractFile(t, e, encodePNG(t, probe))
		if reference.Finding != face.OneFace || plain.Finding != face.OneFace {
			continue
		}
		if percentage := percentageOf(t, e, reference, plain); percentage >= threshold {
			each(reference, probe, percentage)
		}
	}
}

func percentageOf(t *testing.T, e *face.Engine, reference, probe face.Extraction) float64 {
	t.Helper()
	return e.Calibration().Percentage(score(t, reference, probe)).Value()
}

// All eight orientations of the tag give one percentage: in a JPEG, of a size
// at which its own noise does not count, and exactly turned in a PNG.
func TestOrientationsOfAPersonAreAlike(t *testing.T) {
	notUnderRace(t)
	n := 10
	if sampled() {
		n = 1
	}
	e := newEngine(t)
	turnedPairs(t, e, "london_pairs.csv", n, func(reference face.Extraction, probe *image.YCbCr, want float64) {
		for o := 1; o <= 8; o++ {
			tag := tiff(littleEndian, uint16(o))
			for kind, file := range map[string][]byte{
				"JPEG": afterSOI(encodeJPEG(t, storedAs(o, probe)), exifSegment(tag)),
				"PNG":  withChunk(encodePNG(t, storedAs(o, probe)), chunk("eXIf", tag)),
			} {
				x := extractFile(t, e, file)
				if x.Finding != face.OneFace {
					t.Errorf("%s, orientation %d: %v", kind, o, x.Finding)
				} else if got := percentageOf(t, e, reference, x); math.Abs(got-want) > 0.5 {
					t.Errorf("%s, orientation %d: %.2f, upright %.2f", kind, o, got, want)
				}
			}
		}
	})
}

// A photograph that lies on its side or stands on its head without saying so is
// found, and then it is the same person; or it is refused. It never is a wrong
// answer.
func TestTurnedPhotographs(t *testing.T) {
	notUnderRace(t)
	london, lfw := 10, 80
	if sampled() {
		london, lfw = 1, 5
	}
	e := newEngine(t)
	found, refused := 0, 0
	turn := func(reference face.Extraction, probe *image.YCbCr, upright float64) {
		for _, o := range []int{3, 6, 8} {
			x := extractFile(t, e, encodeJPEG(t, storedAs(o, probe)))
			if x.Finding != face.OneFace {
				refused++
				continue
			}
			found++
			// What is just at the threshold may fall to either side of it.
			if got := percentageOf(t, e, reference, x); got < threshold && upright-got > 5 {
				t.Errorf("turned as %d without a tag: %.2f, upright %.2f", o, got, upright)
			}
		}
	}
	turnedPairs(t, e, "london_pairs.csv", london, turn)
	turnedPairs(t, e, "lfw_pairs.csv", lfw, turn)
	t.Logf("turned without a tag: %d found and right, %d refused", found, refused)
	if found < refused {
		t.Errorf("%d found, %d refused", found, refused)
	}
}
