package face

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// photoOf returns a w×h photograph in red, green and blue.
func photoOf(t interface{ Fatal(...any) }, w, h int, at func(x, y int) [3]byte) *Photo {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := at(x, y)
			m.SetNRGBA(x, y, color.NRGBA{c[0], c[1], c[2], 255})
		}
	}
	p := Photo{Scale: 1}
	if err := p.hold(m, upright, 1); err != nil {
		t.Fatal(err)
	}
	return &p
}

// jpegOf returns the same photograph in brightness and chromas. Each chroma
// sample is the mean of the pixels that it covers.
func jpegOf(t interface{ Fatal(...any) }, w, h int, ratio image.YCbCrSubsampleRatio, at func(x, y int) [3]byte) *Photo {
	m := image.NewYCbCr(image.Rect(0, 0, w, h), ratio)
	sums := make([][3]int, len(m.Cb))
	for y := range h {
		for x := range w {
			c := at(x, y)
			l, cb, cr := color.RGBToYCbCr(c[0], c[1], c[2])
			m.Y[m.YOffset(x, y)] = l
			s := &sums[m.COffset(x, y)]
			s[0], s[1], s[2] = s[0]+int(cb), s[1]+int(cr), s[2]+1
		}
	}
	for i, s := range sums {
		m.Cb[i], m.Cr[i] = byte((2*s[0]+s[2])/(2*s[2])), byte((2*s[1]+s[2])/(2*s[2]))
	}
	p := Photo{Scale: 1}
	if err := p.hold(m, upright, 1); err != nil {
		t.Fatal(err)
	}
	return &p
}

func whole(p *Photo) Box { return Box{0, 0, float64(p.Width), float64(p.Height)} }

// resampled returns a box of p in w×h pixels of 0..255, padded with pad.
func resampled(p *Photo, b Box, w, h int, pad float32) raster {
	n := w * h
	mem := make([]float32, 3*n)
	dst := raster{w, h, [3][]float32{mem[:n], mem[n : 2*n], mem[2*n:]}}
	var s resampler
	s.resample(dst, p, b, pad, 0, 1, false)
	return dst
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

var subsampleRatios = []image.YCbCrSubsampleRatio{
	image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
	image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
}

func TestResampleOfOneColourIsThatColour(t *testing.T) {
	colour := [3]byte{200, 120, 40}
	at := func(int, int) [3]byte { return colour }
	photos := []*Photo{photoOf(t, 53, 31, at)}
	for _, r := range subsampleRatios {
		photos = append(photos, jpegOf(t, 53, 31, r, at))
	}
	rapid.Check(t, func(t *rapid.T) {
		p := photos[rapid.IntRange(0, len(photos)-1).Draw(t, "photo")]
		x := rapid.Float64Range(0, 50).Draw(t, "x")
		y := rapid.Float64Range(0, 28).Draw(t, "y")
		w, h := rapid.IntRange(1, 90).Draw(t, "w"), rapid.IntRange(1, 90).Draw(t, "h")
		b := Box{x, y, rapid.Float64Range(x+0.5, 53).Draw(t, "x1"), rapid.Float64Range(y+0.5, 31).Draw(t, "y1")}
		for i, c := range resampled(p, b, w, h, 77).planes {
			for _, v := range c {
				if !near(float64(v), float64(colour[i]), 1.2) {
					t.Fatalf("%v in %d×%d: %v, want %v", b, w, h, v, colour[i])
				}
			}
		}
	})
}

func TestShrinkingKeepsTheMean(t *testing.T) {
	noise := rand.New(rand.NewPCG(3, 4))
	pixels := make([][3]byte, 97*61)
	var want [3]float64
	for i := range pixels {
		for c := range 3 {
			pixels[i][c] = byte(noise.IntN(256))
			want[c] += float64(pixels[i][c]) / float64(len(pixels))
		}
	}
	p := photoOf(t, 97, 61, func(x, y int) [3]byte { return pixels[y*97+x] })
	for _, size := range [][2]int{{96, 60}, {50, 61}, {97, 7}, {13, 13}, {3, 2}, {1, 1}} {
		got := resampled(p, whole(p), size[0], size[1], 0)
		for c, plane := range got.planes {
			var mean float64
			for _, v := range plane {
				mean += float64(v) / float64(len(plane))
			}
			if !near(mean, want[c], 0.01) {
				t.Errorf("%v: channel %d has the mean %.3f, want %.3f", size, c, mean, want[c])
			}
		}
	}
}

func TestShrinkingDoesNotAlias(t *testing.T) {
	board := func(x, y int) [3]byte { v := byte(255 * ((x + y) & 1)); return [3]byte{v, v, v} }
	for _, p := range []*Photo{photoOf(t, 64, 48, board), jpegOf(t, 64, 48, image.YCbCrSubsampleRatio420, board)} {
		for _, v := range resampled(p, whole(p), 32, 24, 0).planes[0] {
			if !near(float64(v), 127.5, 1) {
				t.Fatalf("a checkerboard shrunk to half gives %v", v)
			}
		}
	}
}

func TestEnlargingInterpolates(t *testing.T) {
	p := photoOf(t, 20, 20, func(x, y int) [3]byte { return [3]byte{byte(10 * x), byte(10 * y), 50} })
	const size = 70
	got := resampled(p, whole(p), size, size, 0)
	for y := 5; y < size-5; y++ {
		for x := 5; x < size-5; x++ {
			// A pixel's value is that at its centre.
			wantX := 10 * ((float64(x)+0.5)*20/size - 0.5)
			wantY := 10 * ((float64(y)+0.5)*20/size - 0.5)
			r, g := float64(got.planes[0][y*size+x]), float64(got.planes[1][y*size+x])
			if !near(r, wantX, 0.01) || !near(g, wantY, 0.01) {
				t.Fatalf("pixel %d,%d is %.2f, %.2f, want %.2f, %.2f", x, y, r, g, wantX, wantY)
			}
		}
	}
}

func TestBeyondThePhotographIsPadding(t *testing.T) {
	at := func(int, int) [3]byte { return [3]byte{10, 10, 10} }
	for _, p := range []*Photo{photoOf(t, 30, 20, at), jpegOf(t, 30, 20, image.YCbCrSubsampleRatio420, at)} {
		for _, b := range []Box{
			{-60, 0, -30, 20}, {30, 0, 60, 20}, {0, -40, 30, -20}, {0, 20, 30, 40}, {-900, -900, -870, -880}, {1e6, 1e6, 1e6 + 9, 1e6 + 9},
		} {
			for _, size := range []int{5, 80} { // shrunk and enlarged
				got := resampled(p, b, size, size, 200)
				for i, v := range got.planes[0] {
					if !near(float64(v), 200, 1) {
						t.Fatalf("%v in %d: pixel %d is %v, want the padding", b, size, i, v)
					}
				}
			}
		}
		// Half of the box is beyond the photograph.
		got := resampled(p, Box{-30, 0, 30, 20}, 6, 2, 200).planes[1]
		for i, want := range []float64{200, 200, 200, 10, 10, 10} {
			if !near(float64(got[i]), want, 1) {
				t.Errorf("column %d is %v, want %v", i, got[i], want)
			}
		}
		// A quarter of one target pixel is on the photograph.
		if got := resampled(p, Box{-30, -20, 30, 20}, 1, 1, 200).planes[2][0]; !near(float64(got), 0.75*200+0.25*10, 1) {
			t.Errorf("a quarter of it: %v", got)
		}
	}
}

// A photograph in brightness and chromas gives the same as in red, green and
// blue, so the positions of chroma samples are correct.
func TestResampleOfJPEGIsThatOfItsColours(t *testing.T) {
	// Subsampling hardly changes the colours of soft spots.
	at := func(x, y int) [3]byte {
		spot := func(cx, cy float64) byte {
			return byte(40 + 180*math.Exp(-((float64(x)-cx)*(float64(x)-cx)+(float64(y)-cy)*(float64(y)-cy))/400))
		}
		return [3]byte{spot(20, 20), spot(60, 30), spot(35, 55)}
	}
	const w, h = 83, 77
	rgb := photoOf(t, w, h, at)
	for _, ratio := range subsampleRatios {
		p := jpegOf(t, w, h, ratio, at)
		for _, b := range []Box{whole(rgb), {10, 12, 71, 70}, {3.3, 7.7, 40.1, 33.9}} {
			for _, size := range []int{16, 30, 64} {
				got, want := resampled(p, b, size, size, 0), resampled(rgb, b, size, size, 0)
				var sum float64
				for c := range 3 {
					for i := range want.planes[c] {
						sum += math.Abs(float64(got.planes[c][i] - want.planes[c][i]))
					}
				}
				if mean := sum / float64(3*size*size); mean > 2.5 {
					t.Errorf("ratio %v, %v in %d: %.2f off on average", ratio, b, size, mean)
				}
			}
		}
	}
}

func TestResampleScalesAndGreys(t *testing.T) {
	colour := [3]byte{200, 120, 40}
	at := func(int, int) [3]byte { return colour }
	grey := 0.299*200 + 0.587*120 + 0.114*40
	for _, p := range []*Photo{photoOf(t, 12, 9, at), jpegOf(t, 12, 9, image.YCbCrSubsampleRatio420, at)} {
		var s resampler
		mem := make([]float32, 4)
		one := raster{2, 2, [3][]float32{mem, mem, mem}}
		s.resample(one, p, whole(p), 0, 127, 128, true)
		for _, v := range mem {
			if !near(float64(v), (grey-127)/128, 0.01) {
				t.Errorf("grey is %v, want %v", v, (grey-127)/128)
			}
		}
		mem = make([]float32, 12)
		bgr := rasterOf(mem, NetworkSpec{Channels: "BGR", Input: TensorSpec{Shape: []int64{1, 3, 2, 2}}})
		s.resample(bgr, p, whole(p), 0, 127, 128, false)
		for i, v := range mem {
			if want := (float64(colour[2-i/4]) - 127) / 128; !near(float64(v), want, 0.01) {
				t.Errorf("plane %d is %v, want %v", i/4, v, want)
			}
		}
	}
}

// A resampler that has processed other photographs gives the same as a new one.
func TestResamplerKeepsNothing(t *testing.T) {
	noise := rand.New(rand.NewPCG(5, 6))
	random := func(int, int) [3]byte {
		return [3]byte{byte(noise.IntN(256)), byte(noise.IntN(256)), byte(noise.IntN(256))}
	}
	photos := []*Photo{
		photoOf(t, 200, 150, random), jpegOf(t, 31, 90, image.YCbCrSubsampleRatio420, random), photoOf(t, 3, 3, random),
	}
	var old resampler
	rapid.Check(t, func(t *rapid.T) {
		p := photos[rapid.IntRange(0, 2).Draw(t, "photo")]
		x, y := rapid.Float64Range(-99, 99).Draw(t, "x"), rapid.Float64Range(-99, 99).Draw(t, "y")
		b := Box{x, y, x + rapid.Float64Range(1, 300).Draw(t, "w"), y + rapid.Float64Range(1, 300).Draw(t, "h")}
		const size = 9
		want := resampled(p, b, size, size, 33)
		mem := make([]float32, 3*size*size)
		got := raster{size, size, [3][]float32{mem[:81], mem[81:162], mem[162:]}}
		old.resample(got, p, b, 33, 0, 1, false)
		for c := range 3 {
			for i, v := range want.planes[c] {
				if got.planes[c][i] != v {
					t.Fatalf("channel %d, pixel %d: %v, a new one gives %v", c, i, got.planes[c][i], v)
				}
				if v < -0.01 || v > 255.01 {
					t.Fatalf("channel %d, pixel %d: %v is no colour", c, i, v)
				}
			}
		}
	})
}

// A brightened photograph is read like one with brighter pixels, beside the
// photograph and in a turned copy too.
func TestBrightening(t *testing.T) {
	const gain = 8
	dark := func(x, y int) [3]byte { return [3]byte{byte(x), byte(y), byte((x + y) / 2)} }
	grey := func(x, y int) [3]byte { return [3]byte{byte(x), byte(x), byte(x)} }
	brighter := func(at func(x, y int) [3]byte) func(x, y int) [3]byte {
		return func(x, y int) [3]byte {
			c := at(x, y)
			for i, v := range c {
				c[i] = byte(min(gain*int(v), 255))
			}
			return c
		}
	}
	for _, test := range []struct {
		name        string
		dark, light *Photo
		// tolerance is 0.5 times the gain and the weights of toRGB where the
		// chromas were rounded.
		tolerance float64
	}{
		{"RGB", photoOf(t, 31, 23, dark), photoOf(t, 31, 23, brighter(dark)), 1e-3},
		{"grey JPEG", jpegOf(t, 31, 23, subsampleRatios[2], grey), jpegOf(t, 31, 23, subsampleRatios[2], brighter(grey)), 1e-3},
		{"JPEG", jpegOf(t, 31, 23, subsampleRatios[0], dark), jpegOf(t, 31, 23, subsampleRatios[0], brighter(dark)), 0.5 * (gain + 1) * (1 + 1.772)},
	} {
		beyond := Box{-5, 3, 20, 40}
		got := resampled(test.dark.lit(gain).turned(6), beyond, 17, 19, 127)
		want := resampled(test.light.turned(6), beyond, 17, 19, 127)
		for c := range want.planes {
			for i, v := range want.planes[c] {
				if !near(float64(got.planes[c][i]), float64(v), test.tolerance) {
					t.Fatalf("%s: channel %d, pixel %d is %v, want %v", test.name, c, i, got.planes[c][i], v)
				}
			}
		}
	}
}
