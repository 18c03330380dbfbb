package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/face"
)

type faceCalibrate struct {
	labelledList
	Cache    string   `help:"Keep the templates in this file (mode 0600) for the next time. They are biometric data." placeholder:"FILE"`
	ID       string   `name:"id" help:"Id of the calibration, such as bank-2026-12." required:"" placeholder:"ID"`
	DataSet  string   `help:"What was measured, in words, for the file." required:"" placeholder:"TEXT"`
	Out      string   `help:"The calibration file to write." required:"" placeholder:"FILE.json"`
	Weight   *float64 `name:"length-weight" help:"The score is the cosine less this weight times the length of the shorter template; 0 makes it the cosine. The default is that of the shipped calibrations for the models that are fetched, and 0 for others." placeholder:"W"`
	Validate int      `help:"Cross-validate: split the people into K parts, calibrate on those outside a part, measure those inside; at least 2." placeholder:"K"`
	Repeats  int      `help:"How many times the people are split; 0 chooses by their number." default:"0"`
	Seed     uint64   `help:"Seed of the random numbers: the same seed gives the same figures." default:"1"`
}

// madeCalibration is what face calibrate prints as JSON.
type madeCalibration struct {
	Calibration face.Calibration `json:"calibration"`
	calibrationFigures
	// WithoutLength are the figures of references without a length.
	WithoutLength *calibrationFigures `json:"reference_without_length,omitempty"`
}

// calibrationFigures are figures beside those of the calibration file.
type calibrationFigures struct {
	// ByPhotographs are the scores with the same weight for every pair of
	// photographs.
	ByPhotographs []evaluation.AnchorEstimate `json:"anchors_by_photographs,omitempty"`
	Dominating    []evaluation.DominatingPair `json:"dominating"`
	Validation    *evaluation.Validation      `json:"validation,omitempty"`
}

// scoresToCalibrate are the scores of one list: with the lengths of references,
// and without them, which is nil if lengths do not count.
type scoresToCalibrate struct{ with, without *evaluation.Scores }

func (c *faceCalibrate) Run(s *session) error {
	return c.run(s, func() (scores scoresToCalibrate, err error) {
		set, err := c.read()
		if err != nil {
			return scores, err
		}
		manifest, err := app.Manifest(s.config)
		if err != nil {
			return scores, err
		}
		job := evaluation.Gathering{AllPairs: true, Cache: c.Cache}
		err = c.gather(s, set, job, app.OpenUncalibratedEngine, func(_ *face.Engine, templates *evaluation.Templates) error {
			formula := c.formula(manifest, templates)
			if err := checkFormula(formula); err != nil {
				return err
			}
			if scores.with, err = compareTail(s, templates, formula); err == nil && formula.LengthWeight != 0 {
				scores.without, err = compareTail(s, templates.WithoutLengths(), evaluation.WithoutLengths(formula))
			}
			return err
		})
		return scores, err
	})
}

// formula returns the formula for scores of the templates that a manifest's
// networks made.
func (c *faceCalibrate) formula(m face.Manifest, templates *evaluation.Templates) face.Formula {
	switch {
	case c.Weight != nil:
		return evaluation.FormulaOf(*c.Weight, templates)
	case m.TemplatesSHA256() == face.DefaultManifest().TemplatesSHA256():
		return evaluation.BuiltInFormula()
	default:
		return face.Formula{}
	}
}

// checkFormula refuses a formula with which no calibration can be written, before
// anything is computed by it.
func checkFormula(f face.Formula) error {
	if f.LengthWeight*f.MaxLength < 1 {
		return nil
	}
	return &sesuai.Error{
		Kind:   sesuai.KindConfiguration,
		Detail: fmt.Sprintf("--length-weight times the greatest length of the templates, %g, must be under 1", f.MaxLength),
	}
}

// compareTail compares the templates, with a tail that suffices for calibrating.
func compareTail(s *session, templates *evaluation.Templates, formula face.Formula) (*evaluation.Scores, error) {
	// The first pass finds where the tail begins.
	scores, err := templates.Compare(s, formula, 1)
	if err != nil {
		return nil, err
	}
	return templates.Compare(s, formula, scores.Impostors.TailFrom())
}

// run makes a calibration of the scores that gather returns.
func (c *faceCalibrate) run(s *session, gather func() (scoresToCalibrate, error)) error {
	if err := c.check(); err != nil {
		return err
	}
	manifest, err := app.Manifest(s.config)
	if err != nil {
		return err
	}
	scores, err := gather()
	if err != nil {
		return err
	}
	var out madeCalibration
	var with, without *evaluation.Calibrated
	if with, out.calibrationFigures, err = c.calibrate(scores.with); err != nil {
		return err
	}
	if scores.without != nil {
		out.WithoutLength = new(calibrationFigures)
		if without, *out.WithoutLength, err = c.calibrate(scores.without); err != nil {
			return err
		}
	}
	out.Calibration = with.File(evaluation.Made{
		ID: c.ID, DataSet: c.DataSet, ModelSHA256: manifest.Template.SHA256, TemplatesSHA256: manifest.TemplatesSHA256(),
		Tool: "sesuai " + programVersion(), Date: time.Now().Format(time.DateOnly),
	}, without)
	if err := writeCalibration(c.Out, out.Calibration); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(out)
	}
	return printCalibration(s.stdout, c.Out, out, with, without)
}

// calibrate calibrates on scores, and cross-validates that if it was asked for.
func (c *faceCalibrate) calibrate(scores *evaluation.Scores) (*evaluation.Calibrated, calibrationFigures, error) {
	made, err := evaluation.Calibrate(scores, evaluation.CalibrateOptions{Seed: c.Seed})
	if err != nil {
		return nil, calibrationFigures{}, err
	}
	figures := calibrationFigures{ByPhotographs: made.ByPhotographs.Anchors, Dominating: made.Dominating}
	if c.Validate != 0 {
		figures.Validation, err = evaluation.Validate(scores, evaluation.ValidateOptions{Parts: c.Validate, Repeats: c.Repeats, Seed: c.Seed})
	}
	return made, figures, err
}

func (c *faceCalibrate) check() error {
	bad := func(what string) error { return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: what} }
	switch {
	case c.ID == "" || app.IsCalibrationFile(c.ID):
		return bad("--id must not be the path of a file")
	case strings.TrimSpace(c.DataSet) == "":
		return bad("--data-set must say what was measured")
	case c.Validate != 0 && c.Validate < 2:
		return bad("--validate needs at least 2 parts")
	case c.Weight != nil && !(*c.Weight >= 0 && *c.Weight < 1):
		return bad("--length-weight must be from 0 to under 1")
	case c.Repeats < 0 || c.Repeats > 10_000:
		return bad("--repeats must be from 0 to 10000")
	}
	return nil
}

// writeCalibration writes a calibration that the service accepts.
func writeCalibration(path string, c face.Calibration) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if _, err := face.ParseCalibration(b); err != nil {
		return err
	}
	return atomicfile.Write(path, 0o644, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n", b)
		return err
	})
}

func printCalibration(w io.Writer, path string, out madeCalibration, with, without *evaluation.Calibrated) error {
	c := out.Calibration
	fmt.Fprintf(w, "%d photographs of %d people: %d pairs of photographs and %d pairs of people who differ\n",
		c.Photographs, c.People, with.ImpostorPairs, c.PeoplePairs)
	if without == nil {
		fmt.Fprintf(w, "score: the cosine\n")
	} else {
		fmt.Fprintf(w, "score: cosine − %g · length of the shorter template (at least %g, at most %g)\n", c.LengthWeight, c.MinLength, c.MaxLength)
	}
	printScoring(w, c.Scoring, with, out.calibrationFigures)
	if without != nil {
		fmt.Fprintf(w, "\nReferences that were stored without a length: cosine − %g · length of the probe\n", c.WithoutLength.LengthWeight)
		printScoring(w, *c.WithoutLength, without, *out.WithoutLength)
	}
	_, err := fmt.Fprintf(w, "\n%s is written: set face.calibration to it\n", path)
	return err
}

// printScoring prints the anchors, the pairs to look at and the validation.
func printScoring(w io.Writer, c face.Scoring, made *evaluation.Calibrated, figures calibrationFigures) {
	fmt.Fprintf(w, "median score %.4f; tail: the highest %g %%, from %.4f on, shape %.3f, scale %.4f\n\n",
		c.ImpostorMedian, 100*c.Tail.Share, c.Tail.Threshold, c.Tail.Shape, c.Tail.Scale)
	e := made.ByPeople
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "FMR\tscore\t95 %\tsource\tpairs of people beyond\tby photographs")
	for _, o := range e.Others {
		fmt.Fprintf(t, "\ttail of %g %%", 100*o.Share)
	}
	fmt.Fprintln(t)
	for i, a := range c.Anchors {
		byPhotographs := "too few people"
		if figures.ByPhotographs != nil {
			byPhotographs = fmt.Sprintf("%.4f", figures.ByPhotographs[i].Score)
		}
		fmt.Fprintf(t, "%g\t%.4f\t%.4f to %.4f\t%s\t%d\t%s",
			a.FMR, a.Score, a.Low, a.High, a.Source, e.Anchors[i].Beyond, byPhotographs)
		for _, o := range e.Others {
			if a.FMR <= o.Share {
				fmt.Fprintf(t, "\t%.4f", o.ScoreAt(a.FMR))
			} else {
				fmt.Fprint(t, "\t")
			}
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()

	fmt.Fprintf(w, "\nLook at these: of what lies beyond FMR %g, by people, so much is of two people\n", c.Anchors[1].FMR)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, d := range figures.Dominating {
		fmt.Fprintf(t, "%.3g %%\t%d of their %d pairs\t%.4f\t%s\t%s\n", 100*d.Share, d.Scores, d.Of, d.Score, d.Reference, d.Probe)
	}
	_ = t.Flush()
	if figures.Validation != nil {
		printValidation(w, figures.Validation)
	}
}

func printValidation(w io.Writer, v *evaluation.Validation) {
	fmt.Fprintf(w, "\nPeople left out: %d parts, %d times; about %.0f pairs of people to calibrate on and %.0f to measure, each time\n",
		v.Parts, v.Repeats, math.Round(v.CalibratedOn), math.Round(v.Measured))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "stated FMR\tscore\tcounted\tmeasured\ttimes the stated\t95 %\tby photographs\ttimes the stated\t95 %")
	for _, a := range v.At {
		fmt.Fprintf(t, "%g\t%.4f\t%.0f %%", a.Stated, a.Score, 100*a.Counted)
		for _, m := range []evaluation.MeasuredRate{a.ByPeople, a.ByPhotographs} {
			fmt.Fprintf(t, "\t%.3g\t%.2f\t%.2f to %.3g", m.Rate, m.Ratio, m.Interval.Low, m.Interval.High)
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()
}
