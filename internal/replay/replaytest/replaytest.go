// Package replaytest has the conformance tests of what verify.Recorder says about
// probes, and one in memory for the tests of packages that use it. It is for tests
// only, and leaves it to the implementations to show that changes are durable.
package replaytest

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
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/conformance"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/verify"
)

// People is the number of people that the conformance tests use.
const People = 3

// Recorder is a verify.Recorder whose events can be read.
type Recorder interface {
	verify.Recorder
	audit.Reader
}

// Recorders are two recorders that record to the same place, as two processes do.
// They remember the probes of registrytest.NIK(t, 0) to
// registrytest.NIK(t, People-1) for replay.DefaultMaxAge, and nothing yet.
type Recorders [2]Recorder

// Run runs the conformance tests on recorders that open returns.
func Run(t *testing.T, open func(t *testing.T) Recorders) { conformance.Run(t, suite{open}) }

type suite struct {
	open func(t *testing.T) Recorders
}

// start is when the tests start. A recorder drops what is older than its maximum
// age, so it is not a constant.
var start = time.Now()

// Probe returns a probe of the n-th photograph, so long after the tests' start.
// The person was verified.
func Probe(n int, request string, after time.Duration) replay.Probe {
	return probeOf(sesuai.Claim{}, n, request, after, replay.Verified)
}

// probeOf returns a probe that came with the claim and had that result.
func probeOf(claim sesuai.Claim, n int, request string, after time.Duration, result replay.Result) replay.Probe {
	signature := registrytest.Signature(n)
	return replay.Probe{
		Signature: signature, Request: replay.RequestOf("cli_test", request, claim, signature.File),
		At: start.Add(after).UnixMicro(), Result: result,
	}
}

// requests numbers the events of the tests.
var requests atomic.Int64

// results are the results of the events for each outcome.
var results = map[bool]audit.Result{false: audit.Verified, true: audit.Refused}

// Seen has a recorder remember a person's probe. It reports a failure of the test
// if the event is not that of the outcome, or if there are several.
func Seen(ctx context.Context, t testing.TB, r Recorder, person int, p replay.Probe) (bool, error) {
	t.Helper()
	e := audittest.Event(t, 0, fmt.Sprintf("request-%d", requests.Add(1)))
	e.NIK = registrytest.NIK(t, person)
	seen, _, err := r.Remember(ctx, nil, e.NIK, p, func(seen bool, _ limit.Prior, err error) (audit.Event, *answer.Answer) {
		e := e
		e.Result = results[seen]
		if err != nil {
			e.Result = audit.Unavailable
		}
		return e, nil
	})
	events, readErr := r.Events(context.WithoutCancel(ctx), audit.Filter{RequestIDs: []string{e.RequestID}})
	switch {
	case readErr != nil:
		t.Error(readErr)
	case err == nil && (len(events) != 1 || events[0].Result != results[seen]), len(events) > 1:
		t.Errorf("seen is %v, %v, and recorded are %+v", seen, err, events)
	}
	return seen, err
}

// AssertSeen reports whether Seen does not return want about a person.
func AssertSeen(t testing.TB, r Recorder, person int, p replay.Probe, want bool) {
	t.Helper()
	got, err := Seen(t.Context(), t, r, person, p)
	if err != nil {
		t.Fatalf("Remember: %v", err)
	}
	if got != want {
		t.Errorf("Remember = %v, want %v", got, want)
	}
}

func (s suite) TestSeen(t *testing.T) {
	both := s.open(t)
	m, other := both[0], both[1]
	AssertSeen(t, m, 1, Probe(10, "a", 0), false)
	AssertSeen(t, m, 1, Probe(11, "b", 1), false)
	AssertSeen(t, m, 1, Probe(10, "a", 2), false) // a retry
	AssertSeen(t, m, 1, Probe(10, "c", 3), true)
	AssertSeen(t, m, 1, Probe(10, "c", 3), true)  // no retry of a probe that was seen
	AssertSeen(t, m, 2, Probe(10, "d", 4), false) // of another person
	near := Probe(11, "e", 5)
	near.Signature.File = sha256.Sum256([]byte("re-encoded"))
	near.Signature.Look[1] ^= 0xff
	AssertSeen(t, m, 1, near, true)

	AssertSeen(t, other, 1, Probe(10, "f", 6), true)
	AssertSeen(t, other, 2, Probe(12, "g", 7), false)
	AssertSeen(t, m, 2, Probe(12, "h", 8), true)
}

// TestRetry: a request that says anything else under the id of an earlier one is
// no retry.
func (s suite) TestRetry(t *testing.T) {
	m := s.open(t)[0]
	claim := registrytest.Claim(registrytest.Person(t, 1))
	name, date := claim, claim
	name.Name = registrytest.Name(t, "Orang Lain")
	date.DateOfBirth = registrytest.Date(t, "01-02-1970")
	first := probeOf(claim, 1, "constant", 0, replay.Match)
	AssertSeen(t, m, 1, first, false)
	AssertSeen(t, m, 1, first, false)
	for about, guess := range map[string]sesuai.Claim{"name": name, "date of birth": date} {
		t.Run(about, func(t *testing.T) {
			AssertSeen(t, m, 1, probeOf(guess, 1, "constant", time.Second, replay.Match), true)
		})
	}
	AssertSeen(t, m, 1, first, true) // now it was sent by somebody else, too
}

// TestSeenKeepsTheLatest of each result.
func (s suite) TestSeenKeepsTheLatest(t *testing.T) {
	m := s.open(t)[0]
	for person, tt := range []struct {
		result replay.Result
		keeps  int
	}{{replay.NonMatch, replay.MaxOthers}, {replay.Match, replay.MaxOthers}, {replay.Verified, replay.MaxVerified}} {
		sent := func(n int, request string, after time.Duration) replay.Probe {
			return probeOf(sesuai.Claim{}, n, request, after, tt.result)
		}
		for n := range tt.keeps + 4 {
			AssertSeen(t, m, person, sent(n, fmt.Sprint(n), time.Duration(n)), false)
		}
		AssertSeen(t, m, person, sent(4, "again", 999), true)
		AssertSeen(t, m, person, sent(3, "again", 999), false)
	}
}

// TestFlood: photographs that fail displace none that did better, however many
// there are.
func (s suite) TestFlood(t *testing.T) {
	both := s.open(t)
	m := both[0]
	next := 100
	flood := func(result replay.Result) {
		t.Helper()
		for range 2 * replay.MaxProbes {
			next++
			AssertSeen(t, m, 1, probeOf(sesuai.Claim{}, next, fmt.Sprint(next), time.Duration(next), result), false)
		}
	}
	for n := range replay.MaxVerified {
		AssertSeen(t, m, 1, Probe(n, fmt.Sprint(n), time.Duration(n)), false)
	}
	AssertSeen(t, m, 1, probeOf(sesuai.Claim{}, 99, "wrong name", 99, replay.Match), false)
	flood(replay.NonMatch)
	AssertSeen(t, m, 1, probeOf(sesuai.Claim{}, 99, "another name", time.Second, replay.Match), true)
	flood(replay.Match)
	flood(replay.NonMatch)
	for n := range replay.MaxVerified {
		AssertSeen(t, both[1], 1, Probe(n, "again", time.Minute), true)
	}
}

// TestSeenAtOnce: of several calls at the same time with one photograph, over two
// recorders, one is the first.
func (s suite) TestSeenAtOnce(t *testing.T) {
	both := s.open(t)
	for round := range 5 {
		var firsts atomic.Int32
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				seen, err := Seen(t.Context(), t, both[i%2], 1, Probe(round, fmt.Sprintf("%d-%d", round, i), 0))
				if err != nil {
					t.Error(err)
				}
				if !seen {
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

// TestPeopleAtOnce: the probes of several people are remembered at the same time,
// in another order by each caller, over two recorders. Nobody's are lost.
func (s suite) TestPeopleAtOnce(t *testing.T) {
	both := s.open(t)
	const callers, each = 8, 12
	photograph := func(caller, i int) int { return 100*caller + i }
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for i := range each {
				person := (caller*each + i*(1+caller%2)) % People
				seen, err := Seen(t.Context(), t, both[caller%2], person, Probe(photograph(caller, i), fmt.Sprint(caller, i), 0))
				if seen || err != nil {
					t.Errorf("Remember = %v, %v", seen, err)
				}
			}
		})
	}
	group.Wait()
	for caller := range callers {
		for i := range each {
			person := (caller*each + i*(1+caller%2)) % People
			AssertSeen(t, both[1], person, Probe(photograph(caller, i), "again", time.Second), true)
		}
	}
}

// TestEndedProbe: nothing is remembered for a caller that is gone. The event says so.
func (s suite) TestEndedProbe(t *testing.T) {
	both := s.open(t)
	AssertSeen(t, both[0], 0, Probe(1, "a", 0), false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if seen, err := Seen(ctx, t, both[0], 0, Probe(2, "b", 1)); seen || sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("Remember = %v, %v", seen, err)
	}
	events, err := both[0].Events(t.Context(), audit.Filter{})
	if err != nil || len(events) != 2 || events[0].Result != audit.Unavailable {
		t.Errorf("recorded are %+v, %v", events, err)
	}
	AssertSeen(t, both[1], 0, Probe(2, "c", 2), false)
}
