package face

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// pngFile is what the chunks of a PNG say about its decoding.
type pngFile struct {
	width, height int
	depth         int // bits per sample
	colour        int // the colour type
	interlaced    bool
	transparent   bool // one colour is transparent
	chunks        int
}

// The colour types (PNG 3rd edition, 11.2.1).
const (
	pngGrey      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGreyAlpha = 4
	pngRGBA      = 6
)

// parsePNG reads the header and counts the chunks (PNG 3rd edition, 5.3 and
// 11.2.1).
func parsePNG(data []byte) (*pngFile, error) {
	const header = len(pngMagic) + 8
	if len(data) < header+13 || string(data[header-4:header]) != "IHDR" {
		return &pngFile{}, errors.New("a PNG without a header")
	}
	h := data[header:]
	p := &pngFile{
		width: int(binary.BigEndian.Uint32(h)), height: int(binary.BigEndian.Uint32(h[4:])),
		depth: int(h[8]), colour: int(h[9]), interlaced: h[12] != 0,
	}
	for at := int64(len(pngMagic)); at+8 <= int64(len(data)); at += 12 + int64(binary.BigEndian.Uint32(data[at:])) {
		if p.chunks++; p.chunks > maxSegments {
			return p, fmt.Errorf("a PNG of over %d chunks", maxSegments)
		}
		kind := string(data[at+4 : at+8])
		if p.transparent = p.transparent || kind == "tRNS" && p.colour != pngPalette; kind == "IEND" {
			break
		}
	}
	return p, nil
}

// samples returns the number of samples per pixel.
func (p *pngFile) samples() int {
	switch p.colour {
	case pngRGB:
		return 3
	case pngGreyAlpha:
		return 2
	case pngRGBA:
		return 4
	default:
		return 1
	}
}

// rawBytes returns the number of bytes after decompression: each row has a byte
// for its filter. The rows of the seven passes of an interlaced file are shorter
// (PNG 3rd edition, 7.2 and 8.2).
func (p *pngFile) rawBytes() int {
	rows := func(w, h int) int {
		if w == 0 {
			return 0
		}
		return h * (1 + ceil(w*p.samples()*p.depth, 8))
	}
	if !p.interlaced {
		return rows(p.width, p.height)
	}
	n := 0
	for _, pass := range adam7 {
		n += rows(ceil(p.width-pass.x, pass.dx), ceil(p.height-pass.y, pass.dy))
	}
	return n
}

// adam7 are the passes of an interlaced PNG: the first column and row, and the
// steps (PNG 3rd edition, 8.2).
var adam7 = [...]struct{ x, y, dx, dy int }{
	{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2},
}
