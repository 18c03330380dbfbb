package evaluation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/sesuai/sesuai"
)

// Weighting is how the scores of pairs of photographs are weighted.
type Weighting uint8

const (
	// ByPeople gives all pairs of photographs of the same two people together
	// the weight 1, so that a person with many photographs does not decide a
	// rate.
	ByPeople Weighting = iota
	// ByPhotographs gives every pair of photographs the weight 1.
	ByPhotographs
)

// tail holds the highest scores of different people, the people they are of, and
// the weight of all scores together. Its methods take a vector m with how often
// each person counts: once in the list itself, as often as drawn in a bootstrap
// replicate, and 0 times if left out. A pair of people a and b counts m[a]·m[b]
// times.
type tail struct {
	set *Set
	// identical is the least score of identical templates, and highest the
	// greatest that there can be.
	identical, highest float64
	scores             []tailScore // highest first
	// ends holds the two people of each pair of people that has a score in the
	// tail, the smaller first.
	ends  [][2]int32
	total [2]mass // by Weighting
}

type tailScore struct {
	score float64
	// pair indexes tail.ends.
	pair int32
	// weight is indexed by Weighting.
	weight [2]float64
}

// newTail makes the tail of the impostor scores of s. An error of kind
// sesuai.KindConfiguration means that the list cannot be calibrated on.
func newTail(s *Scores) (*tail, error) {
	set, im := s.Set, &s.Impostors
	if im.Pairs == 0 || len(im.Tail) == 0 || im.PerPair == nil {
		return nil, cannotCalibrate("the list has no pair of different people that could be compared")
	}
	t := &tail{
		set: set, identical: s.Formula.Identical(), highest: s.Formula.Score(1, 0),
		scores: make([]tailScore, len(im.Tail)),
	}
	index := make(map[[2]int32]int32)
	for i, s := range im.Tail {
		a, b := int32(set.Samples[s.Reference].Person), int32(set.Samples[s.Probe].Person)
		if a == b {
			return nil, fmt.Errorf("evaluation: a score of one person is among those of two")
		}
		if i > 0 && s.Value > im.Tail[i-1].Value {
			return nil, fmt.Errorf("evaluation: the tail is not in order")
		}
		ends := [2]int32{min(a, b), max(a, b)}
		pair, ok := index[ends]
		if !ok {
			pair = int32(len(t.ends))
			index[ends] = pair
			t.ends = append(t.ends, ends)
		}
		n := im.PerPair(int(ends[0]), int(ends[1]))
		if n < 1 {
			return nil, fmt.Errorf("evaluation: there is a score of two people who were not compared")
		}
		t.scores[i] = tailScore{float64(s.Value), pair, [2]float64{1 / float64(n), 1}}
	}
	t.total = totals(len(set.People), im.PerPair)
	if people := t.people(t.everybody()); people < minPeople {
		return nil, cannotCalibrate(fmt.Sprintf("it has %d people who could be compared with others, and %d are needed", people, minPeople))
	}
	return t, nil
}

func cannotCalibrate(what string) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "the list cannot be calibrated on: " + what}
}

// everybody returns the vector that counts each person once.
func (t *tail) everybody() []float64 {
	m := make([]float64, len(t.set.People))
	for i := range m {
		m[i] = 1
	}
	return m
}

// active returns the people who were compared with anybody.
func (t *tail) active() []int {
	var who []int
	for p, active := range t.total[ByPeople].active {
		if active {
			who = append(who, p)
		}
	}
	return who
}

// people returns how many people of m were compared with anybody.
func (t *tail) people(m []float64) int {
	n := 0
	for _, p := range t.active() {
		if m[p] > 0 {
			n++
		}
	}
	return n
}

// mass is the weight of all pairs of people, those below the floor included.
type mass struct {
	active []bool // by person: compared with anybody
	// factor is set if the weight of two people is the product of their
	// factors, as it is if everybody was compared with everybody. If not, each
	// pair is in pairs.
	factor []float64
	pairs  []weighedPair
}

type weighedPair struct {
	a, b   int32
	weight float64
}

// totals computes the mass by each Weighting.
func totals(people int, perPair func(a, b int) int) [2]mass {
	var pairs []weighedPair
	active := make([]bool, people)
	for a := range people {
		for b := a + 1; b < people; b++ {
			if n := perPair(a, b); n > 0 {
				active[a], active[b] = true, true
				pairs = append(pairs, weighedPair{int32(a), int32(b), float64(n)})
			}
		}
	}
	byPeople, byPhotographs := mass{active: active, pairs: slices.Clone(pairs)}, mass{active: active, pairs: pairs}
	for i := range byPeople.pairs {
		byPeople.pairs[i].weight = 1
	}
	byPeople.factorise()
	byPhotographs.factorise()
	return [2]mass{byPeople, byPhotographs}
}

// factorise replaces the pairs by factors if that is possible.
func (w *mass) factorise() {
	var who []int32
	index := make([]int, len(w.active))
	for p, active := range w.active {
		if active {
			index[p] = len(who)
			who = append(who, int32(p))
		}
	}
	n := len(who)
	if n < 3 || len(w.pairs) != n*(n-1)/2 {
		return
	}
	// The pairs are in order: 0-1, 0-2 and so on; then 1-2.
	first := math.Sqrt(w.pairs[0].weight * w.pairs[1].weight / w.pairs[n-1].weight)
	factor := make([]float64, len(w.active))
	factor[who[0]] = first
	for _, p := range w.pairs[:n-1] {
		factor[p.b] = p.weight / first
	}
	for _, p := range w.pairs {
		if math.Abs(factor[p.a]*factor[p.b]/p.weight-1) > 1e-9 {
			return
		}
	}
	w.factor, w.pairs = factor, nil
}

// of returns the weight of the pairs among the people of m.
func (w *mass) of(m []float64) float64 {
	if w.factor == nil {
		sum := 0.0
		for _, p := range w.pairs {
			sum += m[p.a] * m[p.b] * p.weight
		}
		return sum
	}
	// Half of (Σx)² − Σx² is the sum over all pairs of different ones.
	var sum, squares float64
	for p, f := range w.factor {
		sum += m[p] * f
		squares += m[p] * m[p] * f * f
	}
	return (sum*sum - squares) / 2
}

// bootstrap calls f with replicates of the people, drawn with replacement, and
// returns the values for which f returned true. It draws people and not pairs,
// since pairs that share a person are not independent (Owen, The pigeonhole
// bootstrap, 2007; its intervals are too wide rather than too narrow).
func (t *tail) bootstrap(o CalibrateOptions, f func(m []float64, p *top) ([]float64, bool)) [][]float64 {
	who := t.active()
	return gather(o.Replicates, func(replicate int, p *top) ([]float64, bool) {
		m := make([]float64, len(t.set.People))
		rng := rand.New(rand.NewPCG(o.Seed, uint64(replicate)))
		for range who {
			m[who[rng.IntN(len(who))]]++
		}
		return f(m, p)
	})
}

// gather calls f for 0 to n−1 on all cores, and returns the values for which f
// returned true, in that order.
func gather(n int, f func(i int, p *top) ([]float64, bool)) [][]float64 {
	out := make([][]float64, n)
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			p := new(top)
			for i := range next {
				if values, ok := f(i, p); ok {
					out[i] = values
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
	return slices.DeleteFunc(out, func(v []float64) bool { return v == nil })
}

// intervalOf returns the 95 % percentile interval of one of the drawn values.
func intervalOf(drawn [][]float64, value int) Interval {
	sorted := make([]float64, len(drawn))
	for i, v := range drawn {
		sorted[i] = v[value]
	}
	slices.Sort(sorted)
	at := func(q float64) float64 { return sorted[int(math.Round(q*float64(len(sorted)-1)))] }
	return Interval{at(0.025), at(0.975)}
}
