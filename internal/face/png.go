package face

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// pngFile is what the chunks of a PNG say about its decoding.
type pngFile struct {
	width, height int
	depth         int // bits per sample
	colour        int // the colour type
	interlaced    bool
	transparent   bool // one colour is transparent
	chunks        int
	// parts are what is decoded, and size is their length: the file without
	// what follows the end, and without ancillary chunks other than tRNS.
	parts [][]byte
	size  int
}

// The colour types (PNG 3rd edition, 11.2.1).
const (
	pngGrey      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGreyAlpha = 4
	pngRGBA      = 6
)

// pngEnd is the last chunk (PNG 3rd edition, 11.2.5).
const pngEnd = "\x00\x00\x00\x00IEND\xaeB`\x82"

// parsePNG reads the header and chooses the chunks that are decoded (PNG 3rd
// edition, 5.3 and 11.2.1). Programs write ancillary chunks with a wrong checksum
// or content. They change no pixel here, but for tRNS, so they are left out. The
// end chunk may be missing: the decoder notices if there are not all pixels.
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
	p.keep(data[:len(pngMagic)])
	var pixels, transparency bool
	for at := len(pngMagic); ; {
		rest := data[at:]
		if strings.HasPrefix(pngEnd, string(rest[:min(len(rest), len(pngEnd))])) {
			break // nothing is left, or a part of the end chunk
		}
		if len(rest) < 12 {
			return p, errPNGCutOff
		}
		if p.chunks++; p.chunks > maxSegments {
			return p, fmt.Errorf("a PNG of over %d chunks", maxSegments)
		}
		kind := string(rest[4:8])
		if kind == "IEND" {
			break
		}
		if !isChunk(kind) {
			return p, errors.New("a PNG with an invalid chunk")
		}
		size := int64(binary.BigEndian.Uint32(rest)) + 12
		if size > int64(len(rest)) {
			return p, errPNGCutOff
		}
		pixels = pixels || kind == "IDAT"
		switch critical := kind[0] <= 'Z'; {
		case kind == "tRNS" && p.colour <= pngPalette && !pixels && !transparency:
			transparency, p.transparent = true, p.colour != pngPalette
			p.keep(rest[:size])
		case critical:
			p.keep(rest[:size])
		}
		at += int(size)
	}
	p.keep([]byte(pngEnd))
	return p, nil
}

var errPNGCutOff = errors.New("a PNG that is cut off within a chunk")

// isChunk reports whether kind is the type of a chunk: four letters.
func isChunk(kind string) bool {
	for _, c := range []byte(kind) {
		if c |= 'a' - 'A'; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

func (p *pngFile) keep(part []byte) {
	p.parts = append(p.parts, part)
	p.size += len(part)
}

// reader reads what is decoded.
func (p *pngFile) reader() io.Reader {
	readers := make([]io.Reader, len(p.parts))
	for i, part := range p.parts {
		readers[i] = bytes.NewReader(part)
	}
	return io.MultiReader(readers...)
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
