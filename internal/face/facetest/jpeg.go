package facetest

import "encoding/binary"

// Block holds the quantised coefficients of 8×8 samples in zigzag order.
type Block [64]int

// JPEG describes a JPEG file. Two descriptions that are alike give the same file.
type JPEG struct {
	Width, Height int
	Progressive   bool
	// Sampling are the sampling factors of each component, across and down.
	Sampling [][2]int
	// Scans are those of the file. A file that is not progressive may leave
	// them out: then it has one scan.
	Scans []Scan
	// Restart is the restart interval, 0 for none.
	Restart int
	// Content sets the coefficients of a block, which are 0 before, at a
	// position of a component. Nil leaves them 0.
	Content func(component, column, row int, b *Block)
	// DC and AC are the symbols with the shortest code.
	DC, AC byte
	// Before follows the start of the image, AfterFrame the frame header.
	Before, AfterFrame []byte
	// Stray precedes the end of the image, Trailer follows it.
	Stray, Trailer []byte
	// Ids are the components' ids; 1, 2, 3 if nil.
	Ids []byte
	// MaxBytes is the size from which the rest of the scans is left out; 0 for
	// none.
	MaxBytes int
}

// Scan is a scan of some components: see ISO/IEC 10918-1, B.2.3. In a file that is
// not progressive only Components counts.
type Scan struct {
	Components []int
	From, To   int
	High, Low  int
}

// Encode returns the file.
func (j JPEG) Encode() []byte {
	e := encoder{JPEG: j, dc: dcCode(j.DC), ac: acCode(j.AC)}
	if j.Scans == nil {
		all := make([]int, len(j.Sampling))
		for i := range all {
			all[i] = i
		}
		e.Scans = []Scan{{Components: all}}
	}
	for _, s := range j.Sampling {
		e.maxH, e.maxV = max(e.maxH, s[0]), max(e.maxV, s[1])
	}
	e.out = append([]byte{0xff, 0xd8}, j.Before...)
	quantisation := make([]byte, 65)
	for i := range quantisation[1:] {
		quantisation[1+i] = 4
	}
	e.segment(0xdb, quantisation)
	frame := byte(0xc0)
	if j.Progressive {
		frame = 0xc2
	}
	header := binary.BigEndian.AppendUint16([]byte{8}, uint16(j.Height))
	header = append(binary.BigEndian.AppendUint16(header, uint16(j.Width)), byte(len(j.Sampling)))
	for i, s := range j.Sampling {
		header = append(header, e.id(i), byte(s[0]<<4|s[1]), 0)
	}
	e.segment(frame, header)
	e.out = append(e.out, j.AfterFrame...)
	e.segment(0xc4, append(e.dc.table(0, 0), e.ac.table(1, 0)...))
	if j.Restart > 0 {
		e.segment(0xdd, binary.BigEndian.AppendUint16(nil, uint16(j.Restart)))
	}
	for _, s := range e.Scans {
		if !e.full() {
			e.scan(s)
		}
	}
	e.out = append(append(e.out, j.Stray...), 0xff, 0xd9)
	return append(e.out, j.Trailer...)
}

// Segment returns a segment of a JPEG.
func Segment(marker byte, data []byte) []byte {
	return append([]byte{0xff, marker, byte((len(data) + 2) >> 8), byte(len(data) + 2)}, data...)
}

type encoder struct {
	JPEG
	writer
	dc, ac     code
	maxH, maxV int
	// The state of a scan: the last coefficient of frequency 0 of each
	// component, the number of blocks that end, and the bits that follow it.
	last   [4]int
	ended  int
	behind []byte
}

func (e *encoder) segment(marker byte, data []byte) { e.out = append(e.out, Segment(marker, data)...) }

func (e *encoder) id(component int) byte {
	if e.Ids != nil {
		return e.Ids[component]
	}
	return byte(component + 1)
}

func (e *encoder) scan(s Scan) {
	header := []byte{byte(len(s.Components))}
	for _, c := range s.Components {
		header = append(header, e.id(c), 0)
	}
	if e.Progressive {
		header = append(header, byte(s.From), byte(s.To), byte(s.High<<4|s.Low))
	} else {
		header = append(header, 0, 63, 0)
	}
	e.segment(0xda, header)
	e.last = [4]int{}
	unit := 0
	next := func() {
		if e.Restart > 0 && unit > 0 && unit%e.Restart == 0 {
			e.flush()
			e.out = append(e.out, 0xff, 0xd0+byte((unit/e.Restart-1)%8))
			e.last = [4]int{}
		}
		unit++
	}
	if len(s.Components) == 1 {
		c := s.Components[0]
		w := ceil(ceil(e.Width*e.Sampling[c][0], e.maxH), 8)
		h := ceil(ceil(e.Height*e.Sampling[c][1], e.maxV), 8)
		if len(e.Sampling) == 1 {
			w, h = ceil(e.Width, 8), ceil(e.Height, 8)
		}
		for row := range h {
			if e.full() {
				return
			}
			for column := range w {
				next()
				e.block(s, c, column, row)
			}
		}
	} else {
		for y := range ceil(e.Height, 8*e.maxV) {
			if e.full() {
				return
			}
			for x := range ceil(e.Width, 8*e.maxH) {
				next()
				for _, c := range s.Components {
					across, down := e.Sampling[c][0], e.Sampling[c][1]
					for i := range across * down {
						e.block(s, c, x*across+i%across, y*down+i/across)
					}
				}
			}
		}
	}
	e.flush()
}

// full reports whether the file has its greatest size.
func (e *encoder) full() bool { return e.MaxBytes > 0 && len(e.out) > e.MaxBytes }

// flush ends the data before a marker.
func (e *encoder) flush() {
	e.end()
	e.fill()
}

func (e *encoder) block(s Scan, component, column, row int) {
	if e.Content == nil && s.From > 0 {
		e.endBlock()
		return
	}
	var b Block
	if e.Content != nil {
		e.Content(component, column, row, &b)
	}
	switch {
	case !e.Progressive:
		e.frequency0(component, b[0])
		if e.Content == nil {
			e.endBlock()
			return
		}
		e.first(&b, 1, 63, 0)
	case s.From == 0 && s.High == 0:
		e.frequency0(component, b[0]>>s.Low)
	case s.From == 0:
		e.bits(uint32(b[0]>>s.Low), 1)
	case s.High == 0:
		e.first(&b, s.From, s.To, s.Low)
	default:
		e.refine(&b, s.From, s.To, s.Low)
	}
}

func (e *encoder) frequency0(component, v int) {
	difference := v - e.last[component]
	e.last[component] = v
	n := size(difference)
	e.symbol(e.dc, byte(n))
	e.number(difference, n)
}

// first sends the first bits of coefficients (ISO/IEC 10918-1, F.1.2.2 and
// G.1.2.2).
func (e *encoder) first(b *Block, from, to, low int) {
	zeros := 0
	for _, v := range b[from : to+1] {
		if v = shifted(v, low); v == 0 {
			zeros++
			continue
		}
		e.end()
		for ; zeros > 15; zeros -= 16 {
			e.symbol(e.ac, 0xf0)
		}
		n := size(v)
		e.symbol(e.ac, byte(zeros<<4|n))
		e.number(v, n)
		zeros = 0
	}
	if zeros > 0 {
		e.endBlock()
	}
}

// endBlock ends a block before its last coefficient. A progressive file counts
// such blocks.
func (e *encoder) endBlock() {
	if e.ended++; !e.Progressive || e.ended == 0x7fff {
		e.end()
	}
}

// refine sends one more bit of coefficients (ISO/IEC 10918-1, G.1.2.3).
func (e *encoder) refine(b *Block, from, to, low int) {
	zeros, lastNew := 0, 0
	for k := from; k <= to; k++ {
		if v := shifted(b[k], low); v == 1 || v == -1 {
			lastNew = k
		}
	}
	var more []byte
	for k := from; k <= to; k++ {
		v := shifted(b[k], low)
		if v == 0 {
			zeros++
			continue
		}
		for ; zeros > 15 && k <= lastNew; zeros -= 16 {
			e.end()
			e.symbol(e.ac, 0xf0)
			e.each(more)
			more = nil
		}
		if v != 1 && v != -1 {
			more = append(more, byte(max(v, -v)&1))
			continue
		}
		e.end()
		e.symbol(e.ac, byte(zeros<<4|1))
		e.bits(uint32(v+1)/2, 1)
		e.each(more)
		more, zeros = nil, 0
	}
	if zeros == 0 && more == nil {
		return
	}
	e.ended++
	if e.behind = append(e.behind, more...); e.ended == 0x7fff || len(e.behind) > 900 {
		e.end()
	}
}

// end writes the number of blocks that have ended, and the bits that belong to
// them.
func (e *encoder) end() {
	if e.ended == 0 {
		return
	}
	n := size(e.ended) - 1
	e.symbol(e.ac, byte(n<<4))
	e.bits(uint32(e.ended), n)
	e.each(e.behind)
	e.ended, e.behind = 0, nil
}

func (e *encoder) each(all []byte) {
	for _, bit := range all {
		e.bits(uint32(bit), 1)
	}
}

// shifted divides v by 2^n and rounds towards zero.
func shifted(v, n int) int {
	if v < 0 {
		return -(-v >> n)
	}
	return v >> n
}

func ceil(a, b int) int { return (a + b - 1) / b }
