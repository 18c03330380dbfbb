package replay_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
)

// TestMemoryRemovesOldProbes: those of people about whom nobody asks any more,
// within an hour.
func TestMemoryRemovesOldProbes(t *testing.T) {
	const maxAge = 48 * time.Hour
	var s replaytest.Store
	m := replay.NewMemory(&s, maxAge)
	for n := range 3 {
		replaytest.AssertSeen(t, m, n, replaytest.Probe(n, "a", 0), false)
	}
	assertPeople := func(want int) {
		t.Helper()
		if n := s.People(); n != want {
			t.Errorf("%d people have probes, want %d", n, want)
		}
	}
	replaytest.AssertSeen(t, m, 0, replaytest.Probe(0, "b", maxAge), true)
	replaytest.AssertSeen(t, m, 1, replaytest.Probe(1, "b", maxAge+time.Second), false)
	assertPeople(3) // it was less than an hour
	s.FailBefore(errors.New("down"))
	if _, err := m.Seen(t.Context(), registrytest.NIK(t, 1), replaytest.Probe(1, "c", maxAge+time.Hour)); err == nil {
		t.Error("Seen without a store succeeds")
	}
	s.FailBefore(nil)
	replaytest.AssertSeen(t, m, 1, replaytest.Probe(1, "c", maxAge+time.Hour+time.Second), true)
	assertPeople(2)
}

// TestSeenFails: if it is not known whether a probe was stored, the answer is
// neither yes nor no.
func TestSeenFails(t *testing.T) {
	var s replaytest.Store
	m := replay.NewMemory(&s, replay.DefaultMaxAge)
	replaytest.AssertSeen(t, m, 1, replaytest.Probe(1, "a", 0), false)
	s.FailAfter(errors.New("broken"))
	seen, err := m.Seen(t.Context(), registrytest.NIK(t, 1), replaytest.Probe(1, "b", 1))
	if seen || sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("Seen = %v, %v", seen, err)
	}
	s.FailAfter(nil)
	replaytest.AssertSeen(t, m, 1, replaytest.Probe(1, "b", 2), true)
}
