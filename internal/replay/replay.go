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
	// Request is which request brought it.
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
// none over maxAge old. The very same file in the same request within RetryWindow is not: whoever had no
// answer asks again.
func Judge(earlier []Probe, p Probe, maxAge time.Duration) bool {
	for _, e := range earlier {
		if p.At-e.At <= maxAge.Microseconds() && e.Signature.Near(p.Signature) && !retried(e, p) {
			return true
		}
	}
	return false
}

func retried(e, p Probe) bool {
	passed := time.Duration(p.At-e.At) * time.Microsecond
	return e.Request == p.Request && e.Signature.Identical(p.Signature) && passed.Abs() <= RetryWindow
}

// Remember is what is to be kept of the earlier probes, oldest first, once p
// has come: none that is over maxAge old, and MaxProbes at most. A probe whose
// file is there already takes its place, so that sending one photograph over
// and over makes no other forgotten; while it is the same request's, the first
// is left as it was, so that retries do not make the window longer.
func Remember(earlier []Probe, p Probe, maxAge time.Duration) []Probe {
	kept := make([]Probe, 0, len(earlier)+1)
	for _, e := range earlier {
		same := e.Signature.Identical(p.Signature)
		if same && retried(e, p) {
			p = e
		}
		if !same && p.At-e.At <= maxAge.Microseconds() {
			kept = append(kept, e)
		}
	}
	kept = append(kept, p)
	return kept[max(0, len(kept)-MaxProbes):]
}
