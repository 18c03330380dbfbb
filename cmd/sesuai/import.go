package main

import (
	"errors"
	"fmt"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/rows"
)

type personImport struct {
	File         string `arg:"" help:"CSV with a header line, or lines of JSON (.jsonl): nik, name, date_of_birth and optionally photo, status and the attributes by their names on the wire. Sealed by age (.age) it needs --identity. - is standard input." placeholder:"FILE"`
	Format       string `help:"csv or jsonl; by the file's name if it is not given." enum:",csv,jsonl" default:"" placeholder:"csv|jsonl"`
	Photos       string `help:"What the photo column's paths are relative to: a folder, a .tar or a .zip." placeholder:"DIR|ARCHIVE"`
	RequirePhoto bool   `help:"Reject rows without a photograph. Otherwise they are enrolled, and no face can be verified against them."`
	OnConflict   string `help:"What to do about a person who is on record with other values: replace, skip, or fail, which ends the import." enum:"replace,skip,fail" default:"replace" placeholder:"replace|skip|fail"`
	DryRun       bool   `help:"Check and count everything, and write nothing."`
	Rejects      string `help:"Write the rows that are rejected to this CSV file: line, code, reason and guidance, and nothing of the row but a day and month that do not exist." placeholder:"FILE"`
	Identity     string `help:"The file of the age identity that FILE is sealed to." placeholder:"FILE"`
}

// Help is what --help says of the command besides its flags.
func (personImport) Help() string {
	return "Rows that cannot be enrolled are reported by line and reason, and the others go on record. " +
		"A file whose NIKs a spreadsheet has rounded is refused as a whole. " +
		"Exit status: 0 if all rows are on record, 1 if any was rejected, 2 if the file was not read to its end. " +
		"If it was stopped or killed, run it again: what is on record already is unchanged."
}

func (c *personImport) Run(s *session) (err error) {
	source, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	job := enrol.Import{
		People: source.Reader, Format: source.format, OnConflict: enrol.OnConflict(c.OnConflict), DryRun: c.DryRun,
		RequirePhoto: c.RequirePhoto,
	}
	if c.Photos != "" {
		if job.Photos, err = rows.OpenPhotographs(c.Photos); err != nil {
			return err
		}
		defer job.Photos.Close() //nolint:errcheck // only read from
	}
	return s.withImporter(c, func(e *enrol.Enroller) (err error) {
		job.Enroller = e
		rejects, err := openRejects(c.Rejects)
		if err != nil {
			return err
		}
		defer func() {
			if closing := rejects.Close(); closing != nil {
				err = closing // more than an unfavourable answer
			}
		}()
		return s.runImport(&job, rejects)
	})
}

// maxRejects is how many rejected rows are printed as JSON at the end: a file
// may have millions of them.
const maxRejects = 1000

// runImport runs an import and prints its summary.
func (s *session) runImport(job *enrol.Import, rejects *rejectsFile) error {
	progress, err := s.newProgress("importing", "people")
	if err != nil {
		return err
	}
	var rejected []rejectedRow
	job.Progress = progress.set
	job.Rejected = func(line int, why error) error {
		r := rejectedRow{line, sesuai.KindOf(why), describe(why)}
		switch {
		case !s.json:
			progress.clear()
			fmt.Fprintf(s.stderr, "line %d: %s\n", r.Line, r.Reason)
		case len(rejected) < maxRejects:
			rejected = append(rejected, r)
		}
		return rejects.write(r, why)
	}
	summary, err := job.Run(s)
	progress.finish()
	if printed := s.printSummary(summary, rejected); printed != nil {
		return errors.Join(err, printed)
	}
	switch {
	case s.Err() != nil:
		return errors.New("stopped; run it again to go on")
	case err == nil && summary.Rejected > 0:
		return negativeAnswer{}
	}
	return err
}

func (s *session) printSummary(sum enrol.Summary, rejected []rejectedRow) error {
	text := fmt.Sprintf("%d rows: %d added%s, %d replaced%s, %d unchanged, %d rejected", sum.Rows,
		sum.Added, withoutPhoto(sum.AddedWithoutPhoto), sum.Replaced, withoutPhoto(sum.ReplacedWithoutPhoto), sum.Unchanged, sum.Rejected)
	if sum.Kept > 0 {
		text += fmt.Sprintf(", %d kept as they were", sum.Kept)
	}
	return s.print(struct {
		enrol.Summary
		// Rejects are the first maxRejects rejected rows.
		Rejects []rejectedRow `json:"rejects,omitempty"`
	}{sum, rejected}, "%s\n", text)
}

// withoutPhoto says how many of those before it have no photograph; "" if all have
// one.
func withoutPhoto(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them without a photograph", n)
}

// withImporter runs f on the opened storage. It opens the face engine only if there
// are photographs: ready-made templates need none. A dry run makes no database
// where there is none.
func (s *session) withImporter(c *personImport, f func(*enrol.Enroller) error) error {
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
		exists, err := app.StorageExists(s, s.config)
		if err != nil {
			return err
		}
		if !exists {
			o.Registry = enrol.Nobody{}
			return f(enrol.New(o))
		}
	}
	return s.withNewStorage(func(storage *app.Storage) error {
		o.Registry = storage.People
		return f(enrol.New(o))
	})
}
