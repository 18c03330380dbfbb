package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/evaluation/report"
	"github.com/sesuai/sesuai/internal/face"
)

// evaluationSeed is the bootstrap's seed. It is fixed, so that two runs give the
// same figures.
const evaluationSeed = 1

type faceEvaluate struct {
	labelledList
	AllPairs                bool   `help:"Compare all pairs of different people among the list's photographs, not only those listed."`
	Gate                    bool   `help:"Refuse photographs of low quality, as the service does."`
	ReferencesWithoutLength bool   `help:"Compare the references as if they had been stored without a length, by the calibration's reference_without_length."`
	NoCache                 bool   `help:"Keep no templates in the report folder for the next run. They are biometric data."`
	Out                     string `help:"The folder to write the report to. Without --no-cache, templates are kept there too (templates.cache, mode 0600): they are biometric data." required:"" placeholder:"REPORT"`
}

func (c *faceEvaluate) Run(s *session) error {
	began := time.Now()
	set, err := c.read()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o700); err != nil {
		return err
	}
	made, err := c.measure(s, set)
	if s.Err() != nil {
		return errors.New("stopped; run it again to go on")
	}
	if err != nil {
		return err
	}
	made.Tool, made.Date = programVersion(), began.Format(time.DateOnly)
	made.Title, made.Subject, made.Gate = filepath.Base(c.Pairs), c.Subject, c.Gate
	made.ReferencesWithoutLength = c.ReferencesWithoutLength
	made.Duration = time.Since(began)
	var written []string
	for _, f := range reportFiles() {
		path := filepath.Join(c.Out, f.name)
		if err := atomicfile.Write(path, 0o644, func(w io.Writer) error { return f.write(w, made) }); err != nil {
			return err
		}
		written = append(written, path)
	}
	if s.json {
		return s.printJSON(made)
	}
	return printEvaluation(s.stdout, made, written)
}

// reportFile is a file of a report and the function that writes it.
type reportFile struct {
	name  string
	write func(io.Writer, *evaluation.Report) error
}

// reportFiles returns the files of a report.
func reportFiles() []reportFile {
	return []reportFile{
		{"report.json", func(w io.Writer, r *evaluation.Report) error {
			e := json.NewEncoder(w)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			return e.Encode(r)
		}},
		{"report.html", report.HTML},
	}
}

// measure makes the report, except for the fields that Run sets.
func (c *faceEvaluate) measure(s *session, set *evaluation.Set) (*evaluation.Report, error) {
	job := evaluation.Gathering{AllPairs: c.AllPairs}
	if !c.NoCache {
		job.Cache = filepath.Join(c.Out, "templates.cache")
	}
	var made *evaluation.Report
	open := func(config app.Config, subject face.Subject) (app.EvaluationEngine, error) {
		return app.OpenEvaluationEngine(config, subject, c.Gate)
	}
	err := c.gather(s, set, job, open, func(engine *face.Engine, templates *evaluation.Templates) error {
		how := evaluation.Measuring{
			Calibration: engine.Calibration(), Threshold: sesuai.PercentageOf(access.DefaultThreshold), Seed: evaluationSeed,
		}
		if c.ReferencesWithoutLength {
			var err error
			if how, err = how.WithoutLengths(); err != nil {
				return err
			}
			templates = templates.WithoutLengths()
		}
		scores, err := templates.Compare(s, how.Calibration.Formula, how.Lowest())
		if err != nil {
			return err
		}
		if made, err = evaluation.Measure(s, scores, how); err != nil {
			return err
		}
		if made.Stored, err = templates.Stored(s, how, evaluation.AsStored); err != nil {
			return err
		}
		made.Model, made.ListSHA256 = engine.Model(), set.SHA256
		return nil
	})
	return made, err
}
