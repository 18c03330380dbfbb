package face_test

import (
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

// A photograph with a side over MaxSide is averaged down by a whole factor. The
// last row and column are the means of the remaining pixels.
func TestDecodeShrinksLargePhotographs(t *testing.T) {
	at := func(x, y int) [3]byte { return [3]byte{byte(5 * (x % 47)), byte(40 * (y % 6)), byte((x * 7) % 251)} }
	for _, size := range [][2]int{
		{face.MaxSide + 1, 3}, {3, face.MaxSide + 1}, {2*face.MaxSide + 3, 5}, {2, 3*face.MaxSide + 2}, {face.MaxSide + 1, 1},
	} {
		w, h := size[0], size[1]
		factor := (max(w, h) + face.MaxSide - 1) / face.MaxSide
		mean := func(x, y int) [3]byte {
			var sum, n [3]int
			for fy := y * factor; fy < min((y+1)*factor, h); fy++ {
				for fx := x * factor; fx < min((x+1)*factor, w); fx++ {
					for i, v := range at(fx, fy) {
						sum[i] += int(v)
						n[i]++
					}
				}
			}
			var c [3]byte
			for i := range c {
				c[i] = byte((2*sum[i] + n[i]) / (2 * n[i]))
			}
			return c
		}
		p := decode(t, encodePNG(t, drawPixels(w, h, at)))
		wantPixels(t, p, (w+factor-1)/factor, (h+factor-1)/factor, mean, 0)
	}
}

func TestDecodeKeepsPhotographsOfTheLongestSide(t *testing.T) {
	at := func(x, _ int) [3]byte { return [3]byte{byte(x), byte(x >> 8), 9} }
	p := decode(t, encodePNG(t, drawPixels(face.MaxSide, 2, at)))
	wantPixels(t, p, face.MaxSide, 2, at, 0)
}

func TestDecodeShrinksJPEGAndTurnsIt(t *testing.T) {
	// A slow ramp along the long side: the mean over the factor is the value in
	// the middle.
	at := func(x, _ int) [3]byte { v := byte(x / 40); return [3]byte{v, v, v} }
	w, h := face.MaxSide+104, 18
	file := encodeJPEG(t, drawPixels(stored(6, w, h, at)))
	p := decode(t, afterSOI(file, exifSegment(tiff(littleEndian, 6))))
	wantPixels(t, p, w/2, h/2, func(x, y int) [3]byte { return at(2*x, 2*y) }, 3)
}
