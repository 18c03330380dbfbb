package face_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// pictureOf is the picture of what was found, which must fit into the bytes and
// be upright.
func pictureOf(t *testing.T, x face.Extraction, maxBytes int) []byte {
	t.Helper()
	if x.Finding != face.OneFace || x.Picture == nil {
		t.Fatalf("%v, picture %v", x.Finding, x.Picture)
	}
	small, err := x.Picture.JPEG(maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := jpeg.DecodeConfig(bytes.NewReader(small))
	if err != nil || len(small) > maxBytes || cfg.Width > 640 || cfg.Height > 856 {
		t.Errorf("%d×%d of %d bytes, %v", cfg.Width, cfg.Height, len(small), err)
	}
	return small
}

func withPictures(o *face.Options) { o.Pictures = true }

// TestPictureOfDrawing: whatever the photograph's size and however it lies, the
// picture shows the face and little else.
func TestPictureOfDrawing(t *testing.T) {
	t.Parallel()
	e := newEngine(t, withPictures)
	plain := extract(t, e, face.DrawFirst(400))
	wall := canvas(3000, 2000)
	put(wall, face.DrawFirst(500), 2000, 1200)
	corner := canvas(700, 500)
	put(corner, face.DrawFirst(400), 300, 0)
	for name, photo := range map[string][]byte{
		"alone":        encodePNG(t, face.DrawFirst(400)),
		"in a large":   encodeJPEG(t, wall),
		"in a corner":  encodeJPEG(t, corner),
		"by its tag":   afterSOI(encodeJPEG(t, drawPixels(stored(6, 700, 500, pixels(corner)))), exifSegment(tiff(littleEndian, 6))),
		"on its side":  encodeJPEG(t, drawPixels(stored(6, 700, 500, pixels(corner)))),
		"on its head":  encodeJPEG(t, drawPixels(stored(3, 3000, 2000, pixels(wall)))),
		"very large":   encodeJPEG(t, face.DrawFirst(5000)),
		"hardly there": encodeJPEG(t, face.DrawFirst(140)),
	} {
		t.Run(name, func(t *testing.T) {
			whole := extractFile(t, e, photo)
			picture := pictureOf(t, whole, 195_000)
			small := extractFile(t, e, picture)
			if s := score(t, plain, small); s < 0.9 {
				t.Errorf("its face has a cosine of %.3f with the drawing", s)
			}
			if size := small.Box.Width(); size < 60 {
				t.Errorf("its face is %.0f pixels wide", size)
			}
			// It is no smaller than a part of the photograph decoded at full size.
			stored, _, err := image.DecodeConfig(bytes.NewReader(photo))
			if err != nil {
				t.Fatal(err)
			}
			sides := float64(min(stored.Width, stored.Height))
			cfg, err := jpeg.DecodeConfig(bytes.NewReader(picture))
			if want := min(480, 2*whole.Box.Width()-8, sides/2); err != nil || float64(cfg.Width) < want {
				t.Errorf("it is %d pixels wide, not %.0f: %v", cfg.Width, want, err)
			}
		})
	}
}

// TestPictureOnlyIfWanted: a picture costs time, so there is one only of a probe
// and only if the engine was told that it is wanted.
func TestPictureOnlyIfWanted(t *testing.T) {
	photo := encodeJPEG(t, face.DrawFirst(400))
	with, without := newEngine(t, withPictures), newEngine(t)
	for _, tt := range []struct {
		engine *face.Engine
		use    face.Use
		want   bool
	}{{with, face.ForProbe, true}, {with, face.ForReference, false}, {without, face.ForProbe, false}} {
		x, err := tt.engine.Extract(t.Context(), photo, tt.use)
		if err != nil || x.Finding != face.OneFace || (x.Picture != nil) != tt.want {
			t.Errorf("use %d: a picture %v, want %v; %v, %v", tt.use, x.Picture != nil, tt.want, x.Finding, err)
		}
	}
}

func pixels(m *image.NRGBA) func(x, y int) [3]byte {
	return func(x, y int) [3]byte { c := m.NRGBAAt(x, y); return [3]byte{c.R, c.G, c.B} }
}

// TestPictureOfPerson: somebody else's matcher gets the face that ours gets.
func TestPictureOfPerson(t *testing.T) {
	t.Parallel()
	e := newEngine(t, withPictures)
	turnedPairs(t, e, "london_pairs.csv", several(2, 10), func(reference face.Extraction, probe *image.YCbCr, want float64) {
		for _, o := range []int{1, 3, 6, 8} {
			whole := extractFile(t, e, encodePNG(t, storedAs(o, probe)))
			if o != 1 && whole.Finding != face.OneFace {
				continue
			}
			for _, maxBytes := range []int{195_000, 20_000} {
				small := extractFile(t, e, pictureOf(t, whole, maxBytes))
				if got := percentageOf(t, e, reference, small); got < threshold || math.Abs(got-want) > 5 {
					t.Errorf("stored as %d, in %d bytes: %.2f, the whole photograph %.2f", o, maxBytes, got, want)
				}
			}
		}
	})
}

// TestPictureFitsOrFails: the picture gets smaller until it fits. If nothing fits
// there is none.
func TestPictureFitsOrFails(t *testing.T) {
	e := newEngine(t, withPictures)
	x := extract(t, e, face.DrawFirst(900))
	sizes := []int{len(pictureOf(t, x, 195_000))}
	for _, maxBytes := range []int{30_000, 10_000, 4_000, 2_000} {
		sizes = append(sizes, len(pictureOf(t, x, maxBytes)))
	}
	t.Logf("%d bytes", sizes)
	if b, err := x.Picture.JPEG(100); b != nil || sesuai.KindOf(err) != sesuai.KindInternal {
		t.Errorf("in 100 bytes: %d, %v", len(b), err)
	}
	again := pictureOf(t, x, 195_000)
	if diff := cmp.Diff(pictureOf(t, x, 195_000), again); diff != "" {
		t.Error("two of one photograph differ")
	}
	if bytes.Contains(again, []byte("Exif")) {
		t.Error("it has metadata")
	}
}
