package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/schollz/progressbar/v3"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/httpapi"
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

// rejectedRow is a row that was not enrolled, and why.
type rejectedRow struct {
	Line   int         `json:"line"`
	Code   sesuai.Kind `json:"code"`
	Reason string      `json:"reason"`
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
	rejects, err := openRejects(c.Rejects)
	if err != nil {
		return err
	}
	defer func() {
		if closing := rejects.Close(); closing != nil {
			err = closing // more than an unfavourable answer
		}
	}()
	ended := false
	if (source.regular || c.Journal != "") && !c.DryRun {
		identity, err := source.identity(c, s.config)
		if err != nil {
			return err
		}
		path := c.Journal
		if path == "" {
			path = filepath.Join(s.config.Data, fmt.Sprintf("import-%x.journal", identity[:8]))
			if err := os.MkdirAll(s.config.Data, 0o700); err != nil {
				return err
			}
		}
		if job.Journal, err = enrol.OpenJournal(path, identity); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, job.Journal.Close(ended)) }()
	}
	return s.withImporter(c.Photos != "", func(e *enrol.Enroller) error {
		progress := s.newProgress(source.lines, "importing", "people")
		var rejected []rejectedRow
		job.Enroller, job.Progress = e, progress.set
		job.Rejected = func(line int, why error) {
			r := rejectedRow{line, sesuai.KindOf(why), describe(why)}
			rejects.write(r, why)
			if s.json {
				rejected = append(rejected, r)
				return
			}
			progress.clear()
			fmt.Fprintf(s.stderr, "line %d: %s\n", r.Line, r.Reason)
		}
		summary, err := job.Run(s)
		progress.finish()
		ended = err == nil
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
	text := fmt.Sprintf("%d rows: %d added, %d replaced, %d unchanged, %d rejected", sum.Rows, sum.Added, sum.Replaced, sum.Unchanged, sum.Rejected)
	if sum.Kept > 0 {
		text += fmt.Sprintf(", %d kept as they were", sum.Kept)
	}
	if sum.Before > 0 {
		text += fmt.Sprintf(", %d done before", sum.Before)
	}
	return s.print(struct {
		enrol.Summary
		Rejects []rejectedRow `json:"rejects,omitempty"`
	}{sum, rejected}, "%s\n", text)
}

// withImporter runs f on the opened store, and on the face engine if there are
// photographs: without it templates may come, of the model in use.
func (s *session) withImporter(photographs bool, f func(*enrol.Enroller) error) error {
	if photographs {
		return s.withEnroller(f)
	}
	manifest, err := app.Manifest(s.config)
	if err != nil {
		return err
	}
	return s.withStore(func(store app.Store) error {
		return f(enrol.New(enrol.Options{Registry: store, Model: manifest.Model()}))
	})
}

// peopleFile is an opened file of people.
type peopleFile struct {
	io.Reader
	file    *os.File
	format  enrol.Format
	regular bool // it can be read again
	lines   int  // 0 if that is not known
	size    int64
	ends    [sha256.Size]byte // digest of its beginning and its end
}

// open opens the file and, if it is sealed, unseals it.
func (c *personImport) open() (_ *peopleFile, err error) {
	p := &peopleFile{file: os.Stdin, format: enrol.Format(c.Format)}
	if p.format == "" {
		p.format = enrol.CSV
		if strings.HasSuffix(strings.TrimSuffix(c.File, ".age"), ".jsonl") {
			p.format = enrol.JSONLines
		}
	}
	if c.File != "-" {
		if p.file, err = os.Open(c.File); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, p.Close())
			}
		}()
		if err := p.measure(c); err != nil {
			return nil, err
		}
	}
	p.Reader = p.file
	if c.Identity == "" {
		return p, nil
	}
	identities, err := readIdentities(c.Identity)
	if err != nil {
		return nil, err
	}
	if p.Reader, err = age.Decrypt(p.file, identities...); err != nil {
		return nil, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the file cannot be unsealed with this identity", Err: err}
	}
	return p, nil
}

// measure finds out what a regular file is known again by.
func (p *peopleFile) measure(c *personImport) error {
	info, err := p.file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	const sample = 1 << 20
	p.size, p.regular = info.Size(), true
	h := sha256.New()
	for _, at := range []int64{0, max(0, p.size-sample)} {
		if _, err := io.Copy(h, io.NewSectionReader(p.file, at, sample)); err != nil {
			return err
		}
	}
	p.ends = [sha256.Size]byte(h.Sum(nil))
	if c.Identity == "" {
		p.lines, err = countLines(p.file)
		if p.format == enrol.CSV {
			p.lines--
		}
	}
	return err
}

// identity stands for the import: another file, another registry, or other
// flags that decide what becomes of a row, is another one.
func (p *peopleFile) identity(c *personImport, config app.Config) (id [sha256.Size]byte, err error) {
	registry := config.Registry
	if registry == "" {
		if registry, err = filepath.Abs(config.Data); err != nil {
			return id, err
		}
	}
	b := binary.BigEndian.AppendUint64(p.ends[:], uint64(p.size))
	for _, text := range []string{string(p.format), c.OnConflict, c.Photos, registry} {
		b = append(append(b, 0), text...)
	}
	return sha256.Sum256(b), nil
}

// Close closes the file.
func (p *peopleFile) Close() error { return p.file.Close() }

// rejectsFile is the file of rejected rows; nil if none is wanted.
type rejectsFile struct {
	file *os.File
	csv  *csv.Writer
}

func openRejects(path string) (*rejectsFile, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	r := &rejectsFile{f, csv.NewWriter(f)}
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		return r, errors.Join(err, r.csv.Write([]string{"line", "code", "reason", "guidance_id", "guidance_en"}))
	}
	return r, nil
}

// write writes a row at once; what goes wrong shows when the file is closed.
func (r *rejectsFile) write(row rejectedRow, why error) {
	if r == nil {
		return
	}
	var body struct{ Guidance struct{ ID, EN string } }
	_, b := httpapi.ErrorJSON(why)
	_ = json.Unmarshal(b, &body) // without guidance the columns stay empty
	_ = r.csv.Write([]string{strconv.Itoa(row.Line), string(row.Code), row.Reason, body.Guidance.ID, body.Guidance.EN})
	r.csv.Flush()
}

// Close closes the file and says whether all of it was written.
func (r *rejectsFile) Close() error {
	if r == nil {
		return nil
	}
	r.csv.Flush()
	if err := errors.Join(r.csv.Error(), r.file.Close()); err != nil {
		return fmt.Errorf("the file of rejected rows is not complete: %w", err)
	}
	return nil
}

// progress shows how far something is: a bar on a terminal, a line in the log
// every ten seconds elsewhere.
type progress struct {
	bar   *progressbar.ProgressBar
	log   *slog.Logger
	steps int
	begun time.Time
	said  time.Time
}

const progressInterval = 10 * time.Second

// newProgress begins to show it; steps is 0 if it is not known how many.
func (s *session) newProgress(steps int, doing, things string) *progress {
	p := &progress{steps: steps, begun: time.Now(), said: time.Now()}
	if s.terminal {
		p.bar = s.progressBar(cmp.Or(steps, -1), doing, things)
	} else {
		p.log = slog.New(slog.NewTextHandler(s.stderr, nil)).With("doing", doing)
	}
	return p
}

func (p *progress) set(done int) {
	if p.bar != nil {
		_ = p.bar.Set(done)
		return
	}
	now := time.Now()
	if now.Sub(p.said) < progressInterval {
		return
	}
	p.said = now
	rate := float64(done) / now.Sub(p.begun).Seconds()
	attrs := []any{"done", done, "per_second", int(rate)}
	if p.steps > done && rate > 0 {
		left := time.Duration(float64(p.steps-done) / rate * float64(time.Second))
		attrs = append(attrs, "of", p.steps, "left", left.Round(time.Second))
	}
	p.log.Info("progress", attrs...)
}

// clear makes room for a line.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
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
