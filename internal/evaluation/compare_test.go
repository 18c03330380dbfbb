package evaluation_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/test/process"
)

// crowd writes photographs of n random people, with so many photographs each
// as photographs says, and returns a list that names all of them, and the
// components of each photograph.
func crowd(t testing.TB, seed uint64, photographs []int) (*album, string, [][]float64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	files := make(map[string]string)
	var names []string
	var vectors [][]float64
	var person []int
	for p, n := range photographs {
		for i := range n {
			v := make([]float64, 12)
			var text strings.Builder
			for k := range v {
				v[k] = math.Round(rng.NormFloat64()*1000) / 1000
				fmt.Fprintf(&text, "%g ", v[k])
			}
			names = append(names, fmt.Sprintf("%d_%d", p, i))
			files[names[len(names)-1]] = text.String()
			vectors, person = append(vectors, v), append(person, p)
		}
	}
	list := "same,reference,probe\n"
	for i := 1; i < len(names); i++ {
		same := 0
		if person[i] == person[i-1] {
			same = 1
		}
		list += fmt.Sprintf("%d,%s,%s\n", same, names[i-1], names[i])
	}
	return newAlbum(t, files), list, vectors
}

func cosineOf(a, b []float64) float64 {
	var dot, aa, bb float64
	for k := range a {
		dot, aa, bb = dot+a[k]*b[k], aa+a[k]*a[k], bb+b[k]*b[k]
	}
	return dot / math.Sqrt(aa*bb)
}

// assertAll holds all pairs to what comparing each with each by itself gives.
func assertAll(t interface {
	Helper()
	Errorf(format string, args ...any)
}, s *evaluation.Scores, vectors [][]float64,
) {
	t.Helper()
	im, samples := &s.Impostors, s.Set.Samples
	type pair struct{ a, b int }
	expected := make(map[pair]float64) // those that are in the tail
	perPeople := make(map[pair]int)
	var pairs int64
	for i := range samples {
		for j := i + 1; j < len(samples); j++ {
			a, b := samples[i].Person, samples[j].Person
			if a == b {
				continue
			}
			pairs++
			perPeople[pair{min(a, b), max(a, b)}]++
			if c := cosineOf(vectors[i], vectors[j]); c >= im.Floor-1e-5 {
				expected[pair{i, j}] = c
			}
		}
	}
	if im.Pairs != pairs || im.PeoplePairs != int64(len(perPeople)) {
		t.Errorf("%d pairs of photographs, %d of people; want %d, %d", im.Pairs, im.PeoplePairs, pairs, len(perPeople))
	}
	for p, n := range perPeople {
		if im.PerPair(p.a, p.b) != n {
			t.Errorf("%d pairs of %v, want %d", im.PerPair(p.a, p.b), p, n)
		}
	}
	for i, score := range im.Tail {
		p := pair{int(score.Reference), int(score.Probe)}
		c, ok := expected[p]
		if !ok || math.Abs(c-float64(score.Value)) > 1e-5 || float64(score.Value) < im.Floor {
			t.Errorf("%v: %v, want %v", p, score.Value, c)
		}
		delete(expected, p)
		if i > 0 && score.Value > im.Tail[i-1].Value {
			t.Errorf("the tail is not in order")
		}
	}
	for p, c := range expected {
		if c > im.Floor+1e-5 {
			t.Errorf("%v is not in the tail: %v", p, c)
		}
	}
	var counted int64
	var weight float64
	for b := range evaluation.Bins {
		counted += im.Counts[b]
		weight += im.Weights[b]
	}
	if counted != pairs || math.Abs(weight-float64(len(perPeople))) > 1e-6 {
		t.Errorf("%d scores are counted, which weigh %v", counted, weight)
	}
}

// TestAllPairs: the fast way gives what the plain one does, whatever the
// number of photographs is to the size of a tile.
func TestAllPairs(t *testing.T) {
	for _, photographs := range [][]int{{1}, {1, 1}, {3, 0, 1, 2}, {64, 64}, {1, 127, 1}, {60, 70, 130}} {
		w, list, vectors := crowd(t, 1, photographs)
		if len(vectors) < 2 {
			continue
		}
		assertAll(t, w.scores(t, list, true), vectors)
	}
	rapid.Check(t, func(r *rapid.T) {
		photographs := rapid.SliceOfN(rapid.IntRange(1, 9), 2, 40).Draw(r, "photographs")
		w, list, vectors := crowd(t, rapid.Uint64().Draw(r, "seed"), photographs)
		assertAll(r, w.scores(t, list, true), vectors)
	})
}

// TestTail: of many scores the highest are kept, as far down as is asked for.
func TestTail(t *testing.T) {
	process.Slow(t)
	photographs := make([]int, 350)
	for i := range photographs {
		photographs[i] = 2
	}
	w, list, vectors := crowd(t, 1, photographs)
	templates, err := w.gathering(t, list, true).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, lowest := range []float64{1, -0.35, -1} {
		s, err := templates.Compare(t.Context(), face.Formula{}, lowest)
		if err != nil {
			t.Fatal(err)
		}
		assertAll(t, s, vectors)
		n := len(s.Impostors.Tail)
		t.Logf("down to %v: %d of %d from %v on", lowest, n, s.Impostors.Pairs, s.Impostors.Floor)
		if s.Impostors.Floor > lowest || n < 200_000 || lowest == 1 && n > 202_000 {
			t.Errorf("down to %v: %d scores from %v on", lowest, n, s.Impostors.Floor)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := templates.Compare(stopped, face.Formula{}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestListedPairs: without all pairs, impostors are those listed.
func TestListedImpostors(t *testing.T) {
	w := newAlbum(t, map[string]string{"a_1": at(0), "a_2": at(10), "b_1": at(60), "b_2": at(70), "c_1": at(180)})
	s := w.scores(t, "same,reference,probe\n1,a_1,a_2\n0,a_1,b_1\n0,b_2,a_2\n0,c_1,a_1\n", false)
	im := &s.Impostors
	if im.Pairs != 3 || im.PeoplePairs != 2 || im.PerPair(0, 1) != 2 || im.PerPair(0, 2) != 1 || im.PerPair(1, 2) != 0 {
		t.Errorf("%d pairs, %d of people", im.Pairs, im.PeoplePairs)
	}
	for i, want := range []float64{cosine(60), cosine(60), -1} {
		if got := float64(im.Tail[i].Value); math.Abs(got-want) > 1e-6 {
			t.Errorf("score %d is %v, want %v", i, got, want)
		}
	}
	if len(s.Genuine) != 1 || math.Abs(float64(s.Genuine[0].Value)-cosine(10)) > 1e-6 || im.Floor != -1 {
		t.Errorf("genuine %v, floor %v", s.Genuine, im.Floor)
	}
}
