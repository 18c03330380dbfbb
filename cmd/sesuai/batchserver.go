package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/client"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/rows"
)

// batchPoll is how often the state of a batch is asked for.
const batchPoll = time.Second

// verifyThere verifies by the API of another process.
func (c *batchVerify) verifyThere(s *session, file *os.File, run *batchRun) (counts batch.Counts, err error) {
	api, err := c.api()
	if err != nil {
		return counts, err
	}
	if run.ID == "" {
		added, err := c.upload(s, api, file, run)
		if err != nil {
			return counts, err
		}
		if err := run.keep(added.ID); err != nil {
			return counts, err
		}
	}
	progress, err := s.newProgress("verifying", "rows")
	if err != nil {
		return counts, err
	}
	defer progress.finish()
	for {
		b, err := api.Batch(s, run.ID)
		if err != nil {
			return counts, err
		}
		progress.set(b.Done, b.Total)
		counts = batch.Counts{Verified: b.Verified, NotVerified: b.NotVerified, Rejected: b.Rejected}
		if b.State == string(batch.Finished) {
			break
		}
		select {
		case <-time.After(batchPoll):
		case <-s.Done():
			return counts, s.Err()
		}
	}
	return counts, c.write(func(write func(batch.Answer) error) error {
		written := 0
		for r, err := range api.BatchResults(s, run.ID) {
			if err != nil {
				return err
			}
			a := batch.Answer{Line: r.Line, Request: r.RequestID, Reference: r.ReferenceID, Reply: batch.Reply{Status: r.Status, Body: r.Body}}
			if err := write(a); err != nil {
				return err
			}
			written++
		}
		if written != counts.Done() {
			return fmt.Errorf("the server gave %d results of %d rows", written, counts.Done())
		}
		return nil
	})
}

// api returns the API with the credentials of the file or the environment.
func (c *batchVerify) api() (*client.Client, error) {
	given := access.Revealed{
		Username: os.Getenv("BATCH_USERNAME"), Password: os.Getenv("BATCH_PASSWORD"), APIKey: os.Getenv("BATCH_API_KEY"),
	}
	if c.Credentials != "" {
		b, err := os.ReadFile(c.Credentials)
		if err != nil {
			return nil, err
		}
		if json.Unmarshal(b, &given) != nil { // an error may quote it
			return nil, &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: c.Credentials + " is not what sesuai client add --json prints"}
		}
	}
	return client.New(client.Options{BaseURL: c.Server, Username: given.Username, Password: given.Password, APIKey: given.APIKey})
}

// upload uploads the file of claims and the photographs that it names, with the key of
// the run.
func (c *batchVerify) upload(ctx context.Context, api *client.Client, file *os.File, run *batchRun) (client.Batch, error) {
	r := client.BatchRequest{Claims: client.FromFile(file.Name())}
	switch {
	case c.Photos == "":
	case strings.HasSuffix(c.Photos, ".zip"):
		r.Photographs = client.FromFile(c.Photos)
	default:
		photos, err := rows.OpenPhotographs(c.Photos)
		if err != nil {
			return client.Batch{}, err
		}
		defer photos.Close() //nolint:errcheck // only read from
		r.Photographs = func() (io.ReadCloser, int64, error) {
			claims, err := os.Open(file.Name())
			if err != nil {
				return nil, 0, err
			}
			u := httpapi.BatchUpload(access.Client{}, batch.FaceVerification)
			u.Claims, u.Format = rows.FormatOf(claims)
			u.Photos = photos
			return batch.Archive(u, claims), -1, nil
		}
	}
	first, err := run.prepare()
	if err != nil {
		return client.Batch{}, err
	}
	r.IdempotencyKey = run.Key
	added, err := api.AddBatch(ctx, r)
	refused, ok := errors.AsType[*client.Error](err)
	if ok && first && refused.Attempts == 1 && refused.RequestID != "" && refused.Status < http.StatusInternalServerError {
		run.Key = "" // nothing was added, so the next run may have another file
	}
	return added, err
}
