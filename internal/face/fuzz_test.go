package face_test

import (
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// FuzzDecode looks for panics, for errors that are not about the photograph, and
// for invalid Photos.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{
		"rgb_444", "rgb_422", "rgb_420", "rgb_440", "rgb_411", "progressive_444", "progressive_420",
		"progressive_grey", "ycck", "progressive_ycck",
	} {
		data := storedJPEG(f, name)
		f.Add(data)
		f.Add(afterSOI(data, exifSegment(tiff(littleEndian, 6))))
		f.Add(afterSOI(withoutFirstSegment(data), adobe(0)))
	}
	png := encodePNG(f, drawPixels(9, 5, gradient))
	f.Add(png)
	f.Add(withChunk(png, chunk("eXIf", tiff(bigEndian, 8))))
	f.Add(pngFile(3, 1, 8, pngPalette, []byte{0, 1, 200}, chunk("PLTE", []byte{9, 8, 7, 200, 201, 202}), chunk("tRNS", []byte{7})))
	f.Add(pngFile(3, 1, 16, pngGrey, []byte{10, 0, 20, 1, 20, 2}, chunk("tRNS", []byte{20, 1})))
	f.Add(pngFile(3, 1, 16, pngRGBA, make([]byte, 24)))
	f.Add(pngFile(16, 1, 1, pngGrey, []byte{0xaa, 0x55}))
	f.Add(pngOf(60_000, 60_000, 8, pngRGB, 0, nil))
	f.Add([]byte("GIF89a"))

	const maxPixels = 1 << 16
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := face.Decode(data, maxPixels)
		switch sesuai.KindOf(err) {
		case "":
		case sesuai.KindUnsupportedImage, sesuai.KindInvalidImage, sesuai.KindTooLarge:
			return
		default:
			t.Fatal(err)
		}
		if p.Width < 1 || p.Height < 1 || p.Width > maxPixels/p.Height {
			t.Fatalf("%d×%d pixels", p.Width, p.Height)
		}
		// Every corner can be read.
		p.At(0, 0)
		p.At(p.Width-1, 0)
		p.At(0, p.Height-1)
		p.At(p.Width-1, p.Height-1)
	})
}
