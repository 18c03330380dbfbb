package evaluation_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sesuai/sesuai/internal/evaluation"
)

// TestFigures: every figure of a report, counted by hand. Two photographs have
// the cosine of the difference of their angles; 50, 75 and 95 are at 60°, 45°
// and 30°.
func TestFigures(t *testing.T) {
	w := newAlbum(t, map[string]string{
		"a_1": at(0), "a_2": at(20), "a_3": at(50), // a is up to 50° from itself
		"b_1": at(90), "b_2": at(115),
		"c_1": at(125), // c is at least 10° from b
		"d_1": "nobody", "d_2": at(300),
	})
	list := "same,reference,probe\n1,a_1,a_2\n1,a_1,a_3\n1,b_1,b_2\n1,d_1,d_2\n0,c_1,a_1\n"
	r := w.report(t, list, true)
	if r.Photographs != 8 || r.People != 4 || r.GenuinePairs != 4 || r.ImpostorPairs != 3*2+3+3+2+2+1 || r.ImpostorPeoplePairs != 6 || !r.AllPairs {
		t.Errorf("%d photographs, %d people, %d and %d pairs, %d of people", r.Photographs, r.People, r.GenuinePairs, r.ImpostorPairs, r.ImpostorPeoplePairs)
	}
	assertRate(t, "FTA", r.Acquisition.FTA, 1, 8)

	// Within 45°: a_3-b_1 (40°), b_1-c (35°), b_2-c (10°); of a and b there are
	// six pairs, of b and c two.
	pass := rates(t, r.At, evaluation.ThresholdName)
	assertRate(t, "FMR at 75", pass.FMR, 3, 17)
	assertRate(t, "FMR by people at 75", pass.FMRByPeople, 1./6+2./2, 6)
	assertRate(t, "FNMR at 75", pass.FNMR, 1+1, 4) // a_1-a_3 is 50°, and d was missed
	if math.Abs(pass.Score-cosine(45)) > 1e-3 || pass.Score > cosine(45) || pass.Percentage != 75 || pass.StatedFMR != 1e-4 {
		t.Errorf("the threshold: %+v", pass)
	}
	// 60° adds a_1-d, which is 60° sharp and may fall on either side; the
	// anchors that remain are at 60° and 30°.
	if len(r.At) != 3 || r.At[0].Name != "anchor" || r.At[0].Percentage != 50 || r.At[2].Percentage != 95 || r.At[0].StatedFMR != 1e-2 {
		t.Errorf("rates: %+v", r.At)
	}
	assertRate(t, "FMR at 95", r.At[2].FMR, 1, 17)
	assertRate(t, "FNMR at 95", r.At[2].FNMR, 2, 4)
	if len(r.AtFMR) != 0 || r.Folds != nil || r.Groups != nil {
		t.Errorf("%+v, %+v, %+v", r.AtFMR, r.Folds, r.Groups)
	}

	worst := evaluation.WorstPair{Reference: "a_1", Probe: "a_3", Score: 0.6428, Percentage: r.Worst.Genuine[0].Percentage}
	if diff := cmp.Diff(worst, r.Worst.Genuine[0]); diff != "" || len(r.Worst.Genuine) != 3 {
		t.Error(diff)
	}
	// One for each pair of people; a_2 and a_3 came before b and c in the list.
	var highest []string
	for _, p := range r.Worst.Impostor {
		highest = append(highest, p.Reference+" "+p.Probe)
	}
	if diff := cmp.Diff([]string{"b_2 c_1", "a_3 b_1"}, highest[:2]); diff != "" || len(highest) != 6 {
		t.Error(diff, highest)
	}
	if diff := cmp.Diff([]evaluation.FailedSample{{File: "d_1", Code: "FACE_NOT_DETECTED"}}, r.Worst.Failed); diff != "" {
		t.Error(diff)
	}
	for i, p := range r.DET {
		if i > 0 && (p.Score <= r.DET[i-1].Score || p.FMR >= r.DET[i-1].FMR || p.FNMR < r.DET[i-1].FNMR) {
			t.Errorf("the DET does not go one way: %+v", r.DET)
		}
	}
	if first, last := r.DET[0], r.DET[len(r.DET)-1]; first.FMR != 1 || first.FNMR != 0.25 || last.FMR != 1./17 {
		t.Errorf("DET from %+v to %+v", first, last)
	}
	assertHistogram(t, r.Genuine)
	assertHistogram(t, r.Impostor)
}

func assertHistogram(t *testing.T, h evaluation.Histogram) {
	t.Helper()
	var sum float64
	for _, s := range h.Shares {
		sum += s
	}
	if len(h.Shares) != 100 || math.Abs(sum-1) > 1e-9 || math.Abs(h.From+100*h.Width-1) > 1e-9 {
		t.Errorf("from %v by %v: %d shares, together %v", h.From, h.Width, len(h.Shares), sum)
	}
}

// TestOwnFMR: a cosine stands for a rate where at least ten pairs reach it, and
// never for more than that rate.
func TestOwnFMR(t *testing.T) {
	photographs := make([]int, 150)
	for i := range photographs {
		photographs[i] = 1
	}
	w, list, _ := crowd(t, 2, photographs)
	r := w.report(t, list, true)
	if len(r.AtFMR) != 2 || r.AtFMR[0].Name != "FMR 1e-2" || r.AtFMR[1].Name != "FMR 1e-3" {
		t.Fatalf("%+v", r.AtFMR)
	}
	assertRate(t, "FMR 1e-2", r.AtFMR[0].FMR, 111, 150*149/2)
	assertRate(t, "FMR 1e-3", r.AtFMR[1].FMR, 11, 150*149/2)
}

func TestGroups(t *testing.T) {
	w := newAlbum(t, map[string]string{
		"a_1": at(0), "a_2": at(10), "b_1": at(20), "c_1": at(90), // the first group
		"x_1": at(200), "x_2": at(280), "y_1": at(300), "z_1": "nobody", // the second
	})
	r := w.report(t, "same,reference,probe,group\n1,a_1,a_2,first\n0,b_1,c_1,first\n1,x_1,x_2,second\n0,y_1,z_1,second\n", true)
	first, second := r.Groups.Each[0], r.Groups.Each[1]
	if first.Name != "first" || second.Name != "second" {
		t.Fatalf("%+v", r.Groups)
	}
	assertRate(t, "FMR in first", first.Rates.FMR, 2, 5)                   // a-b twice, of a-b, a-c, b-c
	assertRate(t, "FMR by people in first", first.Rates.FMRByPeople, 1, 3) // a-b
	assertRate(t, "FNMR in first", first.Rates.FNMR, 0, 1)
	assertRate(t, "FTA in first", first.FTA, 0, 4)
	assertRate(t, "FMR in second", second.Rates.FMR, 1, 2) // x_2-y
	assertRate(t, "FNMR in second", second.Rates.FNMR, 1, 1)
	assertRate(t, "FTA in second", second.FTA, 1, 4)
	// Together 3 of 7, and 1 of 2.
	b := breakdown(t, r, evaluation.PartsByGroup)
	if b.Label(0) != "first" || b.Label(1) != "second" || b.FMR.Worst != 1 || b.FNMR.Worst != 1 {
		t.Errorf("%+v", b)
	}
	assertRate(t, "FMR within groups", b.FMR.Mean, 3, 7)
	assertRate(t, "FNMR within groups", b.FNMR.Mean, 1, 2)
	assertRatio(t, "FMR in first", b.Parts[0].FMRRatio, 2./5/(3./7))
	assertRatio(t, "FMR in second", b.FMR.Ratio, 1./2/(3./7))
	assertRatio(t, "FNMR in second", b.FNMR.Ratio, 2)
}

func TestFolds(t *testing.T) {
	photographs := map[string]string{"o_1": at(0), "n_1": "nobody"}
	list := "same,reference,probe,fold,reference_person,probe_person\n"
	pair := func(fold int, same bool, degrees float64) {
		name := fmt.Sprintf("p_%d", len(photographs))
		photographs[name] = at(degrees)
		person := name
		if same {
			person = "o"
		}
		list += fmt.Sprintf("%d,o_1,%s,%d,o,%s\n", map[bool]int{true: 1}[same], name, fold, person)
	}
	for fold := range 10 {
		pair(fold, true, 10)
		pair(fold, true, 20)
		pair(fold, false, 80)
		pair(fold, false, 90)
	}
	perfect := newAlbum(t, photographs).report(t, list, false)
	if f := perfect.Folds; f.Number != 10 || f.Accuracy != 1 || f.Deviation != 0 {
		t.Errorf("%+v", f)
	}
	// In one fold a genuine pair looks like an impostor, and another could not
	// be compared: two of its six are wrong.
	pair(3, true, 85)
	list += "1,o_1,n_1,3,o,o\n"
	f := newAlbum(t, photographs).report(t, list, false).Folds
	want := (9 + 4./6) / 10
	if math.Abs(f.Accuracy-want) > 1e-9 || math.Abs(f.Deviation-math.Sqrt((9*(1-want)*(1-want)+(4./6-want)*(4./6-want))/9)) > 1e-9 {
		t.Errorf("%+v, want an accuracy of %v", f, want)
	}
}

// TestNothingToMeasure: what was not tried has no rate, and everything can be
// written as JSON.
func TestNothingToMeasure(t *testing.T) {
	w := newAlbum(t, map[string]string{"a_1": at(0), "a_2": at(10), "b_1": at(90), "n_1": "nobody"})
	for _, list := range []string{"same,reference,probe\n1,a_1,a_2\n", "same,reference,probe\n0,a_1,b_1\n", "same,reference,probe,fold\n0,a_1,n_1,1\n"} {
		for _, allPairs := range []bool{false, true} {
			r := w.report(t, list, allPairs)
			b, err := json.Marshal(r)
			if err != nil || strings.Contains(string(b), "null") {
				t.Errorf("%s, %v", b, err)
			}
			pass := rates(t, r.At, evaluation.ThresholdName)
			nothing := evaluation.Rate{High: 1}
			if r.GenuinePairs == 0 && pass.FNMR != nothing || r.ImpostorPairs == 0 && (pass.FMR != nothing || pass.FMRByPeople != nothing) {
				t.Errorf("%+v", pass)
			}
		}
	}
}

// people is a list of n people of two photographs, of whom the first wrong are
// 90° from themselves, each far from all others.
func people(t *testing.T, n, wrong int) *evaluation.Report {
	t.Helper()
	photographs := make(map[string]string)
	list := "same,reference,probe\n"
	for p := range n {
		axes := make([]string, 500)
		for i := range axes {
			axes[i] = "0"
		}
		axes[p] = "1"
		photographs[fmt.Sprintf("%d_1", p)] = strings.Join(axes, " ")
		if p < wrong {
			axes[p], axes[p+n] = "0", "1"
		}
		photographs[fmt.Sprintf("%d_2", p)] = strings.Join(axes, " ")
		list += fmt.Sprintf("1,%d_1,%d_2\n", p, p)
	}
	return newAlbum(t, photographs).report(t, list, true)
}

// TestIntervals: where each person counts once, the bootstrap gives about what
// the binomial distribution does; where nothing was seen, the Rule of 3 holds.
func TestIntervals(t *testing.T) {
	r := people(t, 200, 40)
	fnmr := rates(t, r.At, evaluation.ThresholdName).FNMR
	spread := 1.96 * math.Sqrt(0.2*0.8/200)
	if fnmr.Value != 0.2 || math.Abs(fnmr.Low-(0.2-spread)) > 0.015 || math.Abs(fnmr.High-(0.2+spread)) > 0.015 {
		t.Errorf("%+v, want 0.2 ± %.3f", fnmr, spread)
	}
	fmr := rates(t, r.At, evaluation.ThresholdName).FMR
	if fmr.Value != 0 || fmr.Low != 0 || fmr.High != 3./(200*199/2) {
		t.Errorf("%+v, want the Rule of 3 over pairs of people", fmr)
	}
	if fta := r.Acquisition.FTA; fta.High != 3./200 {
		t.Errorf("%+v, want the Rule of 3 over people", fta)
	}
	if all := rates(t, people(t, 10, 10).At, evaluation.ThresholdName).FNMR; all.Value != 1 || all.High != 1 || math.Abs(all.Low-0.7) > 1e-9 {
		t.Errorf("%+v, want the Rule of 3 from above", all)
	}
}

// TestOnePersonMakesItUncertain: the same share of errors is less certain if
// all are one person's.
func TestOnePersonMakesItUncertain(t *testing.T) {
	width := func(errorsOf func(person int) int) float64 {
		photographs := make(map[string]string)
		list := "same,reference,probe\n"
		for p := range 40 {
			photographs[fmt.Sprintf("%d_r", p)] = at(0)
			for i := range 10 {
				name := fmt.Sprintf("%d_%d", p, i)
				photographs[name] = at(10)
				if i < errorsOf(p) {
					photographs[name] = at(90)
				}
				list += fmt.Sprintf("1,%d_r,%s\n", p, name)
			}
		}
		r := rates(t, newAlbum(t, photographs).report(t, list, false).At, evaluation.ThresholdName).FNMR
		if r.Value != 0.025 {
			t.Errorf("FNMR %v", r.Value)
		}
		return r.High - r.Low
	}
	one := width(func(p int) int { return map[int]int{0: 10}[p] })
	many := width(func(p int) int { return map[bool]int{true: 1}[p < 10] })
	if !(one > 2*many) {
		t.Errorf("one person's errors: an interval of %v; ten people's: %v", one, many)
	}
}

// randomList is a list of pairs of a few random people.
func randomList(rng *rand.Rand) (photographs map[string]string, lines []string) {
	photographs = make(map[string]string)
	type photograph struct {
		name   string
		person int
	}
	var all []photograph
	for p := range 3 + rng.IntN(12) {
		for i := range 1 + rng.IntN(4) {
			f := photograph{fmt.Sprintf("%d_%d", p, i), p}
			all = append(all, f)
			photographs[f.name] = at(360 * rng.Float64())
			if rng.IntN(12) == 0 {
				photographs[f.name] = "nobody"
			}
		}
	}
	for i, a := range all {
		for _, b := range all[:i] {
			if rng.IntN(3) > 0 {
				lines = append(lines, fmt.Sprintf("%d,%s,%s,%d,%d", map[bool]int{true: 1}[a.person == b.person], a.name, b.name, rng.IntN(3), a.person%2))
			}
		}
	}
	return photographs, lines
}

// TestReportsHold: of whatever list, rates lie in their intervals, a report is
// the same twice, and all of it can be written as JSON; in another order a
// list gives the same rates.
func TestReportsHold(t *testing.T) {
	intervals := cmpopts.IgnoreFields(evaluation.Rate{}, "Low", "High") // they depend on who is drawn
	rapid.Check(t, func(r *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0))
		photographs, lines := randomList(rng)
		if len(lines) == 0 {
			return
		}
		for i, l := range lines { // groups are the reference's, and need the probe's
			fields := strings.Split(l, ",")
			probe, _, _ := strings.Cut(fields[2], "_")
			lines[i] = fmt.Sprintf("%s,%c", l, '0'+(probe[len(probe)-1]-'0')%2)
		}
		const header = "same,reference,probe,fold,reference_group,probe_group\n"
		w := newAlbum(t, photographs)
		quick := func(list string, allPairs bool) *evaluation.Report {
			return measureOften(t, w.scores(t, list, allPairs), 50)
		}
		list := header + strings.Join(lines, "\n")
		first := quick(list, false)
		for _, levels := range [][]evaluation.RatesAt{first.At, first.AtFMR} {
			for _, m := range levels {
				for _, rate := range []evaluation.Rate{m.FMR, m.FMRByPeople, m.FNMR} {
					if !(rate.Low >= 0 && rate.Low <= rate.Value && rate.Value <= rate.High && rate.High <= 1) {
						r.Errorf("%s: %+v", m.Name, rate)
					}
				}
			}
		}
		if _, err := json.Marshal(first); err != nil {
			r.Error(err)
		}
		if diff := cmp.Diff(first, quick(list, false)); diff != "" {
			r.Error("the second time:", diff)
		}
		all := quick(list, true)
		if _, err := json.Marshal(all); err != nil {
			r.Error(err)
		}
		if diff := cmp.Diff(all, quick(list, true)); diff != "" {
			r.Error("all pairs the second time:", diff)
		}

		rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		shuffled := quick(header+strings.Join(lines, "\n"), false)
		for _, x := range []*evaluation.Report{first, shuffled} {
			x.Worst = evaluation.Worst{} // scores that are the same come in the list's order
			if x.Groups != nil {
				byName := cmpopts.SortSlices(func(a, b evaluation.GroupRates) bool { return a.Name < b.Name })
				if diff := cmp.Diff(first.Groups, shuffled.Groups, byName, intervals, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
					r.Error("groups, shuffled:", diff)
				}
			}
		}
		isGroups := func(b evaluation.Breakdown) bool { return b.By == evaluation.PartsByGroup }
		ofGroups := func(x *evaluation.Report) []evaluation.Breakdown {
			return slices.DeleteFunc(slices.Clone(x.Evenness), func(b evaluation.Breakdown) bool { return !isGroups(b) })
		}
		sorted := cmp.Options{ // the groups are in the list's order
			cmpopts.SortSlices(func(a, b evaluation.Part) bool { return a.Name < b.Name }), intervals, cmpopts.EquateApprox(0, 1e-9),
			cmpopts.IgnoreFields(evaluation.Ratio{}, "Low", "High"), cmpopts.IgnoreFields(evaluation.Spread{}, "Worst", "Ratio", "Uneven"),
		}
		if diff := cmp.Diff(ofGroups(first), ofGroups(shuffled), sorted); diff != "" {
			r.Error("evenness of groups, shuffled:", diff)
		}
		for _, x := range []*evaluation.Report{first, shuffled} {
			x.Groups = nil
			x.Evenness = slices.DeleteFunc(x.Evenness, isGroups)
		}
		if diff := cmp.Diff(first, shuffled, intervals, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
			r.Error("shuffled:", diff)
		}
	})
}

// rates finds those at a name.
func rates(t *testing.T, all []evaluation.RatesAt, name string) evaluation.RatesAt {
	t.Helper()
	for _, r := range all {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("there are no rates at %s", name)
	return evaluation.RatesAt{}
}

func assertRate(t *testing.T, about string, r evaluation.Rate, errors, of float64) {
	t.Helper()
	value := 0.0
	if of > 0 {
		value = errors / of
	}
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
	if !near(r.Errors, errors) || !near(r.Of, of) || !near(r.Value, value) || r.Low > r.Value || r.High < r.Value || r.Low < 0 || r.High > 1 {
		t.Errorf("%s: %+v, want %v of %v", about, r, errors, of)
	}
}
