package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sesuai/sesuai/client"
	"github.com/sesuai/sesuai/test/process"
)

// serve serves a handler until the test ends, and returns a client of it that tries
// once.
func serve(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	o := options(server.URL)
	o.MaxAttempts = 1
	return newClient(t, o)
}

// TestNoAnswer: what is not an answer of the service is an error, whatever its status,
// and the error holds nothing of the request.
func TestNoAnswer(t *testing.T) {
	for about, test := range map[string]struct {
		status int
		body   string
	}{
		"an empty body":                   {200, ""},
		"an empty object":                 {200, "{}"},
		"a page":                          {200, "<html>" + secrets[0]},
		"a null":                          {200, "null"},
		"no result":                       {200, `{"verification_status":true,"reason":"Verification Success"}`},
		"no nik":                          {200, `{"verification_status":true,"reason":"Verification Success","result":{"name":true}}`},
		"no status":                       {200, strings.Replace(verified, `"verification_status":true,`, "", 1)},
		"a status of another type":        {200, strings.Replace(verified, "true", `"true"`, 1)},
		"an outcome of another type":      {200, strings.Replace(verified, `"nik":true`, `"nik":"`+secrets[0]+`"`, 1)},
		"a percentage over 100":           {200, strings.Replace(verified, "82.04", "100.01", 1)},
		"a percentage of another type":    {200, strings.Replace(verified, "82.04", `"82.04"`, 1)},
		"something behind the object":     {200, verified + "x"},
		"another success":                 {204, ""},
		"a proxy that quotes the request": {502, `<p>` + strings.Join(secrets, " ")},
		"an error that is an array":       {400, `["` + secrets[0] + `"]`},
	} {
		t.Run(about, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Request-Id", "id")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			v, err := c.VerifyFace(t.Context(), request)
			e, ok := errors.AsType[*client.Error](err)
			if !ok || e.Status != test.status || v != (client.FaceVerdict{}) {
				t.Errorf("%+v, %v", v, err)
			}
			assertPrivate(t, err)
		})
	}
	t.Run("another service", func(t *testing.T) {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, verified) })
		if _, err := c.VerifyFace(t.Context(), request); err == nil {
			t.Error("an answer without a Request-Id was taken for one of the service")
		}
	})
}

// TestNulls: a percentage that is null is apart from one of 0.
func TestNulls(t *testing.T) {
	for text, known := range map[string]bool{"null": false, "0": true} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Request-Id", "id")
			_, _ = io.WriteString(w, strings.Replace(verified, "82.04", text, 1))
		})
		if v, err := c.VerifyFace(t.Context(), request); err != nil || v.Face.Known() != known || v.Face.String() != text {
			t.Errorf("%s: %s, %v", text, v.Face, err)
		}
	}
}

// TestRedirect: credentials and what was claimed do not go where a redirect leads.
func TestRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	_, err := c.VerifyFace(t.Context(), request)
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusTemporaryRedirect {
		t.Errorf("%v", err)
	}
}

// TestEndlessAnswer: of an answer that does not end, a bounded part is read.
func TestEndlessAnswer(t *testing.T) {
	for _, status := range []int{200, 500} {
		ended := make(chan struct{})
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			defer close(ended)
			w.Header().Set("Request-Id", "id")
			w.WriteHeader(status)
			for line := bytes.Repeat([]byte(" "), 64<<10); ; {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		})
		n := process.Allocated(func() {
			_, err := c.VerifyFace(t.Context(), request)
			if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != status {
				t.Errorf("%v", err)
			}
		})
		<-ended
		if n > 16<<20 {
			t.Errorf("%d bytes were allocated", n)
		}
	}
}

// TestLargePhotograph: a photograph is not held in memory, and its length is sent if it
// is known.
func TestLargePhotograph(t *testing.T) {
	const size = 64 << 20
	for _, stated := range []int64{size, -1} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			if err != nil || n < size || stated > 0 && r.ContentLength != n || stated < 0 && r.ContentLength != -1 {
				t.Errorf("%d bytes of %d, %v", n, r.ContentLength, err)
			}
			w.Header().Set("Request-Id", "id")
			_, _ = io.WriteString(w, `{"status":"failed","result":{"status":"face not detected"}}`)
		})
		photo := func() (io.ReadCloser, int64, error) {
			return io.NopCloser(io.LimitReader(zeros{}, size)), stated, nil
		}
		n := process.Allocated(func() {
			v, err := c.Liveness(t.Context(), client.LivenessRequest{Photo: photo})
			if err != nil || v.Measured || v.Status != "face not detected" {
				t.Errorf("%+v, %v", v, err)
			}
		})
		if n > 8<<20 {
			t.Errorf("%d bytes were allocated", n)
		}
	}
}

// zeros is a reader without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestUnreadablePhotograph: a photograph that cannot be read to its end is not tried
// again, and is closed.
func TestUnreadablePhotograph(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	broken := errors.New("the disk is broken")
	opened, closed := 0, make(chan struct{}, 8)
	photo := func() (io.ReadCloser, int64, error) {
		opened++
		return &closing{io.MultiReader(strings.NewReader(secrets[3]), iotest.ErrReader(broken)), closed}, 1000, nil
	}
	_, err := newClient(t, options(server.URL)).Match(t.Context(), client.MatchRequest{Captured: photo, Stored: photo})
	if e, ok := errors.AsType[*client.Error](err); !ok || !errors.Is(err, broken) || e.Attempts != 1 || opened != 2 {
		t.Errorf("%v; %d opened", err, opened)
	}
	assertPrivate(t, err)
	for range opened {
		<-closed
	}
}

// closing is a reader that says when it is closed.
type closing struct {
	io.Reader
	closed chan<- struct{}
}

func (c *closing) Close() error { c.closed <- struct{}{}; return nil }

// TestNothingPrints: neither requests, nor options, nor clients print what they hold.
func TestNothingPrints(t *testing.T) {
	c := newClient(t, options("https://sesuai.example"))
	for _, value := range []any{
		request, &request,
		client.DataRequest{NIK: secrets[0]},
		client.MatchRequest{CallOptions: request.CallOptions},
		client.LivenessRequest{CallOptions: request.CallOptions},
		request.CallOptions, options(secrets[0]), c, *c,
		[]client.FaceRequest{request},
		map[string]any{"a": request},
		struct{ R client.FaceRequest }{request},
	} {
		var printed strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&printed, verb, value)
		}
		slog.New(slog.NewTextHandler(&printed, nil)).Info("text", "value", value)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("text", "value", value)
		if b, err := json.Marshal(value); err == nil {
			printed.Write(b)
		}
		for _, secret := range secrets {
			if strings.Contains(printed.String(), secret) || strings.Contains(printed.String(), fmt.Sprintf("%x", secret)) {
				t.Errorf("%T prints %s", value, printed.String())
			}
		}
	}
}

// TestOptions: what New refuses. Its errors hold no option.
func TestOptions(t *testing.T) {
	for _, test := range []struct {
		change func(*client.Options)
		ok     bool
	}{
		{func(*client.Options) {}, true},
		{func(o *client.Options) { o.BaseURL = "https://sesuai.example:8443/api/" }, true},
		{func(o *client.Options) { o.BaseURL = "http://localhost:8080" }, true},
		{func(o *client.Options) { o.BaseURL = "http://[::1]:8080" }, true},
		{func(o *client.Options) { o.BaseURL = "http://10.0.0.7" }, false},
		{func(o *client.Options) { o.BaseURL, o.AllowHTTP = "http://10.0.0.7", true }, true},
		{func(o *client.Options) { o.BaseURL, o.AllowHTTP = "ftp://10.0.0.7", true }, false},
		{func(o *client.Options) { o.BaseURL = "https://name:secret@sesuai.example" }, false},
		{func(o *client.Options) { o.BaseURL = "https://sesuai.example?key=secret" }, false},
		{func(o *client.Options) { o.BaseURL = "sesuai.example" }, false},
		{func(o *client.Options) { o.BaseURL = "https://" }, false},
		{func(o *client.Options) { o.BaseURL = "http://sec\x00ret" }, false},
		{func(o *client.Options) { o.Username = "" }, false},
		{func(o *client.Options) { o.Password = "" }, false},
		{func(o *client.Options) { o.APIKey = "" }, false},
		{func(o *client.Options) { o.MaxAttempts = -1 }, false},
	} {
		o := options("https://sesuai.example")
		test.change(&o)
		_, err := client.New(o)
		if (err == nil) != test.ok {
			t.Errorf("%q: %v", o.BaseURL, err)
		}
		if err != nil {
			assertPrivate(t, err)
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "10.0.0.7") {
				t.Errorf("the error holds an option: %v", err)
			}
		}
	}
}
