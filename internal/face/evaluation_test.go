package face_test

import (
	"context"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// extractFunc extracts a development photograph.
type extractFunc func(ctx context.Context, data []byte) (face.Extraction, error)

// extractAll extracts every named file once, on all processors.
func extractAll(t *testing.T, names map[string]extractFunc) map[string]face.Extraction {
	t.Helper()
	var (
		lock  sync.Mutex
		done  = make(map[string]face.Extraction, len(names))
		todo  = make(chan string)
		tasks sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		tasks.Go(func() {
			for name := range todo {
				data, err := os.ReadFile(filepath.Join(facesDir, name))
				if err != nil {
					t.Error(err)
					continue
				}
				x, err := names[name](context.Background(), data)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				lock.Lock()
				done[name] = x
				lock.Unlock()
			}
		})
	}
	for name := range names {
		todo <- name
	}
	close(todo)
	tasks.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return done
}

// album holds the extractions of development photographs as probes by one engine.
// Each photograph is extracted once, however many tests need it.
type album struct {
	engine *face.Engine
	made   map[string]face.Extraction
}

func newAlbum(e *face.Engine) *album { return &album{e, map[string]face.Extraction{}} }

// of extracts every photograph of the pairs that is not in the album yet. It
// returns the whole album, by name.
func (a *album) of(t *testing.T, pairs []pair) map[string]face.Extraction {
	t.Helper()
	missing := map[string]extractFunc{}
	for _, p := range pairs {
		for _, name := range []string{p.reference, p.probe} {
			if _, ok := a.made[name]; !ok {
				missing[name] = func(ctx context.Context, data []byte) (face.Extraction, error) {
					return a.engine.Extract(ctx, data, face.ForProbe)
				}
			}
		}
	}
	maps.Copy(a.made, extractAll(t, missing))
	return a.made
}

// spread returns n items, evenly spread over the list.
func spread[T any](list []T, n int) []T {
	if n >= len(list) {
		return list
	}
	out := make([]T, n)
	for i := range out {
		out[i] = list[i*len(list)/n]
	}
	return out
}

func genuine(pairs []pair) []pair {
	var out []pair
	for _, p := range pairs {
		if p.same {
			out = append(out, p)
		}
	}
	return out
}

// TestDevelopmentPhotographs compares the development photographs with an engine
// that refuses nothing. Its subtests share the extractions.
func TestDevelopmentPhotographs(t *testing.T) {
	t.Parallel()
	central := newAlbum(newEngine(t, func(o *face.Options) { o.Subject, o.Limits = face.Central, &face.Limits{} }))
	t.Run("AgreesWithPrototype", func(t *testing.T) { agreesWithPrototype(t, central) })
	t.Run("OtherPhotographs", func(t *testing.T) { otherPhotographs(t, central) })
	t.Run("QualityGate", func(t *testing.T) { qualityGate(t, central) })
}

// agreesWithPrototype: the prototype of design.md and this pipeline agree.
func agreesWithPrototype(t *testing.T, central *album) {
	pairs := spread(readPairs(t, "prototype_scores.csv"), several(60, 1048))
	isLondon := func(p pair) bool { return filepath.Dir(p.reference) == "london" }
	largest := newAlbum(newEngine(t, func(o *face.Options) { o.Subject, o.Limits = face.Largest, &face.Limits{} }))
	faces := maps.Clone(largest.of(t, slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return !isLondon(p) })))
	maps.Copy(faces, central.of(t, slices.DeleteFunc(slices.Clone(pairs), isLondon)))
	var sum, worst float64
	compared := 0
	for _, p := range pairs {
		score, err := faces[p.reference].Template.Cosine(faces[p.probe].Template)
		if err != nil {
			t.Errorf("%s, %s: %v", p.reference, p.probe, err)
			continue
		}
		d := math.Abs(score - p.cosine)
		sum, worst, compared = sum+d, max(worst, d), compared+1
	}
	mean := sum / float64(compared)
	t.Logf("%d pairs: mean absolute difference %.4f (at most 0.03), largest %.3f", compared, mean, worst)
	if !(mean <= 0.03) {
		t.Errorf("the pipeline differs from the prototype by %.4f on average", mean)
	}
}

// londonImpostors is the greatest share, in per cent, of London's impostor pairs
// that may reach the threshold.
const londonImpostors = 0.2

// All people of London are verified, and nearly no impostor.
func TestLondon(t *testing.T) {
	t.Parallel()
	pairs := readPairs(t, "london_pairs.csv")
	e := newEngine(t)
	names := map[string]extractFunc{}
	as := func(use face.Use) extractFunc {
		return func(ctx context.Context, data []byte) (face.Extraction, error) { return e.Extract(ctx, data, use) }
	}
	for _, p := range pairs {
		names[p.reference], names[p.probe] = as(face.ForReference), as(face.ForProbe)
	}
	faces := extractAll(t, names)
	for name, x := range faces {
		if x.Finding != face.OneFace {
			t.Errorf("%s: %v %v", name, x.Finding, x.Failed)
		}
	}
	var tried, reached [2]int
	lowest, highest := 100.0, 0.0
	for _, p := range pairs {
		kind := 0
		if p.same {
			kind = 1
		}
		tried[kind]++
		similarity, err := faces[p.reference].Template.Compare(faces[p.probe].Template)
		if err != nil {
			continue // reported above
		}
		_, assessed := e.Calibration().Assess(similarity)
		percentage := assessed.Value()
		if percentage >= threshold {
			reached[kind]++
		}
		if p.same {
			lowest = min(lowest, percentage)
		} else {
			highest = max(highest, percentage)
		}
	}
	t.Logf("%d of %d people verified, the lowest at %.2f; %d of %d impostor pairs reach %d (%.2f %%), the highest at %.2f",
		reached[1], tried[1], lowest, reached[0], tried[0], threshold, percent(reached[0], tried[0]), highest)
	if reached[1] != tried[1] || tried[1] != 38 {
		t.Errorf("%d of %d people verified, want all 38", reached[1], tried[1])
	}
	if percent(reached[0], tried[0]) > londonImpostors {
		t.Errorf("%d of %d impostor pairs reach %d", reached[0], tried[0], threshold)
	}
}

// threshold is the default percentage for a match.
const threshold = 75

func percent(n, of int) float64 { return 100 * float64(n) / float64(of) }

// TestLFW measures FNMR on LFW at 75, with the calibrations for people of one
// region, of which one is the default, and with the general ones. A failure to acquire counts as
// a non-match. Photographs refused for several faces are counted separately,
// since LFW has bystanders.
func TestLFW(t *testing.T) {
	t.Parallel()
	maxFNMR := map[string]float64{"asia-2026-11": 9, "general-2026-11": 4, "asia-2026-11b": 8.3, "general-2026-11b": 4}
	pairs := spread(genuine(readPairs(t, "lfw_pairs.csv")), several(150, 500))
	e := newEngine(t)
	// A photograph can be the reference of one pair and the probe of another.
	type extracted struct {
		name string
		use  face.Use
	}
	faces := map[extracted]face.Extraction{}
	for _, use := range []face.Use{face.ForReference, face.ForProbe} {
		names := map[string]extractFunc{}
		for _, p := range pairs {
			name := map[face.Use]string{face.ForReference: p.reference, face.ForProbe: p.probe}[use]
			names[name] = func(ctx context.Context, data []byte) (face.Extraction, error) { return e.Extract(ctx, data, use) }
		}
		for name, x := range extractAll(t, names) {
			faces[extracted{name, use}] = x
		}
	}
	var several, noFace, lowQuality int
	var compared []face.Similarity
	for _, p := range pairs {
		a, b := faces[extracted{p.reference, face.ForReference}], faces[extracted{p.probe, face.ForProbe}]
		switch {
		case a.Finding == face.SeveralFaces || b.Finding == face.SeveralFaces:
			several++
		case a.Finding == face.NoFace || b.Finding == face.NoFace:
			noFace++
		case a.Finding == face.LowQuality || b.Finding == face.LowQuality:
			lowQuality++
		default:
			similarity, err := a.Template.Compare(b.Template)
			if err != nil {
				t.Fatal(err)
			}
			compared = append(compared, similarity)
		}
	}
	counted := len(pairs) - several
	t.Logf("%d genuine pairs: %d refused for several faces; of the other %d: %d without a face, %d of low quality",
		len(pairs), several, counted, noFace, lowQuality)
	for id, limit := range maxFNMR {
		c, err := face.ShippedCalibration(id)
		if err != nil {
			t.Fatal(err)
		}
		under := 0
		for _, similarity := range compared {
			if _, percentage := c.Assess(similarity); !percentage.AtLeast(sesuai.PercentageOf(threshold)) {
				under++
			}
		}
		fnmr := percent(noFace+lowQuality+under, counted)
		t.Logf("%s: %d under %d: FNMR %.2f %% (at most %v %%)", id, under, threshold, fnmr, limit)
		if !(fnmr <= limit) {
			t.Errorf("%s: FNMR at %d is %.2f %%", id, threshold, fnmr)
		}
	}
	if percent(several, len(pairs)) > 30 {
		t.Errorf("%d of %d pairs are refused for several faces", several, len(pairs))
	}
}
