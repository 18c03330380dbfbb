package evaluation

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

const (
	// ruleOfThree bounds a rate without errors: if none was seen in n trials,
	// the rate is at most 3/n with 95 % confidence (Hanley, Lippman-Hand 1983;
	// ISO/IEC 19795-1).
	ruleOfThree = 3
	// minSeen is the number of people, or pairs of people, with an error from
	// which the bootstrap alone bounds a rate. With fewer, the bound is not
	// lower than that without any error, since a bootstrap only knows the
	// errors that were seen.
	minSeen = 3
)

// resampling is a bootstrap over people. Each replicate draws as many people as
// there are, with replacement, and counts the rates with each person as often as
// drawn; a pair counts as often as the product for its two people. Pairs that
// share a person are not independent, so resampling pairs would give intervals
// that are too narrow (Poh, Bengio 2007: the subset bootstrap; Owen 2007: the
// pigeonhole bootstrap).
type resampling struct {
	people, replicates int
	seed               uint64
	impostors          []*impostorRate
	divided            []*dividedRates
	persons            []*personRate
}

// counted is how many errors were among how many trials.
type counted struct{ errors, of float64 }

func (c counted) rate() float64 { return c.errors / c.of }

// tallied is what a rate and its interval are computed of.
type tallied struct {
	counted           // in the list itself
	drawn   []counted // in each replicate
	// erring of n people, or pairs of people, made the errors.
	erring int
	n      float64
}

// result returns the rate with its interval.
func (t *tallied) result() Rate {
	values := make([]float64, len(t.drawn))
	for i, c := range t.drawn {
		values[i] = c.rate()
	}
	return rateOf(t.errors, t.of, t.erring, t.n, values)
}

// pairCount is how many pairs of photographs of two people made an event, and
// the weight of these pairs by people.
type pairCount struct {
	a, b      int32
	n, weight float64
}

// weigh counts events, with person p counted m[p] times.
func weigh(hits []pairCount, m []float64) (photographs, people float64) {
	for _, h := range hits {
		w := m[h.a] * m[h.b]
		photographs += w * h.n
		people += w * h.weight
	}
	return photographs, people
}

// impostorRate is the rate of an event over pairs of two people.
type impostorRate struct {
	hits                  []pairCount
	of                    *pairTotal
	photographs, byPeople tallied
}

// personRate is the rate of an event that concerns one person.
type personRate struct {
	// wrong and tried are the number of errors and of trials by person.
	wrong, tried []float64
	tallied
}

// pairTotal is how many pairs of all people or of some were compared. It is held
// as the number of photographs per person, if all were compared with all, or else
// pair by pair.
type pairTotal struct {
	perPerson []int32
	pairs     []pairCount
}

// total counts the pairs of photographs and of people, with person p counted
// m[p] times.
func (t *pairTotal) total(m []float64) (photographs, people float64) {
	var sum, squares, persons, squared float64
	for p, n := range t.perPerson {
		if n > 0 {
			w := float64(n) * m[p]
			sum, squares = sum+w, squares+w*w
			persons, squared = persons+m[p], squared+m[p]*m[p]
		}
	}
	photographs, people = (sum*sum-squares)/2, (persons*persons-squared)/2
	for _, p := range t.pairs {
		w := m[p.a] * m[p.b]
		photographs += w * p.n
		people += w
	}
	return photographs, people
}

// seen counts the people with an error, and the people who were tried.
func (r *personRate) seen() (erring int, tried float64) {
	for p, n := range r.tried {
		if n > 0 {
			tried++
		}
		if r.wrong[p] > 0 {
			erring++
		}
	}
	return erring, tried
}

func (r *personRate) count(m []float64) counted {
	var c counted
	for p, n := range r.tried {
		c.errors += m[p] * r.wrong[p]
		c.of += m[p] * n
	}
	return c
}

// run counts all rates in the list itself and in all replicates.
func (r *resampling) run(ctx context.Context) error {
	for _, rate := range r.impostors {
		rate.photographs.drawn, rate.byPeople.drawn = make([]counted, r.replicates), make([]counted, r.replicates)
	}
	for _, d := range r.divided {
		for k := range d.rates {
			d.rates[k].drawn = make([]counted, r.replicates)
		}
	}
	for _, rate := range r.persons {
		rate.drawn = make([]counted, r.replicates)
	}
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range r.replicates {
		group.Go(func() error {
			if err := running.Err(); err != nil {
				return err
			}
			r.replicate(i)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	once := make([]float64, r.people)
	for i := range once {
		once[i] = 1
	}
	for _, rate := range r.impostors {
		photographs, people := weigh(rate.hits, once)
		ofPhotographs, ofPeople := rate.of.total(once)
		rate.photographs.counted, rate.byPeople.counted = counted{photographs, ofPhotographs}, counted{people, ofPeople}
		for _, t := range []*tallied{&rate.photographs, &rate.byPeople} {
			t.erring, t.n = len(rate.hits), ofPeople
		}
	}
	for _, d := range r.divided {
		for k, of := range d.of.photographs(once) {
			photographs, _ := weigh(d.hits[k], once)
			d.rates[k].counted = counted{photographs, of}
			d.rates[k].erring, d.rates[k].n = len(d.hits[k]), d.of.people[k]
		}
	}
	for _, rate := range r.persons {
		rate.counted = rate.count(once)
		rate.erring, rate.n = rate.seen()
	}
	return nil
}

// replicate draws the people of replicate i with its own rng, and counts every
// rate.
func (r *resampling) replicate(i int) {
	rng := rand.New(rand.NewPCG(r.seed, uint64(i)))
	m := make([]float64, r.people)
	for range m {
		m[rng.IntN(len(m))]++
	}
	totals := make(map[*pairTotal][2]float64)
	for _, rate := range r.impostors {
		of, ok := totals[rate.of]
		if !ok {
			of[0], of[1] = rate.of.total(m)
			totals[rate.of] = of
		}
		photographs, people := weigh(rate.hits, m)
		rate.photographs.drawn[i], rate.byPeople.drawn[i] = counted{photographs, of[0]}, counted{people, of[1]}
	}
	for _, d := range r.divided {
		for k, of := range d.of.photographs(m) {
			photographs, _ := weigh(d.hits[k], m)
			d.rates[k].drawn[i] = counted{photographs, of}
		}
	}
	for _, rate := range r.persons {
		rate.drawn[i] = rate.count(m)
	}
}

// rateOf returns the rate of errors among of, with the interval that holds 95 % of
// its values in the bootstrap. Values of NaN, from replicates in which nobody was
// drawn who counts, are left out. erring of n people, or pairs of people, made the
// errors; if they are fewer than minSeen, the Rule of 3 bounds the rate too.
func rateOf(errors, of float64, erring int, n float64, values []float64) Rate {
	errors = max(min(errors, of), 0) // sums of weights are rounded
	if of <= 0 {
		return Rate{Errors: errors, Of: of, High: 1} // nothing was tried: nothing is known
	}
	r := Rate{Errors: errors, Of: of, Value: errors / of}
	r.Low, r.High = r.Value, r.Value
	values = slices.DeleteFunc(values, math.IsNaN)
	slices.Sort(values)
	if len(values) > 0 {
		r.Low = min(r.Low, values[(len(values)-1)*25/1000])
		r.High = max(r.High, values[len(values)-1-(len(values)-1)*25/1000])
	}
	if erring < minSeen {
		r.High = max(r.High, unseen(n))
	}
	if errors >= of {
		r.Low = min(r.Low, 1-unseen(n))
	}
	// Sums of weights are rounded.
	r.Low, r.High = max(r.Low, 0), min(r.High, 1)
	return r
}

// unseen returns the highest rate at which no error may be seen in n trials.
func unseen(n float64) float64 { return min(ruleOfThree/n, 1) }
