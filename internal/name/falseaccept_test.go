package name_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/name"
)

// strange are words that titles, short forms and particles could be confused
// with. One of twenty names has one.
var strange = strings.Fields(`SE ST MA MAK SST AK GR SP IPU DEA MEI MENG BENG HAN TAN NG LIE SIU IRA DRAJAT IRMA AMIR MARK MARS
	A.A. AA IB I NI GST NGR KT DW NYM PT BIN FX F.X. M. MOCH. A. S. H. R. ST. ABD. ACH.`)

// people draws the names of different people. It is not safe for concurrent use.
type people struct {
	words []string
	rng   *rand.Rand
}

func (p people) word() string { return p.words[p.rng.IntN(len(p.words))] }

// name draws a name of one to five words, two for most people.
func (p people) name() []string {
	n := [...]int{1, 2, 2, 2, 2, 2, 3, 3, 3, 4}[p.rng.IntN(10)]
	words := make([]string, n)
	for i := range words {
		words[i] = p.word()
	}
	if p.rng.IntN(20) == 0 {
		words = slices.Insert(words, p.rng.IntN(n+1), strange[p.rng.IntN(len(strange))])
	}
	return words
}

// The ways to draw two names. Drawn by chance, both may be the same: then there
// is no pair.
var pairings = []struct {
	about string
	pair  func(p people) (a, b []string)
}{
	{"random", func(p people) (a, b []string) { return p.name(), p.name() }},
	{"one word replaced", func(p people) (a, b []string) {
		a = p.name()
		b = slices.Clone(a)
		b[p.rng.IntN(len(b))] = p.word()
		return a, b
	}},
	{"siblings", func(p people) (a, b []string) { // they share the last word
		a, b = p.name(), p.name()
		b[len(b)-1] = a[len(a)-1]
		return a, b
	}},
}

// falseAccepts draws n pairs of names of different people, and returns how many
// pass at the default threshold.
func falseAccepts(tb testing.TB, pair func(p people) (a, b []string), n int) (passed int) {
	words, _ := readWords(tb)
	p := people{words, rand.New(rand.NewPCG(1, 2))}
	for range n {
		a, b := pair(p)
		if slices.Equal(a, b) {
			continue
		}
		if name.Score(strings.Join(a, " "), strings.Join(b, " ")) >= name.DefaultThreshold {
			passed++
		}
	}
	return passed
}

// TestFalseAccepts: a new rule must not make more people pass for one another.
// The seed is fixed, so the counts are exact: one that is higher has a cause.
func TestFalseAccepts(t *testing.T) {
	t.Parallel()
	const pairs = 20_000
	highest := map[string]int{"random": 0, "one word replaced": 9, "siblings": 1}
	for _, way := range pairings {
		if got := falseAccepts(t, way.pair, pairs); got > highest[way.about] {
			t.Errorf("%s: %d of %d pairs pass, at most %d before", way.about, got, pairs, highest[way.about])
		}
	}
}

// BenchmarkFalseAccepts measures the share of a million pairs of different people
// that pass: go test ./internal/name -run '^$' -bench FalseAccepts -benchtime 1x
func BenchmarkFalseAccepts(b *testing.B) {
	const pairs = 1_000_000
	for _, way := range pairings {
		b.Run(strings.ReplaceAll(way.about, " ", "-"), func(b *testing.B) {
			for range b.N {
				b.ReportMetric(float64(falseAccepts(b, way.pair, pairs)), "passed/million")
			}
		})
	}
}
