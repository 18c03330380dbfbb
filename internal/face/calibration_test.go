package face_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

func shipped(t *testing.T) *face.Calibration {
	t.Helper()
	c, err := face.ShippedCalibration(face.DefaultManifest().Calibration)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPercentageAtTheAnchors(t *testing.T) {
	c := shipped(t)
	at := map[float64]float64{}
	for _, a := range c.Anchors {
		at[a.FMR] = a.Score
	}
	for _, test := range []struct{ score, want float64 }{
		{c.ImpostorMedian, 0},
		{at[1e-2], 50},
		{at[1e-3], 62.5},
		{at[1e-4], 75},
		{at[1e-5], 85},
		{at[1e-6], 95},
		{c.Identical(), 100},
		// The middle, in the score, between two anchors.
		{(at[1e-4] + at[1e-5]) / 2, 80},
		{(c.ImpostorMedian + at[1e-2]) / 2, 25},
		{(c.Identical() + at[1e-6]) / 2, 97.5},
		// Beyond the ends.
		{c.ImpostorMedian - 0.01, 0},
		{-1, 0},
		{-7, 0},
		{1.0000001, 100},
		{7, 100},
		{math.Inf(-1), 0},
		{math.Inf(1), 100},
	} {
		if got := c.Percentage(test.score); got != sesuai.PercentageOf(test.want) {
			t.Errorf("score %v is %v, want %v", test.score, got, test.want)
		}
	}
	if got := c.Percentage(math.NaN()); got.Known() {
		t.Errorf("NaN is %v", got)
	}
}

func TestPercentageNeverFalls(t *testing.T) {
	calibrations := []*face.Calibration{shipped(t)}
	// Calibrations with anchors outside of percentageAt, and with few anchors.
	beyond := parse(t, func(c map[string]any) {
		c["anchors"] = []any{
			anchor(0.3, 0.05), anchor(0.1, 0.1), anchor(1e-2, 0.2), anchor(1e-4, 0.4), anchor(1e-6, 0.6), anchor(1e-7, 0.7), anchor(1e-9, 0.8),
		}
	})
	few := parse(t, func(c map[string]any) {
		c["anchors"] = []any{anchor(1e-2, 0.2), anchor(1e-4, 0.2000001), anchor(1e-6, 0.9)}
	})
	for _, c := range append(calibrations, beyond, few) {
		last := c.Percentage(-1)
		for i := -100_000; i <= 100_000; i++ {
			p := c.Percentage(float64(i) / 100_000)
			if !p.AtLeast(last) {
				t.Fatalf("%s: from %v to %v at %v", c.ID, last, p, float64(i)/100_000)
			}
			last = p
		}
		if last.Value() != 100 {
			t.Errorf("%s: identical is %v", c.ID, last)
		}
	}
}

// anchor may have a source, and then an interval.
func anchor(fmr, score float64, more ...any) any {
	a := map[string]any{"fmr": fmr, "score": score}
	for i, v := range more {
		a[[]string{"source", "low", "high"}[i]] = v
	}
	return a
}

func tailOf(share, threshold, shape, scale float64) any {
	return map[string]any{"share": share, "threshold": threshold, "shape": shape, "scale": scale}
}

// ParseCalibration reads what sesuai face calibrate writes.
func TestParseCalibrationOrigin(t *testing.T) {
	digest := face.DefaultManifest().Detector.SHA256 // any
	c := parse(t, func(c map[string]any) {
		c["list_sha256"], c["photographs"], c["people"], c["people_pairs"] = digest, 255, 31, 465
		c["tail"] = tailOf(0.05, 0.2284, -0.1115, 0.0714)
		c["anchors"] = []any{
			anchor(1e-2, 0.2, "counted", 0.19, 0.21), anchor(1e-4, 0.4, "extrapolated", 0.35, 0.45), anchor(1e-6, 0.6, "extrapolated", 0.5, 0.7),
		}
	})
	if c.ListSHA256 != digest || c.Photographs != 255 || c.People != 31 || c.PeoplePairs != 465 ||
		*c.Tail != (face.Tail{Share: 0.05, Threshold: 0.2284, Shape: -0.1115, Scale: 0.0714}) ||
		c.Anchors[1] != (face.Anchor{FMR: 1e-4, Score: 0.4, Source: face.Extrapolated, Low: 0.35, High: 0.45}) {
		t.Errorf("%+v", c)
	}
}

func TestShippedCalibrations(t *testing.T) {
	ids := face.ShippedCalibrations()
	if !slices.Contains(ids, face.DefaultManifest().Calibration) {
		t.Errorf("%v lacks that of the manifest", ids)
	}
	for _, id := range ids {
		if c, err := face.ShippedCalibration(id); err != nil || c.ID != id {
			t.Errorf("%s: %+v, %v", id, c, err)
		}
	}
	_, err := face.ShippedCalibration("none")
	for _, id := range ids {
		if !strings.Contains(fmt.Sprint(err), id) {
			t.Errorf("the error does not tell %s: %v", id, err)
		}
	}
}

// calibrationFile returns a valid file with a change.
func calibrationFile(t *testing.T, change func(c map[string]any)) []byte {
	t.Helper()
	c := map[string]any{
		"id": "test", "model_sha256": face.DefaultManifest().Template.SHA256, "data_set": "drawn", "date": "2026-11-01",
		"tool": "test", "impostor_median": 0.01,
		"anchors": []any{anchor(1e-2, 0.2), anchor(1e-4, 0.4), anchor(1e-6, 0.6)},
	}
	change(c)
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t *testing.T, change func(c map[string]any)) *face.Calibration {
	t.Helper()
	c, err := face.ParseCalibration(calibrationFile(t, change))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseCalibrationRefuses(t *testing.T) {
	parse(t, func(map[string]any) {}) // the unchanged file is good
	set := func(key string, v any) func(map[string]any) { return func(c map[string]any) { c[key] = v } }
	anchors := func(a ...any) func(map[string]any) { return set("anchors", a) }
	for name, change := range map[string]func(map[string]any){
		"no id":                      set("id", ""),
		"no model":                   set("model_sha256", ""),
		"no data set":                set("data_set", ""),
		"no date":                    set("date", ""),
		"an unknown key":             set("threshold", 75),
		"a median that is text":      set("impostor_median", "0.01"),
		"a median of 1":              set("impostor_median", 1),
		"a median of -1":             set("impostor_median", -1),
		"no anchors":                 anchors(),
		"no anchor at 1e-2":          anchors(anchor(1e-4, 0.4), anchor(1e-6, 0.6)),
		"no anchor at 1e-4":          anchors(anchor(1e-2, 0.2), anchor(1e-6, 0.6)),
		"no anchor at 1e-6":          anchors(anchor(1e-2, 0.2), anchor(1e-4, 0.4)),
		"rising rates":               anchors(anchor(1e-4, 0.2), anchor(1e-2, 0.4), anchor(1e-6, 0.6)),
		"the same rate twice":        anchors(anchor(1e-2, 0.2), anchor(1e-2, 0.3), anchor(1e-4, 0.4), anchor(1e-6, 0.6)),
		"falling scores":             anchors(anchor(1e-2, 0.4), anchor(1e-4, 0.2), anchor(1e-6, 0.6)),
		"a score under the median":   anchors(anchor(1e-2, 0.005), anchor(1e-4, 0.4), anchor(1e-6, 0.6)),
		"a score of 1":               anchors(anchor(1e-2, 0.2), anchor(1e-4, 0.4), anchor(1e-6, 1)),
		"a rate of 0":                anchors(anchor(1e-2, 0.2), anchor(1e-4, 0.4), anchor(1e-6, 0.6), anchor(0, 0.7)),
		"a rate of a half":           anchors(anchor(0.5, 0.1), anchor(1e-2, 0.2), anchor(1e-4, 0.4), anchor(1e-6, 0.6)),
		"negative people":            set("people", -1),
		"negative photographs":       set("photographs", -1),
		"negative pairs of people":   set("people_pairs", -1),
		"half a digest":              set("list_sha256", "0123"),
		"a digest that is none":      set("list_sha256", "zz"),
		"half a digest of templates": set("templates_sha256", "0123"),
		"another source":             anchors(anchor(1e-2, 0.2, "guessed"), anchor(1e-4, 0.4), anchor(1e-6, 0.6)),
		"extrapolated from nothing":  anchors(anchor(1e-2, 0.2), anchor(1e-4, 0.4), anchor(1e-6, 0.6, "extrapolated")),
		"a score under its low":      anchors(anchor(1e-2, 0.2, "counted", 0.21, 0.3), anchor(1e-4, 0.4), anchor(1e-6, 0.6)),
		"a score over its high":      anchors(anchor(1e-2, 0.2, "counted", 0.1, 0.19), anchor(1e-4, 0.4), anchor(1e-6, 0.6)),
		"a high over 1":              anchors(anchor(1e-2, 0.2, "counted", 0.1, 1.1), anchor(1e-4, 0.4), anchor(1e-6, 0.6)),
		"a tail of no share":         set("tail", tailOf(0, 0.2, -0.1, 0.05)),
		"a tail of everything":       set("tail", tailOf(1, 0.2, -0.1, 0.05)),
		"a tail without a scale":     set("tail", tailOf(0.01, 0.2, -0.1, 0)),
		"a tail without an end":      set("tail", tailOf(0.01, 0.2, 1, 0.05)),
		"a tail from 1 on":           set("tail", tailOf(0.01, 1, -0.1, 0.05)),
		"an unknown key of a tail":   set("tail", map[string]any{"end": 1}),
		"a negative rate":            anchors(anchor(1e-2, 0.2), anchor(1e-4, 0.4), anchor(1e-6, 0.6), anchor(-1, 0.7)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := face.ParseCalibration(calibrationFile(t, change))
			wantKind(t, err, sesuai.KindConfiguration)
		})
	}
	good := calibrationFile(t, func(map[string]any) {})
	for name, b := range map[string][]byte{
		"nothing": nil, "a list": []byte("[]"), "half a file": good[:len(good)/2], "two files": append(good, good...),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := face.ParseCalibration(b)
			wantKind(t, err, sesuai.KindConfiguration)
		})
	}
}

func TestShippedCalibrationIsThatOfTheManifest(t *testing.T) {
	for _, id := range face.ShippedCalibrations() {
		c, err := face.ShippedCalibration(id)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := c.ModelSHA256, face.DefaultManifest().Template.SHA256; got != want {
			t.Errorf("%s: made for %s, not %s", id, got, want)
		}
		if got, want := c.TemplatesSHA256, face.DefaultManifest().TemplatesSHA256(); got != want {
			t.Errorf("%s: made for templates %s, not %s", id, got, want)
		}
	}
	for _, id := range []string{"", "none", "../calibrations/asia-2026-11"} {
		_, err := face.ShippedCalibration(id)
		wantKind(t, err, sesuai.KindConfiguration)
	}
}

func TestNewRefusesTheCalibrationOfAnotherModel(t *testing.T) {
	c := parse(t, func(c map[string]any) { c["model_sha256"] = face.DefaultManifest().Detector.SHA256 })
	load := func([]byte, face.NetworkSpec) (face.Network, error) {
		t.Error("a network is loaded")
		return nil, nil
	}
	_, err := face.New(face.Options{Manifest: face.DefaultManifest(), Calibration: c, Load: load})
	wantKind(t, err, sesuai.KindConfiguration)
}

// A calibration fits manifests that give the same templates: everything that
// affects templates is compared, and nothing else.
func TestNewRefusesTheCalibrationOfAnotherManifest(t *testing.T) {
	errLoad := errors.New("a network is loaded")
	load := func([]byte, face.NetworkSpec) (face.Network, error) { return nil, errLoad }
	before := *shipped(t)
	before.TemplatesSHA256 = "" // as in files that are older than this digest
	for name, test := range map[string]struct {
		change  func(m *face.Manifest)
		refused bool
	}{
		"nothing":              {func(*face.Manifest) {}, false},
		"the order of colours": {func(m *face.Manifest) { m.Template.Channels = "RGB" }, true},
		"the mean":             {func(m *face.Manifest) { m.Template.Mean = 127.5 }, true},
		"the divisor":          {func(m *face.Manifest) { m.Template.Divisor = 127.5 }, true},
		"the output": {func(m *face.Manifest) {
			m.Template.Outputs = []face.TensorSpec{{Name: "other", Shape: []int64{1, 512}}}
		}, true},
		"the detector":            {func(m *face.Manifest) { m.Detector.SHA256 = m.Eyes.SHA256 }, true},
		"how landmarks are fed":   {func(m *face.Manifest) { m.Landmarks.Divisor = 255 }, true},
		"when to look again":      {func(m *face.Manifest) { m.TemplateLength.Clear = 3 }, true},
		"not to look again":       {func(m *face.Manifest) { m.TemplateLength = nil }, true},
		"what quality length has": {func(m *face.Manifest) { m.TemplateLength.Half = 4 }, false},
		"its name":                {func(m *face.Manifest) { m.ID, m.Source = "another", "elsewhere" }, false},
		"no liveness":             {func(m *face.Manifest) { m.Liveness = nil }, false},
	} {
		m := face.DefaultManifest()
		test.change(&m)
		_, err := face.New(face.Options{Models: modelsDir, Manifest: m, Calibration: shipped(t), Load: load})
		if refused := strings.Contains(detailOf(err), "but with another manifest"); err == nil || refused != test.refused {
			t.Errorf("%s: %v", name, err)
		}
		_, err = face.New(face.Options{Models: modelsDir, Manifest: m, Calibration: &before, Load: load})
		if err == nil || strings.Contains(detailOf(err), "calibration") {
			t.Errorf("%s, a file without the digest: %v", name, err)
		}
	}
}
