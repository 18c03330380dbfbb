package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai/client"
)

// roundTrip is an http.RoundTripper without a network, so that time can be synthetic.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// verified is the body of R1.
const verified = `{"verification_status":true,"reason":"Verification Success","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":82.04}}`

// secrets are what no error and no text of a request may hold.
var secrets = []string{"9901015203900001", "AYU KENCANA PRATIWI", "12-03-1990", "bytes of a photograph", "loan 17", "pass word", "api key", "user name"}

var request = client.FaceRequest{
	CallOptions: client.CallOptions{ReferenceID: secrets[4]},
	NIK:         secrets[0], Name: secrets[1], DateOfBirth: secrets[2], Photo: client.FromBytes([]byte(secrets[3])),
}

func options(base string) client.Options {
	return client.Options{BaseURL: base, Password: secrets[5], APIKey: secrets[6], Username: secrets[7]}
}

// answer returns a response of the service. header has names and values in turn.
func answer(status int, body string, header ...string) *http.Response {
	w := httptest.NewRecorder()
	w.Header().Set("Request-Id", "id")
	for i := 0; i < len(header); i += 2 {
		w.Header().Set(header[i], header[i+1])
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	return w.Result()
}

// TestRetries: what is tried again, when, and that all attempts are one call.
func TestRetries(t *testing.T) {
	busy := func(header ...string) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			return answer(503, `{"verification_status":false,"reason":"Something wrong"}`, header...), nil
		}
	}
	status := func(code int, header ...string) func() (*http.Response, error) {
		return func() (*http.Response, error) { return answer(code, `{"error":"text"}`, header...), nil }
	}
	success := func() (*http.Response, error) { return answer(200, verified, "Idempotent-Replayed", "true"), nil }
	lost := func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
	type attempts = []func() (*http.Response, error)
	for about, test := range map[string]struct {
		attempts      attempts
		change        func(*client.Options)
		status        int // of the error; 200 for a verdict
		sent          int
		after, within time.Duration // that it takes
	}{
		"at once":                {attempts{success}, nil, 200, 1, 0, 0},
		"growing pauses":         {attempts{busy(), busy(), busy(), success}, nil, 200, 4, 1750 * time.Millisecond, 3500 * time.Millisecond},
		"the last attempt":       {attempts{busy(), busy(), busy(), busy()}, nil, 503, 4, 1750 * time.Millisecond, 3500 * time.Millisecond},
		"an answer was lost":     {attempts{lost, success}, nil, 200, 2, 250 * time.Millisecond, 500 * time.Millisecond},
		"Retry-After":            {attempts{busy("Retry-After", "7"), success}, nil, 200, 2, 7 * time.Second, 7500 * time.Millisecond},
		"Retry-After, a date":    {attempts{busy("Retry-After", "Sat, 01 Jan 2000 00:00:20 GMT"), success}, nil, 200, 2, 20 * time.Second, 21 * time.Second},
		"Retry-After is too far": {attempts{busy("Retry-After", "31")}, nil, 503, 1, 0, 0},
		"Retry-After is no time": {attempts{busy("Retry-After", "soon"), success}, nil, 200, 2, 250 * time.Millisecond, 500 * time.Millisecond},
		"429":                    {attempts{status(429, "Retry-After", "1"), success}, nil, 200, 2, time.Second, 1500 * time.Millisecond},
		"408":                    {attempts{status(408), success}, nil, 200, 2, 250 * time.Millisecond, 500 * time.Millisecond},
		"409, in progress":       {attempts{status(409, "Retry-After", "1"), success}, nil, 200, 2, time.Second, 1500 * time.Millisecond},
		"409, another body":      {attempts{status(409)}, nil, 409, 1, 0, 0},
		"400":                    {attempts{status(400)}, nil, 400, 1, 0, 0},
		"401":                    {attempts{status(401)}, nil, 401, 1, 0, 0},
		"500":                    {attempts{status(500)}, nil, 500, 1, 0, 0},
		"a redirect":             {attempts{status(307, "Location", "http://127.0.0.1/", "Retry-After", "1")}, nil, 307, 1, 0, 0},
		"once":                   {attempts{busy()}, func(o *client.Options) { o.MaxAttempts = 1 }, 503, 1, 0, 0},
		"hanging": {
			attempts{nil, success},
			func(o *client.Options) { o.Timeout = 5 * time.Second },
			200, 2, 5250 * time.Millisecond, 5500 * time.Millisecond,
		},
	} {
		t.Run(about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var keys, ids, forms []string
				o := options("https://sesuai.example/behind/")
				o.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					n := len(keys)
					keys, ids = append(keys, r.Header.Get("Idempotency-Key")), append(ids, r.Header.Get("X-Request-Id"))
					forms = append(forms, read(t, r))
					if r.URL.String() != "https://sesuai.example/behind/identity/v1/face-verification" || r.Method != http.MethodPost {
						t.Errorf("%s %s", r.Method, r.URL)
					}
					if test.attempts[n] == nil {
						<-r.Context().Done()
						return nil, r.Context().Err()
					}
					return test.attempts[n]()
				})}
				if test.change != nil {
					test.change(&o)
				}
				start := time.Now()
				v, err := newClient(t, o).VerifyFace(t.Context(), request)
				took := time.Since(start)
				if len(keys) != test.sent || took < test.after || took > test.within {
					t.Errorf("%d attempts within %s, want %d within %s to %s", len(keys), took, test.sent, test.after, test.within)
				}
				for _, same := range [][]string{keys, ids, forms} {
					if len(slices.Compact(same)) != 1 || same[0] == "" {
						t.Errorf("the attempts differ: %q", same)
					}
				}
				if want := "nik=" + secrets[0] + " name=" + secrets[1] + " date_of_birth=" + secrets[2] + " face_image=" + secrets[3] + " reference_id=" + secrets[4]; forms[0] != want {
					t.Errorf("the form is %s", forms[0])
				}
				if test.status == 200 {
					if err != nil || !v.Verified || !v.Repeated && test.sent > 0 || v.RequestID != "id" || v.Face.String() != "82.04" {
						t.Errorf("%+v, %v", v, err)
					}
					return
				}
				e, ok := errors.AsType[*client.Error](err)
				if !ok || e.Status != test.status || e.Attempts != test.sent || v != (client.FaceVerdict{}) {
					t.Errorf("%+v, %v", v, err)
				}
				assertPrivate(t, err)
			})
		})
	}
}

// read returns the fields of a request's form in their order.
func read(t *testing.T, r *http.Request) string {
	reader, err := r.MultipartReader()
	if err != nil {
		t.Error(err)
		return ""
	}
	var fields []string
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return strings.Join(fields, " ")
		}
		if err != nil {
			t.Error(err)
			return ""
		}
		b, err := io.ReadAll(part)
		if err != nil {
			t.Error(err)
		}
		fields = append(fields, part.FormName()+"="+string(b))
	}
}

// assertPrivate reports an error that holds what was sent.
func assertPrivate(t *testing.T, err error) {
	t.Helper()
	for _, secret := range secrets {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("the error is missing or holds what was sent: %v", err)
		}
	}
}

// TestContextEnds: no pause goes on when the context ends, and none starts that would
// be longer than the time that remains.
func TestContextEnds(t *testing.T) {
	o := options("https://sesuai.example")
	o.HTTPClient = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return answer(503, "{}", "Retry-After", "20"), nil
	})}
	for about, test := range map[string]struct {
		limit func(context.Context) (context.Context, context.CancelFunc)
		took  time.Duration
		cause error
	}{
		"cancelled in the pause": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, time.Second, context.Canceled},
		"the deadline is before the next attempt": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 10*time.Second)
		}, 0, nil},
		"cancelled before": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, 0, context.Canceled},
	} {
		t.Run(about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := test.limit(t.Context())
				defer cancel()
				start := time.Now()
				_, err := newClient(t, o).VerifyFace(ctx, request)
				e, ok := errors.AsType[*client.Error](err)
				if !ok || time.Since(start) != test.took || e.Attempts != 1 {
					t.Errorf("%v after %s", err, time.Since(start))
				}
				if test.cause != nil && !errors.Is(err, test.cause) || test.cause == nil && e.RetryAfter != 20*time.Second {
					t.Errorf("%v", err)
				}
			})
		})
	}
}
