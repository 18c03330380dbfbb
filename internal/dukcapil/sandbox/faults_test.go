package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// TestMagicFaults checks the effect of each fault on all three services, and the
// entry that is recorded.
func TestMagicFaults(t *testing.T) {
	b := newBed(t, nil)
	whole := func(r response) bool { return r.err == nil && r.status == 200 && json.Valid(r.body) }
	status := func(want int) func(response) bool {
		return func(r response) bool {
			return r.err == nil && r.status == want && strings.HasPrefix(string(r.body), "<html>")
		}
	}
	gone := func(r response) bool { return r.err != nil && r.status == 0 }
	for i, test := range []struct {
		fault  sandbox.Fault
		status int
		kept   bool // the class does not change
		ok     func(response) bool
	}{
		{sandbox.Stalled, 0, false, gone},
		{sandbox.Cut, 200, true, func(r response) bool { return r.err != nil && r.status == 200 && len(r.body) > 0 }},
		{sandbox.HalfJSON, 200, true, func(r response) bool {
			return r.err == nil && r.status == 200 && len(r.body) > 0 && !json.Valid(r.body)
		}},
		{sandbox.Garbage, 200, false, func(r response) bool {
			return r.err == nil && r.status == 200 && len(r.body) > 0 && !json.Valid(r.body)
		}},
		{sandbox.HTTP500, 500, false, status(500)},
		{sandbox.HTTP502, 502, false, status(502)},
		{sandbox.HTTP503, 503, false, func(r response) bool { return status(503)(r) && r.header.Get("Retry-After") == "1" }},
		{sandbox.HTTP429, 429, false, func(r response) bool { return status(429)(r) && r.header.Get("Retry-After") == "1" }},
		{sandbox.HTTP401, 401, false, status(401)},
		{sandbox.EmptyBody, 200, false, func(r response) bool { return r.err == nil && r.status == 200 && len(r.body) == 0 }},
		{sandbox.Page, 200, false, status(200)},
		{sandbox.Redirected, 302, false, func(r response) bool { return status(302)(r) && r.header.Get("Location") == "/login" }},
		{sandbox.Reset, 0, false, gone},
		{sandbox.SlowHeaders, 200, true, whole},
		{sandbox.SlowBody, 200, true, whole},
		{sandbox.Endless, 200, false, func(r response) bool { return r.status == 200 && len(r.body) == 1<<20 }},
	} {
		for digit, path := range []string{dataPath, facePath, sandbox.DefaultBalikanPath} {
			p := magicPerson(t, fmt.Sprintf("%d%d", digit+1, 100+i))
			bodies := map[string]any{
				dataPath: dataBody(p), facePath: b.faceBody(p.NIK, jpeg(10)), sandbox.DefaultBalikanPath: returning(p.NIK.Reveal(), "c"),
			}
			r := b.send(path, marshal(t, bodies[path]), "Authorization", "Bearer token")
			if !test.ok(r) {
				t.Errorf("%s on %s: status %d, %v: %.100s", test.fault, path, r.status, r.err, r.body)
			}
			e := b.last()
			kept := slices.Contains([]sandbox.Class{"found", "compared", "accepted"}, e.Class)
			if e.Fault != test.fault || e.Status != test.status || kept != test.kept || e.Billed != (kept && digit < 2) || e.NIK != p.NIK.Reveal() {
				t.Errorf("%s on %s: recorded %+v", test.fault, path, e)
			}
		}
	}
}

// returning returns a body for the receiver of returned data.
func returning(pairs ...string) any {
	var people []object
	for i := 0; i+1 < len(pairs); i += 2 {
		people = append(people, object{"NIK": pairs[i], "param": []object{{"CUSTOMER_ID": pairs[i+1]}}})
	}
	return []object{{"id_lembaga": "1", "nama_lembaga": "Bank", "data": people}}
}

// TestRecordUnderFaults sends concurrent calls with every fault. Each call is
// recorded once, and every complete answer is the recorded one. The faults do
// not depend on the order of the calls.
func TestRecordUnderFaults(t *testing.T) {
	const people, times = 20, 25
	faults := sandbox.Faults{
		Refuse: .05, HTTP500: .05, Stall: .02, Cut: .05, Garbage: .05, Empty: .05, Reset: .05, SlowHeaders: .02, SlowBody: .02,
		Codes: []string{"06", "17"},
	}
	run := func() map[string]int {
		b := newBed(t, func(o *sandbox.Options) {
			o.Data.Faults, o.Seed = faults, 42
			o.Quirks = sandbox.Quirks{Shape: sandbox.MixedShape, Scalars: sandbox.MixedScalars, Texts: sandbox.MixedTexts}
		})
		var bodies [][]byte
		for n := range people {
			p := registrytest.Person(t, n)
			if n%4 != 0 {
				b.enrol(n, nil)
			}
			bodies = append(bodies, marshal(t, dataBody(p)))
		}
		var mu sync.Mutex
		answers := make(map[string]int) // complete answers, by NIK and text
		var all sync.WaitGroup
		for _, body := range bodies {
			all.Go(func() {
				for range times {
					r := b.send(dataPath, body)
					var o struct{ NIK string }
					_ = json.Unmarshal(body, &o)
					if r.err == nil && r.status == 200 && json.Valid(r.body) {
						mu.Lock()
						answers[o.NIK+nameText(r.body)]++
						mu.Unlock()
					}
				}
			})
		}
		all.Wait()
		counts, entries := b.Counts(), b.Record()
		if len(entries) != people*times || counts.Calls[sandbox.DataCheck] != people*times {
			t.Errorf("%d entries and %v of %d calls", len(entries), counts.Calls, people*times)
		}
		recorded, met := make(map[string]int), make(map[string]int)
		billed := 0
		for i, e := range entries {
			if e.Number != uint64(i+1) {
				t.Fatalf("entry %d has number %d", i, e.Number)
			}
			if e.Billed {
				billed++
			}
			if e.Status == 200 && !slices.Contains([]sandbox.Fault{sandbox.Cut, sandbox.Garbage}, e.Fault) {
				recorded[e.NIK+e.Name]++
			}
			met[e.NIK+" "+string(e.Fault)]++
		}
		if diff := cmp.Diff(recorded, answers); diff != "" {
			t.Errorf("recorded and answered differ:\n%s", diff)
		}
		if billed == 0 || billed != counts.Billed[sandbox.DataCheck] {
			t.Errorf("%d billed, counted %v", billed, counts.Billed)
		}
		sum := 0
		for _, n := range counts.Faults[sandbox.DataCheck] {
			sum += n
		}
		if sum < people*times/5 || len(counts.Faults[sandbox.DataCheck]) != 9 {
			t.Errorf("faults: %v", counts.Faults)
		}
		return met
	}
	if diff := cmp.Diff(run(), run()); diff != "" {
		t.Errorf("another run with the same seed has other faults:\n%s", diff)
	}
}

// nameText returns an answer's text about the name, or "".
func nameText(body []byte) string {
	var o struct {
		Content []struct {
			Name string `json:"NAMA_LGKP"`
		} `json:"content"`
	}
	if json.Unmarshal(body, &o) != nil || len(o.Content) == 0 {
		return ""
	}
	return o.Content[0].Name
}

// TestFaceFaults checks the faults that do not affect the connection.
func TestFaceFaults(t *testing.T) {
	b := newBed(t, func(o *sandbox.Options) { o.Face.Faults = sandbox.Faults{Refuse: .5, Empty: .5} })
	p := b.enrol(1, nil)
	image := b.image(1, 90)
	seen := make(map[string]int)
	for range 100 {
		got := b.post(facePath, b.faceBody(p.NIK, image))
		if len(got) == 0 {
			seen["empty"]++
			continue
		}
		seen[errorCode(t, got)]++
	}
	if keys := slices.Sorted(maps.Keys(seen)); !slices.Equal(keys, []string{"5000", "5002", "6012", "6014", "empty"}) {
		t.Errorf("%v", seen)
	}
}

// TestLatency: the time that answers take has the configured median and 99th
// percentile. It runs on a fake clock.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const median, p99, n = 200 * time.Millisecond, 2 * time.Second, 2000
		c := config()
		c.Data = sandbox.Service{Latency: sandbox.Latency{Median: median, P99: p99}, Quota: n}
		s, err := sandbox.New(sandbox.Options{
			Config: c, Registry: registrytest.NewMemory(), Extractor: &extractor{}, PrivateKey: privateKey(),
		})
		if err != nil {
			t.Fatal(err)
		}
		body := string(marshal(t, dataBody(registrytest.Person(t, 1))))
		took := make([]time.Duration, n)
		for i := range took {
			started := time.Now()
			s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, dataPath, strings.NewReader(body)))
			took[i] = time.Since(started)
		}
		slices.Sort(took)
		for q, want := range map[float64]time.Duration{.5: median, .99: p99} {
			got := took[int(q*n)]
			if ratio := float64(got) / float64(want); math.Abs(math.Log(ratio)) > .25 {
				t.Errorf("the %v quantile is %v, want about %v", q, got, want)
			}
		}
	})
}

// TestStallEnds: a stall ends after its time, or when the caller closes the
// connection.
func TestStallEnds(t *testing.T) {
	for name, patience := range map[string]time.Duration{"by itself": time.Hour, "the caller goes": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := sandbox.New(sandbox.Options{
					Config: config(), Registry: registrytest.NewMemory(), Extractor: &extractor{}, PrivateKey: privateKey(),
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				started := time.Now()
				defer func() {
					want := min(patience, sandbox.DefaultStall)
					if took := time.Since(started); recover() != http.ErrAbortHandler || took != want || len(s.Record()) != 1 {
						t.Errorf("it ended after %v, want %v, with %d entries", took, want, len(s.Record()))
					}
				}()
				body := string(marshal(t, dataBody(magicPerson(t, "1100"))))
				r := httptest.NewRequest(http.MethodPost, dataPath, strings.NewReader(body)).WithContext(ctx)
				s.ServeHTTP(httptest.NewRecorder(), r)
			})
		})
	}
}
