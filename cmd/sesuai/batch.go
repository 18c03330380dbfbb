package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/rows"
)

type batchVerify struct {
	File          string  `arg:"" help:"CSV with a header line, or lines of JSON: the fields of a single call. face_image has the path of the photograph." placeholder:"FILE"`
	Photos        string  `help:"What the paths are relative to: a folder, a .tar or a .zip. Without it the rows are data verifications." placeholder:"DIR|ARCHIVE"`
	Out           string  `help:"The file of results: line, reference_id, request_id and the answer; nothing of the claim." required:"" placeholder:"FILE"`
	Format        string  `help:"csv or jsonl; by the name of --out if it is not given." enum:",csv,jsonl" default:"" placeholder:"csv|jsonl"`
	Server        string  `help:"Verify by the API at this URL, instead of the registry of this configuration." placeholder:"URL"`
	Credentials   string  `help:"For --server: the file that sesuai client add --json printed. Otherwise BATCH_USERNAME, BATCH_PASSWORD and BATCH_API_KEY are read from the environment." placeholder:"FILE"`
	Threshold     float64 `help:"The percentage that a face must reach: 75 to 100. Not with --server: there it is the client's." default:"${threshold}"`
	NameThreshold int     `help:"The score that a name must reach: 80 to 100. Not with --server." default:"${name_threshold}"`
	Yes           bool    `help:"Do not ask before verifications that cost money."`
}

// Help is what --help says of the command besides its flags.
func (batchVerify) Help() string {
	return "Each row is answered as a single call would be. If the command was stopped or killed, run it again: a file beside --out says " +
		"which run it was, and no row is verified twice, as long as answers.max_age keeps the answers. " +
		"Exit status: 0 if every row has a verdict, 1 if any was rejected, 2 if it did not come to its end."
}

func (c *batchVerify) Run(s *session) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read from
	run, err := c.openRun(file)
	if err != nil {
		return err
	}
	counts, err := c.verify(s, file, run)
	ended := run.end(err == nil)
	switch {
	case err != nil && s.Err() != nil:
		return errors.New("stopped; run it again to go on")
	case err != nil:
		return err
	case ended != nil:
		return ended
	}
	err = s.print(struct {
		Rows        int `json:"rows"`
		Verified    int `json:"verified"`
		NotVerified int `json:"not_verified"`
		Rejected    int `json:"rejected"`
	}{counts.Done(), counts.Verified, counts.NotVerified, counts.Rejected},
		"%d rows: %d verified, %d not verified, %d rejected\n", counts.Done(), counts.Verified, counts.NotVerified, counts.Rejected)
	if err == nil && counts.Rejected > 0 {
		return negativeAnswer{}
	}
	return err
}

func (c *batchVerify) endpoint() batch.Endpoint {
	if c.Photos != "" {
		return batch.FaceVerification
	}
	return batch.DataVerification
}

// resultFormat is the format of the results.
func (c *batchVerify) resultFormat() rows.Format {
	switch {
	case c.Format != "":
		return rows.Format(c.Format)
	case strings.HasSuffix(c.Out, ".jsonl"):
		return rows.JSONLines
	default:
		return rows.CSV
	}
}

// write writes the file of results, which is complete if there is no error.
func (c *batchVerify) write(answers func(write func(batch.Answer) error) error) error {
	return atomicfile.Write(c.Out, 0o600, func(w io.Writer) error {
		buffered := bufio.NewWriter(w)
		results := httpapi.NewResults(c.resultFormat(), c.endpoint(), buffered)
		if err := answers(results.Write); err != nil {
			return err
		}
		return errors.Join(results.Flush(), buffered.Flush())
	})
}

func (c *batchVerify) verify(s *session, file *os.File, run *batchRun) (batch.Counts, error) {
	if c.Server != "" {
		return c.verifyThere(s, file, run)
	}
	return c.verifyHere(s, file, run)
}

// verifyHere verifies by the registry of the configuration.
func (c *batchVerify) verifyHere(s *session, file *os.File, run *batchRun) (counts batch.Counts, err error) {
	client := access.Client{
		ID: localClient, Name: localClient, Scopes: []access.Scope{access.FaceVerification, access.DataVerification},
		Threshold: threshold(c.Threshold), NameThreshold: c.NameThreshold, Replay: access.Off, Liveness: access.Off,
	}
	if err := client.Validate(); err != nil {
		return counts, err
	}
	upload := httpapi.BatchUpload(client, c.endpoint())
	total, err := countRows(file, upload.Columns)
	if err != nil {
		return counts, err
	}
	if c.Photos != "" {
		if upload.Photos, err = rows.OpenPhotographs(c.Photos); err != nil {
			return counts, err
		}
		defer upload.Photos.Close() //nolint:errcheck // only read from
	}
	if err := s.announce(c.Yes); err != nil {
		return counts, err
	}
	if run.ID == "" {
		if err := run.keep(batch.NewID()); err != nil {
			return counts, err
		}
	}
	var extractor face.Extractor // not needed without photographs
	if c.Photos != "" {
		engine, err := app.OpenEngine(s.config, app.ManyPhotographs, 1)
		if err != nil {
			return counts, err
		}
		defer engine.Close()
		extractor = engine
	}
	log, _, err := app.NewLogger(s.config.Log, s.stderr, s.terminal)
	if err != nil {
		return counts, err
	}
	progress, err := s.newProgress("verifying", "rows")
	if err != nil {
		return counts, err
	}
	defer progress.finish()
	return counts, s.withStorage(func(storage *app.Storage) error {
		asked, err := app.OpenRegistry(s.config, storage, log, nil)
		if err != nil {
			return err
		}
		defer asked.Close()
		upload.Claims, upload.Format = rows.FormatOf(file)
		local := batch.Local{
			Upload: upload, ID: run.ID, Workers: 2 * runtime.GOMAXPROCS(0),
			Verifier: app.NewRowVerifier(s.config, storage, asked, extractor),
			Answered: func(ctx context.Context, request string) (batch.Reply, bool, error) {
				found, err := storage.Answers.ByRequest(ctx, localClient, request)
				if err != nil || len(found.Rows) == 0 {
					return batch.Reply{}, false, err
				}
				return batch.Reply{Status: found.Rows[0].Status, Body: found.Rows[0].Body}, true, nil
			},
		}
		return c.write(func(write func(batch.Answer) error) error {
			done := 0
			counts, err = local.Run(s, func(a batch.Answer) error {
				done++
				progress.set(done, total)
				return write(a)
			})
			return err
		})
	})
}

// countRows returns the number of rows of a file, and goes back to its start. Its header
// line must be right.
func countRows(file *os.File, columns rows.Columns) (n int, err error) {
	claims, format := rows.FormatOf(file)
	reader, err := rows.NewReader(format, claims, columns)
	if err != nil {
		return 0, err
	}
	for {
		_, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		n++
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return 0, fmt.Errorf("the file of claims must be one that can be read twice: %w", err)
	}
	return n, nil
}
