package replaytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/replay"
)

// Store is a replay.Store in memory. It remembers probes of anybody, and can be
// told to fail. Its zero value is empty.
type Store struct {
	mu            sync.Mutex
	probes        map[string][]replay.Probe // by NIK
	before, after error
}

var _ replay.Store = (*Store)(nil)

// FailBefore makes every call fail with err before it does anything. nil ends
// that.
func (s *Store) FailBefore(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = err
}

// FailAfter makes every call fail with err after it has done its work, like a
// connection that breaks before the answer arrives. nil ends that.
func (s *Store) FailAfter(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = err
}

// People is the number of people whose probes are stored.
func (s *Store) People() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.probes)
}

// Update implements replay.Store. It calls change twice, as a store may that runs
// its transaction again.
func (s *Store) Update(ctx context.Context, nik sesuai.NIK, change func([]replay.Probe) []replay.Probe) error {
	return s.do(ctx, "Update", func() {
		if s.probes == nil {
			s.probes = make(map[string][]replay.Probe)
		}
		earlier := s.probes[nik.Reveal()]
		change(slices.Clone(earlier))
		kept := change(slices.Clone(earlier))
		if len(kept) == 0 {
			panic("replaytest: change has returned no probe")
		}
		s.probes[nik.Reveal()] = slices.Clone(kept)
	})
}

// RemoveBefore implements replay.Store.
func (s *Store) RemoveBefore(ctx context.Context, t time.Time) error {
	return s.do(ctx, "RemoveBefore", func() {
		for nik, probes := range s.probes {
			if probes[len(probes)-1].At < t.UnixMicro() {
				delete(s.probes, nik)
			}
		}
	})
}

func (s *Store) do(ctx context.Context, method string, f func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(ctx.Err(), s.before)
	if err == nil {
		f()
		err = s.after
	}
	if err != nil {
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: fmt.Errorf("replaytest: %s: %w", method, err)}
	}
	return nil
}
