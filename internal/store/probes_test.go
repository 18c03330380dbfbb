package store_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/store"
)

// probe is one of the n-th photograph, so long after the start.
func probe(n int, request string, after time.Duration) replay.Probe {
	return replay.Probe{
		Signature: registrytest.Signature(n), Request: replay.RequestOf("cli_test", request),
		At: today.Add(after).UnixMicro(),
	}
}

// today is when these tests begin: opening a store forgets what is old.
var today = time.Now()

// seen asks about the person of that number.
func seen(t *testing.T, s *store.Store, person int, p replay.Probe, want bool) {
	t.Helper()
	got, err := s.Seen(t.Context(), registrytest.NIK(t, person), p)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("Seen = %v, want %v", got, want)
	}
}

func TestProbes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	enrol(t, s, 1)
	enrol(t, s, 2)
	seen(t, s, 1, probe(10, "a", 0), false)
	seen(t, s, 1, probe(11, "b", 1), false)
	seen(t, s, 1, probe(10, "a", 2), false) // a retry
	seen(t, s, 1, probe(10, "c", 3), true)
	seen(t, s, 1, probe(10, "c", 3), true)  // what was seen before is so at every try
	seen(t, s, 2, probe(10, "d", 4), false) // another person's is another matter
	near := probe(11, "e", 5)
	near.Signature.File = sha256.Sum256([]byte("re-encoded"))
	near.Signature.Look[1] ^= 0xff
	seen(t, s, 1, near, true)

	// Another process sees it, too.
	other := open(t, dir)
	seen(t, other, 1, probe(10, "f", 6), true)
	seen(t, other, 2, probe(12, "g", 7), false)
	seen(t, s, 2, probe(12, "h", 8), true)
}

func TestProbesOfNobody(t *testing.T) {
	s := open(t, t.TempDir())
	seen(t, s, 1, probe(1, "a", 0), false)
	seen(t, s, 1, probe(1, "b", 1), false)
	var rows int
	s.QueryForTest(t, `SELECT count(*) FROM probes`, &rows)
	if rows != 0 {
		t.Errorf("%d rows are kept of somebody who is not on record", rows)
	}
}

// TestProbesOfTheRemoved: with the person everything sent about them goes.
func TestProbesOfTheRemoved(t *testing.T) {
	s := open(t, t.TempDir())
	for n := range 2 {
		enrol(t, s, n)
		seen(t, s, n, probe(n, "a", 0), false)
	}
	if removed, err := s.Remove(t.Context(), registrytest.NIK(t, 0)); err != nil || !removed {
		t.Fatalf("Remove = %v, %v", removed, err)
	}
	var rows int
	s.QueryForTest(t, `SELECT count(*) FROM probes`, &rows)
	if rows != 1 {
		t.Errorf("%d rows of probes are left, want the other person's", rows)
	}
	enrol(t, s, 0)
	seen(t, s, 0, probe(0, "b", 1), false)
	seen(t, s, 1, probe(1, "b", 1), true)
}

// TestTwoAtOnce: of one photograph that comes several times at once, over two
// processes, one is the first.
func TestTwoAtOnce(t *testing.T) {
	dir := t.TempDir()
	stores := []*store.Store{open(t, dir), open(t, dir)}
	enrol(t, stores[0], 1)
	nik := registrytest.NIK(t, 1)
	for round := range 5 {
		var firsts atomic.Int32
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				was, err := stores[i%2].Seen(t.Context(), nik, probe(round, fmt.Sprintf("%d-%d", round, i), 0))
				if err != nil {
					t.Error(err)
				}
				if !was {
					firsts.Add(1)
				}
			})
		}
		group.Wait()
		if n := firsts.Load(); n != 1 {
			t.Errorf("%d of 8 were the first", n)
		}
	}
}

// TestProbesAreBounded: the latest are kept, and the row does not grow.
func TestProbesAreBounded(t *testing.T) {
	s := open(t, t.TempDir())
	enrol(t, s, 1)
	var full, later int
	for n := range replay.MaxProbes + 4 {
		seen(t, s, 1, probe(n, fmt.Sprint(n), time.Duration(n)), false)
		if n == replay.MaxProbes-1 {
			s.QueryForTest(t, `SELECT length(probes) FROM probes`, &full)
		}
	}
	s.QueryForTest(t, `SELECT length(probes) FROM probes`, &later)
	if later != full || full == 0 {
		t.Errorf("%d bytes, and later %d", full, later)
	}
	seen(t, s, 1, probe(4, "again", 99), true)
	seen(t, s, 1, probe(3, "again", 99), false)
}

// TestOldProbesAreForgotten: those of a person who is asked about when they
// are too old, and those of everybody else within an hour after.
func TestOldProbesAreForgotten(t *testing.T) {
	var now atomic.Int64
	o := options(t, t.TempDir())
	o.ProbeAge = 48 * time.Hour
	o.Now = func() time.Time { return today.Add(time.Duration(now.Load())) }
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // not what is tested
	for n := range 3 {
		enrol(t, s, n)
		seen(t, s, n, probe(n, "a", 0), false)
	}
	at := 48 * time.Hour
	now.Store(int64(at))
	seen(t, s, 0, probe(0, "b", at), true) // and is from now on as of now
	at += time.Second
	now.Store(int64(at))
	seen(t, s, 1, probe(1, "b", at), false)
	at += time.Hour
	now.Store(int64(at))
	seen(t, s, 1, probe(1, "c", at), true)
	var rows int
	s.QueryForTest(t, `SELECT count(*) FROM probes`, &rows)
	if rows != 2 {
		t.Errorf("%d people have probes, want those two who were asked about", rows)
	}
}

// TestDamagedProbes: what cannot be read is no "never seen".
func TestDamagedProbes(t *testing.T) {
	for _, statement := range []string{
		`UPDATE probes SET probes = CAST(substr(probes, 1, 40) || x'0000000000000000' || substr(probes, 49) AS BLOB)`,
		`UPDATE probes SET probes = x''`,
		`UPDATE probes SET last_at = last_at - 1`,
		`UPDATE probes SET probes = (SELECT b.probes FROM probes b WHERE b.person <> probes.person)`,
		`DROP TABLE probes`,
	} {
		s := open(t, t.TempDir())
		for n := range 2 {
			enrol(t, s, n)
			seen(t, s, n, probe(n, "a", 0), false)
		}
		s.ExecForTest(t, inEngine(statement))
		was, err := s.Seen(t.Context(), registrytest.NIK(t, 0), probe(0, "b", 1))
		if was {
			t.Errorf("%s: Seen is true", statement)
		}
		assertUnanswered(t, "Seen", err)
	}
}

func TestSeenWithoutTime(t *testing.T) {
	s := open(t, t.TempDir())
	enrol(t, s, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Seen(ctx, registrytest.NIK(t, 1), probe(1, "a", 0))
	assertUnanswered(t, "Seen", err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Seen = %v", err)
	}
	seen(t, s, 1, probe(1, "b", 0), false)
}

// TestFlagsAreStored: with the flags, the trail holds, and shows one that was
// taken out of it.
func TestFlagsAreStored(t *testing.T) {
	s := open(t, t.TempDir())
	e := event(t, 1, "r")
	e.Flags, e.LivenessKnown, e.Liveness = 3, true, 0.125
	if err := s.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	var got string
	s.QueryForTest(t, `SELECT concat_ws('|', flags, liveness_known, liveness) FROM audit_events`, &got)
	if want := "SUSPECTED_REPLAY SUSPECTED_PRESENTATION_ATTACK|1|0.125"; got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
	if _, err := s.VerifyTrail(t.Context()); err != nil {
		t.Error(err)
	}
	for _, statement := range []string{
		`UPDATE audit_events SET flags = ''`,
		`UPDATE audit_events SET flags = 'NONSENSE'`,
		`UPDATE audit_events SET flags = '', liveness_known = 0, liveness = 0`,
	} {
		s.ExecForTest(t, inEngine(statement))
		if _, err := s.VerifyTrail(t.Context()); err == nil || sesuai.KindOf(err) == sesuai.KindUnavailable {
			t.Errorf("%s: VerifyTrail = %v", statement, err)
		}
	}
}

func BenchmarkSeen(b *testing.B) {
	s := open(b, b.TempDir())
	const people = 100
	for n := range people {
		enrol(b, s, n)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		if _, err := s.Seen(b.Context(), registrytest.NIK(b, n%people), probe(n, fmt.Sprint(n), time.Duration(n))); err != nil {
			b.Fatal(err)
		}
	}
}
