package turbo_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/face/turbo"
)

// TestMain skips the tests if the package is built without the library. It prints
// a message if the library is installed.
func TestMain(m *testing.M) {
	if turbo.Decode == nil {
		if tags, _ := os.ReadFile("../../../build/tags"); strings.Contains(string(tags), "turbojpeg") {
			println("built without -tags turbojpeg, though libturbojpeg is here: use make test")
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// gradient returns a picture that varies everywhere.
func gradient(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.RGBA{uint8(255 * x / w), uint8(255 * y / h), uint8(128 + 100*((x/8+y/8)%2)), 255})
		}
	}
	return img
}

func encode(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 92}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestAgreesWithStandardDecoder: both decoders give the same planes, apart from
// rounding, at sizes that fill the last block of pixels and sizes that do not.
func TestAgreesWithStandardDecoder(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {2, 1}, {7, 9}, {16, 16}, {37, 53}, {250, 250}} {
		data := encode(t, gradient(size.X, size.Y))
		got, err := turbo.Decode(data, size.X, size.Y, 1)
		if err != nil {
			t.Errorf("%v: %v", size, err)
			continue
		}
		std, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		want := std.(*image.YCbCr)
		if got.Rect != want.Rect || got.SubsampleRatio != want.SubsampleRatio {
			t.Errorf("%v: %v %v, want %v %v", size, got.Rect, got.SubsampleRatio, want.Rect, want.SubsampleRatio)
			continue
		}
		for y := range size.Y {
			for x := range size.X {
				g, w := got.YCbCrAt(x, y), want.YCbCrAt(x, y)
				if apart(g.Y, w.Y) > 2 || apart(g.Cb, w.Cb) > 2 || apart(g.Cr, w.Cr) > 2 {
					t.Fatalf("%v: pixel %d,%d is %v, want %v", size, x, y, g, w)
				}
			}
		}
	}
}

func apart(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }

// TestRefuses: a broken file, a wrong size, and a kind of JPEG for image/jpeg are
// errors.
func TestRefuses(t *testing.T) {
	data := encode(t, gradient(64, 48))
	for n := 0; n < len(data)-2; n += 7 {
		if _, err := turbo.Decode(data[:n], 64, 48, 1); err == nil {
			t.Errorf("cut off after %d of %d bytes: no error", n, len(data))
		}
	}
	if _, err := turbo.Decode(data, 48, 64, 1); err == nil {
		t.Error("another size than the header's: no error")
	}
	grey := encode(t, image.NewGray(image.Rect(0, 0, 64, 48)))
	if _, err := turbo.Decode(grey, 64, 48, 1); err == nil {
		t.Error("a grey JPEG, which is left to image/jpeg: no error")
	}
}

// TestSurvivesDamage decodes files with random errors. It must not crash.
func TestSurvivesDamage(t *testing.T) {
	data := encode(t, gradient(64, 48))
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		damaged := bytes.Clone(data)
		for range 1 + r.IntN(8) {
			damaged[r.IntN(len(damaged))] ^= byte(1 + r.IntN(255))
		}
		cfg, err := jpeg.DecodeConfig(bytes.NewReader(damaged))
		if err != nil || cfg.Width*cfg.Height > 1<<20 {
			continue
		}
		if img, err := turbo.Decode(damaged, cfg.Width, cfg.Height, 1); err == nil && img.Bounds().Dx() != cfg.Width {
			t.Fatal("a picture of another size")
		}
	}
}
