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

	"github.com/sesuai/sesuai/internal/face"
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
		got, err := turbo.Decode(data, size.X, size.Y, 1, 1)
		if err != nil {
			t.Errorf("%v: %v", size, err)
			continue
		}
		std, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		want := std.(*image.YCbCr)
		if got.Width != size.X || got.Height != size.Y {
			t.Errorf("%v: %d×%d pixels", size, got.Width, got.Height)
			continue
		}
		for y := range size.Y {
			for x := range size.X {
				g, c := at(got, x, y), want.YCbCrAt(x, y)
				for i, w := range []uint8{c.Y, c.Cb, c.Cr} {
					if apart(g[i], w) > 2 {
						t.Fatalf("%v: pixel %d,%d is %v, want %v", size, x, y, g, c)
					}
				}
			}
		}
	}
}

func apart(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }

// at returns the samples of all components that cover a pixel.
func at(p *face.Planes, x, y int) (samples []uint8) {
	for _, c := range p.Components {
		samples = append(samples, c.Pix[y/c.Down*c.Stride+x/c.Across])
	}
	return samples
}

// TestRefuses: a broken file, a wrong size, and sampling factors that do not
// divide the greatest ones are errors.
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
	fractional := facetest.JPEG{Width: 64, Height: 48, Sampling: [][2]int{{3, 1}, {2, 1}, {1, 1}}}
	if _, err := turbo.Decode(fractional.Encode(), 64, 48, 1, 1); err == nil {
		t.Error("two samples to three: no error")
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
// about the same colours, with every sampling and number of components.
func TestScales(t *testing.T) {
	for _, sampling := range [][][2]int{
		{{1, 1}},
		{{1, 1}, {1, 1}, {1, 1}},
		{{2, 1}, {1, 1}, {1, 1}},
		{{2, 2}, {1, 1}, {1, 1}},
		{{1, 2}, {1, 1}, {1, 1}},
		{{4, 1}, {1, 1}, {1, 1}},
		{{4, 2}, {1, 1}, {1, 1}},
		{{3, 1}, {1, 1}, {1, 1}},
		{{1, 4}, {1, 1}, {1, 1}},
		{{2, 2}, {1, 1}, {1, 2}},
		{{1, 1}, {2, 2}, {2, 2}},
		{{1, 2}, {2, 1}, {1, 1}},
		{{1, 1}, {1, 1}, {4, 2}},
		{{3, 3}},
		{{2, 2}, {1, 1}, {1, 1}, {2, 2}},
		{{1, 1}, {1, 2}, {2, 1}, {1, 1}},
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
					want := image.Pt((size.X+d-1)/d, (size.Y+d-1)/d)
					if img.Width != want.X || img.Height != want.Y {
						t.Errorf("%v, %v, 1/%d: %d×%d", sampling, size, d, img.Width, img.Height)
					}
					for y := range want.Y {
						for x := range want.X {
							if c := at(img, x, y); !bytes.Equal(c, []uint8{138, 148, 158, 168}[:len(sampling)]) {
								t.Fatalf("%v, %v, 1/%d, at %d,%d: %v", sampling, size, d, x, y, c)
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
		if img, err := turbo.Decode(damaged, cfg.Width, cfg.Height, 1, 100); err == nil && img.Width != cfg.Width {
			t.Fatal("a picture of another size")
		}
	}
}
