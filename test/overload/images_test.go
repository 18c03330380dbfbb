package overload_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/png"
	"math/rand/v2"
	"testing"
)

// bits writes the data of a scan (ISO/IEC 10918-1, F.1.2.3).
type bits struct {
	bytes.Buffer
	held  uint32
	count int
}

func (b *bits) put(value uint32, n int) {
	b.held, b.count = b.held<<n|value&(1<<n-1), b.count+n
	for b.count >= 8 {
		b.count -= 8
		c := byte(b.held >> b.count)
		b.WriteByte(c)
		if c == 0xff {
			b.WriteByte(0)
		}
	}
}

// end fills the last byte with ones.
func (b *bits) end() {
	b.put(0x7f, 7)
	b.count = 0
}

func (b *bits) segment(marker byte, content ...byte) {
	b.Write([]byte{0xff, marker})
	_ = binary.Write(b, binary.BigEndian, uint16(2+len(content))) // a Buffer's Write has no error
	b.Write(content)
}

// acSymbols are the symbols of all runs and sizes. Each has a code of 8 bits, its
// place in the list.
func acSymbols() (symbols []byte) {
	symbols = []byte{0x00, 0xf0}
	for run := range 16 {
		for size := 1; size <= 10; size++ {
			symbols = append(symbols, byte(run<<4|size))
		}
	}
	return symbols
}

// table is a segment of a Huffman table with codes of 8 bits.
func (b *bits) table(class byte, symbols []byte) {
	content := make([]byte, 17, 17+len(symbols))
	content[0], content[8] = class, byte(len(symbols))
	b.segment(0xc4, append(content, symbols...)...)
}

// progressiveJPEG returns a progressive JPEG of noise, of width×height pixels, with
// chroma at half the size and 11 scans: as encoders make them, but with more to
// decode than a photograph has.
func progressiveJPEG(width, height int) []byte {
	random := rand.New(rand.NewPCG(12, 3))
	var b bits
	b.Write([]byte{0xff, 0xd8})
	b.segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{24}, 64)...)...)
	b.segment(0xc2, 8, byte(height>>8), byte(height), byte(width>>8), byte(width), 3,
		1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0)
	b.table(0x00, []byte{0, 1, 2, 3, 4, 5})
	b.table(0x10, acSymbols())

	b.segment(0xda, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0)
	units := (width + 15) / 16 * ((height + 15) / 16)
	for i := range 6 * units { // the first coefficients go up and down by 8
		b.put(4, 8)
		b.put(uint32(8-i/6%2), 4) // 8, or -8 as its complement
	}
	b.end()
	bands := [][][2]byte{{{1, 5}, {6, 14}, {15, 27}, {28, 63}}, {{1, 5}, {6, 20}, {21, 63}}, {{1, 5}, {6, 20}, {21, 63}}}
	for component, list := range bands {
		blocks := (width + 7) / 8 * ((height + 7) / 8)
		if component > 0 {
			blocks = ((width+1)/2 + 7) / 8 * (((height+1)/2 + 7) / 8)
		}
		for _, band := range list {
			b.segment(0xda, 1, byte(component+1), 0, band[0], band[1], 0)
			for range blocks {
				r := random.Uint32()
				b.put(2, 8) // no run, one bit
				b.put(r, 1)
				b.put(2, 8)
				b.put(r>>1, 1)
				b.put(0, 8) // the end of the block
			}
			b.end()
		}
	}
	b.Write([]byte{0xff, 0xd9})
	return b.Bytes()
}

// widePNG returns a PNG of 16 bits for each of four channels, of which a few
// kilobytes decode to 8 bytes for each pixel.
func widePNG(t *testing.T, width, height int) []byte {
	t.Helper()
	m := image.NewNRGBA64(image.Rect(0, 0, width, height))
	m.Pix[0] = 1 // not opaque, so all channels are written
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
