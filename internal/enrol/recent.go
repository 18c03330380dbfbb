package enrol

import (
	"fmt"
	"hash/maphash"

	"github.com/sesuai/sesuai"
)

// remembered is of how many rows an import knows the NIKs: so many that a row
// copied by mistake is near enough, and few enough that a file of any size
// takes no more than about 30 MB.
const remembered = 1 << 19

// recent knows which NIKs the last rows had, by a hash of 64 bits.
type recent struct {
	seed  maphash.Seed
	lines map[uint64]int
	// order has the hashes as they came; the next takes the oldest's place.
	order []uint64
	next  int
}

func newRecent() *recent {
	return &recent{seed: maphash.MakeSeed(), lines: make(map[uint64]int)}
}

// add remembers a NIK, or refuses one that is remembered, with the line of the
// first.
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
