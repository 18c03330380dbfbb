package face_test

import (
	"bytes"
	"compress/zlib"
	"image"
	"image/color"
	"testing"
)

// fade returns an opacity that rises over the gradient from 0 to full.
func fade(x, y int) byte { return byte(min(255, 7*x+y)) }

// onWhite returns a colour of that opacity composed onto white.
func onWhite(c [3]byte, alpha byte) [3]byte {
	a := float64(alpha) / 255
	for i, v := range c {
		c[i] = byte(float64(v)*a + 255*(1-a) + 0.5)
	}
	return c
}

func TestDecodePNG(t *testing.T) {
	r := image.Rect(0, 0, gradientWidth, gradientHeight)
	images := map[string]struct {
		m    interface{ image.Image }
		set  func(m image.Image, x, y int, c [3]byte, alpha byte)
		want func(x, y int) [3]byte
	}{
		"grey 8": {image.NewGray(r), func(m image.Image, x, y int, c [3]byte, _ byte) {
			m.(*image.Gray).SetGray(x, y, color.Gray{c[0]})
		}, redAsGrey},
		"grey 16": {image.NewGray16(r), func(m image.Image, x, y int, c [3]byte, _ byte) {
			m.(*image.Gray16).SetGray16(x, y, color.Gray16{uint16(c[0])<<8 | 0x7b})
		}, redAsGrey},
		"rgb 8": {image.NewNRGBA(r), func(m image.Image, x, y int, c [3]byte, _ byte) {
			m.(*image.NRGBA).SetNRGBA(x, y, color.NRGBA{c[0], c[1], c[2], 255})
		}, gradient},
		"rgba 8": {image.NewNRGBA(r), func(m image.Image, x, y int, c [3]byte, alpha byte) {
			m.(*image.NRGBA).SetNRGBA(x, y, color.NRGBA{c[0], c[1], c[2], alpha})
		}, faded},
		"rgb 16": {image.NewNRGBA64(r), func(m image.Image, x, y int, c [3]byte, _ byte) {
			m.(*image.NRGBA64).SetNRGBA64(x, y, wide(c, 255))
		}, gradient},
		"rgba 16": {image.NewNRGBA64(r), func(m image.Image, x, y int, c [3]byte, alpha byte) {
			m.(*image.NRGBA64).SetNRGBA64(x, y, wide(c, alpha))
		}, faded},
	}
	for name, test := range images {
		t.Run(name, func(t *testing.T) {
			for y := range gradientHeight {
				for x := range gradientWidth {
					test.set(test.m, x, y, gradient(x, y), fade(x, y))
				}
			}
			wantPixels(t, decode(t, encodePNG(t, test.m)), gradientWidth, gradientHeight, test.want, 1)
		})
	}
}

func redAsGrey(x, y int) [3]byte { v := gradient(x, y)[0]; return [3]byte{v, v, v} }

func faded(x, y int) [3]byte { return onWhite(gradient(x, y), fade(x, y)) }

func wide(c [3]byte, alpha byte) color.NRGBA64 {
	w := func(v byte) uint16 { return uint16(v)<<8 | uint16(v) }
	return color.NRGBA64{w(c[0]), w(c[1]), w(c[2]), w(alpha)}
}

func TestDecodePNGOfPalette(t *testing.T) {
	for _, colours := range []int{2, 4, 16, 256} { // 1, 2, 4 and 8 bits
		palette := make(color.Palette, colours)
		for i := range palette {
			palette[i] = color.NRGBA{byte(i * 255 / (colours - 1)), byte(255 - i), byte(i * 7), 255}
		}
		palette[colours-1] = color.NRGBA{10, 20, 30, 0} // transparent
		palette[0] = color.NRGBA{200, 100, 0, 128}
		m := image.NewPaletted(image.Rect(0, 0, gradientWidth, gradientHeight), palette)
		index := func(x, y int) int { return (3*x + 5*y) % colours }
		for y := range gradientHeight {
			for x := range gradientWidth {
				m.SetColorIndex(x, y, uint8(index(x, y)))
			}
		}
		wantPixels(t, decode(t, encodePNG(t, m)), gradientWidth, gradientHeight, func(x, y int) [3]byte {
			c := palette[index(x, y)].(color.NRGBA)
			return onWhite([3]byte{c.R, c.G, c.B}, c.A)
		}, 1)
	}
}

func TestDecodePNGOfPaletteIndexBeyondIt(t *testing.T) {
	// Two entries, and pixels 0, 1 and 200: the decoder makes the last black.
	file := pngFile(3, 1, 8, pngPalette, []byte{0, 1, 200}, chunk("PLTE", []byte{9, 8, 7, 200, 201, 202}))
	wantPixels(t, decode(t, file), 3, 1, func(x, _ int) [3]byte {
		return [...][3]byte{{9, 8, 7}, {200, 201, 202}, {}}[x]
	}, 0)
}

func TestDecodePNGOfFewGreys(t *testing.T) {
	for depth, raw := range map[int]byte{1: 0b10110100, 2: 0b00011011, 4: 0x3c} {
		n := 8 / depth
		wantPixels(t, decode(t, pngFile(n, 1, depth, pngGrey, []byte{raw})), n, 1, func(x, _ int) [3]byte {
			top := 1<<depth - 1
			v := byte(int(raw) >> (8 - depth*(x+1)) & top * 255 / top)
			return [3]byte{v, v, v}
		}, 0)
	}
}

func TestDecodePNGOfTransparentColour(t *testing.T) {
	white := [3]byte{255, 255, 255}
	for _, test := range []struct {
		name          string
		depth, colour int
		raw, trns     []byte
		want          [3][3]byte
	}{
		{"grey 8", 8, pngGrey, []byte{10, 20, 30}, []byte{0, 20}, [3][3]byte{{10, 10, 10}, white, {30, 30, 30}}},
		{
			"grey 16", 16, pngGrey,
			[]byte{10, 0, 20, 1, 20, 2},
			[]byte{20, 1},
			[3][3]byte{{10, 10, 10}, white, {20, 20, 20}},
		},
		{
			"rgb 8", 8, pngRGB,
			[]byte{1, 2, 3, 4, 5, 6, 7, 8, 9},
			[]byte{0, 4, 0, 5, 0, 6},
			[3][3]byte{{1, 2, 3}, white, {7, 8, 9}},
		},
		{
			"rgb 16", 16, pngRGB,
			[]byte{1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 4, 0, 5, 0, 6, 1},
			[]byte{4, 0, 5, 0, 6, 0},
			[3][3]byte{{1, 2, 3}, white, {4, 5, 6}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := pngFile(3, 1, test.depth, test.colour, test.raw, chunk("tRNS", test.trns))
			wantPixels(t, decode(t, file), 3, 1, func(x, _ int) [3]byte { return test.want[x] }, 0)
		})
	}
}

func TestDecodePNGOfGreyAndAlpha(t *testing.T) {
	for depth, raw := range map[int][]byte{
		8:  {80, 255, 80, 0, 80, 128},
		16: {80, 1, 255, 255, 80, 1, 0, 0, 80, 1, 128, 128},
	} {
		wantPixels(t, decode(t, pngFile(3, 1, depth, pngGreyAlpha, raw)), 3, 1, func(x, _ int) [3]byte {
			return onWhite([3]byte{80, 80, 80}, [...]byte{255, 0, 128}[x])
		}, 1)
	}
}

func TestDecodePNGInterlaced(t *testing.T) {
	// Adam7 (PNG 3rd edition, 8.2): seven passes, each with its own steps.
	var z bytes.Buffer
	zw := zlib.NewWriter(&z)
	for _, pass := range [7][4]int{
		{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2},
	} {
		for y := pass[1]; y < gradientHeight; y += pass[3] {
			_, _ = zw.Write([]byte{0})
			for x := pass[0]; x < gradientWidth; x += pass[2] {
				c := gradient(x, y)
				_, _ = zw.Write(c[:])
			}
		}
	}
	_ = zw.Close()
	file := pngOf(gradientWidth, gradientHeight, 8, pngRGB, 1, z.Bytes())
	wantPixels(t, decode(t, file), gradientWidth, gradientHeight, gradient, 0)
}
