package audit

import (
	"crypto/hmac"
	"fmt"
	"strings"
)

// MAC is a keyed hash. A valid chain cannot be made without its key.
type MAC func(b []byte) [32]byte

// Head is the end of a chain: the number and the hash of its last event, and the
// states that its changes have led to. The zero Head is that of an empty chain.
//
// A chain shows events that were changed, removed or moved. Events that were cut
// off at its end show only against a Head that was stored elsewhere.
type Head struct {
	Seq  int64
	Hash [32]byte
	// People and Clients are the digests of all people and of all clients: the
	// State of the last change of each. Zero means that it is not known.
	People, Clients [32]byte
}

// Link appends e to the chain that ends with h. It sets e.Seq, and e.Hash to the
// keyed hash of h.Hash and everything in e. It returns the new head.
func (h Head) Link(e *Entry, mac MAC) Head {
	e.Seq = h.Seq + 1
	e.Hash = mac(e.encode(append(make([]byte, 0, 512), h.Hash[:]...)))
	next := Head{e.Seq, e.Hash, h.People, h.Clients}
	switch {
	case strings.HasPrefix(string(e.Action), "person."):
		next.People = e.State
	case strings.HasPrefix(string(e.Action), "client."):
		next.Clients = e.State
	}
	return next
}

// sign returns the MAC of the head, under which it is stored. No encoded entry is
// that short, so this is no hash of the chain.
func (h Head) sign(mac MAC) [32]byte {
	b := appendInt(appendText(make([]byte, 0, 160), "sesuai audit head 1"), h.Seq)
	for _, hash := range [...][32]byte{h.Hash, h.People, h.Clients} {
		b = append(b, hash[:]...)
	}
	return mac(b)
}

// BrokenError reports where a trail is broken.
type BrokenError struct {
	// Seq is the number of the first event that is not as it was recorded. It is
	// 0 if the events are as recorded, but something else is not.
	Seq int64
	// Why describes what is wrong, without anything from the event.
	Why string
}

// Error implements error.
func (e *BrokenError) Error() string {
	if e.Seq == 0 {
		return "audit: " + e.Why
	}
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
	case h.People != [32]byte{} && h.People != recorded.People:
		return &BrokenError{0, "the recorded state of people is not the one that the events lead to"}
	case h.Clients != [32]byte{} && h.Clients != recorded.Clients:
		return &BrokenError{0, "the recorded state of clients is not the one that the events lead to"}
	default:
		return nil
	}
}
