package evaluation_test

import (
	"math"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/test/process"
)

func validate(t *testing.T, s *evaluation.Scores, o evaluation.ValidateOptions) *evaluation.Validation {
	t.Helper()
	v, err := evaluation.Validate(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Where all scores are of one distribution, who was left out reaches an anchor
// as often as it states.
func TestLeftOutPeopleReachWhatIsStated(t *testing.T) {
	s := world(once(448), drawn(21, normal(0, 0.1)))
	v := validate(t, s, evaluation.ValidateOptions{Parts: 2, Repeats: 10, Seed: 1})
	for i, within := range []float64{0.1, 0.3, 0.9} {
		at := v.At[i]
		near(t, "the ratio", at.ByPeople.Ratio, 1, within)
		near(t, "the ratio by photographs", at.ByPhotographs.Ratio, at.ByPeople.Ratio, 1e-9)
		near(t, "the rate", at.ByPeople.Rate, at.ByPeople.Ratio*at.Stated, 1e-12)
		if !(at.ByPeople.Interval.Low <= at.ByPeople.Ratio && at.ByPeople.Ratio <= at.ByPeople.Interval.High) {
			t.Errorf("%+v", at.ByPeople)
		}
		near(t, "the mean score", at.Score, normal(0, 0.1)(at.Stated), 0.02)
	}
	if math.Abs(v.At[0].Counted-1) > 1e-9 || v.At[4].Counted != 0 {
		t.Errorf("counted: %v, %v", v.At[0].Counted, v.At[4].Counted)
	}
}

// Few people, over many lists: the mean ratio at an extrapolated anchor is about
// 1, rather over it, since an anchor that is too low costs more than one that is
// too high gains.
func TestValidateIsFairOnShortLists(t *testing.T) {
	process.Slow(t)
	mean := 0.0
	const lists = 40
	for i := range lists {
		s := world(once(80), drawn(uint64(100+i), normal(0, 0.1)))
		mean += validate(t, s, evaluation.ValidateOptions{Parts: 2, Repeats: 20, Seed: 1}).At[1].ByPeople.Ratio / lists
	}
	near(t, "the mean ratio at 1e-3", mean, 1.1, 0.35)
}

// A pair of people is measured or calibrated on, and one that is parted is
// neither.
func TestPartsOfAValidation(t *testing.T) {
	s := world(once(40), drawn(22, normal(0, 0.1)))
	for _, test := range []struct {
		parts              int
		calibrated, inside float64
	}{{2, 190, 190}, {4, 435, 45}, {20, 703, 1}} {
		v := validate(t, s, evaluation.ValidateOptions{Parts: test.parts, Repeats: 3, Seed: 1})
		near(t, "calibrated on", v.CalibratedOn, test.calibrated, 1e-9)
		near(t, "measured", v.Measured, test.inside, 1e-9)
	}
}

// By hand: with everybody's anchors at one cosine, the measured rate over all
// splits is close to how many pairs of people of the list lie beyond it.
func TestMeasuredIsWhatLiesBeyond(t *testing.T) {
	s := world(once(60), drawn(23, normal(0, 0.1)))
	v := validate(t, s, evaluation.ValidateOptions{Parts: 2, Repeats: 200, Seed: 1})
	beyond := 0.0
	for _, x := range s.Impostors.Tail {
		if float64(x.Value) >= v.At[0].Score {
			beyond++
		}
	}
	near(t, "the rate at 1e-2", v.At[0].ByPeople.Rate, beyond/float64(s.Impostors.PeoplePairs), 0.006)
}

func TestValidateAgreesWithItself(t *testing.T) {
	s := world([]int{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4, 3}, drawn(24, normal(0, 0.1)))
	o := evaluation.ValidateOptions{Parts: 2, Repeats: 5, Seed: 3}
	a, b := validate(t, s, o), validate(t, s, o)
	if diff := gocmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
	for _, at := range a.At {
		for _, r := range []evaluation.MeasuredRate{at.ByPeople, at.ByPhotographs} {
			if math.IsNaN(r.Ratio) || math.IsInf(r.Interval.High, 0) || math.IsNaN(r.Interval.High) || r.Interval.High < r.Ratio {
				t.Errorf("at %g: %+v", at.Stated, r)
			}
		}
	}
}

func TestValidateRefusesParts(t *testing.T) {
	s := world(once(30), drawn(25, normal(0, 0.1)))
	for _, parts := range []int{-1, 0, 1, 16, 1000} {
		_, err := evaluation.Validate(s, evaluation.ValidateOptions{Parts: parts, Repeats: 2})
		wantConfiguration(t, err)
	}
}
