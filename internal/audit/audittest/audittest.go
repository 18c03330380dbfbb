// Package audittest has the conformance tests of audit.Log and audit.Reader, and
// one in memory for tests of packages that append to a Log. It is for tests only, and leaves it
// to the implementations to show that events are durable.
package audittest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/conformance"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Log is an audit.Log whose events can be read.
type Log interface {
	audit.Log
	audit.Reader
}

// Run runs the conformance tests on empty logs that open returns.
func Run(t *testing.T, open func(t *testing.T) Log) { conformance.Run(t, suite{open}) }

type suite struct{ open func(t *testing.T) Log }

// Event returns an event with a value in each field but Flags and Liveness. n
// makes the NIK of a synthetic person.
func Event(t testing.TB, n int, requestID string) audit.Event {
	t.Helper()
	nik, err := sesuai.ParseNIK(fmt.Sprintf("9999%012d", n))
	if err != nil {
		t.Fatal(err)
	}
	return audit.Event{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), RequestID: requestID, Client: "cli_test",
		NIK: nik, Result: audit.NotVerified, Reason: string(sesuai.ReasonNameDiffers),
		NIKOutcome: sesuai.Match, Name: sesuai.NonMatch, DateOfBirth: sesuai.Match, NameScore: 42, NameThreshold: 85,
		Compared: true, Percentage: sesuai.PercentageOf(81.25), Score: 0.4375, Threshold: sesuai.PercentageOf(75),
		Model: "test-model", Calibration: "test-scale", ReplayChecked: true, Duration: 31 * time.Millisecond,
		Cosine: 0.5, ReferenceLength: 3, ProbeLength: 2.5,
	}
}

// Start signs the head of a trail, as the service does in a new database, unless
// it is signed.
func Start(t testing.TB, db *sqldb.DB, trail *audit.Trail) {
	t.Helper()
	err := db.InTx(t.Context(), func(tx *sqldb.Tx) error { return trail.StartTx(t.Context(), tx, [32]byte{}, [32]byte{}) })
	if _, signed := errors.AsType[*audit.BrokenError](err); err != nil && !signed {
		t.Fatal(err)
	}
}

// recorded identifies a recorded event.
type recorded struct {
	Seq       int64
	RequestID string
	Result    audit.Result
}

// allOf returns the recorded events in the order of their numbers.
func allOf(t testing.TB, l audit.Reader) (all []recorded) {
	t.Helper()
	events, err := l.Events(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(events) {
		all = append(all, recorded{e.Seq, e.RequestID, e.Result})
	}
	return all
}

func appendTo(t testing.TB, l audit.Log, e audit.Event) {
	t.Helper()
	if err := l.Append(t.Context(), e); err != nil {
		t.Errorf("Append = %v", err)
	}
}

// TestOrder: events are numbered from 1 in the order in which they were
// appended.
func (s suite) TestOrder(t *testing.T) {
	l := s.open(t)
	var want []recorded
	for n, result := range []audit.Result{audit.Verified, audit.NotVerified, audit.Refused, audit.Unavailable, audit.Verified} {
		e := Event(t, n, fmt.Sprintf("request-%d", n))
		e.Result = result
		appendTo(t, l, e)
		want = append(want, recorded{int64(n + 1), e.RequestID, result})
	}
	if diff := cmp.Diff(want, allOf(t, l)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

// TestSameEventTwice: a log does not look for events that are alike.
func (s suite) TestSameEventTwice(t *testing.T) {
	l := s.open(t)
	for range 2 {
		appendTo(t, l, Event(t, 1, "request"))
	}
	if n := len(allOf(t, l)); n != 2 {
		t.Errorf("%d events are recorded, want 2", n)
	}
}

// TestManyAtOnce: events that are appended at the same time are each recorded
// once, under consecutive numbers. An event that is appended after another one
// was acknowledged has a higher number.
func (s suite) TestManyAtOnce(t *testing.T) {
	l := s.open(t)
	const writers, each = 8, 25
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				appendTo(t, l, Event(t, w, fmt.Sprintf("%d %02d", w, i)))
			}
		})
	}
	group.Wait()
	all := allOf(t, l)
	if len(all) != writers*each {
		t.Fatalf("%d events are recorded, want %d", len(all), writers*each)
	}
	last := make(map[string]string)
	for i, r := range all {
		if r.Seq != int64(i+1) {
			t.Fatalf("event %d has the number %d", i+1, r.Seq)
		}
		writer, number, _ := strings.Cut(r.RequestID, " ")
		if number <= last[writer] {
			t.Errorf("writer %s: event %q is after %q", writer, number, last[writer])
		}
		last[writer] = number
	}
}

// TestEndedContext: nothing is recorded for a caller that is gone.
func (s suite) TestEndedContext(t *testing.T) {
	l := s.open(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for _, ctx := range []context.Context{cancelled, late} {
		err := l.Append(ctx, Event(t, 1, "ended"))
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, ctx.Err()) {
			t.Errorf("Append = %v, want an error of kind %s with %v", err, sesuai.KindUnavailable, ctx.Err())
		}
	}
	appendTo(t, l, Event(t, 1, "next"))
	want := []recorded{{1, "next", audit.NotVerified}}
	if diff := cmp.Diff(want, allOf(t, l)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}
