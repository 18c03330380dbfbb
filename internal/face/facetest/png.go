package facetest

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
)

// PNG describes a PNG file.
type PNG struct {
	Width, Height int
	// Depth is the number of bits per sample, Colour the colour type (PNG 3rd
	// edition, 11.2.1).
	Depth, Colour int
	Interlaced    bool
	// Transparent adds a tRNS chunk.
	Transparent bool
	// Filter is the filter of each row, 0 to 4.
	Filter byte
	// Level is a level of compress/zlib.
	Level int
	// Alphabet is how many different bytes the rows have; one if it is 0.
	Alphabet int
	// Chunks is the number of ancillary chunks, Piece the greatest size of a
	// chunk of pixels, all in one if 0.
	Chunks, Piece int
	// Trailer follows the end.
	Trailer []byte
}

// Encode returns the file.
func (p PNG) Encode() []byte {
	header := binary.BigEndian.AppendUint32(nil, uint32(p.Width))
	header = binary.BigEndian.AppendUint32(header, uint32(p.Height))
	interlace := byte(0)
	if p.Interlaced {
		interlace = 1
	}
	out := []byte("\x89PNG\r\n\x1a\n")
	out = Chunk(out, "IHDR", append(header, byte(p.Depth), byte(p.Colour), 0, 0, interlace))
	if p.Colour == 3 {
		out = Chunk(out, "PLTE", make([]byte, 3<<p.Depth))
	}
	if p.Transparent {
		out = Chunk(out, "tRNS", make([]byte, map[int]int{0: 2, 2: 6, 3: 1}[p.Colour]))
	}
	for range p.Chunks {
		out = Chunk(out, "teXt", nil)
	}
	pixels := p.pixels()
	for piece := max(p.Piece, 1); p.Piece > 0 && len(pixels) > piece; pixels = pixels[piece:] {
		out = Chunk(out, "IDAT", pixels[:piece])
	}
	out = Chunk(out, "IDAT", pixels)
	return append(Chunk(out, "IEND", nil), p.Trailer...)
}

// Chunk appends a chunk to a PNG.
func Chunk(out []byte, kind string, data []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	from := len(out)
	out = append(append(out, kind...), data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[from:]))
}

func (p PNG) pixels() []byte {
	var z bytes.Buffer
	w, err := zlib.NewWriterLevel(&z, p.Level)
	if err != nil {
		panic(err) // a description with a wrong level
	}
	bits := p.Depth * map[int]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[p.Colour]
	rng := rand.New(rand.NewPCG(1, 2))
	rows := func(width, height int) {
		if width == 0 {
			return
		}
		row := make([]byte, 1+ceil(width*bits, 8))
		row[0] = p.Filter
		for y := range height {
			if p.Alphabet > 0 && y < 64 {
				for i := range row[1:] {
					row[1+i] = byte(rng.IntN(p.Alphabet))
				}
			}
			_, _ = w.Write(row) // to memory
		}
	}
	if !p.Interlaced {
		rows(p.Width, p.Height)
	} else {
		for _, pass := range [...][4]int{
			{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2},
		} {
			rows(ceil(p.Width-pass[0], pass[2]), ceil(p.Height-pass[1], pass[3]))
		}
	}
	_ = w.Close()
	return z.Bytes()
}
