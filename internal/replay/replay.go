// Package replay says what it is to remember the probes of a person, so that a
// photograph that is sent a second time is known. It must not know how they
// are kept, what a photograph is made of, or what a second time leads to.
package replay

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

const (
	// MaxProbes is how many probes are remembered of one person, the latest.
	MaxProbes = 32
	// DefaultMaxAge is how long a probe is remembered: 90 days.
	DefaultMaxAge = 90 * 24 * time.Hour
	// RetryWindow is how long a request may be sent again under its id
	// without being a replay: longer than a client tries, and shorter than
	// what is stolen takes to be used.
	RetryWindow = 10 * time.Minute
)

// Memory remembers probes. It is safe for concurrent use.
type Memory interface {
	// Seen reports whether the person's probe is that of an earlier one, and
	// remembers it, in one step: of two that come at once at most one is
	// answered false. When it returns nil the probe is remembered, and stays
	// so after a kill -9. An error, of kind sesuai.KindUnavailable, means
	// that it cannot be told; ctx's is in the chain if ctx has ended.
	Seen(ctx context.Context, nik sesuai.NIK, p Probe) (bool, error)
}

// Probe is one probe as it is remembered.
type Probe struct {
	Signature face.Signature
	// Request is which request brought it; zero if that does not matter any
	// more.
	Request Request
	// At is when it came, in Unix microseconds.
	At int64
}

// Request stands for one request of one client: two that are equal are one
// that was sent again.
type Request [16]byte

// RequestOf is the request that the client gave that id.
func RequestOf(client, id string) Request {
	// No client's id holds a zero byte.
	sum := sha256.Sum256([]byte(client + "\x00" + id))
	return Request(sum[:16])
}

// Judge reports whether p is one of the earlier probes, all of one person and
// oldest first, and what is to be remembered from now on.
//
// The very same file in the same request within RetryWindow is not seen before:
// whoever had no answer asks again. Then the first stays as it was, so that
// retries do not make the window longer.
//
// What is kept is none that is over maxAge old, and MaxProbes at most. A probe
// whose file is there already takes its place, so that sending one photograph
// over and over makes no other forgotten. One that was seen is kept without its
// request: sending that again makes it no retry.
func Judge(earlier []Probe, p Probe, maxAge time.Duration) (seen bool, kept []Probe) {
	kept = make([]Probe, 0, len(earlier)+1)
	last := p
	for _, e := range earlier {
		if p.At-e.At > maxAge.Microseconds() {
			continue
		}
		retry := retried(e, p)
		if retry {
			last = e
		}
		seen = seen || !retry && e.Signature.Near(p.Signature)
		if !e.Signature.Identical(p.Signature) {
			kept = append(kept, e)
		}
	}
	if seen {
		last = p
		last.Request = Request{}
	}
	kept = append(kept, last)
	return seen, kept[max(0, len(kept)-MaxProbes):]
}

func retried(e, p Probe) bool {
	passed := time.Duration(p.At-e.At) * time.Microsecond
	return e.Request != Request{} && e.Request == p.Request &&
		e.Signature.Identical(p.Signature) && passed.Abs() <= RetryWindow
}
