package client

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer is the greatest size of an answer that is read, in bytes.
const maxAnswer = 1 << 20

// call is a request that may be sent several times.
type call struct {
	method, path string
	query        url.Values
	header       http.Header
	form         *form // nil for a request without a body
	// upload is whether an attempt takes as long as the context allows.
	upload bool
}

// post returns a call of an endpoint. All its attempts have one Idempotency-Key and
// one id.
func post(path string, o CallOptions, fields ...field) call {
	key := orRandom(o.IdempotencyKey)
	id := o.RequestID
	if id == "" && len(key) <= 128 {
		id = key
	}
	header := http.Header{"Idempotency-Key": {key}, "X-Request-Id": {orRandom(id)}}
	fields = append(fields,
		field{name: "reference_id", text: o.ReferenceID}, field{name: "consent_id", text: o.Consent.ID},
		field{name: "purpose", text: o.Consent.Purpose})
	if at := o.Consent.GivenAt; !at.IsZero() {
		fields = append(fields, field{name: "consent_given_at", text: at.Format(time.RFC3339Nano)})
	}
	return call{method: http.MethodPost, path: path, header: header, form: newForm(fields...)}
}

// orRandom returns the text, or a random one if it is empty.
func orRandom(text string) string {
	if text == "" {
		return cryptorand.Text()
	}
	return text
}

// ask sends a call until it is answered, and reads the answer. It ends as retry does.
func ask[V any](ctx context.Context, c *Client, k call, read func([]byte) (V, error)) (response Response, v V, err error) {
	err = c.retry(ctx, k, func() (err error) {
		response, v, err = attempt(ctx, c, k, read)
		return err
	})
	if err != nil {
		var none V
		return Response{}, none, err
	}
	return response, v, nil
}

// retry makes attempts at a call until there is no error. It ends with an *Error if
// another attempt is of no use, after MaxAttempts, and if the context ends before the
// next one.
func (c *Client) retry(ctx context.Context, k call, attempt func() error) error {
	for n := 1; ; n++ {
		err := attempt()
		if err == nil {
			return nil
		}
		failed, ok := errors.AsType[*Error](err)
		if !ok {
			failed = &Error{Err: err}
		}
		failed.Attempts = n
		if ctx.Err() != nil {
			return cancelled(ctx, failed)
		}
		_, noContent := errors.AsType[*contentError](err)
		if !failed.Retryable() || noContent || n >= c.o.MaxAttempts || failed.RetryAfter > c.o.MaxPause {
			return failed
		}
		pause := c.pause(n, failed)
		if end, ok := ctx.Deadline(); ok && time.Until(end) < pause {
			return failed // rather than wait for nothing
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return cancelled(ctx, failed)
		}
	}
}

// cancelled returns the error with that of the context as a cause.
func cancelled(ctx context.Context, failed *Error) *Error {
	if !errors.Is(failed, ctx.Err()) {
		failed.Err = errors.Join(failed.Err, ctx.Err())
	}
	return failed
}

// firstPause is the greatest pause after the first attempt. It doubles with each
// further one.
const firstPause = 500 * time.Millisecond

// pause returns how long to wait after a failed attempt. Half of it is random, so that
// many callers that failed together do not come back together.
func (c *Client) pause(attempt int, failed *Error) time.Duration {
	longest := min(firstPause<<min(attempt-1, 10), c.o.MaxPause)
	random := longest/2 + rand.N(longest/2+1)
	if failed.RetryAfter > 0 {
		return failed.RetryAfter + min(random, firstPause)
	}
	return random
}

// attempt sends a call once, and reads the answer. An upload takes as long as the context
// allows, any other call at most the Timeout.
func attempt[V any](ctx context.Context, c *Client, k call, read func([]byte) (V, error)) (response Response, v V, err error) {
	if !k.upload {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.o.Timeout)
		defer cancel()
	}
	answer, err := c.open(ctx, k)
	if err != nil {
		return response, v, err
	}
	defer answer.Body.Close()
	response = Response{RequestID: answer.Header.Get("Request-Id"), Repeated: answer.Header.Get("Idempotent-Replayed") == "true"}
	body, err := readBody(answer)
	if err != nil {
		return response, v, &Error{Err: err}
	}
	if v, err = read(body); err != nil {
		return response, v, &Error{Status: answer.StatusCode, RequestID: response.RequestID, Err: errNotAnAnswer}
	}
	if response.Signed, err = c.signed(k, answer, body); err != nil {
		return response, v, &Error{Status: answer.StatusCode, RequestID: response.RequestID, Err: err}
	}
	return response, v, nil
}

// readBody reads a body of at most maxAnswer bytes. Of a longer one it returns nothing.
func readBody(answer *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return nil, err
	}
	return body, nil
}

// open sends a call once. It returns the response if its status is 200 or 202. The
// caller must close its body.
func (c *Client) open(ctx context.Context, k call) (*http.Response, error) {
	r, err := c.request(ctx, k)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		// The URL in a *url.Error may hold an id of the caller's.
		if named, ok := errors.AsType[*url.Error](err); ok {
			err = named.Err
		}
		return nil, &Error{Err: err}
	}
	status, id := answer.StatusCode, answer.Header.Get("Request-Id")
	if (status == http.StatusOK || status == http.StatusAccepted) && id != "" {
		return answer, nil
	}
	defer answer.Body.Close()
	if status == http.StatusOK || status == http.StatusAccepted {
		return nil, &Error{Status: status, Err: errNotAnAnswer}
	}
	body, _ := readBody(answer) // without a body the status is still known
	failed := errorOf(status, answer.Header, body)
	if failed.Signed, err = c.signed(k, answer, body); err != nil {
		return nil, &Error{Status: status, RequestID: id, Err: err}
	}
	return nil, failed
}

// errNotAnAnswer is the cause of an error about a response that is not one of Sesuai's.
var errNotAnAnswer = errors.New("the response is not an answer of Sesuai")

// request returns the request of an attempt.
func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	u := c.base.JoinPath(k.path)
	u.RawQuery = k.query.Encode()
	r, err := http.NewRequestWithContext(ctx, k.method, u.String(), nil)
	if err != nil {
		return nil, errors.New("client: the request cannot be built")
	}
	if k.header != nil {
		r.Header = k.header.Clone()
	}
	r.SetBasicAuth(c.o.Username, c.o.Password)
	r.Header.Set("X-Api-Key", c.o.APIKey)
	r.Header.Set("User-Agent", "sesuai-client")
	if c.o.SigningKeys != nil {
		r.Header.Set("Prefer", "return=signed")
	}
	if k.form == nil {
		return r, nil
	}
	r.Header.Set("Content-Type", "multipart/form-data; boundary="+k.form.boundary)
	if r.Body, r.ContentLength, err = k.form.open(); err != nil {
		return nil, err
	}
	// net/http sends a request again itself if a connection that was kept turns out
	// to be closed.
	r.GetBody = func() (io.ReadCloser, error) {
		body, _, err := k.form.open()
		return body, err
	}
	return r, nil
}
