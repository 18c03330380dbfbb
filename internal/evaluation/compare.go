package evaluation

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai/internal/face"
)

const (
	// Up to fewScores scores are all kept. Of more, the highest tailShare is
	// kept, but not more than maxTail scores.
	fewScores = 200_000
	tailShare = 0.02
	maxTail   = 2_000_000
	// maxReaching bounds a tail that is to reach down to a given cosine.
	maxReaching = 16_000_000
	// shards is how many parts the work is split into. Each part has its own
	// sums, and they are added in order, so that the result does not depend on
	// the number of cores.
	shards = 16
	// tile is how many references are compared with how many probes at a time:
	// 256 kB each, which fits a core's cache.
	tile = 128
)

// foldedScore is the score of a listed pair of a list with folds.
type foldedScore struct {
	fold     int
	same     bool
	compared bool
	score    float32
}

// Compare compares the list's genuine pairs and its impostor pairs. With
// Gathering.AllPairs the impostor pairs are all pairs of photographs of different
// people: the photograph that comes first in the list is the reference, and one
// that failed as a reference or as a probe is not compared at all.
//
// The scores are those of the formula. The tail reaches down to the score lowest,
// if that many scores can be kept.
func (t *Templates) Compare(ctx context.Context, formula face.Formula, lowest float64) (*Scores, error) {
	s := &Scores{Set: t.set, Formula: formula, AllPairs: t.allPairs, Failed: t.failed, acquired: t.acquired()}
	for _, p := range t.set.Pairs {
		a, b := t.vector(p.Reference, face.ForReference), t.vector(p.Probe, face.ForProbe)
		f := foldedScore{fold: p.Fold, same: p.Same, compared: a != nil && b != nil}
		score := Score{Reference: int32(p.Reference), Probe: int32(p.Probe)}
		if f.compared {
			s.set(&score, dot(a, b))
			f.score = score.Value
		}
		if p.Fold >= 0 {
			s.folded = append(s.folded, f)
		}
		switch {
		case p.Same && f.compared:
			s.Genuine = append(s.Genuine, score)
		case p.Same:
			s.Missed = append(s.Missed, p)
		}
	}
	var err error
	if t.allPairs {
		s.Impostors, err = t.allImpostors(ctx, formula, lowest)
	} else {
		s.Impostors, err = t.listedImpostors(ctx, s, lowest)
	}
	return s, err
}

// set sets a score's value, by the cosine.
func (s *Scores) set(of *Score, cosine float32) {
	of.Value = cosine - float32(s.Formula.Term(s.Shorter(*of)))
}

// WithoutLengths returns the templates as if the references had been stored
// without their lengths.
func (t *Templates) WithoutLengths() *Templates {
	out := *t
	out.templates = slices.Clone(t.templates)
	for i := range out.templates {
		out.templates[i][face.ForReference].Length = 0
	}
	return &out
}

// vector returns a sample's template for a use; nil if there is none.
func (t *Templates) vector(i int, use face.Use) *vector {
	if v := t.templates[i][use].Vector; len(v) == face.TemplateSize {
		return (*vector)(v)
	}
	return nil
}

// scan calls each with every impostor score of one shard.
type scan func(ctx context.Context, shard int, each func(Score)) error

// allImpostors compares all pairs of photographs of different people.
func (t *Templates) allImpostors(ctx context.Context, formula face.Formula, lowest float64) (Impostors, error) {
	var im Impostors
	im.perPerson = make([]int, len(t.set.People))
	m := t.matrix(formula)
	for _, p := range m.person {
		im.perPerson[p]++
	}
	per := im.perPerson
	im.PerPair = func(a, b int) int { return per[a] * per[b] }
	var one, people int64
	for _, n := range per {
		im.Pairs += one * int64(n)
		one += int64(n)
		if n > 0 {
			im.PeoplePairs += people
			people++
		}
	}
	return im, im.fill(ctx, t.set, m.scan, lowest)
}

// matrix returns every sample that has a probe and a reference, for scores by the
// formula.
func (t *Templates) matrix(formula face.Formula) *matrix {
	m := new(matrix)
	term := func(length float64) float32 {
		if length == 0 { // not known, so the other one counts
			length = math.Inf(1)
		}
		return float32(formula.Term(length))
	}
	for i, s := range t.set.Samples {
		a, b := t.vector(i, face.ForReference), t.vector(i, face.ForProbe)
		if a == nil || b == nil {
			continue
		}
		m.rows = append(m.rows, int32(i))
		m.person = append(m.person, int32(s.Person))
		m.references, m.probes = append(m.references, a), append(m.probes, b)
		m.referenceTerms = append(m.referenceTerms, term(t.templates[i][face.ForReference].Length))
		m.probeTerms = append(m.probeTerms, term(t.templates[i][face.ForProbe].Length))
	}
	return m
}

// listedImpostors compares the listed pairs of different people.
func (t *Templates) listedImpostors(ctx context.Context, s *Scores, lowest float64) (Impostors, error) {
	var im Impostors
	per := make(map[[2]int]int)
	var scores []Score
	for _, p := range t.set.Pairs {
		a, b := t.vector(p.Reference, face.ForReference), t.vector(p.Probe, face.ForProbe)
		if p.Same || a == nil || b == nil {
			continue
		}
		score := Score{Reference: int32(p.Reference), Probe: int32(p.Probe)}
		s.set(&score, dot(a, b))
		scores = append(scores, score)
		per[t.set.ends(score)]++
	}
	im.Pairs, im.PeoplePairs = int64(len(scores)), int64(len(per))
	im.PerPair = func(a, b int) int { return per[[2]int{a, b}] }
	return im, im.fill(ctx, t.set, func(_ context.Context, shard int, each func(Score)) error {
		for i := shard; i < len(scores); i += shards {
			each(scores[i])
		}
		return nil
	}, lowest)
}

// ends returns the two people of a score, the smaller index first.
func (s *Set) ends(of Score) [2]int {
	a, b := s.Samples[of.Reference].Person, s.Samples[of.Probe].Person
	return [2]int{min(a, b), max(a, b)}
}

// fill counts all scores, and in a second pass keeps the highest. Two passes cost
// less than keeping all scores.
func (im *Impostors) fill(ctx context.Context, set *Set, each scan, lowest float64) error {
	type counts struct {
		n       [Bins]int64
		weights [Bins]float64
	}
	counted := make([]counts, shards)
	err := onAllCores(ctx, func(ctx context.Context, shard int) error {
		into := &counted[shard]
		return each(ctx, shard, func(s Score) {
			b, ends := bin(float64(s.Value)), set.ends(s)
			into.n[b]++
			into.weights[b] += 1 / float64(im.PerPair(ends[0], ends[1]))
		})
	})
	if err != nil {
		return err
	}
	for i := range counted {
		for b := range Bins {
			im.Counts[b] += counted[i].n[b]
			im.Weights[b] += counted[i].weights[b]
		}
	}
	from, size := im.tailFrom(lowest)
	im.Floor = edge(from)
	kept := make([][]Score, shards)
	err = onAllCores(ctx, func(ctx context.Context, shard int) error {
		return each(ctx, shard, func(s Score) {
			if bin(float64(s.Value)) >= from {
				kept[shard] = append(kept[shard], s)
			}
		})
	})
	if err != nil {
		return err
	}
	im.Tail = make([]Score, 0, size)
	for i, k := range kept {
		im.Tail = append(im.Tail, k...)
		kept[i] = nil
	}
	slices.SortFunc(im.Tail, func(a, b Score) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Reference, b.Reference), cmp.Compare(a.Probe, b.Probe))
	})
	return nil
}

// onAllCores runs f for every shard.
func onAllCores(ctx context.Context, f func(ctx context.Context, shard int) error) error {
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for shard := range shards {
		group.Go(func() error {
			if err := running.Err(); err != nil {
				return err
			}
			return f(running, shard)
		})
	}
	return group.Wait()
}

// tailFrom returns the lowest bin of the tail, and how many scores the tail has.
func (im *Impostors) tailFrom(lowest float64) (from int, size int64) {
	if im.Pairs <= fewScores {
		return 0, im.Pairs
	}
	want := int64(min(max(tailShare*float64(im.Pairs), fewScores), maxTail))
	for from = Bins; from > 0 && size < want; from-- {
		size += im.Counts[from-1]
	}
	for marked := bin(lowest); from > marked && size+im.Counts[from-1] <= maxReaching; from-- {
		size += im.Counts[from-1]
	}
	return from, size
}

// bin returns the bin of a score: one of Bins equal parts of -1..1. The lowest
// also holds the scores below -1.
func bin(score float64) int {
	return min(max(int((score+1)*(Bins/2)), 0), Bins-1)
}

// edge returns the lowest score of a bin.
func edge(bin int) float64 { return float64(bin)/(Bins/2) - 1 }

// matrix holds vectors that are all compared with each other.
type matrix struct {
	// rows are the samples, and person is who is on each.
	rows, person       []int32
	references, probes []*vector
	// referenceTerms and probeTerms are what the formula subtracts for their
	// lengths. That of the shorter length, which is not the greater one, counts.
	referenceTerms, probeTerms []float32
}

// scan compares the rows of every tile of a shard with all rows that follow.
func (m *matrix) scan(ctx context.Context, shard int, each func(Score)) error {
	for top := shard * tile; top < len(m.rows); top += shards * tile {
		for left := top; left < len(m.rows); left += tile {
			if err := ctx.Err(); err != nil {
				return err
			}
			m.square(top, left, each)
		}
	}
	return nil
}

// square compares one tile of references with one tile of probes. A group of
// rows that is not full is filled with its last row, whose scores are dropped.
func (m *matrix) square(top, left int, each func(Score)) {
	bottom, right := min(top+tile, len(m.rows)), min(left+tile, len(m.rows))
	var a [4]*vector
	var b [2]*vector
	var out [4][2]float32
	for i := top; i < bottom; i += len(a) {
		for d := range a {
			a[d] = m.references[min(i+d, bottom-1)]
		}
		for j := left; j < right; j += len(b) {
			if j+len(b)-1 <= i {
				continue // on or under the diagonal
			}
			for d := range b {
				b[d] = m.probes[min(j+d, right-1)]
			}
			dots(&a, &b, &out)
			for di := 0; di < len(a) && i+di < bottom; di++ {
				for dj := 0; dj < len(b) && j+dj < right; dj++ {
					if x, y := i+di, j+dj; x < y && m.person[x] != m.person[y] {
						each(Score{m.rows[x], m.rows[y], out[di][dj] - min(m.referenceTerms[x], m.probeTerms[y])})
					}
				}
			}
		}
	}
}
