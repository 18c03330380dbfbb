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
	fields = append(fields, field{name: "reference_id", text: o.ReferenceID})
	return call{method: http.MethodPost, path: path, header: header, form: newForm(fields...)}
}

// orRandom returns the text, or a random one if it is empty.
func orRandom(text string) string {
	if text == "" {
		return cryptorand.Text()
	}
	return text
}

// ask sends a call until it is answered with status 200, and reads the answer. It ends
// with an *Error if another attempt is of no use, after MaxAttempts, and if the context
// ends before the next one.
func ask[V any](ctx context.Context, c *Client, k call, read func([]byte) (V, error)) (response Response, v V, err error) {
	response, err = c.send(ctx, k, func(answer []byte) (err error) {
		v, err = read(answer)
		return err
	})
	if err != nil {
		var none V
		return Response{}, none, err
	}
	return response, v, nil
}

// send is ask without the type of the answer.
func (c *Client) send(ctx context.Context, k call, read func([]byte) error) (Response, error) {
	for attempt := 1; ; attempt++ {
		response, err := c.attempt(ctx, k, read)
		if err == nil {
			return response, nil
		}
		failed, ok := errors.AsType[*Error](err)
		if !ok {
			failed = &Error{Err: err}
		}
		failed.Attempts = attempt
		_, noPhoto := errors.AsType[*photoError](err)
		if ctx.Err() != nil {
			return Response{}, cancelled(ctx, failed)
		}
		if !failed.Retryable() || noPhoto || attempt >= c.o.MaxAttempts || failed.RetryAfter > c.o.MaxPause {
			return Response{}, failed
		}
		pause := c.pause(attempt, failed)
		if end, ok := ctx.Deadline(); ok && time.Until(end) < pause {
			return Response{}, failed // rather than wait for nothing
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return Response{}, cancelled(ctx, failed)
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

// attempt sends a call once.
func (c *Client) attempt(ctx context.Context, k call, read func([]byte) error) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	r, err := c.request(ctx, k)
	if err != nil {
		return Response{}, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		// The URL in a *url.Error may hold an id of the caller's.
		if named, ok := errors.AsType[*url.Error](err); ok {
			err = named.Err
		}
		return Response{}, &Error{Err: err}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return Response{}, &Error{Err: err}
	}
	response := Response{RequestID: answer.Header.Get("Request-Id"), Repeated: answer.Header.Get("Idempotent-Replayed") == "true"}
	if answer.StatusCode != http.StatusOK {
		return Response{}, errorOf(answer.StatusCode, answer.Header, body)
	}
	if len(body) > maxAnswer || response.RequestID == "" || read(body) != nil {
		return Response{}, &Error{Status: answer.StatusCode, RequestID: response.RequestID, Err: errNotAnAnswer}
	}
	return response, nil
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
