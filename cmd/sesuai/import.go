package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
)

type personImport struct {
	File   string `arg:"" help:"CSV with a header line: nik,name,date_of_birth,photo and optionally status and the attributes by their names on the wire." placeholder:"FILE.csv"`
	Photos string `help:"The folder that the photo column's paths are relative to." required:"" placeholder:"DIR"`
}

// Help is what --help says of the command besides its flags.
func (personImport) Help() string {
	return "Rows that cannot be enrolled are reported by line and reason, and the others go on record. " +
		"Exit status: 0 if all rows are on record, 1 if any was rejected, 2 if the file could not be read to its end."
}

// rejectedRow is a row that was not enrolled, and why.
type rejectedRow struct {
	Line   int         `json:"line"`
	Code   sesuai.Kind `json:"code"`
	Reason string      `json:"reason"`
}

func (c *personImport) Run(s *session) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	lines, err := countLines(file)
	if err != nil {
		return err
	}
	photos, err := os.OpenRoot(c.Photos)
	if err != nil {
		return err
	}
	defer photos.Close()
	return s.withEnroller(func(e *enrol.Enroller) error {
		bar := s.progressBar(lines-1, "importing", "people")
		var rejected []rejectedRow
		job := enrol.Import{
			Enroller: e, People: file, Photos: photos,
			Progress: func(rows int) { _ = bar.Set(rows) },
			Rejected: func(line int, why error) {
				r := rejectedRow{line, sesuai.KindOf(why), describe(why)}
				if s.json {
					rejected = append(rejected, r)
					return
				}
				_ = bar.Clear()
				fmt.Fprintf(s.stderr, "line %d: %s\n", r.Line, r.Reason)
			},
		}
		summary, err := job.Run(s)
		_ = bar.Finish()
		if printed := s.printSummary(summary, rejected); printed != nil {
			return errors.Join(err, printed)
		}
		if s.Err() != nil {
			return errors.New("stopped; run it again to go on")
		}
		if err == nil && summary.Rejected > 0 {
			return negativeAnswer{}
		}
		return err
	})
}

func (s *session) printSummary(sum enrol.Summary, rejected []rejectedRow) error {
	return s.print(struct {
		enrol.Summary
		Rejects []rejectedRow `json:"rejects,omitempty"`
	}{sum, rejected}, "%d rows: %d added, %d replaced, %d unchanged, %d rejected\n",
		sum.Rows, sum.Added, sum.Replaced, sum.Unchanged, sum.Rejected)
}

// progressBar is drawn on a terminal and silent elsewhere.
func (s *session) progressBar(steps int, doing, things string) *progressbar.ProgressBar {
	if !s.terminal {
		return progressbar.DefaultSilent(int64(steps))
	}
	return progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(s.stderr),
		progressbar.OptionSetDescription(doing),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString(things),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
	)
}

// countLines counts the lines of a file and goes back to its start.
func countLines(f *os.File) (int, error) {
	n, buffer := 0, make([]byte, 1<<16)
	for {
		k, err := f.Read(buffer)
		n += bytes.Count(buffer[:k], []byte{'\n'})
		if errors.Is(err, io.EOF) {
			_, err = f.Seek(0, io.SeekStart)
			return n, err
		}
		if err != nil {
			return 0, err
		}
	}
}
