package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai/client"
)

const accepted = `{"batch_id":"abc","endpoint":"face_verification","state":"running","created_at":"2026-11-29T05:00:00Z",
"started_at":null,"finished_at":null,"total":2,"done":0,"verified":0,"not_verified":0,"rejected":0}`

// TestRemoveBatchAgain: a batch that an earlier attempt may have removed is removed, and
// one that was never there is not.
func TestRemoveBatchAgain(t *testing.T) {
	for about, attempts := range map[string]int{"the answer was lost": 2, "never there": 1} {
		t.Run(about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				o := options("https://sesuai.example")
				o.HTTPClient = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
					if sent++; sent < attempts {
						return nil, io.ErrUnexpectedEOF
					}
					return answer(404, `{"error":"Not found"}`), nil
				})}
				b, err := newClient(t, o).RemoveBatch(t.Context(), "batch-a")
				if removed := err == nil && b.ID == "batch-a" && b.State == "removed"; removed != (attempts > 1) || sent != attempts {
					t.Errorf("%+v, %v after %d attempts", b, err, sent)
				}
			})
		})
	}
}

// TestBatchIsAddedOnce: an upload whose answer was lost is sent again from its start, with
// the same key, so that the same rows are not verified, and paid for, twice.
func TestBatchIsAddedOnce(t *testing.T) {
	lost := func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
	success := func() (*http.Response, error) { return answer(202, accepted), nil }
	status := func(code int, header ...string) func() (*http.Response, error) {
		return func() (*http.Response, error) { return answer(code, `{"error":"text"}`, header...), nil }
	}
	for about, test := range map[string]struct {
		attempts []func() (*http.Response, error)
		sent     int
		ok       bool
	}{
		"taken":                    {[]func() (*http.Response, error){success}, 1, true},
		"an answer was lost":       {[]func() (*http.Response, error){lost, success}, 2, true},
		"overloaded":               {[]func() (*http.Response, error){status(503, "Retry-After", "10"), success}, 2, true},
		"too many":                 {[]func() (*http.Response, error){status(429, "Retry-After", "1"), success}, 2, true},
		"a proxy has lost it":      {[]func() (*http.Response, error){status(504), success}, 2, true},
		"a proxy, with its own id": {[]func() (*http.Response, error){status(502), success}, 2, true},
		"a proxy is overloaded":    {[]func() (*http.Response, error){status(503, "Request-Id", ""), success}, 2, true},
		"another upload":           {[]func() (*http.Response, error){status(409)}, 1, false},
	} {
		t.Run(about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent, keys := 0, make(map[string]bool)
				o := options("https://sesuai.example")
				o.Timeout = time.Second
				o.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					if got := read(t, r); got != "claims=nik,name photographs=a zip" || r.URL.Path != "/identity/v1/batches" {
						t.Errorf("%s: %s", r.URL, got)
					}
					time.Sleep(time.Minute) // an upload takes longer than the Timeout
					if r.Context().Err() != nil {
						return nil, r.Context().Err()
					}
					sent++
					keys[r.Header.Get("Idempotency-Key")] = true
					return test.attempts[sent-1]()
				})}
				b, err := newClient(t, o).AddBatch(t.Context(), client.BatchRequest{
					Claims: client.FromBytes([]byte("nik,name")), Photographs: client.FromBytes([]byte("a zip")),
				})
				if sent != test.sent || (err == nil) != test.ok || test.ok != (b.ID == "abc" && b.Total == 2 && b.StartedAt == nil) {
					t.Errorf("sent %d times, want %d: %+v, %v", sent, test.sent, b, err)
				}
				if len(keys) != 1 || keys[""] {
					t.Errorf("the attempts have %d keys", len(keys))
				}
			})
		})
	}
}

// TestBatchResults: results are read line by line, and what is cut off or unreadable is
// an error at the end, and never less rows.
func TestBatchResults(t *testing.T) {
	line := func(n int) string {
		return fmt.Sprintf(`{"line":%d,"reference_id":null,"request_id":"abc-%d","status":200,"answer":%s}`+"\n", n, n, verified)
	}
	for about, test := range map[string]struct {
		body   string
		status int
		cutOff bool
		rows   int
		failed bool
	}{
		"whole":                    {line(2) + line(3), 200, false, 2, false},
		"none":                     {"", 200, false, 0, false},
		"without a last line feed": {line(2) + strings.TrimSpace(line(3)), 200, false, 2, false},
		"cut off":                  {line(2) + line(3), 200, true, 2, true},
		"cut off within a line":    {line(2) + line(3)[:40], 200, true, 1, true},
		"a page":                   {"<html>", 200, false, 0, true},
		"a line without a number":  {`{"status":200}`, 200, false, 0, true},
		"a line of 2 MiB":          {line(2) + strings.Repeat(" ", 2<<20), 200, false, 1, true},
		"not there":                {`{"error":"Nothing found"}`, 404, false, 0, true},
	} {
		t.Run(about, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.String() != "/identity/v1/batches/a%2Fb/results?format=jsonl" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				w.Header().Set("Request-Id", "id")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
				if test.cutOff {
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
			})
			rows, failed := 0, false
			for result, err := range c.BatchResults(t.Context(), "a/b") {
				if failed {
					t.Error("something follows the error")
				}
				if err != nil {
					_, ok := errors.AsType[*client.Error](err)
					if failed = true; !ok {
						t.Errorf("%v", err)
					}
					continue
				}
				rows++
				if v, err := result.Face(); err != nil || !v.Verified || result.Line != rows+1 || v.RequestID != fmt.Sprint("abc-", rows+1) {
					t.Errorf("%+v, %v", result, err)
				}
			}
			if rows != test.rows || failed != test.failed {
				t.Errorf("%d rows, want %d; failed: %t", rows, test.rows, failed)
			}
			for range c.BatchResults(t.Context(), "a/b") {
				break // which must not hang
			}
		})
	}
}
