package main

import (
	"errors"
	"fmt"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/enrol"
)

type personImport struct {
	File       string `arg:"" help:"CSV with a header line, or lines of JSON (.jsonl): nik, name, date_of_birth and optionally photo, status and the attributes by their names on the wire. Sealed by age (.age) it needs --identity. - is standard input." placeholder:"FILE"`
	Format     string `help:"csv or jsonl; by the file's name if it is not given." enum:",csv,jsonl" default:"" placeholder:"csv|jsonl"`
	Photos     string `help:"What the photo column's paths are relative to: a folder, a .tar or a .zip." placeholder:"DIR|ARCHIVE"`
	OnConflict string `help:"What to do about somebody who is on record with other values: replace, skip, or fail, which ends the import." enum:"replace,skip,fail" default:"replace" placeholder:"replace|skip|fail"`
	DryRun     bool   `help:"Check and count everything, and write nothing."`
	Rejects    string `help:"Write the rows that are rejected to this CSV file: line, code, reason and guidance, and nothing of the row." placeholder:"FILE"`
	Journal    string `help:"Where to note what is done, to go on after an interruption; a file in the data folder if it is not given." placeholder:"FILE"`
	Identity   string `help:"The file of the age identity that FILE is sealed to." placeholder:"FILE"`
}

// Help is what --help says of the command besides its flags.
func (personImport) Help() string {
	return "Rows that cannot be enrolled are reported by line and reason, and the others go on record. " +
		"Exit status: 0 if all rows are on record, 1 if any was rejected, 2 if the file could not be read to its end. " +
		"Stopped or killed, it goes on where it was when it is run again."
}

func (c *personImport) Run(s *session) (err error) {
	source, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	job := enrol.Import{
		People: source, Format: source.format, OnConflict: enrol.OnConflict(c.OnConflict), DryRun: c.DryRun,
	}
	if c.Photos != "" {
		if job.Photos, err = enrol.OpenPhotographs(c.Photos); err != nil {
			return err
		}
		defer job.Photos.Close() //nolint:errcheck // only read from
	}
	return s.withImporter(c, func(i importer) (err error) {
		job.Enroller = i.Enroller
		if job.Journal, err = s.openJournal(c, source, i.hash, i.model); err != nil {
			return err
		}
		ended := false
		if job.Journal != nil {
			defer func() { err = errors.Join(err, job.Journal.Close(ended)) }()
		}
		rejects, err := openRejects(c.Rejects, job.Journal != nil && job.Journal.Resumed())
		if err != nil {
			return err
		}
		defer func() {
			if closing := rejects.Close(); closing != nil {
				err = closing // more than an unfavourable answer
			}
		}()
		ended, err = s.runImport(&job, rejects, source.lines)
		return err
	})
}

// mostRejects is how many rejected rows are printed as JSON at the end, at
// most: a file may have millions of them.
const mostRejects = 1000

// runImport runs an import, prints what became of it, and reports whether it
// has come to the end of the file.
func (s *session) runImport(job *enrol.Import, rejects *rejectsFile, lines int) (ended bool, err error) {
	progress, err := s.newProgress(lines, "importing", "people")
	if err != nil {
		return false, err
	}
	var rejected []rejectedRow
	job.Progress = progress.set
	job.Rejected = func(line int, why error) error {
		r := rejectedRow{line, sesuai.KindOf(why), describe(why)}
		switch {
		case !s.json:
			progress.clear()
			fmt.Fprintf(s.stderr, "line %d: %s\n", r.Line, r.Reason)
		case len(rejected) < mostRejects:
			rejected = append(rejected, r)
		}
		return rejects.write(r, why)
	}
	summary, err := job.Run(s)
	progress.finish()
	ended = err == nil
	if printed := s.printSummary(summary, rejected); printed != nil {
		return ended, errors.Join(err, printed)
	}
	switch {
	case s.Err() != nil:
		return ended, errors.New("stopped; run it again to go on")
	case err == nil && summary.Rejected > 0:
		return ended, negativeAnswer{}
	}
	return ended, err
}

func (s *session) printSummary(sum enrol.Summary, rejected []rejectedRow) error {
	text := fmt.Sprintf("%d rows: %d added, %d replaced, %d unchanged, %d rejected", sum.Rows, sum.Added, sum.Replaced, sum.Unchanged, sum.Rejected)
	if sum.Kept > 0 {
		text += fmt.Sprintf(", %d kept as they were", sum.Kept)
	}
	if sum.Before > 0 {
		text += fmt.Sprintf(", %d done before", sum.Before)
	}
	return s.print(struct {
		enrol.Summary
		// Rejects are the first that this run has rejected.
		Rejects []rejectedRow `json:"rejects,omitempty"`
	}{sum, rejected}, "%s\n", text)
}

// importer is an Enroller with what a journal is to know of the registry.
type importer struct {
	*enrol.Enroller
	hash  func([]byte) [32]byte
	model string
}

// withImporter runs f on the opened store, and on the face engine if there are
// photographs: without it templates may come, of the model in use. A dry run
// makes no store where there is none.
func (s *session) withImporter(c *personImport, f func(importer) error) error {
	manifest, err := app.Manifest(s.config)
	if err != nil {
		return err
	}
	o := enrol.Options{Model: manifest.Model()}
	if c.Photos != "" {
		engine, err := app.OpenEngine(s.config, app.ManyPhotographs, 1)
		if err != nil {
			return err
		}
		defer engine.Close()
		o.Extractor, o.Model = engine, engine.Model()
	}
	if c.DryRun {
		exists, err := app.StoreExists(s.config)
		if err != nil {
			return err
		}
		if !exists {
			o.Registry = enrol.Nobody{}
			return f(importer{Enroller: enrol.New(o), model: o.Model})
		}
	}
	return s.withStore(func(store app.Store) error {
		o.Registry = store
		return f(importer{enrol.New(o), store.Hash, o.Model})
	})
}
