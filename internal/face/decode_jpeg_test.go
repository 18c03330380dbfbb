package face_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
)

func TestDecodeJPEG(t *testing.T) {
	for _, test := range []struct {
		name      string
		want      func(x, y int) [3]byte
		tolerance int
	}{
		{"rgb_444", gradient, 4},
		// Subsampling loses the steps of the gradient.
		{"rgb_422", gradient, 9},
		{"rgb_440", gradient, 12},
		{"rgb_420", gradient, 15},
		{"rgb_411", gradient, 16},
		{"progressive_444", gradient, 4},
		{"progressive_420", gradient, 15},
		{"progressive_grey", gradientGrey709, 3},
		{"ycck", gradient, 8},
		{"progressive_ycck", gradient, 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := decode(t, storedJPEG(t, test.name))
			wantPixels(t, p, gradientWidth, gradientHeight, test.want, test.tolerance)
		})
	}
}

func TestDecodeJPEGOfGo(t *testing.T) {
	m := drawPixels(gradientWidth, gradientHeight, gradient)
	wantPixels(t, decode(t, encodeJPEG(t, m)), gradientWidth, gradientHeight, gradient, 16)

	grey := image.NewGray(m.Rect)
	for y := range gradientHeight {
		for x := range gradientWidth {
			grey.SetGray(x, y, color.Gray{gradientGrey(x, y)[0]})
		}
	}
	wantPixels(t, decode(t, encodeJPEG(t, grey)), gradientWidth, gradientHeight, gradientGrey, 3)
}

// A decoded JPEG has the pixels that the standard library decodes, in both forms
// of Photo.
func TestDecodeJPEGLikeTheStandardLibrary(t *testing.T) {
	for _, name := range []string{"rgb_444", "rgb_422", "rgb_420", "rgb_440", "rgb_411", "progressive_420"} {
		data := storedJPEG(t, name)
		m, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		want := func(x, y int) [3]byte {
			c := m.(*image.YCbCr).YCbCrAt(x, y)
			r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
			return [3]byte{r, g, b}
		}
		wantPixels(t, decode(t, data), gradientWidth, gradientHeight, want, 0)

		// Orientation 2 uses the conversion of rows.
		mirrored := func(x, y int) [3]byte { return want(gradientWidth-1-x, y) }
		turned := afterSOI(data, exifSegment(tiff(bigEndian, 2)))
		wantPixels(t, decode(t, turned), gradientWidth, gradientHeight, mirrored, 0)
	}
}

// adobe returns the APP14 segment that declares the components: 0 is RGB or CMYK,
// 1 is YCbCr, 2 is YCCK (Adobe Technical Note 5116).
func adobe(transform byte) []byte {
	return segment(0xee, append([]byte("Adobe\x00\x64\x00\x00\x00\x00"), transform))
}

// withoutJFIF removes the first segment.
func withoutFirstSegment(file []byte) []byte {
	size := int(file[4])<<8 | int(file[5])
	return append(append([]byte{}, file[:2]...), file[4+size:]...)
}

func TestDecodeJPEGOfThreeComponentsThatAreRGB(t *testing.T) {
	// The same file declared as RGB has its brightness as red, and so on.
	file := afterSOI(withoutFirstSegment(storedJPEG(t, "rgb_444")), adobe(0))
	wantPixels(t, decode(t, file), gradientWidth, gradientHeight, func(x, y int) [3]byte {
		c := gradient(x, y)
		l, cb, cr := color.RGBToYCbCr(c[0], c[1], c[2])
		return [3]byte{l, cb, cr}
	}, 4)
}

func TestDecodeJPEGOfCMYK(t *testing.T) {
	// The YCCK file declared as CMYK: the brightness of the inks becomes the
	// inverted cyan, their chromas the inverted magenta and yellow. ImageMagick
	// sets the inverted black of a colour to its largest component, and the
	// inks are relative to it.
	file := afterSOI(withoutFirstSegment(storedJPEG(t, "ycck")), adobe(0))
	wantPixels(t, decode(t, file), gradientWidth, gradientHeight, func(x, y int) [3]byte {
		c := gradient(x, y)
		k := int(max(c[0], c[1], c[2]))
		ink := func(v byte) byte { return byte(255 - int(v)*255/k) }
		l, cb, cr := color.RGBToYCbCr(ink(c[0]), ink(c[1]), ink(c[2]))
		shown := func(v byte) byte { return byte(int(v) * k / 255) }
		return [3]byte{shown(l), shown(cb), shown(cr)}
	}, 8)
}

func TestDecodeNarrowAndFlat(t *testing.T) {
	at := func(x, y int) [3]byte { v := byte(50 + (x+y)/20); return [3]byte{v, v, v} }
	for _, size := range [][2]int{{1, 1}, {1, 3000}, {3000, 1}, {2, 7}, {7, 2}} {
		m := drawPixels(size[0], size[1], at)
		wantPixels(t, decode(t, encodePNG(t, m)), size[0], size[1], at, 0)
		wantPixels(t, decode(t, encodeJPEG(t, m)), size[0], size[1], at, 4)
	}
}
