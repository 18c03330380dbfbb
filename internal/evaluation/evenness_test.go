package evaluation_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/face"
)

// TestEvenness: every figure of a breakdown, counted by hand. Of six people, whose
// faces get brighter, the first two look alike, and so do the next two.
func TestEvenness(t *testing.T) {
	photographs := make(map[string]string)
	for i, degrees := range []float64{0, 10, 100, 110, 200, 300} {
		photographs[fmt.Sprintf("%c_1", 'a'+i)] = in(condition{Brightness: 10 * float64(i+1)}, at(degrees))
	}
	// a is also bright and 80° from itself, and f also darker and near
	// itself. A photograph that is not acquired has no brightness.
	photographs["a_2"] = in(condition{Brightness: 90}, at(80))
	photographs["f_2"] = in(condition{Brightness: 30}, at(310))
	photographs["f_3"] = "nobody"
	list := "same,reference,probe\n1,a_1,a_2\n1,f_1,f_2\n1,f_1,f_3\n"
	for i := range 6 {
		for j := range i {
			list += fmt.Sprintf("0,%c_1,%c_1\n", 'a'+j, 'a'+i)
		}
	}
	w := newAlbum(t, photographs)
	// Of the 15 pairs, 5 are as dark as a, 4 as b, 3 as c, 2 as d and 1 as e.
	r := measureBy(t, w.scores(t, list, false), evaluation.Measuring{MinPart: 1})
	b := breakdown(t, r, "brightness")
	for k, want := range []struct {
		label             string
		fmr, of, fnmr, is float64
		fmrRatio          float64
	}{
		{"under 20", 1, 5, 1, 1, 1. / 5 / (2. / 15)},
		{"20 to 30", 0, 4, 0, 0, 0},
		{"30 to 40", 1, 3, 0, 1, 1. / 3 / (2. / 15)},
		{"40 to 50", 0, 2, 0, 0, 0},
		{"50 and over", 0, 1, 0, 0, 0},
	} {
		if b.Label(k) != want.label {
			t.Fatalf("part %d of %d is %q, want %q", k, len(b.Parts), b.Label(k), want.label)
		}
		assertRate(t, "FMR "+want.label, b.Parts[k].FMR, want.fmr, want.of)
		assertRate(t, "FNMR "+want.label, b.Parts[k].FNMR, want.fnmr, want.is)
		assertRatio(t, "FMR "+want.label, b.Parts[k].FMRRatio, want.fmrRatio)
	}
	if len(b.Parts) != 5 || b.FMR.Worst != 2 || b.FMR.Ratio != b.Parts[2].FMRRatio || b.FNMR.Worst != 0 {
		t.Errorf("%+v", b)
	}
	assertRate(t, "FMR", b.FMR.Mean, 2, 15)
	assertRate(t, "FNMR", b.FNMR.Mean, 1, 2)
	assertRatio(t, "FNMR under 20", b.FNMR.Ratio, 2)
	if nothing := (evaluation.Ratio{}); b.Parts[1].FNMRRatio != nothing {
		t.Errorf("a ratio without a pair: %+v", b.Parts[1].FNMRRatio)
	}
	// Two errors are not significant. What no photograph has does not divide.
	for _, b := range r.Evenness {
		if len(b.FMR.Uneven) > 0 || len(b.FNMR.Uneven) > 0 {
			t.Errorf("uneven: %+v", b)
		}
		if b.By != "brightness" && len(b.Parts) > 0 {
			t.Errorf("%s: %d parts", b.By, len(b.Parts))
		}
	}

	// The smallest parts are joined until all are large enough.
	for min, want := range map[int64]string{
		3: "under 20, 20 to 30, 30 to 40, 40 and over", 4: "under 20, 20 to 30, 30 and over", 5: "under 30, 30 and over", 6: "under 30, 30 and over", 7: "",
	} {
		b := breakdown(t, measureBy(t, w.scores(t, list, false), evaluation.Measuring{MinPart: min}), "brightness")
		var labels []string
		for k := range b.Parts {
			labels = append(labels, b.Label(k))
		}
		if got := strings.Join(labels, ", "); got != want {
			t.Errorf("parts of %d pairs: %s, want %s", min, got, want)
		}
	}
	if b := breakdown(t, measure(t, w.scores(t, list, false)), "brightness"); len(b.Parts) != 0 || b.FMR.Worst != -1 {
		t.Errorf("15 pairs are divided: %+v", b)
	}
}

// TestWorseEnd: of angles the higher is worse; of two lengths the shorter, each in
// its use.
func TestWorseEnd(t *testing.T) {
	photographs := make(map[string]string)
	list := "same,reference,probe\n"
	for i := range 5 {
		measure := 100 * math.Pow(math.Cos(float64(10*i)*math.Pi/180), 2)
		// As a probe, b to e are as long as a.
		c := condition{Quality: face.Quality{HeadPoseYaw: measure}, Lengths: [2]float64{face.ForReference: 2 + float64(i), face.ForProbe: 2 + float64(i%2)}}
		photographs[fmt.Sprintf("%c_1", 'a'+i)] = in(c, at(70*float64(i)))
		for j := range i {
			list += fmt.Sprintf("0,%c_1,%c_1\n", 'a'+j, 'a'+i)
		}
	}
	w := newAlbum(t, photographs)
	for _, allPairs := range []bool{false, true} {
		r := measureBy(t, w.scores(t, list, allPairs), evaluation.Measuring{MinPart: 1})
		yaw := breakdown(t, r, "yaw")
		for k, want := range []struct {
			label string
			of    float64
		}{{"over 30°", 4}, {"20° to 30°", 3}, {"10° to 20°", 2}, {"up to 10°", 1}} {
			if len(yaw.Parts) != 4 || yaw.Label(k) != want.label || yaw.Parts[k].FMR.Of != want.of {
				t.Errorf("%s: %+v, want %+v", yaw.Label(k), yaw.Parts[k].FMR, want)
			}
		}
		if none := yaw.Parts[0].FMR; none.Errors != 0 || none.High != 3./4 {
			t.Errorf("%+v, want the Rule of 3 over four pairs of people", none)
		}
		// References of length 2, 3, 4 and 5 have probes of length 3, 2, 3 and 2
		// after them: the first has only 2, the others 2 twice of 3, once of 2,
		// and once of 1.
		length := breakdown(t, r, "length")
		if len(length.Parts) != 2 || length.Label(0) != "under 3" || length.Parts[0].FMR.Of != 4+2+1+1 || length.Parts[1].FMR.Of != 2 {
			t.Errorf("%+v", length.Parts)
		}
	}
}

// TestCachedConditions: templates from the cache divide pairs as fresh ones do.
func TestCachedConditions(t *testing.T) {
	photographs := make(map[string]string)
	list := "same,reference,probe\n"
	for i := range 6 {
		c := condition{
			Quality:    face.Quality{Sharpness: float64(i), UnderExposure: float64(10 * i), OverExposure: float64(20 * i), HeadPoseYaw: float64(15 * i), HeadPosePitch: float64(15 * i), HeadPoseRoll: float64(15 * i)},
			Brightness: float64(30 * i), Lengths: [2]float64{1 + float64(i), 2 + float64(i)},
		}
		photographs[fmt.Sprintf("%c_1", 'a'+i)] = in(c, at(50*float64(i)))
		if i > 0 {
			list += fmt.Sprintf("0,a_1,%c_1\n", 'a'+i)
		}
	}
	w := newAlbum(t, photographs)
	var reports [2]*evaluation.Report
	path := filepath.Join(t.TempDir(), "cache")
	for i := range reports {
		g := w.gathering(t, list, true)
		g.Cache = path
		templates, err := g.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s, err := templates.Compare(t.Context(), face.Formula{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		reports[i] = measureBy(t, s, evaluation.Measuring{MinPart: 1})
	}
	if n := w.extractions.Load(); n != 12 {
		t.Errorf("%d extractions, want those of the first run", n)
	}
	if diff := cmp.Diff(reports[0].Evenness, reports[1].Evenness); diff != "" {
		t.Error(diff)
	}
	if len(reports[0].Evenness) != 8 {
		t.Errorf("%d properties", len(reports[0].Evenness))
	}
	for _, b := range reports[0].Evenness {
		if len(b.Parts) < 2 {
			t.Errorf("not divided by %s", b.By)
		}
	}
}

// TestPartsAreExact: of whatever list, each part has the pairs and the errors that
// one gets by looking at every pair.
func TestPartsAreExact(t *testing.T) {
	divided := 0
	rapid.Check(t, func(r *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		photographs, lines := randomList(rng)
		if len(lines) == 0 {
			return
		}
		conditions := make(map[string]condition)
		for name, content := range photographs {
			if content == "nobody" {
				continue
			}
			c := condition{
				Quality:    face.Quality{Sharpness: float64(rng.IntN(100)), HeadPoseYaw: float64(rng.IntN(101))},
				Brightness: float64(rng.IntN(4)), Lengths: [2]float64{2 + rng.Float64(), 2 + rng.Float64()},
			}
			conditions[name], photographs[name] = c, in(c, content)
		}
		for i, l := range lines {
			lines[i] = l[:strings.LastIndexByte(l, ',')] // without the group
		}
		list := "same,reference,probe,fold\n" + strings.Join(lines, "\n")
		w := newAlbum(t, photographs)
		for _, allPairs := range []bool{false, true} {
			s := w.scores(t, list, allPairs)
			minPart := 1 + rng.Int64N(20)
			report := measureBy(t, s, evaluation.Measuring{MinPart: minPart, Replicates: 20})
			values := map[string]func(string, face.Use) float64{
				"sharpness":  func(n string, _ face.Use) float64 { return conditions[n].Sharpness },
				"brightness": func(n string, _ face.Use) float64 { return conditions[n].Brightness },
				"length":     func(n string, use face.Use) float64 { return math.Round(100*conditions[n].Lengths[use]) / 100 },
				"yaw": func(n string, _ face.Use) float64 {
					return math.Round(1800/math.Pi*math.Acos(math.Sqrt(conditions[n].HeadPoseYaw/100))) / 10
				},
			}
			threshold := rates(t, report.At, evaluation.ThresholdName).Score
			for by, value := range values {
				b := breakdown(t, report, by)
				if len(b.Parts) > 0 {
					divided++
				}
				within := func(p evaluation.Part, s evaluation.Score, set *evaluation.Set) bool {
					v, other := value(set.Samples[s.Reference].File, face.ForReference), value(set.Samples[s.Probe].File, face.ForProbe)
					if b.HigherIsWorse {
						v = max(v, other)
						return (p.From == nil || *p.From < v) && (p.To == nil || v <= *p.To)
					}
					v = min(v, other)
					return (p.From == nil || *p.From <= v) && (p.To == nil || v < *p.To)
				}
				for k, p := range b.Parts {
					var wrong, all, missed, genuine float64
					for _, s2 := range s.Impostors.Tail {
						if within(p, s2, s.Set) {
							all++
							if float64(s2.Value) >= threshold {
								wrong++
							}
						}
					}
					for _, s2 := range s.Genuine {
						if within(p, s2, s.Set) {
							genuine++
							if float64(s2.Value) < threshold {
								missed++
							}
						}
					}
					if all < float64(minPart) {
						r.Errorf("%s %s: %v pairs, want at least %d", by, b.Label(k), all, minPart)
					}
					if p.FMR.Errors != wrong || p.FMR.Of != all || p.FNMR.Errors != missed || p.FNMR.Of != genuine {
						r.Errorf("%s %s: %+v, %+v, want %v of %v and %v of %v", by, b.Label(k), p.FMR, p.FNMR, wrong, all, missed, genuine)
					}
					for _, ratio := range []evaluation.Ratio{p.FMRRatio, p.FNMRRatio} {
						if !(ratio.Low >= 0 && ratio.Low <= ratio.Value && ratio.Value <= ratio.High && !math.IsInf(ratio.High, 0)) {
							r.Errorf("%s %s: %+v", by, b.Label(k), ratio)
						}
					}
				}
			}
		}
	})
	if divided == 0 {
		t.Error("nothing was divided")
	}
}

// breakdown finds that of a property.
func breakdown(t *testing.T, r *evaluation.Report, by string) *evaluation.Breakdown {
	t.Helper()
	for i := range r.Evenness {
		if r.Evenness[i].By == by {
			return &r.Evenness[i]
		}
	}
	t.Fatalf("nothing is divided by %s", by)
	return nil
}

func assertRatio(t *testing.T, about string, r evaluation.Ratio, value float64) {
	t.Helper()
	if math.Abs(r.Value-value) > 1e-9 || r.Low > r.Value || r.High < r.Value {
		t.Errorf("%s: %+v, want %v", about, r, value)
	}
}
