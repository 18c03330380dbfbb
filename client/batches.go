package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// BatchRequest asks for many verifications.
type BatchRequest struct {
	private
	// Claims is a file of CSV or JSON lines, with the fields of the endpoint as
	// columns.
	Claims Content
	// Photographs is a zip file. With it the rows are face verifications, whose
	// column face_image has paths in the zip; without it they are data
	// verifications.
	Photographs Content
	// IdempotencyKey is as in CallOptions.
	IdempotencyKey string
}

// Batch is the state of a batch.
type Batch struct {
	ID string `json:"batch_id"`
	// Endpoint is face_verification or data_verification.
	Endpoint string `json:"endpoint"`
	// State is running, finished or removed: see docs/integrate/batch.md.
	State     string     `json:"state"`
	CreatedAt time.Time  `json:"created_at"`
	StartedAt *time.Time `json:"started_at"` // nil before
	// FinishedAt is nil while rows are yet to be answered.
	FinishedAt *time.Time `json:"finished_at"`
	// Total is the number of rows, and Done how many are answered: the sum of the
	// other three. In a list Total alone is known.
	Total       int `json:"total"`
	Done        int `json:"done"`
	Verified    int `json:"verified"`
	NotVerified int `json:"not_verified"`
	Rejected    int `json:"rejected"`
}

// BatchResult is the answer to a row of a batch.
type BatchResult struct {
	Answer
	// Line is the row's line in the file of claims, from 1 on.
	Line int `json:"line"`
}

const batchesPath = "identity/v1/batches"

// AddBatch uploads a batch, for as long as the context allows. All attempts have one
// Idempotency-Key, so the batch is added once, also when an answer was lost on its way.
// The files must be the same at each attempt.
func (c *Client) AddBatch(ctx context.Context, r BatchRequest) (Batch, error) {
	return c.batch(ctx, call{
		method: http.MethodPost, path: batchesPath, upload: true,
		header: http.Header{"Idempotency-Key": {orRandom(r.IdempotencyKey)}},
		form:   newForm(field{name: "claims", file: r.Claims}, field{name: "photographs", file: r.Photographs}),
	})
}

// Batch returns the state of a batch.
func (c *Client) Batch(ctx context.Context, id string) (Batch, error) {
	return c.batch(ctx, call{method: http.MethodGet, path: batchPath(id)})
}

// RemoveBatch stops a batch and removes what is stored of it, the results included. If the
// answer to an earlier attempt was lost, only the ID and the state of the batch are known.
func (c *Client) RemoveBatch(ctx context.Context, id string) (Batch, error) {
	b, err := c.batch(ctx, call{method: http.MethodDelete, path: batchPath(id)})
	if failed, ok := errors.AsType[*Error](err); ok && failed.Attempts > 1 && failed.Status == http.StatusNotFound && failed.RequestID != "" {
		return Batch{ID: id, State: "removed"}, nil
	}
	return b, err
}

func batchPath(id string) string { return batchesPath + "/" + url.PathEscape(id) }

func (c *Client) batch(ctx context.Context, k call) (Batch, error) {
	_, b, err := ask(ctx, c, k, func(answer []byte) (b Batch, err error) {
		if err := json.Unmarshal(answer, &b); err != nil || b.ID == "" || b.State == "" {
			return b, errNotAnAnswer
		}
		return b, nil
	})
	return b, err
}

// Batches returns the client's batches, the latest first.
func (c *Client) Batches(ctx context.Context) ([]Batch, error) {
	_, batches, err := ask(ctx, c, call{method: http.MethodGet, path: batchesPath}, func(answer []byte) ([]Batch, error) {
		var b struct {
			Batches *[]Batch `json:"batches"`
		}
		if err := json.Unmarshal(answer, &b); err != nil || b.Batches == nil {
			return nil, errNotAnAnswer
		}
		return *b.Batches, nil
	})
	return batches, err
}

// BatchResults returns the answers to the rows of a batch that are answered, in the order
// of their lines. They are read one by one, while they arrive. An error is the last
// element, and means that the results are not complete.
func (c *Client) BatchResults(ctx context.Context, id string) iter.Seq2[BatchResult, error] {
	return func(yield func(BatchResult, error) bool) {
		k := call{method: http.MethodGet, path: batchPath(id) + "/results", query: url.Values{"format": {"jsonl"}}}
		var response *http.Response
		err := c.retry(ctx, k, func() (err error) {
			response, err = c.open(ctx, k)
			return err
		})
		if err != nil {
			yield(BatchResult{}, err)
			return
		}
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, maxAnswer)
		for lines.Scan() {
			var result BatchResult
			if err := json.Unmarshal(lines.Bytes(), &result); err != nil || result.Line == 0 {
				yield(BatchResult{}, &Error{Status: response.StatusCode, RequestID: response.Header.Get("Request-Id"), Err: errNotAnAnswer})
				return
			}
			if !yield(result, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(BatchResult{}, &Error{Err: err})
		}
	}
}
