package face_test

import (
	"bytes"
	"image"
	"image/color"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// wrongly returns a chunk with a wrong checksum.
func wrongly(kind string, data []byte) []byte {
	c := chunk(kind, data)
	c[len(c)-1] ^= 0x55
	return c
}

// chunksOf splits a PNG into its signature and its chunks.
func chunksOf(file []byte) (parts [][]byte) {
	parts, file = append(parts, file[:8]), file[8:]
	for len(file) > 0 {
		n := 12 + int(file[0])<<24 + int(file[1])<<16 + int(file[2])<<8 + int(file[3])
		parts, file = append(parts, file[:n]), file[n:]
	}
	return parts
}

// pngKinds are PNG files of the gradient, or of its red as grey, by their colour
// type.
func pngKinds(t *testing.T) map[string][]byte {
	r := image.Rect(0, 0, gradientWidth, gradientHeight)
	grey, palette := image.NewGray(r), image.NewPaletted(r, nil)
	for i := range 256 {
		palette.Palette = append(palette.Palette, color.NRGBA{byte(i), byte(i), byte(i), 255})
	}
	palette.Palette[0] = color.NRGBA{0, 0, 0, 128} // no pixel has it, but the file has a tRNS chunk
	for y := range gradientHeight {
		for x := range gradientWidth {
			v := gradient(x, y)[0]
			grey.Pix[y*grey.Stride+x], palette.Pix[y*palette.Stride+x] = v, v
		}
	}
	return map[string][]byte{
		"colour": encodePNG(t, drawPixels(gradientWidth, gradientHeight, gradient)), "grey": encodePNG(t, grey), "palette": encodePNG(t, palette),
	}
}

func pixelsOfKind(kind string) func(x, y int) [3]byte {
	if kind == "colour" {
		return gradient
	}
	return redAsGrey
}

// Ancillary chunks change no pixel, whatever their checksum and their content,
// and wherever they are.
func TestAncillaryChunksOfPNG(t *testing.T) {
	junk := bytes.Repeat([]byte{0xa5, 0x0f, 0xff}, 50)
	for kind, file := range pngKinds(t) {
		for _, name := range []string{
			"iCCP", "tEXt", "zTXt", "iTXt", "pHYs", "gAMA", "cHRM", "sRGB", "sBIT", "bKGD", "hIST", "sPLT", "tIME", "cICP",
			"acTL", "fcTL", "fdAT", "eXIf", "iDOT", "vpAg", "prVt",
		} {
			for _, c := range [][]byte{chunk(name, junk), chunk(name, nil), wrongly(name, junk), wrongly(name, nil)} {
				parts := chunksOf(file)
				for at := 2; at <= len(parts); at++ { // after the header, or later
					var with []byte
					for i, part := range parts {
						if i == at {
							with = append(with, c...)
						}
						with = append(with, part...)
					}
					if at == len(parts) {
						with = append(with, c...)
					}
					p, err := face.Decode(with, face.DefaultMaxPixels)
					if err != nil {
						t.Errorf("%s, %s at %d: %v", kind, name, at, err)
						continue
					}
					wantPixels(t, p, gradientWidth, gradientHeight, pixelsOfKind(kind), 0)
				}
			}
		}
	}
}

// Ancillary chunks may be between those of the pixels, and a second tRNS chunk, or
// one that the colour type cannot have, counts for nothing.
func TestChunksOutOfPlace(t *testing.T) {
	file := encodePNG(t, drawPixels(gradientWidth, gradientHeight, gradient))
	parts := chunksOf(file)
	pixels := parts[2][8 : len(parts[2])-4]
	alpha := image.NewNRGBA(image.Rect(0, 0, gradientWidth, gradientHeight))
	for y := range gradientHeight {
		for x := range gradientWidth {
			c := gradient(x, y)
			alpha.SetNRGBA(x, y, color.NRGBA{c[0], c[1], c[2], fade(x, y)})
		}
	}
	first, second := chunk("tRNS", []byte{0, 1, 0, 2, 0, 3}), chunk("tRNS", []byte{0, 40, 0, 30, 0, 200})
	for name, test := range map[string]struct {
		file []byte
		want func(x, y int) [3]byte
	}{
		"text between the pixels": {
			bytes.Join([][]byte{parts[0], parts[1], chunk("IDAT", pixels[:20]), wrongly("tEXt", pixels), chunk("IDAT", pixels[20:]), parts[3]}, nil),
			gradient,
		},
		"a second tRNS":           {withChunk(withChunk(file, second), first), gradient},
		"tRNS behind the pixels":  {bytes.Join([][]byte{parts[0], parts[1], parts[2], second, parts[3]}, nil), gradient},
		"tRNS of a file of alpha": {withChunk(encodePNG(t, alpha), first), faded},
	} {
		p, err := face.Decode(test.file, face.DefaultMaxPixels)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantPixels(t, p, gradientWidth, gradientHeight, test.want, 1)
	}
}

// A wrong checksum in a chunk that says what the pixels are is damage, as is a
// chunk that goes beyond the file, or is none.
func TestDamagedChunksOfPNG(t *testing.T) {
	for kind, file := range pngKinds(t) {
		seen := map[string]bool{}
		for i, part := range chunksOf(file)[1:] {
			name := string(part[4:8])
			if seen[name] = true; name == "IEND" {
				continue
			}
			parts := chunksOf(bytes.Clone(file))
			parts[i+1][len(part)-1] ^= 1
			_, err := face.Decode(bytes.Join(parts, nil), face.DefaultMaxPixels)
			wantKind(t, err, sesuai.KindInvalidImage)
		}
		if !seen["IHDR"] || !seen["IDAT"] || kind == "palette" && (!seen["PLTE"] || !seen["tRNS"]) {
			t.Errorf("%s has only %v", kind, seen)
		}
		long := chunk("tEXt", make([]byte, 100))
		for about, c := range map[string][]byte{
			"beyond the file":     append([]byte{0, 1, 0, 0}, long[4:]...),
			"far beyond the file": append([]byte{0xff, 0xff, 0xff, 0xff}, long[4:]...),
			"no letters":          chunk("\x00EXt", nil),
		} {
			if _, err := face.Decode(withChunk(file, c), face.DefaultMaxPixels); sesuai.KindOf(err) != sesuai.KindInvalidImage {
				t.Errorf("%s, a chunk: %s: %v", kind, about, err)
			}
		}
	}
}

// A PNG of which only the end chunk is missing, or a part of it, is complete. What
// the end chunk holds counts for nothing.
func TestMissingEndOfPNG(t *testing.T) {
	for kind, file := range pngKinds(t) {
		whole := file[:len(file)-12]
		files := [][]byte{append(bytes.Clone(whole), wrongly("IEND", nil)...), append(bytes.Clone(whole), chunk("IEND", []byte{1, 2})...)}
		for n := len(whole); n <= len(file); n++ {
			files = append(files, file[:n])
		}
		for _, data := range files {
			p, err := face.Decode(data, face.DefaultMaxPixels)
			if err != nil {
				t.Errorf("%s, %d of %d bytes: %v", kind, len(data), len(file), err)
				continue
			}
			wantPixels(t, p, gradientWidth, gradientHeight, pixelsOfKind(kind), 0)
		}
		// A whole chunk of pixels is missing.
		parts := chunksOf(file)
		pixels := parts[len(parts)-2]
		half := chunk("IDAT", pixels[8:len(pixels)/2])
		_, err := face.Decode(append(bytes.Join(parts[:len(parts)-2], nil), half...), face.DefaultMaxPixels)
		wantKind(t, err, sesuai.KindInvalidImage)
	}
}

// The orientation counts even with a wrong checksum.
func TestOrientationWithWrongChecksum(t *testing.T) {
	file := encodePNG(t, drawPixels(stored(6, 5, 3, gradient)))
	wantPixels(t, decode(t, withChunk(file, wrongly("eXIf", tiff(littleEndian, 6)))), 5, 3, gradient, 0)
}

// A chunk that is left out promises no work but that of its header.
func TestAncillaryChunksCostNothing(t *testing.T) {
	file := encodePNG(t, drawPixels(gradientWidth, gradientHeight, gradient))
	before, err := face.Promised(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	after, err := face.Promised(withChunk(file, chunk("iCCP", make([]byte, 9<<20))), nil)
	if err != nil {
		t.Fatal(err)
	}
	if after > before+1000 {
		t.Errorf("%d ns with a profile, %d without", after, before)
	}
}
