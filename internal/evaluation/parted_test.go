package evaluation_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/evaluation"
)

// parted is a list of n people who each have a reference and a probe in each of
// six brightnesses. wrong reports whether a person's probe in one of them does not
// match the reference, and alike whether it matches the reference of the person
// before.
func parted(t *testing.T, n int, wrong, alike func(person, part int) bool) *evaluation.Breakdown {
	t.Helper()
	axes := func(nonzero ...int) string {
		components := strings.Fields(strings.Repeat("0 ", 500))
		for _, i := range nonzero {
			components[i] = "1"
		}
		return strings.Join(components, " ")
	}
	photographs := make(map[string]string)
	list := "same,reference,probe\n"
	for p := range n {
		photographs[fmt.Sprintf("%d_r", p)] = in(condition{Brightness: 100}, axes(p))
		before := (p + n - 1) % n
		for part := range 6 {
			content := axes(p)
			switch {
			case wrong(p, part):
				content = axes(p + n)
			case alike(p, part):
				content = axes(before)
			}
			probe := fmt.Sprintf("%d_%d", p, part)
			photographs[probe] = in(condition{Brightness: 10 * float64(part+1)}, content)
			list += fmt.Sprintf("1,%d_r,%s\n0,%d_r,%s\n", p, probe, before, probe)
		}
	}
	r := measureBy(t, newAlbum(t, photographs).scores(t, list, false), evaluation.Measuring{MinPart: 1})
	b := breakdown(t, r, "brightness")
	if len(b.Parts) < 5 {
		t.Fatalf("%d parts", len(b.Parts))
	}
	threshold := rates(t, r.At, evaluation.ThresholdName)
	for _, rate := range [][2]evaluation.Rate{{b.FNMR.Mean, threshold.FNMR}, {b.FMR.Mean, threshold.FMR}} {
		if rate[0] != rate[1] {
			t.Errorf("all parts together: %+v, the same pairs undivided: %+v", rate[0], rate[1])
		}
	}
	return b
}

// TestPeopleInSeveralParts: somebody who has pairs in several parts is one person,
// and so are two people one pair of people. So all parts together have the rate and
// the interval that the same pairs have undivided.
func TestPeopleInSeveralParts(t *testing.T) {
	never := func(int, int) bool { return false }
	const n = 30
	if b := parted(t, n, never, never); b.FNMR.Mean.High != 3./n || math.Abs(b.FMR.Mean.High-3./n) > 1e-9 {
		t.Errorf("without an error: %+v, %+v", b.FNMR.Mean, b.FMR.Mean)
	}
	// One person's errors in four parts are not those of four people.
	one := func(person, part int) bool { return person == 0 && part < 4 }
	if b := parted(t, n, one, never); b.FNMR.Mean.High < 3./n {
		t.Errorf("one person's errors: %+v", b.FNMR.Mean)
	}
	if b := parted(t, n, never, one); b.FMR.Mean.Errors != 4 || b.FMR.Mean.High < 3./n-1e-9 {
		t.Errorf("errors of two people: %+v", b.FMR.Mean)
	}
	// Ten people fail in the darkest photographs only. The same thirty people
	// without an error in the other parts are thirty, not a hundred and more: up
	// to a tenth of these pairs may be wrong.
	darkest := func(person, part int) bool { return person < 10 && part == 0 }
	b := parted(t, n, darkest, never)
	first, all := b.Parts[0].FNMR, b.FNMR.Mean
	want := first.Value * all.Of / (first.Errors + (all.Of-first.Of)*3/n)
	if b.FNMR.Worst != 0 || b.FNMR.Ratio.Low > want+1e-9 || b.FNMR.Ratio.Low > evaluation.UnevenRatio || len(b.FNMR.Uneven) > 0 {
		t.Errorf("%+v, want a ratio from at most %v", b.FNMR, want)
	}
}
