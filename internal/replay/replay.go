// Package replay detects a probe that was sent before. Memory remembers the
// probes of each person, and Judge compares a new one with them. It leaves
// storing probes to a Store, comparing photographs to package face, and the
// consequences of a replay to its callers.
package replay

import (
	"context"
	"crypto/sha256"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

const (
	// MaxProbes is how many probes of a person are remembered: the latest.
	MaxProbes = 32
	// DefaultMaxAge is how long a probe is remembered: 90 days.
	DefaultMaxAge = 90 * 24 * time.Hour
	// RetryWindow is how long a request may be sent again under its id without
	// being a replay. It is longer than a client retries, and shorter than a
	// thief needs to use a stolen photograph.
	RetryWindow = 10 * time.Minute
)

// Store stores the probes of people. It is safe for concurrent use. Errors have
// kind sesuai.KindUnavailable and mean that nothing has changed; if ctx has
// ended, its error is in the chain. If a method returns nil, its change is
// durable: it survives a kill -9.
type Store interface {
	// Update replaces the probes of a person, oldest first, by those that
	// change returns. It is one step: of two updates of one person at the same
	// time, one sees what the other has written. Update may call change more
	// than once; the last call counts. change must return at least one probe,
	// and must not modify earlier.
	//
	// A store remembers nothing about a person who is not on record, unless it
	// was opened for unenrolled people. Then earlier is always empty, and what
	// change returns is dropped.
	Update(ctx context.Context, nik sesuai.NIK, change func(earlier []Probe) (kept []Probe)) error
	// RemoveBefore removes the probes of every person whose latest probe came
	// before t.
	RemoveBefore(ctx context.Context, t time.Time) error
}

// sweepInterval is how often Memory removes the probes of people about whom
// nobody asks any more.
const sweepInterval = time.Hour

// Memory remembers probes in a Store. It is safe for concurrent use.
type Memory struct {
	store  Store
	maxAge time.Duration
	// sweptAt is when old probes were last removed, in Unix microseconds.
	sweptAt atomic.Int64
}

// NewMemory returns a Memory that forgets a probe after maxAge.
func NewMemory(store Store, maxAge time.Duration) *Memory {
	return &Memory{store: store, maxAge: maxAge}
}

// Seen reports whether the person's probe was sent before, as Judge defines it,
// and remembers the probe. Of several calls at the same time with one new probe,
// one returns false. If the error is nil the probe is remembered durably. An
// error has kind sesuai.KindUnavailable and means that the answer is not known;
// if ctx has ended, its error is in the chain.
func (m *Memory) Seen(ctx context.Context, nik sesuai.NIK, p Probe) (seen bool, err error) {
	if err := m.sweep(ctx, p.At); err != nil {
		return false, err
	}
	err = m.store.Update(ctx, nik, func(earlier []Probe) (kept []Probe) {
		seen, kept = Judge(earlier, p, m.maxAge)
		return kept
	})
	return seen && err == nil, err
}

// sweep removes old probes, unless that was done in the last sweepInterval. now
// is in Unix microseconds.
func (m *Memory) sweep(ctx context.Context, now int64) error {
	swept := m.sweptAt.Load()
	if now-swept < sweepInterval.Microseconds() || !m.sweptAt.CompareAndSwap(swept, now) {
		return nil
	}
	err := m.store.RemoveBefore(ctx, time.UnixMicro(now).Add(-m.maxAge))
	if err != nil {
		m.sweptAt.Store(swept) // the next call tries again
	}
	return err
}

// Probe is a probe as it is remembered.
type Probe struct {
	Signature face.Signature
	// Request is the request that the probe came with. It is zero for a probe
	// that was seen before.
	Request Request
	// At is when the probe came, in Unix microseconds.
	At int64
}

// Request identifies a request of a client. If a client sends a request again
// under the same id, both are equal.
type Request [16]byte

// RequestOf returns the request that the client gave that id.
func RequestOf(client, id string) Request {
	// A client's id holds no zero byte.
	sum := sha256.Sum256([]byte(client + "\x00" + id))
	return Request(sum[:16])
}

// Judge reports whether p was sent before, given the person's earlier probes,
// oldest first. It also returns what to remember from now on, oldest first.
//
// A probe was sent before if it is near an earlier one: see
// face.Signature.Near. The identical file in the same request within
// RetryWindow is a retry, and was not. A retry does not change the remembered
// probe, so retries do not extend the window.
//
// Judge drops probes older than maxAge, and the oldest if there are more than
// MaxProbes. A probe replaces an earlier one with an identical file, so sending
// one photograph over and over does not displace the others. A probe that was
// sent before is remembered without its request: sending it again is not a
// retry.
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
