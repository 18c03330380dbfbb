package face

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// JPEG markers (ISO/IEC 10918-1, table B.1).
const (
	baseline        = 0xc0
	extended        = 0xc1
	progressive     = 0xc2
	lossless        = 0xc3
	huffmanTables   = 0xc4
	conditioning    = 0xcc
	firstRestart    = 0xd0
	lastRestart     = 0xd7
	endOfImage      = 0xd9
	startOfScan     = 0xda
	quantization    = 0xdb
	numberOfLines   = 0xdc
	restartInterval = 0xdd
	hierarchical    = 0xde
	expand          = 0xdf
	app0            = 0xe0
	app1            = 0xe1
	app14           = 0xee
	app15           = 0xef
	jpegLS          = 0xf7 // ISO/IEC 14495-1, C.1.1
	presetLS        = 0xf8
	comment         = 0xfe
)

// unreadFrames are the kinds of JPEG that neither decoder reads, by the marker
// that says so.
var unreadFrames = map[byte]unread{
	lossless: "lossless JPEG", 0xc5: "hierarchical JPEG", 0xc6: "hierarchical JPEG", 0xc7: "hierarchical JPEG",
	0xc9: "arithmetic-coded JPEG", 0xca: "arithmetic-coded JPEG", 0xcb: "arithmetic-coded JPEG",
	0xcd: "hierarchical JPEG", 0xce: "hierarchical JPEG", 0xcf: "hierarchical JPEG",
	hierarchical: "hierarchical JPEG", expand: "hierarchical JPEG",
	jpegLS: "JPEG-LS", presetLS: "JPEG-LS",
}

// jpegColours says what the components of a JPEG are. The inks of inCMYK are how
// much ink there is, those of inAdobeCMYK how little.
type jpegColours uint8

const (
	inGrey jpegColours = iota
	inYCbCr
	inRGB
	inCMYK
	inAdobeCMYK
	inYCCK
)

// inks reports whether the components are four inks.
func (c jpegColours) inks() bool { return c >= inCMYK }

const (
	// maxScans is the greatest number of scans in a JPEG. Common encoders
	// write at most 10, and at most 64 if they are told to send each bit of
	// each band on its own (docs/decisions/images.md).
	maxScans = 100
	// maxSegments is the greatest number of segments in a JPEG and of chunks
	// in a PNG. A file of 10 MiB has 160 segments of the greatest size, or
	// 1,280 chunks of 8 KiB, as libpng writes them.
	maxSegments = 10_000
)

// jpegFile is what the markers of a JPEG say about its decoding.
type jpegFile struct {
	width, height int
	progressive   bool
	components    []jpegComponent
	scans         []jpegScan
	colours       jpegColours
	// end is the length up to the end marker, and with it. It is 0 if there is
	// none.
	end int
}

// jpegComponent has the sampling factors of ISO/IEC 10918-1, A.1.1.
type jpegComponent struct {
	id   byte
	h, v int
}

// jpegScan is one scan: the coefficients from..to, in zigzag order, of some
// components. A progressive file sends the bits of a coefficient from a high one
// down to bit low. If high is not 0, the scan refines what an earlier one sent
// (ISO/IEC 10918-1, G.1.1.1).
type jpegScan struct {
	components         []int
	from, to           int
	high, low          int
	restart, dataBytes int
}

// parseJPEG walks from marker to marker (ISO/IEC 10918-1, B.1.1), as both decoders
// do: between segments it skips what is not a marker. It does not look at what
// follows the end of the image, where telephones append films and further
// images. A file of a kind that is not read is an error of type unread. Besides an
// error it returns what it has read until then.
func parseJPEG(data []byte) (*jpegFile, error) {
	p := jpegParser{jpegFile: &jpegFile{}, adobe: -1}
	segments, dataFrom := 0, 0
	for at := 2; at+1 < len(data); {
		marker := data[at+1]
		switch {
		case data[at] != 0xff, marker == 0, marker >= firstRestart && marker <= lastRestart:
			// The data of a scan: go to the next byte that may begin a marker.
			next := bytes.IndexByte(data[at+1:], 0xff)
			if next < 0 {
				p.endScan(len(data) - dataFrom)
				return p.jpegFile, p.kind()
			}
			at += 1 + next
			continue
		case marker == 0xff: // a fill byte
			at++
			continue
		}
		if dataFrom > 0 {
			p.endScan(at - dataFrom)
			dataFrom = 0
		}
		if marker == endOfImage {
			p.end = at + 2
			break
		}
		if segments++; segments > maxSegments {
			return p.jpegFile, fmt.Errorf("a JPEG of over %d segments", maxSegments)
		}
		if at+4 > len(data) {
			return p.jpegFile, errCutOff
		}
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		if size < 2 || at+2+size > len(data) {
			return p.jpegFile, errCutOff
		}
		if err := p.segment(marker, data[at+4:at+2+size]); err != nil {
			return p.jpegFile, err
		}
		at += 2 + size
		if marker == startOfScan {
			dataFrom = at
		}
	}
	if dataFrom > 0 {
		p.endScan(len(data) - dataFrom)
	}
	return p.jpegFile, p.kind()
}

var (
	errCutOff = errors.New("a JPEG that is cut off within a segment")
	errMarker = errors.New("a JPEG with an unknown marker")
	errFrame  = errors.New("a JPEG with an invalid frame header")
	errScan   = errors.New("a JPEG with an invalid scan header")
)

// jpegParser has the state of the walk besides its result.
type jpegParser struct {
	*jpegFile
	restart int
	jfif    bool
	adobe   int // the transform of the APP14 segment, -1 without one
}

// segment reads one segment without its marker and size.
func (p *jpegParser) segment(marker byte, s []byte) error {
	switch marker {
	case baseline, extended, progressive:
		return p.frame(marker, s)
	case startOfScan:
		return p.scan(s)
	case restartInterval:
		if len(s) != 2 {
			return errors.New("a JPEG with an invalid restart interval")
		}
		p.restart = int(binary.BigEndian.Uint16(s))
	case app0:
		p.jfif = p.jfif || len(p.scans) == 0 && len(s) >= 14 && bytes.HasPrefix(s, []byte("JFIF\x00"))
	case app14: // Adobe Technical Note 5116
		if len(p.scans) == 0 && len(s) >= 12 && bytes.HasPrefix(s, []byte("Adobe")) {
			p.adobe = int(s[11])
		}
	case huffmanTables, conditioning, quantization, numberOfLines, comment:
	default:
		if kind, ok := unreadFrames[marker]; ok {
			return kind
		}
		if marker < app0 || marker > app15 {
			return errMarker // of another process, or without a size
		}
	}
	return nil
}

// frame reads a frame header (ISO/IEC 10918-1, B.2.2).
func (p *jpegParser) frame(marker byte, s []byte) error {
	if p.components != nil || len(s) < 6 || len(s) != 6+3*int(s[5]) {
		return errFrame
	}
	p.progressive = marker == progressive
	p.height, p.width = int(binary.BigEndian.Uint16(s[1:])), int(binary.BigEndian.Uint16(s[3:]))
	switch n := s[5]; {
	case p.width == 0 || n == 0:
		return errFrame
	case s[0] == 12:
		return unread("JPEG of 12 bits per sample")
	case s[0] != 8:
		return errFrame
	case p.height == 0:
		return unread("JPEG whose height follows its pixels")
	case n == 2 || n > 4:
		return unread("JPEG of 2 or over 4 components")
	}
	for c := s[6:]; len(c) > 0; c = c[3:] {
		component := jpegComponent{c[0], int(c[1] >> 4), int(c[1] & 15)}
		if component.h < 1 || component.h > 4 || component.v < 1 || component.v > 4 {
			return errFrame
		}
		p.components = append(p.components, component)
	}
	if len(p.components) == 1 {
		// The factors of a single component have no meaning (A.2.2).
		p.components[0].h, p.components[0].v = 1, 1
	}
	h, v := p.factors()
	for _, c := range p.components {
		if h%c.h != 0 || v%c.v != 0 {
			// libjpeg does not read these either.
			return unread("JPEG of fractional sampling")
		}
	}
	return nil
}

// scan reads a scan header (ISO/IEC 10918-1, B.2.3).
func (p *jpegParser) scan(s []byte) error {
	if len(p.scans) == maxScans {
		return fmt.Errorf("a JPEG of over %d scans", maxScans)
	}
	if len(s) < 6 || len(s) != 4+2*int(s[0]) || int(s[0]) > len(p.components) {
		return errScan
	}
	scan := jpegScan{to: 63, restart: p.restart}
	for c := s[1 : len(s)-3]; len(c) > 0; c = c[2:] {
		// Some cameras give several components the same id, in their order.
		found := -1
		for i, component := range p.components {
			if found < 0 && component.id == c[0] && !slices.Contains(scan.components, i) {
				found = i
			}
		}
		if found < 0 {
			return errScan
		}
		scan.components = append(scan.components, found)
	}
	if band := s[len(s)-3:]; p.progressive {
		scan.from, scan.to = int(band[0]), int(band[1])
		scan.high, scan.low = int(band[2]>>4), int(band[2]&15)
		if scan.from > scan.to || scan.to > 63 || scan.low > 13 {
			return errScan
		}
	}
	p.scans = append(p.scans, scan)
	return nil
}

// endScan sets the length of the data of the last scan.
func (p *jpegParser) endScan(n int) {
	if len(p.scans) > 0 && n > 0 {
		p.scans[len(p.scans)-1].dataBytes = n
	}
}

// kind sets colours, by the rules of libjpeg.
func (p *jpegParser) kind() error {
	if len(p.scans) == 0 {
		return errors.New("a JPEG without a scan")
	}
	c := p.components
	rgb := p.adobe == 0 || p.adobe < 0 && len(c) == 3 && c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B'
	switch {
	case len(c) == 1:
		p.colours = inGrey
	case len(c) == 3 && (p.jfif || !rgb):
		p.colours = inYCbCr
	case len(c) == 3:
		p.colours = inRGB
	case p.adobe < 0:
		p.colours = inCMYK
	case p.adobe == 0:
		p.colours = inAdobeCMYK
	default:
		p.colours = inYCCK
	}
	return nil
}

// complete reports whether the scans send every bit of every coefficient.
func (j *jpegFile) complete() bool {
	for i := range j.components {
		var sent [64]bool
		for _, s := range j.scans {
			for _, c := range s.components {
				for k := s.from; c == i && s.low == 0 && k <= s.to; k++ {
					sent[k] = true
				}
			}
		}
		for _, ok := range sent {
			if !ok {
				return false
			}
		}
	}
	return true
}

// closed returns the file up to its end marker. A file of which only that is
// missing gets one, since both decoders ask for it. Both notice if the last scan
// is cut off.
func (j *jpegFile) closed(data []byte) ([]byte, error) {
	switch {
	case j.end > 0:
		return data[:j.end], nil
	case j.complete():
		return append(data[:len(data):len(data)], 0xff, endOfImage), nil
	default:
		return nil, errors.New("a JPEG without its last scans")
	}
}

// mcus returns the number of minimum coded units (ISO/IEC 10918-1, A.2): groups of
// blocks of all components.
func (j *jpegFile) mcus() int {
	h, v := j.factors()
	return ceil(j.width, 8*h) * ceil(j.height, 8*v)
}

// factors returns the greatest sampling factors.
func (j *jpegFile) factors() (h, v int) {
	for _, c := range j.components {
		h, v = max(h, c.h), max(v, c.v)
	}
	return h, v
}

// blocks returns the number of blocks of 8×8 samples in all components.
func (j *jpegFile) blocks() int {
	n := 0
	for _, c := range j.components {
		n += c.h * c.v
	}
	return n * j.mcus()
}

// blocksOf returns the number of blocks and of restarts in a scan.
func (j *jpegFile) blocksOf(s jpegScan) (blocks, restarts int) {
	units := j.mcus()
	if len(s.components) == 1 {
		// Without the blocks that only fill up the last unit.
		c := j.components[s.components[0]]
		h, v := j.factors()
		units = ceil(ceil(j.width*c.h, h), 8) * ceil(ceil(j.height*c.v, v), 8)
		blocks = units
	} else {
		for _, i := range s.components {
			blocks += j.components[i].h * j.components[i].v * units
		}
	}
	if s.restart > 0 {
		restarts = units / s.restart
	}
	return blocks, restarts
}

// buffered reports whether a decoder holds all coefficients until the last scan.
func (j *jpegFile) buffered() bool {
	return j.progressive || len(j.scans[0].components) < len(j.components)
}

// ceil returns a/b, rounded up.
func ceil(a, b int) int { return (a + b - 1) / b }
