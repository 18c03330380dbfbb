package facetest

import "math/bits"

// code is a Huffman code for all symbols of one kind: the favourite has 1 bit, and
// all others have the same number of bits, in ascending order.
type code struct {
	favourite byte
	symbols   int // how many there are
	long      int // bits of the other ones
}

// dcCode and acCode are the codes for the two kinds of symbols of ISO/IEC
// 10918-1, F.1.2.
func dcCode(favourite byte) code { return code{favourite, 16, 6} }
func acCode(favourite byte) code { return code{favourite, 256, 10} }

// of returns the code of a symbol and its length.
func (c code) of(symbol byte) (value uint32, n int) {
	if symbol == c.favourite {
		return 0, 1
	}
	rank := uint32(symbol)
	if symbol > c.favourite {
		rank--
	}
	return 1<<(c.long-1) | rank, c.long
}

// table returns the code as a table of a DHT segment (ISO/IEC 10918-1, B.2.4.2).
func (c code) table(class, id byte) []byte {
	t := make([]byte, 17, 17+c.symbols)
	t[0] = class<<4 | id
	t[1], t[c.long] = 1, byte(c.symbols-1)
	t = append(t, c.favourite)
	for s := range c.symbols {
		if byte(s) != c.favourite {
			t = append(t, byte(s))
		}
	}
	return t
}

// writer writes the data of a scan, with a zero byte after each byte of ones
// (ISO/IEC 10918-1, F.1.2.3).
type writer struct {
	out []byte
	acc uint64
	n   int
}

func (w *writer) bits(value uint32, n int) {
	w.acc = w.acc<<n | uint64(value)&(1<<n-1)
	for w.n += n; w.n >= 8; w.n -= 8 {
		b := byte(w.acc >> (w.n - 8))
		if w.out = append(w.out, b); b == 0xff {
			w.out = append(w.out, 0)
		}
	}
}

func (w *writer) symbol(c code, symbol byte) { w.bits(c.of(symbol)) }

// fill fills the last byte with ones.
func (w *writer) fill() {
	if w.n > 0 {
		w.bits(0xff, 8-w.n)
	}
}

// number writes a value of size bits, as ISO/IEC 10918-1, F.1.2.1 has it.
func (w *writer) number(v, size int) {
	if v < 0 {
		v--
	}
	w.bits(uint32(v), size)
}

// size returns how many bits the magnitude of a value has.
func size(v int) int { return bits.Len(uint(max(v, -v))) }
