package audit

import (
	"crypto/hmac"
	"fmt"
)

// MAC is a keyed hash. Without the key, nobody can make a chain that holds.
type MAC func(b []byte) [32]byte

// Head is how far a chain goes: the last event's number and hash. The zero
// Head is that of a chain without events.
//
// The chain shows what was changed, removed or moved in the midst of it. That
// its end was cut off shows only against a Head that was noted elsewhere.
type Head struct {
	Seq  int64
	Hash [32]byte
}

// Link makes e the event after h: it sets e's number and hash, the keyed hash
// of h's and of all that e holds. It returns the chain's new head.
func (h Head) Link(e *Entry, mac MAC) Head {
	e.Seq = h.Seq + 1
	e.Hash = mac(e.encode(append(make([]byte, 0, 512), h.Hash[:]...)))
	return Head{e.Seq, e.Hash}
}

// BrokenError says where a chain does not hold.
type BrokenError struct {
	// Seq is the number of the first event that is not as it was recorded.
	Seq int64
	// Why says what is wrong with it, without what it holds.
	Why string
}

// Error says where the chain does not hold and why.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("audit: the trail is broken at event %d: %s", e.Seq, e.Why)
}

// Verify walks the entries, which are those that follow h, and returns the
// head they lead to. The error is a *BrokenError for the first that is not as
// it was recorded; the head is then that of the one before it. Check the last
// head: entries that are missing at the end cannot be seen from the others.
func (h Head) Verify(entries []Entry, mac MAC) (Head, error) {
	for _, e := range entries {
		if want := h.Seq + 1; e.Seq != want {
			return h, &BrokenError{want, fmt.Sprintf("it is missing; event %d follows", e.Seq)}
		}
		linked := e
		next := h.Link(&linked, mac)
		if !hmac.Equal(linked.Hash[:], e.Hash[:]) {
			return h, &BrokenError{e.Seq, "it, or the hash of the one before it, was changed"}
		}
		h = next
	}
	return h, nil
}

// Check reports, as a *BrokenError, whether h is not the head on record: that
// is how events cut off at the end show.
func (h Head) Check(recorded Head) error {
	switch {
	case h.Seq < recorded.Seq:
		return &BrokenError{h.Seq + 1, fmt.Sprintf("it is missing, and so are all up to %d", recorded.Seq)}
	case h.Seq > recorded.Seq:
		return &BrokenError{recorded.Seq + 1, "it is beyond the recorded end"}
	case !hmac.Equal(h.Hash[:], recorded.Hash[:]):
		return &BrokenError{h.Seq, "its hash is not the recorded one"}
	default:
		return nil
	}
}
