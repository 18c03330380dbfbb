package evaluation

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

const (
	// DefaultReplicates is the number of bootstrap replicates.
	DefaultReplicates = 1000
	// minReaching is how many impostor pairs must reach a score for the
	// report to state the list's own false match rate there.
	minReaching = 10
	// maxWorst is how many of the worst pairs of each kind are listed.
	maxWorst = 20
)

// Measuring are the options of Measure.
type Measuring struct {
	// Calibration is the calibration that the scores are compared with.
	Calibration *face.Calibration
	// Threshold is the percentage from which two faces match.
	Threshold sesuai.Percentage
	// Seed is that of the bootstrap: the same seed gives the
	// same figures. Replicates is how often it draws; 0 is DefaultReplicates.
	Seed       uint64
	Replicates int
	// MinPart is how many impostor pairs each part of a Breakdown has at least;
	// 0 is DefaultMinPart.
	MinPart int64
}

// WithoutLengths returns the options for references without a length: the scores and
// rates are those of Calibration.WithoutLength. The error has kind
// sesuai.KindConfiguration if the calibration has none.
func (m Measuring) WithoutLengths() (Measuring, error) {
	if m.Calibration.WithoutLength == nil {
		return m, &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: fmt.Sprintf("the calibration %s has no entry for references without a length: its scores are cosines", m.Calibration.ID),
		}
	}
	c := *m.Calibration
	c.Scoring, c.WithoutLength = *c.WithoutLength, nil
	m.Calibration = &c
	return m, nil
}

func (m Measuring) minPart() int64 { return cmp.Or(m.MinPart, DefaultMinPart) }

// Lowest returns the lowest score at which a report has rates.
func (m Measuring) Lowest() float64 {
	lowest := m.thresholdScore()
	for _, a := range m.Calibration.Anchors {
		lowest = min(lowest, a.Score)
	}
	return lowest
}

// Measure makes a report of scores. Fields that only the caller can set, such as
// the list's name, are empty.
func Measure(ctx context.Context, s *Scores, m Measuring) (*Report, error) {
	r := &reporter{
		Measuring: m, Scores: s, tally: newTally(s),
		resampling: resampling{people: len(s.Set.People), replicates: cmp.Or(m.Replicates, DefaultReplicates), seed: m.Seed},
	}
	out := &Report{
		Calibration: m.Calibration.ID, LengthWeight: s.Formula.LengthWeight, AllPairs: s.AllPairs,
		Photographs: len(s.Set.Samples), People: len(s.Set.People),
		GenuinePairs:  len(s.Genuine) + len(s.Missed),
		ImpostorPairs: s.Impostors.Pairs, ImpostorPeoplePairs: s.Impostors.PeoplePairs,
		Folds: crossValidated(s.folded), DET: r.tally.det(), Worst: r.worst(),
	}
	out.Genuine, out.Impostor = r.tally.histograms()
	at, atFMR, groups, evenness := r.anchors(), r.levels(), r.groups(), r.breakdowns()
	if len(groups) > 1 {
		evenness = append(evenness, byGroup(groups))
	}
	fta := r.fta(func(int) bool { return true })
	if err := r.resampling.run(ctx); err != nil {
		return nil, err
	}
	out.At, out.AtFMR, out.Groups = finished(at), finished(atFMR), finishedGroups(groups)
	for _, b := range evenness {
		out.Evenness = append(out.Evenness, b.finish())
	}
	out.Acquisition = Acquisition{FTA: fta.result(), Causes: make(map[string]int)}
	for _, f := range s.Failed {
		out.Acquisition.Causes[string(f.Kind)]++
		for _, measure := range f.Measures {
			if out.Acquisition.Measures == nil {
				out.Acquisition.Measures = make(map[string]int)
			}
			out.Acquisition.Measures[measure]++
		}
	}
	return out, nil
}

// reporter makes one report.
type reporter struct {
	Measuring
	*Scores
	tally      *tally
	resampling resampling
	everybody  *pairTotal
}

// pending are rates at a score whose intervals are not computed yet.
type pending struct {
	RatesAt
	fmr  *impostorRate
	fnmr *personRate
}

func (p pending) finish() RatesAt {
	p.FMR, p.FMRByPeople, p.FNMR = p.fmr.photographs.result(), p.fmr.byPeople.result(), p.fnmr.result()
	return p.RatesAt
}

func finished(all []pending) []RatesAt {
	out := []RatesAt{}
	for _, p := range all {
		out = append(out, p.finish())
	}
	return out
}

// anchors returns the rates at the calibration's anchors and the threshold, in
// the order of the scores. An anchor at the threshold has the threshold's name.
// Scores below the floor of the impostor scores have no rates.
func (r *reporter) anchors() []pending {
	type anchor struct {
		name  string
		score float64
	}
	anchors := []anchor{{ThresholdName, r.thresholdScore()}}
	for _, a := range r.Calibration.Anchors {
		if r.Calibration.Percentage(a.Score) != r.Threshold {
			anchors = append(anchors, anchor{"anchor", a.Score})
		}
	}
	slices.SortStableFunc(anchors, func(a, b anchor) int { return cmp.Compare(a.score, b.score) })
	var out []pending
	for _, a := range anchors {
		if a.score >= r.Impostors.Floor || r.Impostors.Pairs == 0 {
			out = append(out, r.at(a.name, a.score, []*pairTotal{r.total()}, everyPair)[0])
		}
	}
	return out
}

// ThresholdName is the RatesAt.Name of the rates at the threshold.
const ThresholdName = "threshold"

// thresholdScore returns the lowest score that matches. Since percentages are
// rounded, it is slightly below the score whose percentage is the threshold.
func (m Measuring) thresholdScore() float64 {
	low, high := -1.0, 1.0
	for high-low > 1e-9 {
		if middle := (low + high) / 2; m.Calibration.Percentage(middle).AtLeast(m.Threshold) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// levels returns the rates at the scores of the list's own false match rates.
func (r *reporter) levels() []pending {
	var out []pending
	for exponent := 2; ; exponent++ {
		n := math.Floor(float64(r.Impostors.Pairs)*math.Pow10(-exponent) + 1e-6)
		if n < minReaching {
			return out
		}
		if score, _, ok := r.tally.highest(int(n)); ok {
			out = append(out, r.at(fmt.Sprintf("FMR 1e-%d", exponent), score, []*pairTotal{r.total()}, everyPair)[0])
		}
	}
}

// everyPair puts all pairs into one part.
func everyPair(_, _ int) int { return 0 }

// at registers the rates at a score with the bootstrap, for each part of the
// pairs. part returns the part of a pair of photographs; a pair in none is -1. of
// holds the totals of the impostor pairs in the parts.
func (r *reporter) at(name string, score float64, of []*pairTotal, part func(reference, probe int) int) []pending {
	out := make([]pending, len(of))
	hits, fnmr := r.hits(score, len(of), part), r.nonMatches(score, len(of), part)
	for k := range out {
		out[k] = pending{
			RatesAt: RatesAt{
				Name: name, Score: score,
				Percentage: r.Calibration.Percentage(score).Value(), StatedFMR: r.statedFMR(score),
			},
			fmr: &impostorRate{hits: hits[k], of: of[k]}, fnmr: fnmr[k],
		}
		r.resampling.impostors = append(r.resampling.impostors, out[k].fmr)
	}
	return out
}

// hits returns the impostor pairs that reach a score, for each of so many parts.
func (r *reporter) hits(score float64, parts int, part func(reference, probe int) int) [][]pairCount {
	type key struct {
		part int
		ends [2]int
	}
	index := make(map[key]int)
	out := make([][]pairCount, parts)
	for n, s := range r.Impostors.Tail[:r.tally.reaching(score)] {
		k := part(int(s.Reference), int(s.Probe))
		if k < 0 {
			continue
		}
		ends := r.tally.people[n]
		i, ok := index[key{k, ends}]
		if !ok {
			i = len(out[k])
			index[key{k, ends}] = i
			out[k] = append(out[k], pairCount{a: int32(ends[0]), b: int32(ends[1])})
		}
		out[k][i].n++
	}
	for _, hits := range out {
		for i := range hits {
			hits[i].weight = hits[i].n / float64(r.Impostors.PerPair(int(hits[i].a), int(hits[i].b)))
		}
	}
	return out
}

// nonMatches registers the share of genuine pairs that do not reach a score with
// the bootstrap, for each of so many parts.
func (r *reporter) nonMatches(score float64, parts int, part func(reference, probe int) int) []*personRate {
	out := make([]*personRate, parts)
	for k := range out {
		out[k] = r.newPersonRate()
	}
	count := func(reference, probe int, wrong bool) {
		if k := part(reference, probe); k >= 0 {
			person := r.Set.Samples[reference].Person
			out[k].tried[person]++
			if wrong {
				out[k].wrong[person]++
			}
		}
	}
	for _, s := range r.Genuine {
		count(int(s.Reference), int(s.Probe), float64(s.Value) < score)
	}
	for _, missed := range r.Missed {
		count(missed.Reference, missed.Probe, true)
	}
	r.resampling.persons = append(r.resampling.persons, out...)
	return out
}

func (r *reporter) newPersonRate() *personRate {
	return &personRate{wrong: make([]float64, len(r.Set.People)), tried: make([]float64, len(r.Set.People))}
}

// fta registers the failure to acquire rate of the wanted people with the
// bootstrap.
func (r *reporter) fta(wanted func(person int) bool) *personRate {
	p := r.newPersonRate()
	for _, s := range r.Set.Samples {
		if wanted(s.Person) {
			p.tried[s.Person]++
		}
	}
	for _, f := range r.Failed {
		if person := r.Set.Samples[f.Sample].Person; wanted(person) {
			p.wrong[person]++
		}
	}
	r.resampling.persons = append(r.resampling.persons, p)
	return p
}

// total returns the total of all people. It is computed once.
func (r *reporter) total() *pairTotal {
	if r.everybody == nil {
		r.everybody = r.totalOf(func(int) bool { return true })
	}
	return r.everybody
}

// totalOf returns how many pairs of the wanted people were compared.
func (r *reporter) totalOf(wanted func(person int) bool) *pairTotal {
	t := &pairTotal{}
	if per := r.Impostors.perPerson; per != nil {
		t.perPerson = make([]int32, len(per))
		for p, n := range per {
			if wanted(p) {
				t.perPerson[p] = int32(n)
			}
		}
		return t
	}
	for _, ends := range r.comparedPeople() {
		if wanted(ends[0]) && wanted(ends[1]) {
			t.pairs = append(t.pairs, pairCount{a: int32(ends[0]), b: int32(ends[1]), n: float64(r.Impostors.PerPair(ends[0], ends[1]))})
		}
	}
	return t
}

// comparedPeople returns the pairs of people who were compared, for a list of
// which not all were.
func (r *reporter) comparedPeople() [][2]int {
	seen := make(map[[2]int]bool)
	var out [][2]int
	for _, p := range r.Set.Pairs {
		ends := r.Set.ends(Score{Reference: int32(p.Reference), Probe: int32(p.Probe)})
		if !p.Same && !seen[ends] && r.Impostors.PerPair(ends[0], ends[1]) > 0 {
			seen[ends] = true
			out = append(out, ends)
		}
	}
	return out
}

// pendingGroup is a GroupRates whose intervals are not computed yet.
type pendingGroup struct {
	name  string
	rates pending
	fta   *personRate
}

// groups returns the rates of each group at the threshold.
func (r *reporter) groups() []pendingGroup {
	if len(r.Set.Groups) == 0 || r.thresholdScore() < r.Impostors.Floor {
		return nil
	}
	groupOf := make([]int, len(r.Set.People))
	for _, s := range r.Set.Samples {
		groupOf[s.Person] = s.Group
	}
	within := func(g int) func(person int) bool { return func(person int) bool { return groupOf[person] == g } }
	var of []*pairTotal
	for g := range r.Set.Groups {
		of = append(of, r.totalOf(within(g)))
	}
	rates := r.at(ThresholdName, r.thresholdScore(), of, func(reference, probe int) int {
		g := groupOf[r.Set.Samples[reference].Person]
		if g != groupOf[r.Set.Samples[probe].Person] {
			return -1
		}
		return g
	})
	var out []pendingGroup
	for g, name := range r.Set.Groups {
		out = append(out, pendingGroup{name, rates[g], r.fta(within(g))})
	}
	return out
}

func finishedGroups(groups []pendingGroup) *Groups {
	if groups == nil {
		return nil
	}
	out := &Groups{}
	for _, g := range groups {
		out.Each = append(out.Each, GroupRates{Name: g.name, Rates: g.rates.finish(), FTA: g.fta.result()})
	}
	return out
}

// statedFMR returns the false match rate that the calibration states at a score.
// It is log-linear between the anchors and from the first anchor down to the
// impostor median, where it is a half. Above the last anchor it stays as it is
// there.
func (r *reporter) statedFMR(score float64) float64 {
	from := face.Anchor{FMR: 0.5, Score: r.Calibration.ImpostorMedian}
	for _, a := range r.Calibration.Anchors {
		if r.Calibration.Percentage(score) == r.Calibration.Percentage(a.Score) {
			return a.FMR // the threshold's score is below its anchor only by rounding
		}
		if score < a.Score {
			share := max((score-from.Score)/(a.Score-from.Score), 0)
			return from.FMR * math.Pow(a.FMR/from.FMR, share)
		}
		from = a
	}
	return from.FMR
}

// worst lists the pairs and photographs that somebody should look at.
func (r *reporter) worst() Worst {
	w := Worst{Genuine: []WorstPair{}, Impostor: []WorstPair{}, Failed: []FailedSample{}}
	pair := func(s Score) WorstPair {
		return WorstPair{
			Reference: r.Set.Samples[s.Reference].File, Probe: r.Set.Samples[s.Probe].File,
			Score: round(float64(s.Value), 4), Percentage: r.Calibration.Percentage(float64(s.Value)).Value(),
		}
	}
	for _, s := range r.tally.genuine[:min(maxWorst, len(r.tally.genuine))] {
		w.Genuine = append(w.Genuine, pair(s))
	}
	seen := make(map[[2]int]bool)
	for i, s := range r.Impostors.Tail {
		if len(w.Impostor) == maxWorst {
			break
		}
		if ends := r.tally.people[i]; !seen[ends] {
			seen[ends] = true
			w.Impostor = append(w.Impostor, pair(s))
		}
	}
	for _, f := range r.Failed {
		w.Failed = append(w.Failed, FailedSample{File: r.Set.Samples[f.Sample].File, Code: string(f.Kind)})
	}
	return w
}
