package face_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/test/process"
)

// With every photograph these tests compute the figures of docs/decisions/pad.md.

// thresholds are those in the tables of that page.
var thresholds = []float64{0.2, 0.3, face.DefaultLivenessThreshold, 0.5, 0.7, 0.9}

// sampleOf returns every nth name, or all: see everyPhotograph.
func sampleOf(names []string, n int) []string {
	if everyPhotograph() {
		return names
	}
	var out []string
	for i := 0; i < len(names); i += n {
		out = append(out, names[i])
	}
	return out
}

// photographsIn returns the names, relative to facesDir, of the photographs that
// match a pattern.
func photographsIn(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(process.Faces(t, "../.."), pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d photographs match %s: %v", len(names), pattern, err)
	}
	for i := range names {
		if names[i], err = filepath.Rel(facesDir, names[i]); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// demoPhotographs returns the demo's photographs, relative to facesDir.
func demoPhotographs(t *testing.T) (names []string) {
	t.Helper()
	const folder = "../../build/demo/photos"
	process.Need(t, folder)
	files, err := filepath.Glob(folder + "/*.jpg")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d photographs in %s: %v", len(files), folder, err)
	}
	from, err := filepath.Abs(facesDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		file, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(from, file)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// chosenPeople returns the first photograph of n people, evenly spread over LFW.
func chosenPeople(t *testing.T, n int) []string {
	t.Helper()
	var firsts []string
	for _, name := range photographsIn(t, "lfw/*/*.jpg") {
		if len(firsts) == 0 || filepath.Dir(name) != filepath.Dir(firsts[len(firsts)-1]) {
			firsts = append(firsts, name)
		}
	}
	out := make([]string, n)
	for i := range out {
		out[i] = firsts[i*len(firsts)/n]
	}
	return out
}

// personOf returns the name of the person on a photograph: the folder for LFW,
// the start of the file name for London.
func personOf(name string) string {
	if filepath.Dir(name) == "london" {
		before, _, _ := strings.Cut(filepath.Base(name), "_")
		return before
	}
	return filepath.Dir(name)
}

func judging(t *testing.T) *face.Engine {
	return newEngine(t, func(o *face.Options) { o.Subject, o.Liveness = face.Central, true })
}

// wilson returns the 95 % interval of a share, in per cent (Wilson 1927).
func wilson(k, n int) (low, high float64) {
	const z = 1.96
	p, of := float64(k)/float64(n), float64(n)
	centre := p + z*z/2/of
	half := z * math.Sqrt(p*(1-p)/of+z*z/4/of/of)
	return 100 * (centre - half) / (1 + z*z/of), 100 * (centre + half) / (1 + z*z/of)
}

// TestBonaFideLiveness: the default threshold refuses few photographs of people.
func TestBonaFideLiveness(t *testing.T) {
	t.Parallel()
	lfw := sampleOf(photographsIn(t, "lfw/*/*.jpg"), 48)
	chose := map[string]bool{} // the people with whom the crop was chosen
	for _, name := range chosenPeople(t, 250) {
		chose[filepath.Dir(name)] = true
	}
	asian := map[string]bool{}
	for _, p := range readPairs(t, "lfw_asian_pairs.csv") {
		asian[filepath.Dir(p.reference)], asian[filepath.Dir(p.probe)] = true, true
	}
	london := photographsIn(t, "london/*.jpg")
	demo := demoPhotographs(t)
	names := map[string]extractFunc{}
	e := judging(t)
	for _, name := range slices.Concat(lfw, london, demo) {
		names[name] = func(ctx context.Context, data []byte) (face.Extraction, error) {
			return e.Extract(ctx, data, face.ForLiveProbe)
		}
	}
	faces := extractAll(t, names)
	only := func(names []string, wanted func(string) bool) (out []string) {
		for _, name := range names {
			if wanted(filepath.Dir(name)) {
				out = append(out, name)
			}
		}
		return out
	}
	for _, set := range []struct {
		what  string
		names []string
		limit float64 // per cent refused at the default threshold
	}{
		{"LFW, of the people that the crop was chosen with", only(lfw, func(p string) bool { return chose[p] }), 3},
		{"LFW, of the others", only(lfw, func(p string) bool { return !chose[p] }), 2.5},
		{"LFW, of East and South-East Asian people", only(lfw, func(p string) bool { return asian[p] }), 10},
		{"LFW, of everybody else", only(lfw, func(p string) bool { return !asian[p] }), 2.5},
		{"London", london, 3},
		{"the demo's cuts", demo, 25},
	} {
		var scores []float64
		people := map[string]bool{}
		for _, name := range set.names {
			if x := faces[name]; x.Liveness.Known {
				scores = append(scores, x.Liveness.Score)
				people[personOf(name)] = true
			}
		}
		t.Logf("%s: %d photographs; %d people with a liveness; %d photographs without", set.what, len(set.names), len(people), len(set.names)-len(scores))
		if len(set.names) == 0 {
			continue // make test cuts the demo's photographs
		}
		if 100*len(scores) < 95*len(set.names) || len(scores) == 0 {
			t.Errorf("%s: only %d of %d have a liveness", set.what, len(scores), len(set.names))
			continue
		}
		for _, threshold := range thresholds {
			refused := 0
			for _, score := range scores {
				if score < threshold {
					refused++
				}
			}
			low, high := wilson(refused, len(scores))
			t.Logf("    under %.1f: %d, %.2f %% (%.2f–%.2f)", threshold, refused, percent(refused, len(scores)), low, high)
			if threshold == face.DefaultLivenessThreshold && percent(refused, len(scores)) > set.limit {
				t.Errorf("%s: %d of %d are refused", set.what, refused, len(scores))
			}
		}
	}
}

// TestSimulatedAttacks measures how many of the computed attacks pass. It does
// not claim that few do. It fails if the share differs from the documented one in
// either direction.
func TestSimulatedAttacks(t *testing.T) {
	t.Parallel()
	// One photograph of each person; the next person's head wears the mask. The
	// crop was chosen with the first 14 people of London and 13 of LFW.
	type source struct{ of, host string }
	var sources []source
	var neutral []string
	for _, name := range photographsIn(t, "london/*.jpg") {
		if strings.HasSuffix(name, "_neutral.jpg") {
			neutral = append(neutral, name)
		}
	}
	people := chosenPeople(t, 80)
	if len(neutral) != 38 {
		t.Fatalf("%d people of London, want 38", len(neutral))
	}
	for i := 14; i < len(neutral); i++ {
		sources = append(sources, source{neutral[i], neutral[(i+1)%len(neutral)]})
	}
	for i := 13; i < 38; i++ {
		sources = append(sources, source{people[i], people[i+1]})
	}
	if !everyPhotograph() {
		sources = []source{sources[0], sources[36]}
	}
	// The eyes are needed whatever the quality.
	finding := newEngine(t, func(o *face.Options) { o.Subject, o.Limits = face.Central, &face.Limits{} })
	see := func(name string) pictured {
		data, err := os.ReadFile(filepath.Join(facesDir, name))
		if err != nil {
			t.Fatal(err)
		}
		x, err := finding.Extract(t.Context(), data, face.ForProbe)
		if err != nil || x.Finding != face.OneFace {
			t.Fatalf("%s: %v, %v", name, x.Finding, err)
		}
		return pictured{lightOf(t, data), x.Eyes}
	}
	e := judging(t)
	work := slices.Concat(attacks, worse)
	scores := make([][]float64, len(work)) // −1 for none
	for i, s := range sources {
		of, host := see(s.of), see(s.host)
		for k, p := range work {
			file := p.make(t, rand.New(rand.NewPCG(uint64(i), uint64(k))), of, host)
			x, err := e.Extract(t.Context(), file, face.ForLiveProbe)
			switch {
			case err != nil:
				t.Fatalf("%s, %s: %v", s.of, p.name, err)
			case x.Liveness.Known:
				scores[k] = append(scores[k], x.Liveness.Score)
			default:
				scores[k] = append(scores[k], -1)
			}
		}
	}
	var all []float64
	show := func(name string, scores []float64) (atDefault float64) {
		none := 0
		line := make([]float64, len(thresholds))
		for _, score := range scores {
			if score < 0 {
				none++
			}
			for i, threshold := range thresholds {
				if score >= threshold {
					line[i] += 100 / float64(len(scores))
				}
			}
		}
		t.Logf("%-36s %d, %d without a template; pass at %v: %.0f %%", name, len(scores), none, thresholds, line)
		return line[slices.Index(thresholds, face.DefaultLivenessThreshold)]
	}
	for k, p := range work {
		show(p.name, scores[k])
		if k < len(attacks) {
			all = append(all, scores[k]...)
		}
	}
	if passed := show("all attacks", all); passed < 50 || passed > 95 {
		t.Errorf("%.0f %% of the simulated attacks pass", passed)
	}
	if passed := show("all bona fide, made worse", slices.Concat(scores[len(attacks):]...)); passed < 80 {
		t.Errorf("%.0f %% of bona fide photographs made worse pass", passed)
	}
}
