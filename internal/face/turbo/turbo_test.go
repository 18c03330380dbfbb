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

	"github.com/sesuai/sesuai/internal/face/facetest"
	"github.com/sesuai/sesuai/internal/face/turbo"
)

// TestMain skips the tests if the package is built without the library. It prints
// a message if the library is installed.
func TestMain(m *testing.M) {
	if turbo.Decode == nil {
		if tags, _ := os.ReadFile("../../../build/tags"); strings.Contains(string(tags), "turbojpeg") {
			println("built without -tags turbojpeg, though libjpeg-turbo is here: use make test")
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
		img, err := turbo.Decode(data, size.X, size.Y, 1, 1)
		if err != nil {
			t.Errorf("%v: %v", size, err)
			continue
		}
		got := img.(*image.YCbCr)
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
		if _, err := turbo.Decode(data[:n], 64, 48, 1, 1); err == nil {
			t.Errorf("cut off after %d of %d bytes: no error", n, len(data))
		}
	}
	if _, err := turbo.Decode(data, 48, 64, 1, 1); err == nil {
		t.Error("another size than the header's: no error")
	}
	adobe := append([]byte("\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"), 0)
	if _, err := turbo.Decode(append(append([]byte("\xff\xd8"), adobe...), data[2:]...), 64, 48, 1, 1); err == nil {
		t.Error("a JPEG in red, green and blue, which is left to image/jpeg: no error")
	}
}

// TestScans: a file that has more scans than the caller counted is refused.
func TestScans(t *testing.T) {
	scans := []facetest.Scan{{Components: []int{0}}, {Components: []int{0}, From: 1, To: 63}, {Components: []int{0}, From: 1, To: 63, High: 1}}
	j := facetest.JPEG{Width: 64, Height: 48, Sampling: [][2]int{{1, 1}}, Progressive: true, Scans: scans}
	if _, err := turbo.Decode(j.Encode(), 64, 48, 1, 3); err != nil {
		t.Error(err)
	}
	if _, err := turbo.Decode(j.Encode(), 64, 48, 1, 2); err == nil {
		t.Error("more scans than counted: no error")
	}
}

// TestScales: at each scale a picture has its size divided and rounded up, and
// about the same colours, with every subsampling and in grey.
func TestScales(t *testing.T) {
	for _, sampling := range [][][2]int{
		{{1, 1}},
		{{1, 1}, {1, 1}, {1, 1}},
		{{2, 1}, {1, 1}, {1, 1}},
		{{2, 2}, {1, 1}, {1, 1}},
		{{1, 2}, {1, 1}, {1, 1}},
		{{4, 1}, {1, 1}, {1, 1}},
		{{4, 2}, {1, 1}, {1, 1}},
	} {
		for _, size := range []image.Point{{1, 1}, {200, 150}, {333, 77}} {
			for _, progressive := range []bool{false, true} {
				j := facetest.JPEG{Width: size.X, Height: size.Y, Sampling: sampling, Progressive: progressive}
				j.Content = func(component, _, _ int, b *facetest.Block) { b[0] = 20 * (1 + component) }
				if progressive {
					for c := range sampling {
						j.Scans = append(j.Scans, facetest.Scan{Components: []int{c}})
					}
				}
				for _, d := range []int{1, 2, 4, 8} {
					img, err := turbo.Decode(j.Encode(), size.X, size.Y, d, len(sampling))
					if err != nil {
						t.Errorf("%v, %v, 1/%d: %v", sampling, size, d, err)
						continue
					}
					want := image.Rect(0, 0, (size.X+d-1)/d, (size.Y+d-1)/d)
					if img.Bounds() != want {
						t.Errorf("%v, %v, 1/%d: %v", sampling, size, d, img.Bounds())
					}
					for _, at := range []image.Point{{}, want.Max.Sub(image.Pt(1, 1))} {
						switch m := img.(type) {
						case *image.Gray:
							if v := m.GrayAt(at.X, at.Y).Y; v != 138 {
								t.Errorf("%v, 1/%d, at %v: %d", size, d, at, v)
							}
						case *image.YCbCr:
							if c := m.YCbCrAt(at.X, at.Y); c != (color.YCbCr{Y: 138, Cb: 148, Cr: 158}) {
								t.Errorf("%v, %v, 1/%d, at %v: %v", sampling, size, d, at, c)
							}
						}
					}
				}
			}
		}
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
		if img, err := turbo.Decode(damaged, cfg.Width, cfg.Height, 1, 100); err == nil && img.Bounds().Dx() != cfg.Width {
			t.Fatal("a picture of another size")
		}
	}
}
