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
	Cache    string `help:"Keep the templates in this file (mode 0600) for the next time. They are biometric data." placeholder:"FILE"`
	ID       string `name:"id" help:"Id of the calibration, such as asia-2026-11." required:"" placeholder:"ID"`
	DataSet  string `help:"What was measured, in words, for the file." required:"" placeholder:"TEXT"`
	Out      string `help:"The calibration file to write." required:"" placeholder:"FILE.json"`
	Validate int    `help:"Cross-validate: split the people into K parts, calibrate on those outside a part, measure those inside; at least 2." placeholder:"K"`
	Repeats  int    `help:"How many times the people are split; 0 chooses by their number." default:"0"`
	Seed     uint64 `help:"Seed of the random numbers: the same seed gives the same figures." default:"1"`
}

// madeCalibration is what face calibrate prints as JSON.
type madeCalibration struct {
	Calibration face.Calibration `json:"calibration"`
	// ByPhotographs are the cosines with the same weight for every pair of
	// photographs.
	ByPhotographs []evaluation.AnchorEstimate `json:"anchors_by_photographs,omitempty"`
	Dominating    []evaluation.DominatingPair `json:"dominating"`
	Validation    *evaluation.Validation      `json:"validation,omitempty"`
}

func (c *faceCalibrate) Run(s *session) error {
	return c.run(s, func() (*evaluation.Scores, error) {
		set, err := c.read()
		if err != nil {
			return nil, err
		}
		var scores *evaluation.Scores
		job := evaluation.Gathering{AllPairs: true, Cache: c.Cache}
		err = c.gather(s, set, job, app.OpenUncalibratedEngine, func(_ *face.Engine, templates *evaluation.Templates) error {
			// The first pass finds where their tail begins.
			if scores, err = templates.Compare(s, 1); err == nil {
				scores, err = templates.Compare(s, scores.Impostors.TailFrom())
			}
			return err
		})
		return scores, err
	})
}

// run makes a calibration of the scores that gather returns.
func (c *faceCalibrate) run(s *session, gather func() (*evaluation.Scores, error)) error {
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
	made, err := evaluation.Calibrate(scores, evaluation.CalibrateOptions{Seed: c.Seed})
	if err != nil {
		return err
	}
	out := madeCalibration{
		Calibration: made.File(evaluation.Made{
			ID: c.ID, DataSet: c.DataSet, ModelSHA256: manifest.Template.SHA256, TemplatesSHA256: manifest.TemplatesSHA256(),
			Tool: "sesuai " + programVersion(), Date: time.Now().Format(time.DateOnly),
		}),
		ByPhotographs: made.ByPhotographs.Anchors, Dominating: made.Dominating,
	}
	if c.Validate != 0 {
		out.Validation, err = evaluation.Validate(scores, evaluation.ValidateOptions{Parts: c.Validate, Repeats: c.Repeats, Seed: c.Seed})
		if err != nil {
			return err
		}
	}
	if err := writeCalibration(c.Out, out.Calibration); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(out)
	}
	return printCalibration(s.stdout, c.Out, made, out)
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

func printCalibration(w io.Writer, path string, made *evaluation.Calibrated, out madeCalibration) error {
	c, e := out.Calibration, made.ByPeople
	fmt.Fprintf(w, "%d photographs of %d people: %d pairs of photographs and %d pairs of people who differ\n",
		c.Photographs, c.People, made.ImpostorPairs, c.PeoplePairs)
	fmt.Fprintf(w, "median cosine %.4f; tail: the highest %g %%, from %.4f on, shape %.3f, scale %.4f\n\n",
		c.ImpostorMedian, 100*c.Tail.Share, c.Tail.Threshold, c.Tail.Shape, c.Tail.Scale)

	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "FMR\tcosine\t95 %\tsource\tpairs of people beyond\tby photographs")
	for _, o := range e.Others {
		fmt.Fprintf(t, "\ttail of %g %%", 100*o.Share)
	}
	fmt.Fprintln(t)
	for i, a := range c.Anchors {
		byPhotographs := "too few people"
		if out.ByPhotographs != nil {
			byPhotographs = fmt.Sprintf("%.4f", out.ByPhotographs[i].Cosine)
		}
		fmt.Fprintf(t, "%g\t%.4f\t%.4f to %.4f\t%s\t%d\t%s",
			a.FMR, a.Cosine, a.Low, a.High, a.Source, e.Anchors[i].Beyond, byPhotographs)
		for _, o := range e.Others {
			if a.FMR <= o.Share {
				fmt.Fprintf(t, "\t%.4f", o.CosineAt(a.FMR))
			} else {
				fmt.Fprint(t, "\t")
			}
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()

	fmt.Fprintf(w, "\nLook at these: of what lies beyond FMR %g, by people, so much is of two people\n", c.Anchors[1].FMR)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, d := range out.Dominating {
		fmt.Fprintf(t, "%.3g %%\t%d of their %d pairs\t%.4f\t%s\t%s\n", 100*d.Share, d.Scores, d.Of, d.Cosine, d.Reference, d.Probe)
	}
	_ = t.Flush()
	if out.Validation != nil {
		printValidation(w, out.Validation)
	}
	_, err := fmt.Fprintf(w, "\n%s is written: set face.calibration to it\n", path)
	return err
}

func printValidation(w io.Writer, v *evaluation.Validation) {
	fmt.Fprintf(w, "\nPeople left out: %d parts, %d times; about %.0f pairs of people to calibrate on and %.0f to measure, each time\n",
		v.Parts, v.Repeats, math.Round(v.CalibratedOn), math.Round(v.Measured))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "stated FMR\tcosine\tcounted\tmeasured\ttimes the stated\t95 %\tby photographs\ttimes the stated\t95 %")
	for _, a := range v.At {
		fmt.Fprintf(t, "%g\t%.4f\t%.0f %%", a.Stated, a.Cosine, 100*a.Counted)
		for _, m := range []evaluation.MeasuredRate{a.ByPeople, a.ByPhotographs} {
			fmt.Fprintf(t, "\t%.3g\t%.2f\t%.2f to %.3g", m.Rate, m.Ratio, m.Interval.Low, m.Interval.High)
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()
}
