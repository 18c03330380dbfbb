// Package replaytest has the conformance tests of replay.Store, and a store in
// memory for the tests of packages that use one. It is for tests only, and
// leaves it to the implementations to show that changes are durable.
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

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/conformance"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
)

// People is the number of people that the conformance tests use.
const People = 3

// Stores are two stores that store the same, as two processes do. They remember
// the probes of registrytest.NIK(t, 0) to registrytest.NIK(t, People-1), and
// nothing yet.
type Stores [2]replay.Store

// Run runs the conformance tests on stores that open returns.
func Run(t *testing.T, open func(t *testing.T) Stores) { conformance.Run(t, suite{open}) }

type suite struct {
	open func(t *testing.T) Stores
}

// start is when the tests start. Memory drops what is older than its maximum
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

// memory returns a Memory in the store.
func memory(s replay.Store) *replay.Memory { return replay.NewMemory(s, replay.DefaultMaxAge) }

// AssertSeen reports whether Seen does not return want about a person.
func AssertSeen(t *testing.T, m *replay.Memory, person int, p replay.Probe, want bool) {
	t.Helper()
	got, err := m.Seen(t.Context(), registrytest.NIK(t, person), p)
	if err != nil {
		t.Fatalf("Seen: %v", err)
	}
	if got != want {
		t.Errorf("Seen = %v, want %v", got, want)
	}
}

// exchange replaces a person's probes and returns those that were there.
func exchange(t *testing.T, s replay.Store, person int, kept ...replay.Probe) (earlier []replay.Probe) {
	t.Helper()
	err := s.Update(t.Context(), registrytest.NIK(t, person), func(e []replay.Probe) []replay.Probe {
		earlier = e
		return kept
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return earlier
}

func assertProbes(t *testing.T, got []replay.Probe, want ...replay.Probe) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("probes (-want +got):\n%s", d)
	}
}

func (s suite) TestUpdate(t *testing.T) {
	stores := s.open(t)
	first, second := Probe(1, "a", 0), Probe(2, "b", time.Microsecond)
	second.Request = replay.Request{}
	assertProbes(t, exchange(t, stores[0], 0, first))
	assertProbes(t, exchange(t, stores[1], 0, first, second), first)
	assertProbes(t, exchange(t, stores[1], 1, second)) // of another person
	assertProbes(t, exchange(t, stores[0], 0, second), first, second)
	assertProbes(t, exchange(t, stores[0], 0, first), second)
}

func (s suite) TestUpdateWithAllProbes(t *testing.T) {
	stores := s.open(t)
	var all []replay.Probe
	for n := range replay.MaxProbes {
		p := Probe(n, fmt.Sprint(n), time.Duration(n)*time.Second)
		p.Result = replay.Result(n % 3)
		all = append(all, p)
	}
	exchange(t, stores[0], 0, all...)
	assertProbes(t, exchange(t, stores[1], 0, all...), all...)
}

func (s suite) TestSeen(t *testing.T) {
	stores := s.open(t)
	m, other := memory(stores[0]), memory(stores[1])
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
	m := memory(s.open(t)[0])
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
	stores := s.open(t)
	for person, tt := range []struct {
		result replay.Result
		keeps  int
	}{{replay.NonMatch, replay.MaxOthers}, {replay.Match, replay.MaxOthers}, {replay.Verified, replay.MaxVerified}} {
		m := memory(stores[0])
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
	stores := s.open(t)
	m := memory(stores[0])
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
		AssertSeen(t, memory(stores[1]), 1, Probe(n, "again", time.Minute), true)
	}
}

// TestSeenAtOnce: of several calls at the same time with one photograph, over two
// stores, one is the first.
func (s suite) TestSeenAtOnce(t *testing.T) {
	stores := s.open(t)
	memories := []*replay.Memory{memory(stores[0]), memory(stores[1])}
	nik := registrytest.NIK(t, 1)
	for round := range 5 {
		var firsts atomic.Int32
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				seen, err := memories[i%2].Seen(t.Context(), nik, Probe(round, fmt.Sprintf("%d-%d", round, i), 0))
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

func (s suite) TestRemoveBefore(t *testing.T) {
	stores := s.open(t)
	old, recent, later := Probe(1, "a", 0), Probe(2, "b", time.Second), Probe(3, "c", 2*time.Second)
	exchange(t, stores[0], 0, old)
	exchange(t, stores[0], 1, old, recent) // the latest counts
	exchange(t, stores[0], 2, later)
	if err := stores[1].RemoveBefore(t.Context(), time.UnixMicro(recent.At)); err != nil {
		t.Fatal(err)
	}
	assertProbes(t, exchange(t, stores[0], 0, later))
	assertProbes(t, exchange(t, stores[0], 1, later), old, recent)
	assertProbes(t, exchange(t, stores[0], 2, later), later)
}

func (s suite) TestEndedContext(t *testing.T) {
	stores := s.open(t)
	first, second := Probe(1, "a", 0), Probe(2, "b", 1)
	exchange(t, stores[0], 0, first)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for method, call := range map[string]func() error{
		"Update": func() error {
			return stores[0].Update(ctx, registrytest.NIK(t, 0), func([]replay.Probe) []replay.Probe { return []replay.Probe{second} })
		},
		"RemoveBefore": func() error { return stores[0].RemoveBefore(ctx, start.Add(time.Hour)) },
	} {
		if err := call(); sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v", method, err)
		}
	}
	assertProbes(t, exchange(t, stores[0], 0, first), first)
}
