package main

import (
	"os"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/face"
)

// labelledList are the flags for labelled photographs.
type labelledList struct {
	Pairs   string `help:"CSV of labelled pairs with a header line: same (1 or 0),reference,probe and optionally fold, group (or reference_group,probe_group), reference_person,probe_person." required:"" placeholder:"LIST.csv"`
	Images  string `help:"The folder that the list's paths are relative to." required:"" placeholder:"DIR"`
	Subject string `help:"Whose face is taken of several: central, largest or dominant (none, unless it is by far the largest)." enum:"central,largest,dominant" default:"dominant"`
}

// read reads the list.
func (l labelledList) read() (*evaluation.Set, error) {
	f, err := os.Open(l.Pairs)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return evaluation.ReadList(f)
}

// gather makes the templates of the list's photographs and calls f with them. The
// engine is closed when f returns.
func (l labelledList) gather(s *session, set *evaluation.Set, job evaluation.Gathering, open openEngine, f func(*face.Engine, *evaluation.Templates) error) error {
	images, err := os.OpenRoot(l.Images)
	if err != nil {
		return err
	}
	defer images.Close()
	engine, err := open(s.config, subjectOf(l.Subject))
	if err != nil {
		return err
	}
	defer engine.Close()
	bar := s.progressBar(len(set.Samples), "extracting", "photographs")
	job.Set, job.Images, job.Extractor, job.Model, job.Key = set, images, engine, engine.Model(), engine.Key
	job.Progress = func(done int) { _ = bar.Set(done) }
	templates, err := job.Run(s)
	_ = bar.Finish()
	if err != nil {
		return err
	}
	return f(engine.Engine, templates)
}

// openEngine opens an engine that makes templates.
type openEngine func(app.Config, face.Subject) (app.EvaluationEngine, error)

func subjectOf(name string) face.Subject {
	switch name {
	case "central":
		return face.Central
	case "largest":
		return face.Largest
	default:
		return face.Dominant
	}
}
