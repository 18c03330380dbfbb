package turbo_test

import (
	"bytes"
	"image"
	"image/draw"
	"image/jpeg"
	"testing"

	"github.com/sesuai/sesuai/internal/face/turbo"
)

// pictures returns the gradient of a size as both kinds of picture that are
// encoded.
func pictures(t *testing.T, size image.Point) map[string]image.Image {
	t.Helper()
	rgba := image.NewRGBA(image.Rectangle{Max: size})
	draw.Draw(rgba, rgba.Rect, gradient(size.X, size.Y), image.Point{}, draw.Src)
	decoded, err := jpeg.Decode(bytes.NewReader(encode(t, rgba)))
	if err != nil {
		t.Fatal(err)
	}
	// Go's encoder writes 4:2:0. The copy has no samples beyond its size.
	from, to := decoded.(*image.YCbCr), image.NewYCbCr(rgba.Rect, image.YCbCrSubsampleRatio420)
	for y := range size.Y {
		copy(to.Y[y*to.YStride:][:size.X], from.Y[y*from.YStride:])
	}
	for y := range (size.Y + 1) / 2 {
		copy(to.Cb[y*to.CStride:][:to.CStride], from.Cb[y*from.CStride:])
		copy(to.Cr[y*to.CStride:][:to.CStride], from.Cr[y*from.CStride:])
	}
	return map[string]image.Image{"RGBA": rgba, "YCbCr": to}
}

// TestEncodesAsStandardEncoder: a file of turbo's shows what one of image/jpeg's of
// the same quality shows, at sizes that fill the last block of pixels and sizes that
// do not, and is about as large.
func TestEncodesAsStandardEncoder(t *testing.T) {
	const quality, room = 92, 1 << 20
	for _, size := range []image.Point{{1, 1}, {2, 1}, {1, 2}, {7, 9}, {16, 16}, {17, 33}, {250, 251}, {480, 640}} {
		for kind, img := range pictures(t, size) {
			got, err := turbo.Encode(img, quality, room)
			if err != nil {
				t.Errorf("%s %v: %v", kind, size, err)
				continue
			}
			var want bytes.Buffer
			if err := jpeg.Encode(&want, img, &jpeg.Options{Quality: quality}); err != nil {
				t.Fatal(err)
			}
			if n := want.Len(); len(got) > n+n/20+100 {
				t.Errorf("%s %v: %d bytes, image/jpeg %d", kind, size, len(got), n)
			}
			a, err := jpeg.Decode(bytes.NewReader(got))
			if err != nil {
				t.Errorf("%s %v: %v", kind, size, err)
				continue
			}
			b, err := jpeg.Decode(&want)
			if err != nil {
				t.Fatal(err)
			}
			if a.Bounds() != b.Bounds() {
				t.Errorf("%s %v: %v", kind, size, a.Bounds())
				continue
			}
			x, y := a.(*image.YCbCr), b.(*image.YCbCr)
			for row := range size.Y {
				for column := range size.X {
					g, w := x.YCbCrAt(column, row), y.YCbCrAt(column, row)
					if apart(g.Y, w.Y) > 6 || apart(g.Cb, w.Cb) > 12 || apart(g.Cr, w.Cr) > 12 {
						t.Fatalf("%s %v: pixel %d,%d is %v, image/jpeg's %v", kind, size, column, row, g, w)
					}
				}
			}
		}
	}
}

// TestEncodesWithinBytes: a file that has just enough room is written whole, and
// one that has a byte too little is not.
func TestEncodesWithinBytes(t *testing.T) {
	for kind, img := range pictures(t, image.Pt(123, 45)) {
		whole, err := turbo.Encode(img, 75, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := turbo.Encode(img, 75, len(whole)); err != nil || !bytes.Equal(again, whole) {
			t.Errorf("%s in %d bytes: %d, %v", kind, len(whole), len(again), err)
		}
		for _, n := range []int{len(whole) - 1, len(whole) / 2, 1} {
			if b, err := turbo.Encode(img, 75, n); b != nil || err != nil {
				t.Errorf("%s in %d of %d bytes: %d, %v", kind, n, len(whole), len(b), err)
			}
		}
	}
}

// TestEncodeRefuses: what cannot be encoded is an error.
func TestEncodeRefuses(t *testing.T) {
	for name, img := range map[string]image.Image{
		"nothing":       image.NewRGBA(image.Rectangle{}),
		"another kind":  image.NewGray(image.Rect(0, 0, 8, 8)),
		"no 4:2:0":      image.NewYCbCr(image.Rect(0, 0, 8, 8), image.YCbCrSubsampleRatio444),
		"a part":        image.NewYCbCr(image.Rect(0, 0, 8, 8), image.YCbCrSubsampleRatio420).SubImage(image.Rect(2, 2, 8, 8)),
		"65,501 across": image.NewRGBA(image.Rect(0, 0, 65_501, 1)),
	} {
		if b, err := turbo.Encode(img, 75, 1<<20); b != nil || err == nil {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}
