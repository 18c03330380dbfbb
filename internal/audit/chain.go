package audit

import (
	"crypto/hmac"
	"fmt"
)

// MAC is a keyed hash. A valid chain cannot be made without its key.
type MAC func(b []byte) [32]byte

// Head is the end of a chain: the number and the hash of its last event. The
// zero Head is that of an empty chain.
//
// A chain shows events that were changed, removed or moved. Events that were cut
// off at its end show only against a Head that was stored elsewhere.
type Head struct {
	Seq  int64
	Hash [32]byte
}

// Link appends e to the chain that ends with h. It sets e.Seq, and e.Hash to the
// keyed hash of h.Hash and everything in e. It returns the new head.
func (h Head) Link(e *Entry, mac MAC) Head {
	e.Seq = h.Seq + 1
	e.Hash = mac(e.encode(append(make([]byte, 0, 512), h.Hash[:]...)))
	return Head{e.Seq, e.Hash}
}

// BrokenError reports where a chain is broken.
type BrokenError struct {
	// Seq is the number of the first event that is not as it was recorded.
	Seq int64
	// Why describes what is wrong, without anything from the event.
	Why string
}

// Error implements error.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("audit: the trail is broken at event %d: %s", e.Seq, e.Why)
}

// Verify checks the entries that follow h and returns the head after them. The
// error is a *BrokenError for the first entry that is not as it was recorded. In
// that case Verify returns the head before that entry.
//
// Verify cannot see that entries are missing at the end: pass the last head to
// Check.
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

// Check returns a *BrokenError if h, the head that the entries lead to, is not
// the recorded one. This shows events that were cut off at the end.
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
