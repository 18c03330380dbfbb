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
	// minReaching is how many impostor pairs must reach a cosine for the
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
}

// Lowest returns the lowest cosine at which a report has rates.
func (m Measuring) Lowest() float64 {
	lowest := m.thresholdCosine()
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
		Calibration: m.Calibration.ID, AllPairs: s.AllPairs,
		Photographs: len(s.Set.Samples), People: len(s.Set.People),
		GenuinePairs:  len(s.Genuine) + len(s.Missed),
		ImpostorPairs: s.Impostors.Pairs, ImpostorPeoplePairs: s.Impostors.PeoplePairs,
		Folds: crossValidated(s.folded), DET: r.tally.det(), Worst: r.worst(),
	}
	out.Genuine, out.Impostor = r.tally.histograms()
	at, atFMR, groups := r.anchors(), r.levels(), r.groups()
	fta := r.fta(func(int) bool { return true })
	if err := r.resampling.run(ctx); err != nil {
		return nil, err
	}
	out.At, out.AtFMR, out.Groups = finished(at), finished(atFMR), compared(groups)
	out.Acquisition = Acquisition{FTA: fta.Rate, Causes: make(map[string]int)}
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

// pending are rates at a cosine whose intervals are not computed yet.
type pending struct {
	RatesAt
	fmr  *impostorRate
	fnmr *personRate
}

func (p pending) finish() RatesAt {
	p.FMR, p.FMRByPeople, p.FNMR = p.fmr.photographs, p.fmr.byPeople, p.fnmr.Rate
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
// the order of the cosines. An anchor at the threshold has the threshold's name.
// Cosines below the floor of the impostor scores have no rates.
func (r *reporter) anchors() []pending {
	type anchor struct {
		name   string
		cosine float64
	}
	anchors := []anchor{{ThresholdName, r.thresholdCosine()}}
	for _, a := range r.Calibration.Anchors {
		if r.Calibration.Percentage(a.Score) != r.Threshold {
			anchors = append(anchors, anchor{"anchor", a.Score})
		}
	}
	slices.SortStableFunc(anchors, func(a, b anchor) int { return cmp.Compare(a.cosine, b.cosine) })
	var out []pending
	for _, a := range anchors {
		if a.cosine >= r.Impostors.Floor || r.Impostors.Pairs == 0 {
			out = append(out, r.at(a.name, a.cosine, r.total(), func(int) bool { return true }))
		}
	}
	return out
}

// ThresholdName is the RatesAt.Name of the rates at the threshold.
const ThresholdName = "threshold"

// thresholdCosine returns the lowest cosine that matches. Since percentages are
// rounded, it is slightly below the cosine whose percentage is the threshold.
func (m Measuring) thresholdCosine() float64 {
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

// levels returns the rates at the cosines of the list's own false match rates.
func (r *reporter) levels() []pending {
	var out []pending
	for exponent := 2; ; exponent++ {
		n := math.Floor(float64(r.Impostors.Pairs)*math.Pow10(-exponent) + 1e-6)
		if n < minReaching {
			return out
		}
		if cosine, _, ok := r.tally.highest(int(n)); ok {
			out = append(out, r.at(fmt.Sprintf("FMR 1e-%d", exponent), cosine, r.total(), func(int) bool { return true }))
		}
	}
}

// at registers the rates at a cosine with the bootstrap, among the wanted people;
// of is the total of their pairs.
func (r *reporter) at(name string, cosine float64, of *pairTotal, wanted func(person int) bool) pending {
	p := pending{
		RatesAt: RatesAt{
			Name: name, Cosine: cosine,
			Percentage: r.Calibration.Percentage(cosine).Value(), StatedFMR: r.statedFMR(cosine),
		},
		fmr: &impostorRate{of: of}, fnmr: r.newPersonRate(),
	}
	index := make(map[[2]int]int)
	for _, ends := range r.tally.people[:r.tally.reaching(cosine)] {
		if !wanted(ends[0]) || !wanted(ends[1]) {
			continue
		}
		i, ok := index[ends]
		if !ok {
			i = len(p.fmr.hits)
			index[ends] = i
			p.fmr.hits = append(p.fmr.hits, pairCount{a: int32(ends[0]), b: int32(ends[1])})
		}
		p.fmr.hits[i].n++
	}
	for i := range p.fmr.hits {
		h := &p.fmr.hits[i]
		h.weight = h.n / float64(r.Impostors.PerPair(int(h.a), int(h.b)))
	}
	count := func(reference int, wrong bool) {
		person := r.Set.Samples[reference].Person
		if !wanted(person) {
			return
		}
		p.fnmr.of[person]++
		if wrong {
			p.fnmr.errors[person]++
		}
	}
	for _, s := range r.Genuine {
		count(int(s.Reference), float64(s.Value) < cosine)
	}
	for _, missed := range r.Missed {
		count(missed.Reference, true)
	}
	r.resampling.impostors = append(r.resampling.impostors, p.fmr)
	r.resampling.persons = append(r.resampling.persons, p.fnmr)
	return p
}

func (r *reporter) newPersonRate() *personRate {
	return &personRate{errors: make([]float64, len(r.Set.People)), of: make([]float64, len(r.Set.People))}
}

// fta registers the failure to acquire rate of the wanted people with the
// bootstrap.
func (r *reporter) fta(wanted func(person int) bool) *personRate {
	p := r.newPersonRate()
	for _, s := range r.Set.Samples {
		if wanted(s.Person) {
			p.of[s.Person]++
		}
	}
	for _, f := range r.Failed {
		if person := r.Set.Samples[f.Sample].Person; wanted(person) {
			p.errors[person]++
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
	if len(r.Set.Groups) == 0 || r.thresholdCosine() < r.Impostors.Floor {
		return nil
	}
	groupOf := make([]int, len(r.Set.People))
	for _, s := range r.Set.Samples {
		groupOf[s.Person] = s.Group
	}
	var out []pendingGroup
	for g, name := range r.Set.Groups {
		within := func(person int) bool { return groupOf[person] == g }
		out = append(out, pendingGroup{
			name, r.at(ThresholdName, r.thresholdCosine(), r.totalOf(within), within), r.fta(within),
		})
	}
	return out
}

func compared(groups []pendingGroup) *Groups {
	if groups == nil {
		return nil
	}
	out := &Groups{}
	var fmr, fnmr []float64
	for _, g := range groups {
		rates := g.rates.finish()
		out.Each = append(out.Each, GroupRates{Name: g.name, Rates: rates, FTA: g.fta.Rate})
		if rates.FMR.Of > 0 {
			fmr = append(fmr, rates.FMR.Value)
		}
		if rates.FNMR.Of > 0 {
			fnmr = append(fnmr, rates.FNMR.Value)
		}
	}
	out.FMRRatio, out.FNMRRatio = spread(fmr), spread(fnmr)
	return out
}

// spread returns the highest rate over the lowest; 0 if the lowest is 0.
func spread(rates []float64) float64 {
	if len(rates) == 0 || slices.Min(rates) == 0 {
		return 0
	}
	return slices.Max(rates) / slices.Min(rates)
}

// statedFMR returns the false match rate that the calibration states at a cosine.
// It is log-linear between the anchors and from the first anchor down to the
// impostor median, where it is a half. Above the last anchor it stays as it is
// there.
func (r *reporter) statedFMR(cosine float64) float64 {
	from := face.Anchor{FMR: 0.5, Score: r.Calibration.ImpostorMedian}
	for _, a := range r.Calibration.Anchors {
		if r.Calibration.Percentage(cosine) == r.Calibration.Percentage(a.Score) {
			return a.FMR // the threshold's cosine is below its anchor only by rounding
		}
		if cosine < a.Score {
			share := max((cosine-from.Score)/(a.Score-from.Score), 0)
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
			Cosine: round(float64(s.Value), 4), Percentage: r.Calibration.Percentage(float64(s.Value)).Value(),
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
