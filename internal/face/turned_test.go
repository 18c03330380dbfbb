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

// photograph returns the pixels of a development photograph.
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

// storedAs returns the image that a camera in orientation o stores.
func storedAs(o int, m *image.YCbCr) *image.NRGBA {
	b := m.Bounds()
	return drawPixels(stored(o, b.Dx(), b.Dy(), func(x, y int) [3]byte {
		c := m.YCbCrAt(b.Min.X+x, b.Min.Y+y)
		r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
		return [3]byte{r, g, b}
	}))
}

// turnedPairs are genuine pairs that match when they are upright.
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

// All eight orientations of the tag give the same percentage within 0.5, in a
// JPEG whose compression hardly matters at its size, and in a PNG.
func TestOrientationsOfAPersonAreAlike(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	turnedPairs(t, e, "london_pairs.csv", several(2, 10), func(reference face.Extraction, probe *image.YCbCr, want float64) {
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

// The face in a turned photograph without a tag either is found and matches, or
// is refused. The result is never wrong.
func TestTurnedPhotographs(t *testing.T) {
	t.Parallel()
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
			// A percentage close to the threshold may fall on either side.
			if got := percentageOf(t, e, reference, x); got < threshold && upright-got > 5 {
				t.Errorf("turned as %d without a tag: %.2f, upright %.2f", o, got, upright)
			}
		}
	}
	turnedPairs(t, e, "london_pairs.csv", several(4, 10), turn)
	turnedPairs(t, e, "lfw_pairs.csv", several(16, 80), turn)
	t.Logf("turned without a tag: %d found and right, %d refused", found, refused)
	if found < refused {
		t.Errorf("%d found, %d refused", found, refused)
	}
}
