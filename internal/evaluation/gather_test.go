package evaluation_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/face"
)

const smallList = "same,reference,probe\n1,a_1,a_2\n0,a_1,b_1\n0,b_1,c_1\n"

func smallAlbum(t testing.TB) *album {
	return newAlbum(t, map[string]string{"a_1": at(0), "a_2": at(20), "b_1": at(80), "c_1": at(100)})
}

// TestListDoesNotFit: a list that does not fit its folder is not a measurement.
func TestListDoesNotFit(t *testing.T) {
	for _, test := range []struct {
		about string
		spoil func(t *testing.T, path string) error
		says  string
	}{
		{"missing", func(*testing.T, string) error { return nil }, "there is no such photograph"},
		{"a folder", func(_ *testing.T, path string) error { return os.Mkdir(path, 0o700) }, "the photograph is not a file"},
		{"a way out", func(t *testing.T, path string) error {
			outside := filepath.Join(t.TempDir(), "outside")
			if err := os.WriteFile(outside, []byte(at(80)), 0o600); err != nil {
				return err
			}
			return os.Symlink(outside, path)
		}, "the photograph cannot be opened"},
	} {
		t.Run(test.about, func(t *testing.T) {
			w := smallAlbum(t)
			path := filepath.Join(w.dir, "b_1")
			if err := errors.Join(os.Remove(path), test.spoil(t, path)); err != nil {
				t.Fatal(err)
			}
			_, err := w.gathering(t, smallList, false).Run(t.Context())
			if sesuai.KindOf(err) != sesuai.KindNoFile || !strings.Contains(err.Error(), "line 3: probe: "+test.says) {
				t.Errorf("error %v, want %q", err, test.says)
			}
		})
	}
}

// TestFailuresToAcquire: a photograph that is refused is counted, by its code;
// a genuine pair of it is missed, not dropped.
func TestFailuresToAcquire(t *testing.T) {
	w := smallAlbum(t)
	w.write(t, "a_2", "nobody")
	w.write(t, "b_1", "blurred")
	w.write(t, "c_1", strings.Repeat("x", 10<<20+1))
	w.write(t, "d_1", "damaged")
	list := smallList + "1,a_1,d_1\n" // who is called d is a, too
	s := w.scores(t, list, false)
	want := []evaluation.Failure{
		{Sample: 1, Kind: sesuai.KindFaceNotDetected},
		{Sample: 2, Kind: sesuai.KindFaceQuality, Measures: []string{"sharpness"}},
		{Sample: 3, Kind: sesuai.KindTooLarge},
		{Sample: 4, Kind: sesuai.KindInvalidImage},
	}
	if diff := cmp.Diff(want, s.Failed); diff != "" {
		t.Error(diff)
	}
	r := measure(t, s)
	if r.GenuinePairs != 2 || r.ImpostorPairs != 0 || r.At[0].FNMR.Value != 1 || r.Acquisition.FTA.Value != 0.8 {
		t.Errorf("pairs %d and %d, FNMR %+v, FTA %+v", r.GenuinePairs, r.ImpostorPairs, r.At[0].FNMR, r.Acquisition.FTA)
	}
	causes := map[string]int{"FACE_NOT_DETECTED": 1, "FACE_QUALITY": 1, "TOO_LARGE": 1, "INVALID_IMAGE": 1}
	if diff := cmp.Diff(causes, r.Acquisition.Causes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"sharpness": 1}, r.Acquisition.Measures); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(evaluation.FailedSample{File: "b_1", Code: "FACE_QUALITY"}, r.Worst.Failed[1]); diff != "" {
		t.Error(diff)
	}
}

// TestFailsAsReferenceAlone: what can be compared of the list is; of all
// pairs, whoever failed for either use is left out.
func TestFailsAsReferenceAlone(t *testing.T) {
	w := smallAlbum(t)
	w.write(t, "b_1", at(80)+" as probe")
	if s := w.scores(t, smallList, false); s.Impostors.Pairs != 1 || len(s.Failed) != 1 {
		t.Errorf("listed: %d pairs, %d failures", s.Impostors.Pairs, len(s.Failed))
	}
	if s := w.scores(t, smallList, true); s.Impostors.Pairs != 2 || s.Impostors.PeoplePairs != 1 || len(s.Failed) != 1 {
		t.Errorf("all: %d pairs of photographs, %d of people, %d failures", s.Impostors.Pairs, s.Impostors.PeoplePairs, len(s.Failed))
	}
}

func TestDefectsStop(t *testing.T) {
	w := smallAlbum(t)
	w.write(t, "b_1", "defect")
	if _, err := w.gathering(t, smallList, false).Run(t.Context()); sesuai.KindOf(err) != sesuai.KindInternal {
		t.Errorf("error %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := smallAlbum(t).gathering(t, smallList, false).Run(stopped); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestProgress(t *testing.T) {
	g := smallAlbum(t).gathering(t, smallList, false)
	var told []int
	g.Progress = func(done int) { told = append(told, done) }
	if _, err := g.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4}, told); diff != "" {
		t.Error(diff)
	}
}

// TestCache: a second run extracts nothing, unless something is other than it
// was; and what is in the file is what the last run used.
func TestCache(t *testing.T) {
	w := smallAlbum(t)
	w.write(t, "c_1", "blurred") // refusals are kept too
	path := filepath.Join(t.TempDir(), "cache")
	extracted := func(list string, allPairs bool, key byte) int64 {
		t.Helper()
		g := w.gathering(t, list, allPairs)
		g.Cache, g.Key = path, [32]byte{key}
		before := w.extractions.Load()
		templates, err := g.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := w.extractions.Load() - before
		s, err := templates.Compare(t.Context(), face.Formula{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		w := smallAlbum(t)
		w.write(t, "c_1", "blurred")
		fresh := w.scores(t, list, allPairs)
		if diff := cmp.Diff(fresh.Genuine, s.Genuine); diff != "" {
			t.Error("cached scores", diff)
		}
		if diff := cmp.Diff(fresh.Failed, s.Failed); diff != "" {
			t.Error("cached failures", diff)
		}
		return n
	}
	for _, step := range []struct {
		about    string
		before   func()
		list     string
		allPairs bool
		key      byte
		want     int64
	}{
		{"the first run", func() {}, smallList, false, 1, 5}, // b is reference and probe
		{"again", func() {}, smallList, false, 1, 0},
		{"all pairs", func() {}, smallList, true, 1, 3},
		{"another engine", func() {}, smallList, true, 2, 8},
		{"damaged", func() { damage(t, path) }, smallList, true, 2, 8},
		{"cut off", func() { _ = os.Truncate(path, 100) }, smallList, true, 2, 8},
		{"empty", func() { _ = os.Truncate(path, 0) }, smallList, true, 2, 8},
		{"gone", func() { _ = os.Remove(path) }, smallList, true, 2, 8},
		{"a shorter list", func() {}, "same,reference,probe\n1,a_1,a_2\n", true, 2, 0},
		{"the whole list, of which less was kept", func() {}, smallList, true, 2, 4},
	} {
		step.before()
		if n := extracted(step.list, step.allPairs, step.key); n != step.want {
			t.Errorf("%s: %d extractions, want %d", step.about, n, step.want)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", step.about, info.Mode(), err)
		}
	}
	// Another photograph in the place of one.
	w.write(t, "b_1", at(81))
	g := w.gathering(t, smallList, true)
	g.Cache, g.Key = path, [32]byte{2}
	before := w.extractions.Load()
	if _, err := g.Run(t.Context()); err != nil || w.extractions.Load()-before != 2 {
		t.Errorf("%d extractions of a photograph that changed, %v", w.extractions.Load()-before, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// damage changes one bit of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCacheAfterAStop: what was made before something went wrong is kept.
func TestCacheAfterAStop(t *testing.T) {
	w := smallAlbum(t)
	path := filepath.Join(t.TempDir(), "cache")
	run := func() (int64, error) {
		g := w.gathering(t, smallList, false)
		g.Cache = path
		before := w.extractions.Load()
		_, err := g.Run(t.Context())
		return w.extractions.Load() - before, err
	}
	if _, err := run(); err != nil {
		t.Fatal(err)
	}
	w.write(t, "a_1", "defect")
	if _, err := run(); err == nil {
		t.Fatal("a defect is passed over")
	}
	w.write(t, "a_1", at(0))
	if n, err := run(); n != 0 || err != nil {
		t.Errorf("%d extractions, %v", n, err)
	}
}
