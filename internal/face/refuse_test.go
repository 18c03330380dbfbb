package face_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/test/process"
)

func TestDecodeRefusesOtherFormats(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":         "",
		"one byte":        "\xff",
		"text":            "not a photograph",
		"GIF":             "GIF89a\x01\x00\x01\x00\x00\x00\x00;",
		"WebP":            "RIFF\x1a\x00\x00\x00WEBPVP8L",
		"HEIC":            "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
		"AVIF":            "\x00\x00\x00\x1cftypavif",
		"PDF":             "%PDF-1.7\n",
		"BMP":             "BM\x1a\x00\x00\x00",
		"TIFF":            "II*\x00\x08\x00\x00\x00",
		"JPEG 2000":       "\x00\x00\x00\x0cjP  \r\n\x87\n",
		"JPEG XL":         "\xff\x0a\xfa\x1f",
		"SVG":             "<svg xmlns='http://www.w3.org/2000/svg'/>",
		"data URL":        "data:image/png;base64,iVBORw0KGgo=",
		"space, then PNG": " \x89PNG\r\n\x1a\n",
		"half a magic":    "\x89PNG\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if face.Supported([]byte(data)) {
				t.Error("it counts as supported")
			}
			_, err := face.Decode([]byte(data), face.DefaultMaxPixels)
			wantKind(t, err, sesuai.KindUnsupportedImage)
		})
	}
}

// frameAt returns the position of a JPEG's frame header (SOF0 or SOF2).
func frameAt(t *testing.T, file []byte) int {
	t.Helper()
	for at := 2; at+4 <= len(file); at += 2 + int(binary.BigEndian.Uint16(file[at+2:])) {
		if m := file[at+1]; m == 0xc0 || m == 0xc2 {
			return at
		}
	}
	t.Fatal("a JPEG without a frame")
	return 0
}

// patched returns a copy of file with other bytes at a position.
func patched(file []byte, at int, b ...byte) []byte {
	c := bytes.Clone(file)
	copy(c[at:], b)
	return c
}

// A JPEG or PNG that cannot be decoded is an error.
func TestDecodeRefusesWhatItCannotRead(t *testing.T) {
	jpg := storedJPEG(t, "rgb_444")
	frame := frameAt(t, jpg)
	png := encodePNG(t, drawPixels(5, 3, gradient))
	cmyk := withoutFirstSegment(storedJPEG(t, "ycck"))
	for name, data := range map[string][]byte{
		"JPEG: magic alone":                []byte("\xff\xd8\xff"),
		"JPEG: no width":                   patched(jpg, frame+7, 0, 0),
		"JPEG: two components":             patched(jpg, frame+9, 2),
		"JPEG: four of unknown meaning":    cmyk,
		"JPEG: end in place of the pixels": append(bytes.Clone(jpg[:len(jpg)-40]), 0xff, 0xd9),
		"PNG: magic alone":                 png[:8],
		"PNG: damaged pixels":              patched(png, len(png)-12-8, 1, 2, 3, 4),
		"PNG: no width":                    pngOf(0, 3, 8, pngRGB, 0, nil),
		"PNG: 3 bits":                      pngOf(5, 3, 3, pngGrey, 0, nil),
		"PNG: no palette":                  pngFile(5, 3, 8, pngPalette, make([]byte, 15)),
		"PNG: too few rows":                pngFile(5, 3, 8, pngGrey, make([]byte, 10)),
		"PNG: too many rows":               pngFile(5, 3, 8, pngGrey, make([]byte, 20)),
		"PNG: no pixels":                   pngOf(5, 3, 8, pngGrey, 0, nil),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := face.Decode(data, face.DefaultMaxPixels)
			if err == nil {
				t.Fatalf("it is read as %d×%d pixels", p.Width, p.Height)
			}
			wantKind(t, err, sesuai.KindInvalidImage)
		})
	}
}

func TestDecodeRefusesTruncation(t *testing.T) {
	files := map[string][]byte{
		"PNG": encodePNG(t, drawPixels(gradientWidth, gradientHeight, gradient)),
	}
	for _, name := range []string{"rgb_420", "progressive_420", "progressive_grey", "ycck", "progressive_ycck"} {
		files[name] = storedJPEG(t, name)
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			end := 2
			if name == "PNG" {
				end = 12
			}
			for n := range len(file) - end { // without its end it is complete
				p, err := face.Decode(file[:n], face.DefaultMaxPixels)
				if err == nil {
					t.Fatalf("%d of %d bytes are read as %d×%d pixels", n, len(file), p.Width, p.Height)
				}
				want := sesuai.KindInvalidImage
				if !face.Supported(file[:n]) {
					want = sesuai.KindUnsupportedImage
				}
				wantKind(t, err, want)
			}
		})
	}
}

func TestDecodeRefusesTooManyPixelsByTheHeader(t *testing.T) {
	jpg, progressive := storedJPEG(t, "rgb_420"), storedJPEG(t, "progressive_420")
	side := []byte{0xea, 0x60, 0xea, 0x60} // 60,000
	for name, data := range map[string][]byte{
		"PNG":              pngOf(60_000, 60_000, 8, pngRGB, 0, []byte{1, 2, 3}),
		"PNG, interlaced":  pngOf(60_000, 60_000, 16, pngRGBA, 1, []byte{1, 2, 3}),
		"PNG, wide":        pngOf(40_000_001, 1, 8, pngGrey, 0, []byte{1, 2, 3}),
		"JPEG":             patched(jpg, frameAt(t, jpg)+5, side...),
		"JPEG, every bit":  patched(jpg, frameAt(t, jpg)+5, 0xff, 0xff, 0xff, 0xff),
		"JPEG progressive": patched(progressive, frameAt(t, progressive)+5, side...),
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			size := process.Allocated(func() { _, err = face.Decode(data, face.DefaultMaxPixels) })
			wantKind(t, err, sesuai.KindTooLarge)
			if size > 256<<10 {
				t.Errorf("refusing it allocates %d bytes", size)
			}
		})
	}
}

// Sizes whose product overflows are refused too.
func TestDecodeRefusesSizesThatOverflow(t *testing.T) {
	for _, size := range []int{1<<31 - 1, 1<<32 - 1} {
		var err error
		bytes := process.Allocated(func() { _, err = face.Decode(pngOf(size, size, 16, pngRGBA, 0, nil), face.DefaultMaxPixels) })
		if err == nil || bytes > 256<<10 {
			t.Errorf("%d×%d: error %v, %d bytes allocated", size, size, err, bytes)
		}
	}
}

func TestMaxPixelsIsExact(t *testing.T) {
	data := encodePNG(t, drawPixels(7, 3, gradient))
	if _, err := face.Decode(data, 21); err != nil {
		t.Error(err)
	}
	_, err := face.Decode(data, 20)
	wantKind(t, err, sesuai.KindTooLarge)
}

// A JPEG with very many scans is refused.
func TestDecodeRefusesManyScans(t *testing.T) {
	file := storedJPEG(t, "progressive_420")
	start := bytes.Index(file, []byte{0xff, 0xda})
	end := start + 2 + bytes.Index(file[start+2:], []byte{0xff, 0xc4}) // the next scan's tables
	with := func(scans int) []byte {
		again := bytes.Repeat(file[start:end], scans)
		return append(append(bytes.Clone(file[:end]), again...), file[end:]...)
	}
	decode(t, with(20))
	_, err := face.Decode(with(100), face.DefaultMaxPixels)
	wantKind(t, err, sesuai.KindInvalidImage)
}

// Bytes that look like scans do not count after the end of the image, where
// telephones append films, or inside a segment.
func TestDecodeHeedsNoScansOutsideTheImage(t *testing.T) {
	file := storedJPEG(t, "progressive_420")
	false200 := bytes.Repeat([]byte{0xff, 0xda, 0x00, 0x08}, 200)
	decode(t, append(bytes.Clone(file), false200...))

	segment := append([]byte{0xff, 0xe2, byte((len(false200) + 2) >> 8), byte(len(false200) + 2)}, false200...)
	decode(t, append(append(bytes.Clone(file[:2]), segment...), file[2:]...))
}
