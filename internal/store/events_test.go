package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/store"
)

func event(t testing.TB, n int, id string) audit.Event {
	return audit.Event{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), RequestID: id, Client: "cli_test",
		NIK: registrytest.NIK(t, n), Result: audit.NotVerified, Reason: string(sesuai.ReasonNameDiffers),
		NIKOutcome: sesuai.Match, Name: sesuai.NonMatch, DateOfBirth: sesuai.Match, NameScore: 42,
		Compared: true, Percentage: sesuai.PercentageOf(81.25), Score: 0.4375, Threshold: sesuai.PercentageOf(75),
		Model: registrytest.Model, Calibration: registrytest.Calibration, Duration: 31 * time.Millisecond,
	}
}

func TestEventsAreStoredAsTheyWere(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Append(t.Context(), event(t, 1, "r1")); err != nil {
		t.Fatal(err)
	}
	var got string
	s.QueryForTest(t, `SELECT concat_ws('|', seq, at, request_id, client, length(nik), result, reason, nik_outcome,
		name_outcome, birth_outcome, name_score, compared, percentage, threshold, score, model, calibration,
		duration, length(hash)) FROM audit_events`, &got)
	want := "1|1767323045000006|r1|cli_test|32|not_verified|Name does not match|1|2|1|42|1|8125|7500|0.4375|" +
		registrytest.Model + "|exam|31000|32"
	if got != want {
		t.Errorf("stored %s\n  want %s", got, want)
	}
	// The NIK's hash here is not the one that finds the person.
	enrol(t, s, 1)
	var linkable int
	s.QueryForTest(t, `SELECT count(*) FROM audit_events a, people p, templates t
		WHERE a.nik = p.nik OR a.nik = t.link OR p.nik = t.link`, &linkable)
	if linkable != 0 {
		t.Error("the tables can be linked by a NIK's hash")
	}
}

// TestTheTrailIsContinued: the chain goes on over restarts and holds.
func TestTheTrailIsContinued(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		s, err := store.Open(t.Context(), options(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for i := range 30 {
			group.Go(func() {
				if err := s.Append(t.Context(), event(t, i, fmt.Sprintf("%d.%d", round, i))); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		head, err := s.VerifyTrail(t.Context())
		if err != nil || head.Seq != int64(30*(round+1)) {
			t.Errorf("after round %d the trail has %d events, %v", round, head.Seq, err)
		}
		if recorded, err := s.Head(t.Context()); err != nil || recorded != head {
			t.Errorf("Head = %v, %v, want %v", recorded, err, head)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTampering(t *testing.T) {
	tests := []struct {
		name, statement string
		broken          int64
	}{
		{"verdict changed", `UPDATE audit_events SET result = 'verified' WHERE seq = 4`, 4},
		{"reason changed", `UPDATE audit_events SET reason = 'x' WHERE seq = 10`, 10},
		{"percentage changed", `UPDATE audit_events SET percentage = 9999 WHERE seq = 1`, 1},
		{"client changed", `UPDATE audit_events SET client = 'cli_other' WHERE seq = 7`, 7},
		{"text moved to the next field", `UPDATE audit_events SET request_id = '', client = request_id || client WHERE seq = 5`, 5},
		{"NIK's hash changed", `UPDATE audit_events SET nik = zeroblob(32) WHERE seq = 3`, 3},
		{"NIK's hash shortened", `UPDATE audit_events SET nik = zeroblob(3) WHERE seq = 3`, 3},
		{"hash changed", `UPDATE audit_events SET hash = zeroblob(32) WHERE seq = 3`, 3},
		{"hash removed", `UPDATE audit_events SET hash = x'' WHERE seq = 3`, 3},
		{"value out of range", `UPDATE audit_events SET name_outcome = 1000 WHERE seq = 6`, 6},
		{"first removed", `DELETE FROM audit_events WHERE seq = 1`, 1},
		{"one removed", `DELETE FROM audit_events WHERE seq = 6`, 6},
		{"removed and closed up", `DELETE FROM audit_events WHERE seq = 6; UPDATE audit_events SET seq = seq - 1 WHERE seq > 6`, 6},
		{"last removed", `DELETE FROM audit_events WHERE seq = 10`, 10},
		{"all removed", `DELETE FROM audit_events`, 1},
		{"swapped", `UPDATE audit_events SET seq = -1 WHERE seq = 4; UPDATE audit_events SET seq = 4 WHERE seq = 5;
			UPDATE audit_events SET seq = 5 WHERE seq = -1`, 4},
		{"inserted before", `INSERT INTO audit_events SELECT 0, at, request_id, client, nik, result, reason, nik_outcome,
			name_outcome, birth_outcome, name_score, compared, percentage, threshold, score, model, calibration, duration,
			flags, liveness_known, liveness, hash FROM audit_events WHERE seq = 1`, 1},
		{"added after", `INSERT INTO audit_events SELECT 11, at, request_id, client, nik, result, reason, nik_outcome,
			name_outcome, birth_outcome, name_score, compared, percentage, threshold, score, model, calibration, duration,
			flags, liveness_known, liveness, hash FROM audit_events WHERE seq = 10`, 11},
		{"head moved back", `DELETE FROM audit_events WHERE seq > 8; UPDATE audit_head SET seq = 8`, 8},
		{"head moved on", `UPDATE audit_head SET seq = 12`, 11},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			for i := range 10 {
				if err := s.Append(t.Context(), event(t, i, fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.VerifyTrail(t.Context()); err != nil {
				t.Fatalf("before: %v", err)
			}
			for _, statement := range strings.Split(test.statement, ";") {
				s.ExecForTest(t, inEngine(statement))
			}
			_, err := s.VerifyTrail(t.Context())
			broken, ok := errors.AsType[*audit.BrokenError](err)
			if !ok {
				t.Fatalf("VerifyTrail = %v", err)
			}
			if broken.Seq != test.broken {
				t.Errorf("broken at %d (%v), want %d", broken.Seq, err, test.broken)
			}
		})
	}
}

// TestVerifyWhileAppending: a trail that grows meanwhile is not taken for a
// broken one, however many pages it has.
func TestVerifyWhileAppending(t *testing.T) {
	s := open(t, t.TempDir())
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for i := range 200 {
				if err := s.Append(t.Context(), event(t, w, fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 10 {
		if _, err := s.VerifyTrail(t.Context()); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
	if head, err := s.VerifyTrail(t.Context()); err != nil || head.Seq != 1600 {
		t.Errorf("VerifyTrail = %d, %v", head.Seq, err)
	}
}

func TestAppendWithAnEndedContext(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, dir), open(t, dir)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Append(ended, event(t, 1, "ended"))
	if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("Append = %v", err)
	}

	// One event is being written, and waits for the other process; a second
	// waits behind it until its context ends. That one is never written.
	release := other.LockForTest(t)
	first := make(chan error, 1)
	go func() { first <- s.Append(t.Context(), event(t, 1, "first")) }()
	time.Sleep(100 * time.Millisecond)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Append(short, event(t, 1, "second")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Append = %v", err)
	}
	release()
	if err := <-first; err != nil {
		t.Errorf("Append = %v", err)
	}
	var ids string
	s.QueryForTest(t, inEngine(`SELECT group_concat(request_id) FROM audit_events`), &ids)
	if ids != "first" {
		t.Errorf("events %s are stored, want first", ids)
	}
}

func TestCloseWritesWhatWaits(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	other := open(t, dir)
	release := other.LockForTest(t)
	outcomes := make(chan error, 20)
	for i := range cap(outcomes) {
		go func() { outcomes <- s.Append(t.Context(), event(t, i, fmt.Sprint(i))) }()
	}
	time.Sleep(100 * time.Millisecond)
	time.AfterFunc(50*time.Millisecond, release)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range cap(outcomes) {
		if err := <-outcomes; err != nil {
			t.Errorf("Append = %v", err)
		}
	}
	if head, err := other.VerifyTrail(t.Context()); err != nil || head.Seq != 20 {
		t.Errorf("VerifyTrail = %d, %v", head.Seq, err)
	}
	if err := s.Append(t.Context(), event(t, 1, "late")); sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("Append after Close = %v", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := open(b, b.TempDir())
			e := event(b, 1, "request")
			b.ResetTimer()
			var group sync.WaitGroup
			for w := range writers {
				group.Go(func() {
					for i := w; i < b.N; i += writers {
						if err := s.Append(b.Context(), e); err != nil {
							b.Error(err)
						}
					}
				})
			}
			group.Wait()
		})
	}
}
