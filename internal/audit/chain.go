package audit

import (
	"crypto/hmac"
	"fmt"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
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
	return h.after(e)
}

// after returns the head after e, the next entry.
func (h Head) after(e *Entry) Head {
	next := Head{e.Seq, e.Hash, h.People, h.Clients}
	switch {
	case strings.HasPrefix(string(e.Action), "person."):
		next.People = e.State
	case strings.HasPrefix(string(e.Action), "client."):
		next.Clients = e.State
	}
	return next
}

// BrokenError reports where a trail is broken.
type BrokenError struct {
	// Seq is the number of the first event that is not as it was recorded. It is
	// 0 if the events are as recorded, but something else is not.
	Seq int64
	// Why describes what is wrong, without anything from the event.
	Why string
	// Time is the time that is stored with event Seq or, if it is missing, with
	// the one before it; zero if that is not known. It may have been changed, too.
	Time time.Time
}

// Error implements error.
func (e *BrokenError) Error() string {
	switch {
	case e.Seq == 0:
		return "audit: " + e.Why
	case e.Time.IsZero():
		return fmt.Sprintf("audit: the trail is broken at event %d: %s", e.Seq, e.Why)
	default:
		return fmt.Sprintf("audit: the trail is broken at event %d, about %s: %s", e.Seq, e.Time.In(sesuai.Jakarta).Format(time.RFC3339), e.Why)
	}
}

// brokenAt returns a *BrokenError without a time.
func brokenAt(seq int64, format string, args ...any) error {
	return &BrokenError{Seq: seq, Why: fmt.Sprintf(format, args...)}
}

// Verify checks the entries that follow h and returns the head after them. The
// error is a *BrokenError for the first entry that is not as it was recorded. In
// that case Verify returns the head before that entry.
//
// Verify cannot see that entries are missing at the end: pass the last head to
// Check.
func (h Head) Verify(entries []Entry, mac MAC) (Head, error) {
	v := verifier{head: h, mac: mac}
	for i := range entries {
		if err := v.next(&entries[i]); err != nil {
			return v.head, err
		}
	}
	return v.head, nil
}

// verifier verifies one entry after the other.
type verifier struct {
	head   Head
	mac    MAC
	buffer []byte
}

// next verifies the entry that follows the head, which becomes the one after it. The
// error is a *BrokenError.
func (v *verifier) next(e *Entry) error {
	switch want := v.head.Seq + 1; {
	case e.Seq < want:
		return brokenAt(want, "event %d, which does not belong to the trail, is in front of it", e.Seq)
	case e.Seq > want:
		return brokenAt(want, "it is missing; event %d follows", e.Seq)
	}
	v.buffer = e.encode(append(v.buffer[:0], v.head.Hash[:]...))
	if hash := v.mac(v.buffer); !hmac.Equal(hash[:], e.Hash[:]) {
		return brokenAt(e.Seq, "it, or the hash of the one before it, was changed")
	}
	v.head = v.head.after(e)
	return nil
}

// Check returns a *BrokenError if h, the head that the entries lead to, is not
// the recorded one. This shows events that were cut off at the end.
func (h Head) Check(recorded Head) error {
	switch {
	case h.Seq < recorded.Seq:
		return brokenAt(h.Seq+1, "it is missing, and so are all up to %d", recorded.Seq)
	case h.Seq > recorded.Seq:
		return brokenAt(recorded.Seq+1, "it is beyond the recorded end")
	case !hmac.Equal(h.Hash[:], recorded.Hash[:]):
		return brokenAt(h.Seq, "its hash is not the recorded one")
	case h.People != [32]byte{} && h.People != recorded.People:
		return brokenAt(0, "the recorded state of people is not the one that the events lead to")
	case h.Clients != [32]byte{} && h.Clients != recorded.Clients:
		return brokenAt(0, "the recorded state of clients is not the one that the events lead to")
	default:
		return nil
	}
}
