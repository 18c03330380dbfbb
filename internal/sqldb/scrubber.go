package sqldb

import (
	"context"
	"sync/atomic"
	"time"
)

// scrubInterval is how often a Scrubber scrubs at most.
const scrubInterval = time.Minute

// Scrubber calls DB.Scrub after rows were erased, at most once a minute. It is
// safe for concurrent use.
type Scrubber struct {
	db  *DB
	now func() time.Time
	// scrubbed is when it last scrubbed, in Unix microseconds. erased is whether
	// rows were erased since.
	scrubbed atomic.Int64
	erased   atomic.Bool
}

// NewScrubber returns a Scrubber of a database.
func NewScrubber(db *DB, now func() time.Time) *Scrubber { return &Scrubber{db: db, now: now} }

// Erased says that rows were erased, and scrubs if that is due.
func (s *Scrubber) Erased(ctx context.Context) {
	s.erased.Store(true)
	s.ScrubIfDue(ctx)
}

// ScrubIfDue scrubs if rows were erased and it has not scrubbed for a minute. Call
// it now and then while rows are erased.
func (s *Scrubber) ScrubIfDue(ctx context.Context) {
	now, scrubbed := s.now().UnixMicro(), s.scrubbed.Load()
	if s.erased.Load() && now-scrubbed >= scrubInterval.Microseconds() && s.scrubbed.CompareAndSwap(scrubbed, now) {
		s.erased.Store(false)
		s.db.Scrub(ctx)
	}
}
