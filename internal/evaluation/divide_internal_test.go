package evaluation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// TestDividedTotal: in a replicate too, in which some people count more than once
// and others not at all, each part has the pairs that one gets by looking at every
// pair.
func TestDividedTotal(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		const parts, people = 4, 9
		total := &dividedTotal{people: make([]float64, parts)}
		m := make([]float64, people)
		for range m {
			m[rng.IntN(people)]++
		}
		want := make([]float64, parts)
		for range 60 {
			row := dividedRow{person: rng.Int32N(people), reference: rng.IntN(parts+1) - 1, probe: rng.IntN(parts+1) - 1}
			for _, earlier := range total.rows {
				if part := min(earlier.reference, row.probe); part >= 0 && earlier.person != row.person {
					want[part] += m[earlier.person] * m[row.person]
				}
			}
			total.rows = append(total.rows, row)
		}
		for range 30 {
			p := dividedPair{rng.Int32N(people), rng.Int32N(people), rng.IntN(parts)}
			want[p.part] += m[p.a] * m[p.b]
			total.pairs = append(total.pairs, p)
		}
		for k, n := range total.photographs(m) {
			if n != want[k] {
				t.Errorf("part %d: %v pairs, want %v", k, n, want[k])
			}
		}
	}
}

// crowdInLight returns the scores of 300 people of one photograph each, with
// brightnesses from 1 to 300 in a random order. Everybody is compared with
// everybody. matches says which pairs match, by their brightness.
func crowdInLight(seed uint64, matches func(rng *rand.Rand, darker, brighter int) bool) *Scores {
	const people = 300
	rng := rand.New(rand.NewPCG(seed, 0))
	s := &Scores{Set: &Set{}, AllPairs: true, acquired: make([][2]acquired, people)}
	for p, brightness := range rng.Perm(people) {
		s.Set.People = append(s.Set.People, fmt.Sprint(p))
		s.Set.Samples = append(s.Set.Samples, Sample{Person: p, Group: -1})
		a := acquired{ok: true, length: 3, condition: condition{Brightness: float64(brightness + 1)}}
		s.acquired[p] = [2]acquired{a, a}
	}
	im := &s.Impostors
	im.PerPair = func(int, int) int { return 1 }
	im.perPerson = make([]int, people)
	for a := range people {
		im.perPerson[a] = 1
		for b := range a {
			x, y := int(s.acquired[a][0].Brightness), int(s.acquired[b][0].Brightness)
			if matches(rng, min(x, y), max(x, y)) {
				im.Tail = append(im.Tail, Score{Reference: int32(b), Probe: int32(a), Value: 0.9})
			}
		}
	}
	im.Pairs, im.PeoplePairs, im.Floor = people*(people-1)/2, people*(people-1)/2, 0.5
	im.Counts[bin(0.9)] = int64(len(im.Tail))
	im.Counts[bin(0)] = im.Pairs - int64(len(im.Tail))
	return s
}

// inLight returns the breakdown by brightness.
func inLight(t *testing.T, s *Scores) Breakdown {
	t.Helper()
	r, err := Measure(t.Context(), s, Measuring{
		Calibration: &face.Calibration{Scoring: face.Scoring{Anchors: []face.Anchor{
			{FMR: 1e-2, Score: 0.6}, {FMR: 1e-4, Score: 0.8}, {FMR: 1e-6, Score: 0.95},
		}}},
		Threshold: sesuai.PercentageOf(75), Seed: 1, Replicates: 500, MinPart: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range r.Evenness {
		if b.By == "brightness" {
			if len(b.Parts) != 6 {
				t.Fatalf("%d parts", len(b.Parts))
			}
			return b
		}
	}
	t.Fatal("nothing is divided by brightness")
	return Breakdown{}
}

// TestUneven: a list is found uneven if its darkest photographs match eight times
// as often as all, and not if they match as often, nor if a few dark people make
// all the matches, which others would not.
func TestUneven(t *testing.T) {
	share := func(p float64) func(*rand.Rand, int, int) bool {
		return func(rng *rand.Rand, _, _ int) bool { return rng.Float64() < p }
	}
	for seed := range uint64(10) {
		b := inLight(t, crowdInLight(seed, share(0.01)))
		if len(b.FMR.Uneven) > 0 || b.FMR.Ratio.Value > 2 {
			t.Errorf("even: %+v", b.FMR)
		}
	}
	b := inLight(t, crowdInLight(1, func(rng *rand.Rand, darker, _ int) bool {
		return rng.Float64() < map[bool]float64{true: 0.1, false: 0.002}[darker <= 15]
	}))
	if len(b.FMR.Uneven) != 1 || b.FMR.Uneven[0] != 0 || b.FMR.Worst != 0 || !(b.FMR.Ratio.Low > UnevenRatio) {
		t.Errorf("uneven: %+v", b.FMR)
	}
	// Two dark people, each of whom looks like twenty others.
	b = inLight(t, crowdInLight(1, func(_ *rand.Rand, darker, brighter int) bool { return darker <= 2 && brighter%15 == 0 }))
	if b.FMR.Ratio.Value < 8 || len(b.FMR.Uneven) > 0 {
		t.Errorf("two people make it uneven: %+v", b.FMR)
	}
	// Every part but the darkest is without an error.
	b = inLight(t, crowdInLight(1, func(_ *rand.Rand, darker, brighter int) bool { return darker <= 14 && brighter == 290+darker%10 }))
	if b.FMR.Worst != 0 || b.Parts[1].FMRRatio.Value != 0 || b.Parts[1].FMRRatio.High == 0 {
		t.Errorf("%+v", b.Parts[1])
	}
}

// TestRatioOfFewErrors: where other parts have no error, their rate is not taken to
// be 0, but what the Rule of 3 allows.
func TestRatioOfFewErrors(t *testing.T) {
	part := func(errors, of float64, erring int) *tallied {
		return &tallied{counted: counted{errors, of}, drawn: []counted{{errors, of}, {errors, of}}, erring: erring, n: of}
	}
	few, none := part(6, 250, 6), part(0, 750, 0)
	var hits []pairCount // of few
	for b := range int32(6) {
		hits = append(hits, pairCount{b: b + 1, n: 1})
	}
	ratiosOf := func() []Ratio {
		return ofPairs([]partOfPairs{{few, hits}, {none, nil}}).ratios(new(Spread))
	}
	r := ratiosOf()[0]
	if r.Value != 4 || math.Abs(r.Low-6./250*1000/(6+3)) > 1e-9 || r.High != 4 {
		t.Errorf("%+v", r)
	}
	if r := ratiosOf()[1]; r.Value != 0 || r.Low != 0 || math.Abs(r.High-3./750*1000/6) > 1e-9 {
		t.Errorf("%+v", r)
	}
	// A replicate without an error bounds nothing from below.
	few.drawn[0], none.drawn[0] = counted{0, 250}, counted{0, 750}
	if r := ratiosOf()[0]; r.Low != 0 {
		t.Errorf("%+v", r)
	}
}

// TestRatiosHoldAtOnce: an interval leaves 2.5 % on either side, divided by the
// number of parts.
func TestRatiosHoldAtOnce(t *testing.T) {
	for _, parts := range []int{2, 5} {
		all := make([]partOfPairs, parts)
		for k := range all {
			all[k].tallied = &tallied{counted: counted{500, 1000}, erring: 500, n: 1000}
			for b := range int32(500) {
				all[k].hits = append(all[k].hits, pairCount{b: b + 1})
			}
			for i := range 1001 { // the first part has i of 1000 errors, the second the others
				errors := map[int]float64{0: float64(i), 1: float64(1000 - i)}[k]
				all[k].drawn = append(all[k].drawn, counted{errors, 1000})
			}
		}
		var spread Spread
		r := ofPairs(all).ratios(&spread)[0]
		cut := math.Floor(25 / float64(parts))
		scale := float64(parts) / 1000 // the mean is 1000 errors in so many parts
		if math.Abs(r.Low-cut*scale) > 1e-9 || math.Abs(r.High-(1000-cut)*scale) > 1e-9 {
			t.Errorf("%d parts: %+v, want %v to %v", parts, r, cut*scale, (1000-cut)*scale)
		}
	}
}
