package replay_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
)

// probe is a probe with the n-th photograph, the given minutes after the start.
func probe(n int, client, request string, minutes float64) replay.Probe {
	signature := registrytest.Signature(n)
	return replay.Probe{
		Signature: signature, Request: replay.RequestOf(client, request, sesuai.Claim{}, signature.File),
		At: int64(minutes * 60e6), Result: replay.Verified,
	}
}

func TestJudge(t *testing.T) {
	const maxAge = 24 * time.Hour
	first := probe(1, "bank", "r1", 0)
	reencoded := probe(1, "bank", "r1", 1)
	reencoded.Signature.File[0] ^= 1
	reencoded.Signature.Look[2] ^= 1 << 40
	unsigned := replay.Probe{Request: first.Request}
	for _, tt := range []struct {
		about   string
		earlier []replay.Probe
		probe   replay.Probe
		want    bool
	}{
		{"the first", nil, first, false},
		{"another photograph", []replay.Probe{first}, probe(2, "bank", "r2", 1), false},
		{"the same again", []replay.Probe{first}, probe(1, "bank", "r2", 1), true},
		{"the same, as the second of two", []replay.Probe{probe(2, "bank", "r0", 0), first}, probe(1, "bank", "r2", 1), true},
		{"another client", []replay.Probe{first}, probe(1, "shop", "r1", 1), true},
		{"a retry", []replay.Probe{first}, probe(1, "bank", "r1", 10), false},
		{"a late retry", []replay.Probe{first}, probe(1, "bank", "r1", 10.01), true},
		{"a retry after the clock was set back", []replay.Probe{first}, probe(1, "bank", "r1", -10), false},
		{"the same request with another file", []replay.Probe{first}, reencoded, true},
		{"a retry, and somebody else's, too", []replay.Probe{first, probe(1, "shop", "r9", 0)}, probe(1, "bank", "r1", 1), true},
		{"as old as maxAge", []replay.Probe{first}, probe(1, "bank", "r2", 24*60), true},
		{"too old", []replay.Probe{first}, probe(1, "bank", "r2", 24*60+0.01), false},
		{"no signatures", []replay.Probe{unsigned}, unsigned, false},
	} {
		if got, _ := replay.Judge(tt.earlier, tt.probe, maxAge); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.about, got, tt.want)
		}
	}
}

// TestRequestOf: whatever differs makes another request.
func TestRequestOf(t *testing.T) {
	claim := func(change func(*sesuai.Claim)) sesuai.Claim {
		c := registrytest.Claim(registrytest.Person(t, 1))
		change(&c)
		return c
	}
	same := func(*sesuai.Claim) {}
	attribute := func(a sesuai.Attribute) func(*sesuai.Claim) {
		return func(c *sesuai.Claim) { c.Attributes = map[sesuai.Attribute]sesuai.Text{a: sesuai.NewText("X")} }
	}
	known := map[replay.Request]int{}
	for i, request := range []replay.Request{
		replay.RequestOf("a", "bc", claim(same), [32]byte{1}),
		replay.RequestOf("ab", "c", claim(same), [32]byte{1}),
		replay.RequestOf("a", "bc", claim(same), [32]byte{2}),
		replay.RequestOf("a", "bc", claim(func(c *sesuai.Claim) { c.NIK = registrytest.NIK(t, 2) }), [32]byte{1}),
		replay.RequestOf("a", "bc", claim(func(c *sesuai.Claim) { c.Name = registrytest.Name(t, "Orang Lain") }), [32]byte{1}),
		replay.RequestOf("a", "bc", claim(func(c *sesuai.Claim) { c.DateOfBirth = registrytest.Date(t, "01-02-1970") }), [32]byte{1}),
		replay.RequestOf("a", "bc", claim(attribute(sesuai.RT)), [32]byte{1}),
		replay.RequestOf("a", "bc", claim(attribute(sesuai.RW)), [32]byte{1}),
	} {
		if other, ok := known[request]; ok {
			t.Errorf("requests %d and %d are taken for one", other, i)
		}
		known[request] = i
	}
	if _, ok := known[replay.RequestOf("a", "bc", claim(same), [32]byte{1})]; !ok {
		t.Error("one request is taken for two")
	}
}

// TestSeenAndTriedAgain: a request that was found to be a replay stays one at
// every retry. From then on, a retry of the first request is one too.
func TestSeenAndTriedAgain(t *testing.T) {
	var earlier []replay.Probe
	for i, step := range []struct {
		client, request string
		want            bool
	}{
		{"bank", "r1", false}, {"bank", "r1", false}, {"shop", "r2", true}, {"shop", "r2", true}, {"shop", "r2", true}, {"bank", "r1", true},
	} {
		var seen bool
		seen, earlier = replay.Judge(earlier, probe(1, step.client, step.request, float64(i)), time.Hour)
		if seen != step.want {
			t.Errorf("step %d: %v, want %v", i, seen, step.want)
		}
	}
}

func TestRemember(t *testing.T) {
	remember := func(earlier []replay.Probe, p replay.Probe) []replay.Probe {
		_, kept := replay.Judge(earlier, p, time.Hour)
		return kept
	}
	first := probe(1, "bank", "r1", 0)
	got := remember(nil, first)
	if diff := cmp.Diff([]replay.Probe{first}, got); diff != "" {
		t.Errorf("the first (-want +got):\n%s", diff)
	}
	// A retry keeps the first, so that the window does not move.
	got = remember(got, probe(1, "bank", "r1", 9))
	if diff := cmp.Diff([]replay.Probe{first}, got); diff != "" {
		t.Errorf("a retry (-want +got):\n%s", diff)
	}
	// A replay replaces it: it is remembered for longer and takes no more room.
	again := probe(1, "shop", "r2", 30)
	got = remember(got, again)
	again.Request = replay.Request{}
	if diff := cmp.Diff([]replay.Probe{again}, got); diff != "" {
		t.Errorf("a replay (-want +got):\n%s", diff)
	}
	// Probes that are too old are dropped.
	last := probe(3, "bank", "r3", 90.5)
	got = remember([]replay.Probe{again, probe(2, "bank", "r4", 60)}, last)
	if diff := cmp.Diff([]replay.Probe{probe(2, "bank", "r4", 60), last}, got); diff != "" {
		t.Errorf("old ones (-want +got):\n%s", diff)
	}
	// The latest are kept.
	got = nil
	for n := range replay.MaxVerified + 5 {
		got = remember(got, probe(n, "bank", "r", float64(n)/10))
	}
	if len(got) != replay.MaxVerified || got[0] != probe(5, "bank", "r", 0.5) {
		t.Errorf("%d are kept", len(got))
	}
}

// TestResult: a file keeps its best result. A replay in another form has none, so
// that edited copies do not displace the photographs that they are copies of.
func TestResult(t *testing.T) {
	with := func(p replay.Probe, r replay.Result) replay.Probe {
		p.Result = r
		return p
	}
	edited := probe(1, "shop", "r9", 2)
	edited.Signature.File[0] ^= 1
	for _, tt := range []struct {
		about   string
		earlier replay.Result
		probe   replay.Probe
		want    []replay.Result
	}{
		{"a worse one under another name", replay.Verified, with(probe(1, "shop", "r2", 1), replay.NonMatch), []replay.Result{replay.Verified}},
		{"a better one", replay.Match, probe(1, "shop", "r2", 1), []replay.Result{replay.Verified}},
		{"a retry", replay.Match, probe(1, "bank", "r1", 1), []replay.Result{replay.Verified}},
		{"another photograph", replay.NonMatch, with(probe(2, "bank", "r2", 1), replay.Match), []replay.Result{replay.NonMatch, replay.Match}},
		{"an edited copy", replay.Verified, edited, []replay.Result{replay.Verified, replay.NonMatch}},
	} {
		_, kept := replay.Judge([]replay.Probe{with(probe(1, "bank", "r1", 0), tt.earlier)}, tt.probe, time.Hour)
		var got []replay.Result
		for _, p := range kept {
			got = append(got, p.Result)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.about, diff)
		}
	}
}
