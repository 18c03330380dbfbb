package face_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

// The gradient in the sample files for decoders: see testdata/jpeg/README.md.
const gradientWidth, gradientHeight = 37, 21

func gradient(x, y int) [3]byte {
	return [3]byte{byte(40 + 5*x), byte(30 + 9*y), byte(200 - 3*x - 2*y)}
}

func gradientGrey(x, y int) [3]byte {
	c := gradient(x, y)
	v, _, _ := color.RGBToYCbCr(c[0], c[1], c[2])
	return [3]byte{v, v, v}
}

// gradientGrey709 is the gradient in grey as ImageMagick converts it (ITU-R
// BT.709).
func gradientGrey709(x, y int) [3]byte {
	c := gradient(x, y)
	v := byte(0.2126*float64(c[0]) + 0.7152*float64(c[1]) + 0.0722*float64(c[2]) + 0.5)
	return [3]byte{v, v, v}
}

// drawPixels returns an image of w×h pixels.
func drawPixels(w, h int, at func(x, y int) [3]byte) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := at(x, y)
			m.SetNRGBA(x, y, color.NRGBA{c[0], c[1], c[2], 255})
		}
	}
	return m
}

func encodePNG(tb testing.TB, m image.Image) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(tb testing.TB, m image.Image) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// storedJPEG reads a file of testdata/jpeg.
func storedJPEG(tb testing.TB, name string) []byte {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "jpeg", name+".b64"))
	if err != nil {
		tb.Fatal(err)
	}
	b, err := base64.StdEncoding.DecodeString(string(text)) // DecodeString skips newlines
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// The colour types of a PNG's header (PNG 3rd edition, 11.2.1).
const (
	pngGrey      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGreyAlpha = 4
	pngRGBA      = 6
)

// pngFile returns a PNG of a kind that Go's encoder cannot write. raw holds the
// packed rows without their filter bytes. chunks precede the pixels.
func pngFile(w, h, depth, colour int, raw []byte, chunks ...[]byte) []byte {
	rowBytes := (w*depth*map[int]int{pngGrey: 1, pngRGB: 3, pngPalette: 1, pngGreyAlpha: 2, pngRGBA: 4}[colour] + 7) / 8
	var z bytes.Buffer
	zw := zlib.NewWriter(&z)
	for ; len(raw) >= rowBytes; raw = raw[rowBytes:] {
		_, _ = zw.Write([]byte{0})
		_, _ = zw.Write(raw[:rowBytes])
	}
	_ = zw.Close()
	return pngOf(w, h, depth, colour, 0, z.Bytes(), chunks...)
}

// pngOf returns a PNG with these compressed pixels.
func pngOf(w, h, depth, colour, interlace int, idat []byte, chunks ...[]byte) []byte {
	header := binary.BigEndian.AppendUint32(nil, uint32(w))
	header = binary.BigEndian.AppendUint32(header, uint32(h))
	header = append(header, byte(depth), byte(colour), 0, 0, byte(interlace))
	file := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", header)...)
	for _, c := range chunks {
		file = append(file, c...)
	}
	file = append(file, chunk("IDAT", idat)...)
	return append(file, chunk("IEND", nil)...)
}

func chunk(kind string, data []byte) []byte {
	c := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	c = append(append(c, kind...), data...)
	return binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
}

// segment returns a JPEG segment.
func segment(marker byte, data []byte) []byte {
	return append([]byte{0xff, marker, byte((len(data) + 2) >> 8), byte(len(data) + 2)}, data...)
}

// afterSOI inserts segments at the start of a JPEG.
func afterSOI(file []byte, segments ...[]byte) []byte {
	out := append([]byte{}, file[:2]...)
	for _, s := range segments {
		out = append(out, s...)
	}
	return append(out, file[2:]...)
}

// decode decodes a photograph, which must not fail.
func decode(t *testing.T, data []byte) *face.Photo {
	t.Helper()
	p, err := face.Decode(data, face.DefaultMaxPixels)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantPixels fails the test unless p has that size, and every pixel is within
// tolerance of the wanted one.
func wantPixels(t *testing.T, p *face.Photo, w, h int, want func(x, y int) [3]byte, tolerance int) {
	t.Helper()
	if p.Width != w || p.Height != h {
		t.Fatalf("%d×%d pixels, want %d×%d", p.Width, p.Height, w, h)
	}
	for y := range h {
		for x := range w {
			got, want := p.At(x, y), want(x, y)
			for i := range got {
				if d := int(got[i]) - int(want[i]); d > tolerance || d < -tolerance {
					t.Fatalf("pixel %d,%d is %v, want %v within %d", x, y, got, want, tolerance)
				}
			}
		}
	}
}
