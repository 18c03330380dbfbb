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
	similarity, err := reference.Template.Compare(probe.Template)
	if err != nil {
		t.Fatalf("%v %v, %v %v: %v", reference.Finding, reference.Failed, probe.Finding, probe.Failed, err)
	}
	_, percentage := e.Calibration().Assess(similarity)
	return percentage.Value()
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

// A photograph that lies on its side or upside down without a tag is found and
// matches as if it were upright. Of all photographs, 5 of 582 do not.
func TestTurnedPhotographs(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	tried, alike := 0, 0
	turn := func(reference face.Extraction, probe *image.YCbCr, upright float64) {
		for _, o := range untagged {
			tried++
			x := extractFile(t, e, encodeJPEG(t, storedAs(o, probe)))
			if x.Finding != face.OneFace {
				t.Logf("turned as %d without a tag: %v %v, upright %.2f", o, x.Finding, x.Failed, upright)
			} else if got := percentageOf(t, e, reference, x); math.Abs(got-upright) > 3 {
				t.Logf("turned as %d without a tag: %.2f, upright %.2f", o, got, upright)
			} else {
				alike++
			}
		}
	}
	turnedPairs(t, e, "london_pairs.csv", several(4, 38), turn)
	turnedPairs(t, e, "lfw_pairs.csv", several(8, 200), turn)
	t.Logf("turned without a tag: %d of %d as upright", alike, tried)
	if tried == 0 || (tried-alike)*100 > tried {
		t.Errorf("%d of %d are not as upright", tried-alike, tried)
	}
}

// untagged are the ways in which a turned photograph may be stored.
var untagged = [...]int{3, 6, 8}

// Two people of one size are two people however their photograph lies. Of all pairs,
// one in 588 is refused for another reason. None may pass for one person.
func TestTwoPeopleInTurnedPhotograph(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	tried, refused := 0, 0
	for list, n := range map[string]int{"london_pairs.csv": several(2, 38), "lfw_pairs.csv": several(4, 60)} {
		people := spread(genuine(readPairs(t, list)), n)
		for i, p := range people {
			first, second := photograph(t, p.probe), photograph(t, people[(i+n/2)%n].probe)
			for _, both := range []*image.NRGBA{beside(first, second), above(first, second)} {
				w, h := both.Rect.Dx(), both.Rect.Dy()
				if extractFile(t, e, encodeJPEG(t, both)).Finding != face.SeveralFaces {
					continue
				}
				for _, o := range untagged {
					tried++
					x := extractFile(t, e, encodeJPEG(t, drawPixels(stored(o, w, h, pixels(both)))))
					switch x.Finding {
					case face.SeveralFaces:
						refused++
					case face.OneFace:
						t.Errorf("%s, pair %d of %d×%d, turned as %d: one face, upright several", list, i, w, h, o)
					}
				}
			}
		}
	}
	t.Logf("two people, turned without a tag: %d of %d refused as several", refused, tried)
	if tried == 0 || (tried-refused)*100 > tried {
		t.Errorf("%d of %d are not refused as several", tried-refused, tried)
	}
}

// beside returns an image with the second photograph to the right of the first.
func beside(first, second *image.YCbCr) *image.NRGBA {
	m := canvas(first.Rect.Dx()+second.Rect.Dx(), max(first.Rect.Dy(), second.Rect.Dy()))
	put(m, storedAs(1, first), 0, 0)
	put(m, storedAs(1, second), first.Rect.Dx(), 0)
	return m
}

// above returns an image with the first photograph above the second.
func above(first, second *image.YCbCr) *image.NRGBA {
	m := canvas(max(first.Rect.Dx(), second.Rect.Dx()), first.Rect.Dy()+second.Rect.Dy())
	put(m, storedAs(1, first), 0, 0)
	put(m, storedAs(1, second), 0, first.Rect.Dy())
	return m
}
