package enrol

import (
	"fmt"
	"hash/maphash"

	"github.com/sesuai/sesuai"
)

// remembered is how many rows back an import finds a NIK that comes again: far
// enough for a row that was copied by mistake, and few enough rows to take no
// more than about 30 MB whatever the size of the file.
const remembered = 1 << 19

// recent remembers the NIKs of the last rows, as hashes of 64 bits.
type recent struct {
	seed  maphash.Seed
	lines map[uint64]int // by hash
	// order is a ring of the hashes: the next one replaces the oldest.
	order []uint64
	next  int
}

func newRecent() *recent {
	return &recent{seed: maphash.MakeSeed(), lines: make(map[uint64]int)}
}

// add remembers the NIK of a line. If it is remembered already, the error names
// the line that had it first.
func (r *recent) add(nik sesuai.NIK, line int) error {
	hash := maphash.String(r.seed, nik.Reveal())
	if first, again := r.lines[hash]; again {
		return &sesuai.Error{Kind: sesuai.KindConflict, Detail: fmt.Sprintf("the NIK of line %d again", first)}
	}
	if len(r.order) < remembered {
		r.order = append(r.order, hash)
	} else {
		delete(r.lines, r.order[r.next])
		r.order[r.next] = hash
		r.next = (r.next + 1) % remembered
	}
	r.lines[hash] = line
	return nil
}
