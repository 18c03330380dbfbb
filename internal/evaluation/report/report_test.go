package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/evaluation/report"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden texts")

func TestTexts(t *testing.T) {
	const file = "testdata/pages.txtar"
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]*txtar.File{}
	for i, f := range archive.Files {
		texts[f.Name] = &archive.Files[i]
	}
	cases := 0
	for _, f := range archive.Files {
		title, ok := strings.CutSuffix(f.Name, ".json")
		if !ok {
			continue
		}
		cases++
		d := json.NewDecoder(bytes.NewReader(f.Data))
		d.DisallowUnknownFields()
		var r evaluation.Report
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		_, page := draw(t, &r)
		got, want := page.readable(), texts[title+".txt"]
		if want == nil {
			t.Fatalf("%s has no text", f.Name)
		}
		if *update {
			want.Data = []byte(got)
			continue
		}
		if diff := cmp.Diff(strings.TrimSpace(string(want.Data)), strings.TrimSpace(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", title, diff)
		}
	}
	if cases < 4 {
		t.Errorf("only %d reports were found", cases)
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPolicyAllowsTheStyle checks the digest by which the page's policy allows
// its style sheet. With a wrong digest, browsers ignore the style sheet.
func TestPolicyAllowsTheStyle(t *testing.T) {
	b, page := draw(t, realistic())
	_, after, _ := bytes.Cut(b, []byte("<style>"))
	style, _, _ := bytes.Cut(after, []byte("</style>"))
	if len(style) < 1000 {
		t.Fatalf("the style sheet has %d bytes", len(style))
	}
	digest := sha256.Sum256(style)
	policy := ""
	for _, m := range page.all("meta") {
		if m.attr["http-equiv"] == "Content-Security-Policy" {
			policy = m.attr["content"]
		}
	}
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) +
		"'; base-uri 'none'; form-action 'none'"
	if policy != want {
		t.Errorf("policy\n %s, want\n %s", policy, want)
	}
}

func TestNamesAreText(t *testing.T) {
	const evil = `</td><script>alert(1)</script><img src=x onerror="alert(2)">'{{.Tool}}]]>&amp;` + "\x00\x1b\u202egpj.\xff"
	const shown = `</td><script>alert(1)</script><img src=x onerror="alert(2)">'{{.Tool}}]]>&amp;` + `\u0000\u001b\u202egpj.` + "\uFFFD"
	r := realistic()
	r.Title, r.Tool, r.Date, r.ListSHA256, r.Model, r.Calibration, r.Subject = evil, evil, evil, evil, evil, evil, evil
	r.Acquisition.Causes = map[string]int{evil: 1}
	r.Acquisition.Measures = map[string]int{evil: 1}
	r.At[0].Name, r.AtFMR[0].Name, r.Groups.Each[0].Name = evil, evil, evil
	r.Evenness[0].By = evil
	r.Evenness[1] = evaluation.Breakdown{By: evaluation.PartsByGroup, Parts: []evaluation.Part{{Name: evil}}}
	r.Worst.Genuine[0].Reference, r.Worst.Genuine[0].Probe = evil, evil
	r.Worst.Failed[0] = evaluation.FailedSample{File: evil, Code: evil}
	b, page := draw(t, r)
	if n := len(page.all("script", "img")); n != 0 {
		t.Errorf("%d elements came of names", n)
	}
	if got := strings.Count(page.words(), shown); got != 27 {
		t.Errorf("%d names are shown as text, want 27", got)
	}
	if bytes.Contains(b, []byte("\u202e")) || bytes.ContainsAny(b, "\x00\x1b") || !utf8.Valid(b) {
		t.Error("what cannot be seen is on the page")
	}
}

func TestSameReportSamePage(t *testing.T) {
	r := realistic()
	for i := range 30 {
		r.Acquisition.Causes[strings.Repeat("X", i+1)] = 5
	}
	first, _ := draw(t, r)
	for range 20 {
		if again, _ := draw(t, r); !bytes.Equal(first, again) {
			t.Fatal("two pages of one report differ")
		}
	}
}

// TestPlotsKeepToTheirRange draws rates that a logarithmic axis cannot show.
func TestPlotsKeepToTheirRange(t *testing.T) {
	r := realistic()
	r.DET = []evaluation.DETPoint{
		{Score: 0, FMR: 1, FNMR: 0},
		{Score: 0.2, FMR: 0.1, FNMR: 0.01},
		{Score: 0.4, FMR: 0.001, FNMR: 0.05},
		{Score: 0.5, FMR: math.NaN(), FNMR: 0.1},
		{Score: 0.6, FMR: 0, FNMR: 0.2},
		{Score: 0.7, FMR: math.Inf(1), FNMR: -1},
	}
	r.Evenness = nil
	_, page := draw(t, r)
	if n := len(page.all("svg")); n != 2 {
		t.Fatalf("%d plots", n)
	}
	if text := page.words(); !strings.Contains(text, "4 points of the curve") {
		t.Error("the page does not say how many points are hidden")
	}
	r.DET = r.DET[:1]
	if _, page = draw(t, r); len(page.all("svg")) != 1 || !strings.Contains(page.words(), "No DET curve is drawn") {
		t.Error("a curve without a point that can be shown is drawn")
	}
	r.Genuine.Shares, r.Impostor.Width = nil, 0
	if _, page = draw(t, r); len(page.all("svg")) != 0 || !strings.Contains(page.words(), "No histogram is drawn") {
		t.Error("histograms of nothing are drawn")
	}
}

// broken is a Writer that fails.
type broken struct{}

var errFull = errors.New("full")

func (broken) Write([]byte) (int, error) { return 0, errFull }

func TestWriteFails(t *testing.T) {
	if err := report.HTML(broken{}, realistic()); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

// notNumbers matches how Go, SVG and JavaScript write values that are not finite,
// and numbers that are far out of range.
var notNumbers = regexp.MustCompile(`NaN|[+-]?\bInf\b|Infinity|e\+\d\d|\d{16}`)

// TestAnyReport renders reports with arbitrary figures. Each gives a page, and no
// page shows a value that is not a finite number.
func TestAnyReport(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyReport(t)
		b, page := draw(t, r)
		_, b, _ = bytes.Cut(b, []byte("<body>")) // the head has digests
		if found := notNumbers.Find(b); found != nil {
			at := notNumbers.FindIndex(b)[0]
			t.Fatalf("%q is on the page: …%s", found, b[max(at-80, 0):min(at+40, len(b))])
		}
		for _, plot := range page.all("svg") {
			for _, path := range plot.all("path") {
				if path.attr["d"] == "" {
					t.Fatal("a path leads nowhere")
				}
			}
		}
		for _, part := range []string{"What was measured", "Error rates", "Glossary", "Threshold, anchor", "Rule of 3"} {
			if !strings.Contains(page.words(), part) {
				t.Fatalf("the page lacks %q", part)
			}
		}
	})
}

// anyReport draws a report with arbitrary figures, many of them plausible.
func anyReport(t *rapid.T) *evaluation.Report {
	number := rapid.OneOf(
		rapid.Float64Range(0, 1), rapid.Float64(), rapid.Float64Range(-1, 100), rapid.Float64Range(0, 1e-6),
		rapid.SampledFrom([]float64{0, 1, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, -1}),
	)
	whole := rapid.OneOf(rapid.IntRange(0, 5000), rapid.Int())
	text := rapid.StringMatching(`[a-mo-z/<&"'\x{1}-\x{1f}]{0,12}`)
	rate := rapid.Custom(func(t *rapid.T) evaluation.Rate {
		return evaluation.Rate{
			Errors: number.Draw(t, "errors"), Of: rapid.OneOf(rapid.Float64Range(0, 1e6), number).Draw(t, "of"),
			Value: number.Draw(t, "value"), Low: number.Draw(t, "low"), High: number.Draw(t, "high"),
		}
	})
	at := rapid.Custom(func(t *rapid.T) evaluation.RatesAt {
		return evaluation.RatesAt{
			Name: rapid.OneOf(rapid.Just(evaluation.ThresholdName), text).Draw(t, "name"), Score: number.Draw(t, "score"),
			Percentage: number.Draw(t, "percentage"), StatedFMR: number.Draw(t, "stated"),
			FMR: rate.Draw(t, "fmr"), FMRByPeople: rate.Draw(t, "by people"), FNMR: rate.Draw(t, "fnmr"),
		}
	})
	point := rapid.Custom(func(t *rapid.T) evaluation.DETPoint {
		return evaluation.DETPoint{Score: number.Draw(t, "score"), FMR: number.Draw(t, "fmr"), FNMR: number.Draw(t, "fnmr")}
	})
	histogram := rapid.Custom(func(t *rapid.T) evaluation.Histogram {
		return evaluation.Histogram{
			From: number.Draw(t, "from"), Width: number.Draw(t, "width"), Shares: rapid.SliceOfN(number, 0, 20).Draw(t, "shares"),
		}
	})
	pair := rapid.Custom(func(t *rapid.T) evaluation.WorstPair {
		return evaluation.WorstPair{
			Reference: text.Draw(t, "reference"), Probe: text.Draw(t, "probe"),
			Score: number.Draw(t, "score"), Percentage: number.Draw(t, "percentage"),
		}
	})
	group := rapid.Custom(func(t *rapid.T) evaluation.GroupRates {
		return evaluation.GroupRates{Name: text.Draw(t, "name"), Rates: at.Draw(t, "rates"), FTA: rate.Draw(t, "fta")}
	})
	ratio := rapid.Custom(func(t *rapid.T) evaluation.Ratio {
		return evaluation.Ratio{Value: number.Draw(t, "value"), Low: number.Draw(t, "low"), High: number.Draw(t, "high")}
	})
	part := rapid.Custom(func(t *rapid.T) evaluation.Part {
		return evaluation.Part{
			Name: text.Draw(t, "name"),
			From: rapid.Ptr(number, true).Draw(t, "from"), To: rapid.Ptr(number, true).Draw(t, "to"),
			FMR: rate.Draw(t, "fmr"), FNMR: rate.Draw(t, "fnmr"),
			FMRRatio: ratio.Draw(t, "fmr ratio"), FNMRRatio: ratio.Draw(t, "fnmr ratio"),
		}
	})
	spread := rapid.Custom(func(t *rapid.T) evaluation.Spread {
		return evaluation.Spread{
			Mean: rate.Draw(t, "mean"), Worst: rapid.IntRange(-1, 3).Draw(t, "worst"), Ratio: ratio.Draw(t, "ratio"),
			Uneven: rapid.SliceOfN(rapid.IntRange(-1, 3), 0, 2).Draw(t, "uneven"),
		}
	})
	breakdown := rapid.Custom(func(t *rapid.T) evaluation.Breakdown {
		return evaluation.Breakdown{
			By:   rapid.OneOf(rapid.Just(evaluation.PartsByGroup), text).Draw(t, "by"),
			Unit: rapid.OneOf(rapid.Just("°"), text).Draw(t, "unit"), HigherIsWorse: rapid.Bool().Draw(t, "higher is worse"),
			Parts: rapid.SliceOfN(part, 0, 3).Draw(t, "parts"),
			FMR:   spread.Draw(t, "fmr"), FNMR: spread.Draw(t, "fnmr"),
		}
	})
	r := &evaluation.Report{
		Tool: text.Draw(t, "tool"), Title: text.Draw(t, "title"), Subject: text.Draw(t, "subject"),
		Duration: time.Duration(rapid.Int64().Draw(t, "duration")),
		Gate:     rapid.Bool().Draw(t, "gate"), AllPairs: rapid.Bool().Draw(t, "all pairs"),
		Photographs: whole.Draw(t, "photographs"), People: whole.Draw(t, "people"), GenuinePairs: whole.Draw(t, "genuine pairs"),
		ImpostorPairs: rapid.Int64().Draw(t, "impostor pairs"), ImpostorPeoplePairs: rapid.Int64().Draw(t, "people pairs"),
		Acquisition: evaluation.Acquisition{
			FTA:    rate.Draw(t, "fta"),
			Causes: rapid.MapOfN(text, whole, 0, 3).Draw(t, "causes"), Measures: rapid.MapOfN(text, whole, 0, 3).Draw(t, "measures"),
		},
		At: rapid.SliceOfN(at, 0, 3).Draw(t, "at"), AtFMR: rapid.SliceOfN(at, 0, 2).Draw(t, "at fmr"),
		Evenness: rapid.SliceOfN(breakdown, 0, 2).Draw(t, "evenness"),
		DET:      rapid.SliceOfN(point, 0, 20).Draw(t, "det"),
		Genuine:  histogram.Draw(t, "genuine"), Impostor: histogram.Draw(t, "impostor"),
		Worst: evaluation.Worst{
			Genuine: rapid.SliceOfN(pair, 0, 2).Draw(t, "worst genuine"), Impostor: rapid.SliceOfN(pair, 0, 2).Draw(t, "worst impostor"),
			Failed: []evaluation.FailedSample{{File: text.Draw(t, "file"), Code: text.Draw(t, "code")}},
		},
	}
	if rapid.Bool().Draw(t, "with folds") {
		r.Folds = &evaluation.Folds{Number: whole.Draw(t, "folds"), Accuracy: number.Draw(t, "accuracy"), Deviation: number.Draw(t, "deviation")}
	}
	if rapid.Bool().Draw(t, "with groups") {
		r.Groups = &evaluation.Groups{Each: rapid.SliceOfN(group, 0, 3).Draw(t, "groups")}
	}
	return r
}
