package evaluation_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/test/process"
)

// world is a synthetic list: photos says how many photographs each person has,
// score how alike photograph i of a and photograph j of b are, where a < b. Two
// people were not compared where it is NaN.
func world(photos []int, score func(a, i, b, j int) float64) *evaluation.Scores {
	set := &evaluation.Set{}
	first := make([]int32, len(photos))
	for p, n := range photos {
		first[p] = int32(len(set.Samples))
		set.People = append(set.People, fmt.Sprint(p))
		for i := range n {
			set.Samples = append(set.Samples, evaluation.Sample{File: fmt.Sprintf("%d/%d.jpg", p, i), Person: p, Group: -1})
		}
	}
	s := &evaluation.Scores{Set: set}
	im := &s.Impostors
	im.Floor = -1
	compared := make(map[[2]int]int)
	for a := range photos {
		for b := a + 1; b < len(photos); b++ {
			n := 0
			for i := range photos[a] {
				for j := range photos[b] {
					cosine := float32(score(a, i, b, j))
					if cosine != cosine {
						continue
					}
					n++
					im.Tail = append(im.Tail, evaluation.Score{Reference: first[a] + int32(i), Probe: first[b] + int32(j), Value: cosine})
				}
			}
			if n == 0 {
				continue
			}
			compared[[2]int{a, b}] = n
			im.Pairs += int64(n)
			im.PeoplePairs++
			for _, s := range im.Tail[len(im.Tail)-n:] {
				bin := min(int((float64(s.Value)+1)/2*evaluation.Bins), evaluation.Bins-1)
				im.Counts[bin]++
				im.Weights[bin] += 1 / float64(n)
			}
		}
	}
	im.PerPair = func(a, b int) int { return compared[[2]int{min(a, b), max(a, b)}] }
	slices.SortStableFunc(im.Tail, func(a, b evaluation.Score) int { return cmp.Compare(b.Value, a.Value) })
	return s
}

// once is n people with one photograph each.
func once(n int) []int {
	photos := make([]int, n)
	for i := range photos {
		photos[i] = 1
	}
	return photos
}

// drawn draws each score by the inverse of its distribution.
func drawn(seed uint64, quantile func(above float64) float64) func(a, i, b, j int) float64 {
	random := rand.New(rand.NewPCG(seed, 0))
	return func(int, int, int, int) float64 { return quantile(1 - random.Float64()) }
}

// normal is where a share of a normal distribution lies above.
func normal(mean, deviation float64) func(above float64) float64 {
	return func(above float64) float64 {
		return max(min(mean+deviation*math.Sqrt2*math.Erfinv(1-2*above), 0.999), -0.999)
	}
}

// pareto has its highest hundredth from 0.25 on, of that shape and scale.
func pareto(shape, scale float64) func(above float64) float64 {
	return func(above float64) float64 {
		if above > 0.01 {
			return 0.25 - 0.3*(above-0.01)
		}
		return 0.25 + scale/shape*(math.Pow(above/0.01, -shape)-1)
	}
}

// beta is a beta distribution of a half and its like, the cosine of a random
// direction in that many dimensions; by its tail integral.
func beta(dimensions int) func(above float64) float64 {
	density := func(c float64) float64 { return math.Pow(1-c*c, float64(dimensions-3)/2) }
	const steps = 20000
	var above [steps + 1]float64
	for i := steps - 1; i >= 0; i-- {
		above[i] = above[i+1] + density(-1+2*(float64(i)+0.5)/steps)
	}
	return func(share float64) float64 {
		i, _ := slices.BinarySearchFunc(above[:], share*above[0], func(a, want float64) int { return cmp.Compare(want, a) })
		return -1 + 2*float64(i)/steps
	}
}

// calibrate must succeed; replicates are few, since most tests do not look at
// the intervals.
func calibrate(t *testing.T, s *evaluation.Scores, replicates int) *evaluation.Calibrated {
	t.Helper()
	c, err := evaluation.Calibrate(s, evaluation.CalibrateOptions{Replicates: replicates, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s is %.4f, want %.4f within %.4f", what, got, want, within)
	}
}

// With 6,400 scores in the tail the fit finds what they were drawn from, but for
// the little that it is drawn to the shape −0.1.
func TestFitFindsTheTail(t *testing.T) {
	process.Slow(t)
	for _, test := range []struct{ shape, scale float64 }{{-0.3, 0.06}, {-0.2, 0.05}, {-0.1, 0.045}, {-0.09, 0.04}} {
		t.Run(fmt.Sprint(test.shape), func(t *testing.T) {
			s := world(once(1132), drawn(3, pareto(test.shape, test.scale)))
			fit := calibrate(t, s, 10).ByPeople.Fit
			near(t, "the share", fit.Share, 0.01, 0)
			near(t, "the threshold", fit.Threshold, 0.25, 0.002)
			near(t, "the shape", fit.Shape, (6400*test.shape-600*0.1)/7000, 0.04)
			near(t, "the scale", fit.Scale, test.scale, 0.004)
			if end := fit.End(); end > 1+1e-9 {
				t.Errorf("the tail ends at %v", end)
			}
		})
	}
}

// A heavier tail than a cosine can have is bent until it ends at 1.
func TestTailEndsAtOne(t *testing.T) {
	s := world(once(300), drawn(4, func(above float64) float64 { return min(0.2*math.Pow(above, -0.13), 0.99) }))
	fit := calibrate(t, s, 10).ByPeople.Fit
	near(t, "the end", fit.End(), 1, 1e-9)
}

// From 1e4 and 1e5 scores down to 1e-6.
func TestExtrapolates(t *testing.T) {
	for _, test := range []struct {
		name     string
		people   int
		quantile func(above float64) float64
		within   float64 // at 1e-6
	}{
		{"normal, 1e4", 142, normal(0, 0.1), 0.06},
		{"normal, 1e5", 448, normal(0, 0.1), 0.04},
		{"beta, 1e4", 142, beta(64), 0.06},
		{"beta, 1e5", 448, beta(64), 0.04},
		{"pareto, 1e4", 142, pareto(-0.12, 0.045), 0.06},
		{"pareto, 1e5", 448, pareto(-0.12, 0.045), 0.04},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := world(once(test.people), drawn(5, test.quantile))
			e := calibrate(t, s, 200).ByPeople
			for i, a := range e.Anchors {
				want := test.quantile(a.FMR)
				within := test.within * float64(i+1) / float64(len(e.Anchors))
				near(t, fmt.Sprintf("the cosine at %g", a.FMR), a.Score, want, within)
				// Which anchors are counted is a matter of how many lie beyond.
				if counted := a.FMR*float64(s.Impostors.PeoplePairs) >= 10; counted != a.Counted {
					t.Errorf("at %g, %v pairs of people beyond: counted is %v", a.FMR, a.Beyond, a.Counted)
				}
				if !(a.Interval.Low <= a.Score && a.Score <= a.Interval.High && a.Interval.Low < a.Interval.High) {
					t.Errorf("at %g %v is outside %v", a.FMR, a.Score, a.Interval)
				}
			}
			near(t, "the first anchor's interval", (e.Anchors[0].Interval.High-e.Anchors[0].Interval.Low)/2, 0, test.within)
		})
	}
}

func TestMedian(t *testing.T) {
	s := world(once(142), drawn(5, normal(0.03, 0.1)))
	near(t, "the median", calibrate(t, s, 10).Median, 0.03, 0.004)
}

// Somebody with 500 photographs weighs as much as anybody else, by people; by
// photographs that person is most of the list.
func TestOnePersonDoesNotDecide(t *testing.T) {
	people := make(map[[2]int]float64)
	score := drawn(6, normal(0, 0.1))
	like := func(a, _, b, _ int) float64 {
		v, ok := people[[2]int{a, b}]
		if !ok {
			v = score(0, 0, 0, 0)
			if b == 59 {
				v += 0.2 // whom many are alike
			}
			people[[2]int{a, b}] = v
		}
		return v
	}
	few, many := once(60), once(60)
	many[59] = 500
	a, b := calibrate(t, world(few, like), 10), calibrate(t, world(many, like), 10)
	for i := range a.ByPeople.Anchors {
		near(t, "an anchor by people", b.ByPeople.Anchors[i].Score, a.ByPeople.Anchors[i].Score, 0.004)
	}
	if b.ByPhotographs.Anchors != nil && b.ByPhotographs.Anchors[0].Score-a.ByPhotographs.Anchors[0].Score < 0.1 {
		t.Errorf("by photographs the anchor hardly moves, to %v", b.ByPhotographs.Anchors[0])
	}
	near(t, "the median", b.Median, a.Median, 1e-3)
}

// Where a list names some pairs only, as where it names all, a bootstrap finds
// intervals and an anchor is where so many of them lie beyond.
func TestListedPairs(t *testing.T) {
	photos, random := make([]int, 60), rand.New(rand.NewPCG(8, 0))
	for p := range photos {
		photos[p] = 1 + random.IntN(6)
	}
	photos[7] = 0 // nobody could be compared with
	score := drawn(7, normal(0, 0.1))
	for name, listed := range map[string]func(a, i, b, j int) bool{
		"all":  func(int, int, int, int) bool { return true },
		"some": func(a, i, b, j int) bool { return (a+b+i+j)%3 != 0 },
	} {
		t.Run(name, func(t *testing.T) {
			s := world(photos, func(a, i, b, j int) float64 {
				if !listed(a, i, b, j) {
					return math.NaN()
				}
				return score(a, i, b, j)
			})
			c := calibrate(t, s, 100)
			if c.People != 59 {
				t.Errorf("%d people", c.People)
			}
			for by, e := range []evaluation.Estimate{c.ByPeople, c.ByPhotographs} {
				if !e.Anchors[0].Counted {
					t.Fatalf("weighting %d counts nothing", by)
				}
				beyond := 0.0
				for _, x := range s.Impostors.Tail {
					if float64(x.Value) < e.Anchors[0].Score {
						break
					}
					weight := 1.0
					if by == int(evaluation.ByPeople) {
						weight /= float64(s.Impostors.PerPair(s.Set.Samples[x.Reference].Person, s.Set.Samples[x.Probe].Person))
					}
					beyond += weight
				}
				all := []float64{float64(s.Impostors.PeoplePairs), float64(s.Impostors.Pairs)}[by]
				if beyond > 0.01*all+1e-6 || beyond < 0.01*all-1 {
					t.Errorf("weighting %d: %v of %v lie beyond", by, beyond, all)
				}
			}
		})
	}
}

// What is under the floor is not needed, as long as it is low enough.
func TestFloor(t *testing.T) {
	s := world(once(300), drawn(9, normal(0, 0.1)))
	want := calibrate(t, s, 50)
	cut := *s
	cut.Impostors.Tail = cut.Impostors.Tail[:len(cut.Impostors.Tail)/10]
	cut.Impostors.Floor = float64(cut.Impostors.Tail[len(cut.Impostors.Tail)-1].Value)
	got := calibrate(t, &cut, 50)
	if diff := gocmp.Diff(want.ByPeople, got.ByPeople); diff != "" {
		t.Errorf("(-all scores +the highest tenth):\n%s", diff)
	}
	cut.Impostors.Tail = cut.Impostors.Tail[:len(s.Impostors.Tail)/200]
	cut.Impostors.Floor = float64(cut.Impostors.Tail[len(cut.Impostors.Tail)-1].Value)
	_, err := evaluation.Calibrate(&cut, evaluation.CalibrateOptions{})
	wantConfiguration(t, err)
}

func wantConfiguration(t *testing.T, err error) {
	t.Helper()
	if sesuai.KindOf(err) != sesuai.KindConfiguration {
		t.Errorf("want an error of kind %s, got %v", sesuai.KindConfiguration, err)
	}
}

func TestRefusesListsThatTellNothing(t *testing.T) {
	same := func(v float64) func(int, int, int, int) float64 {
		return func(int, int, int, int) float64 { return v }
	}
	for name, s := range map[string]*evaluation.Scores{
		"nobody":                 world(nil, same(0)),
		"one person":             world([]int{5}, same(0)),
		"two people":             world([]int{50, 50}, drawn(1, normal(0, 0.1))),
		"nine people":            world([]int{9, 9, 9, 9, 9, 9, 9, 9, 9}, drawn(1, normal(0, 0.1))),
		"all scores equal":       world(once(100), same(0.1)),
		"all scores zero":        world(once(100), same(0)),
		"everybody identical":    world(once(100), same(1)),
		"two scores only":        world(once(100), func(a, _, b, _ int) float64 { return float64((a+b)%2) / 10 }),
		"many photographs twice": world(once(100), func(a, _, b, _ int) float64 { return map[bool]float64{true: 1, false: float64(a+b) / 1e3}[a/5 == b/5] }),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := evaluation.Calibrate(s, evaluation.CalibrateOptions{Replicates: 20})
			wantConfiguration(t, err)
			_, err = evaluation.Validate(s, evaluation.ValidateOptions{Parts: 2, Repeats: 2})
			wantConfiguration(t, err)
		})
	}
}

// Whatever the scores are, there is a calibration that the service takes, with
// rising cosines, or an error of the list.
func TestAnchorsRise(t *testing.T) {
	process.Slow(t) // with -short, rapid tries too few
	made := 0
	rapid.Check(t, func(t *rapid.T) {
		photos := rapid.SliceOfN(rapid.IntRange(0, 3), 2, 30).Draw(t, "photos")
		seed := rapid.Uint64().Draw(t, "seed")
		levels := rapid.SampledFrom([]float64{3, 20, 1000, 1e6}).Draw(t, "levels")
		power := rapid.Float64Range(0.2, 12).Draw(t, "power")
		top := rapid.Float64Range(-0.5, 1).Draw(t, "top")
		random := rand.New(rand.NewPCG(seed, 0))
		s := world(photos, func(int, int, int, int) float64 {
			return -1 + (1+top)*math.Round(levels*math.Pow(random.Float64(), 1/power))/levels
		})
		c, err := evaluation.Calibrate(s, evaluation.CalibrateOptions{Replicates: 20, Seed: seed})
		if err != nil {
			if sesuai.KindOf(err) != sesuai.KindConfiguration {
				t.Fatal(err)
			}
			return
		}
		made++
		last := c.Median
		for _, a := range c.ByPeople.Anchors {
			if !(a.Score > last && a.Score < 1 && a.Interval.Low <= a.Score && a.Score <= a.Interval.High) {
				t.Fatalf("%+v after %v", a, last)
			}
			last = a.Score
		}
	})
	if made == 0 {
		t.Error("nothing was ever calibrated")
	}
}

func TestSeedDecides(t *testing.T) {
	s := world(once(80), drawn(10, normal(0, 0.1)))
	with := func(seed uint64) *evaluation.Calibrated {
		c, err := evaluation.Calibrate(s, evaluation.CalibrateOptions{Replicates: 100, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if diff := gocmp.Diff(with(1).ByPeople, with(1).ByPeople); diff != "" {
		t.Error(diff)
	}
	if gocmp.Equal(with(1).ByPeople, with(2).ByPeople) {
		t.Error("another seed gives the same intervals")
	}
}

func TestDominatingPairs(t *testing.T) {
	score := drawn(11, normal(0, 0.1))
	photos := once(60)
	photos[3], photos[4] = 2, 2
	s := world(photos, func(a, i, b, j int) float64 {
		if a == 3 && b == 4 {
			return 0.8 + 0.01*float64(i) + 0.001*float64(j)
		}
		return min(score(a, i, b, j), 0.4)
	})
	d := calibrate(t, s, 10).Dominating
	if len(d) == 0 {
		t.Fatal("none")
	}
	d[0].Share = math.Round(d[0].Share*100) / 100
	want := evaluation.DominatingPair{Share: d[0].Share, Scores: 4, Of: 4, Reference: "3/1.jpg", Probe: "4/1.jpg", Score: float64(float32(0.811))}
	if d[0] != want || d[0].Share < 0.3 {
		t.Errorf("%+v", d[0])
	}
}

func TestFile(t *testing.T) {
	s := world(once(142), drawn(12, normal(0, 0.1)))
	s.Set.SHA256 = face.DefaultManifest().Template.SHA256 // some digest
	c := calibrate(t, s, 100).File(evaluation.Made{
		ID: "test", DataSet: "synthetic", ModelSHA256: face.DefaultManifest().Template.SHA256, TemplatesSHA256: face.DefaultManifest().TemplatesSHA256(), Tool: "test", Date: "2026-11-23",
	}, nil)
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	read, err := face.ParseCalibration(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	if diff := gocmp.Diff(&c, read); diff != "" {
		t.Errorf("(-made +read):\n%s", diff)
	}
	if c.Photographs != 142 || c.People != 142 || c.PeoplePairs != 10011 || c.Tail == nil ||
		c.Anchors[0].Source != face.Counted || c.Anchors[4].Source != face.Extrapolated || c.Anchors[4].High <= c.Anchors[4].Score {
		t.Errorf("%s", b)
	}
}
