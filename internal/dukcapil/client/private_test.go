package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sesuai/sesuai/internal/dukcapil/client"
)

// traces are pieces of what may be found nowhere, in lower case.
func traces(t *testing.T, u *upstream) map[string]string {
	t.Helper()
	jpeg := someJPEG(t)
	middle := jpeg[len(jpeg)/2:][:12]
	host, _, _ := net.SplitHostPort(strings.TrimPrefix(u.URL, "https://"))
	found := map[string]string{
		"the NIK": nikText[4:], "a name": "wirasaba", "the other name": "tembalang", "the date": dateText, "the year": "-1953",
		"the user": userID, "the password": password, "the credential": "cred ential", "the credential in a path": "cred%20ential",
		"the host": host, "the upstream's text": "geheime antwort", "the upstream's certificate": "acme co",
	}
	found["the image's bytes"] = string(middle)
	found["the image in hexadecimal"] = hex.EncodeToString(middle)
	found["the image"] = base64.StdEncoding.EncodeToString(jpeg)[len(jpeg)/2:][:16]
	for name, text := range map[string]string{"the NIK": nikText, "the user": userID, "the password": password} {
		found[name+" in base64"] = base64.StdEncoding.EncodeToString([]byte(text))[:12]
		found[name+" in hexadecimal"] = hex.EncodeToString([]byte(text))[:16]
	}
	for name, text := range found {
		found[name] = strings.ToLower(text)
	}
	return found
}

// TestNothingPrivate: whatever happens, nothing of a person, a credential or
// the upstream's words is in an error, the log at level debug, or the metrics.
func TestNothingPrivate(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request, asked map[string]any) {
		// The upstream echoes what it was sent, in all the places it has.
		fmt.Fprintf(w, `{"content":[{"RESPONSE_CODE":"%s","RESPONSE_DESC":"geheime antwort %s","RESPONSE":"%v","NIK":"%s","NAMA_LGKP":"%s"}],"quotaLimiter":"%s"}`,
			nikText, nameText, dateText, nikText, nameText, password)
	}
	hijack := func(text string) func(w http.ResponseWriter, r *http.Request, asked map[string]any) {
		return func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, text)
				conn.Close()
			}
		}
	}
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request, asked map[string]any)
		change func(t *testing.T, u *upstream, c *client.Config)
		class  string
	}{
		{"echo", echo, nil, "unexpected"},
		{"reset", hijack(""), nil, "broken"},
		{"half an answer", hijack("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"content\":[{\"RESPON\":\"geheime antwort"), nil, "broken"},
		{"not HTTP", hijack("geheime antwort " + nikText + "\r\n\r\n"), nil, "broken"},
		{"a bad header", hijack("HTTP/1.1 200 OK\r\nX geheime antwort " + nikText + "\r\n\r\n"), nil, "broken"},
		{"too much", func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
			_, _ = w.Write(bytes.Repeat([]byte(" "), 70<<10))
		}, nil, "unexpected"},
		{"compressed", func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "\x1f\x8b geheime antwort")
		}, nil, "unexpected"},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request, _ map[string]any) {
			http.Redirect(w, r, "https://geheime.antwort.invalid/"+nikText, http.StatusTemporaryRedirect)
		}, nil, "unexpected"},
		{"HTML", func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
			w.WriteHeader(502)
			_, _ = io.WriteString(w, "<html>geheime antwort</html>")
		}, nil, "http"},
		{"slow headers", func(_ http.ResponseWriter, r *http.Request, _ map[string]any) {
			<-r.Context().Done()
			panic(http.ErrAbortHandler) // or it would answer, if the caller still reads
		}, nil, "timeout"},
		{"slow body", func(w http.ResponseWriter, r *http.Request, _ map[string]any) {
			_, _ = io.WriteString(w, `{"content":[{"NIK":"Sesuai",`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			panic(http.ErrAbortHandler) // or it would end as if this were all
		}, nil, "timeout"},
		{"nobody there", nil, func(t *testing.T, _ *upstream, c *client.Config) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			c.Data.URL, c.Face.URL = "https://"+l.Addr().String(), "https://"+l.Addr().String()
		}, "refused"},
		{"no such name", nil, func(_ *testing.T, _ *upstream, c *client.Config) {
			c.Data.URL, c.Face.URL = "https://geheime-antwort.invalid", "https://geheime-antwort.invalid"
		}, "refused"},
		{"another pin", nil, func(_ *testing.T, _ *upstream, c *client.Config) { c.TLS.Pins = strings.Repeat("00", 32) }, "tls"},
		{"nobody vouches for it", nil, func(_ *testing.T, _ *upstream, c *client.Config) { c.TLS.Pins = "" }, "tls"},
		{"no TLS", nil, func(t *testing.T, _ *upstream, c *client.Config) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
			done := make(chan struct{})
			go func() { _ = s.Serve(l); close(done) }()
			t.Cleanup(func() { _ = s.Close(); <-done })
			c.Data.URL, c.Face.URL = "https://"+l.Addr().String(), "https://"+l.Addr().String()
		}, "tls"},
		{"an old TLS", nil, func(t *testing.T, u *upstream, c *client.Config) {
			u.serveWith(t, c, &tls.Config{Certificates: u.TLS.Certificates, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
		}, "tls"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := newUpstream(t)
			u.does(test.answer)
			r := u.open(t, func(o *client.Options) {
				o.Config.Retry.Tries = 2
				if test.class == "timeout" {
					o.Config.Data.Timeout, o.Config.Face.Timeout = 100*time.Millisecond, 100*time.Millisecond
				}
				if test.change != nil {
					test.change(t, u, &o.Config)
				}
			})
			found := traces(t, u)
			look := func(where, text string) {
				t.Helper()
				for what, trace := range found {
					if strings.Contains(strings.ToLower(text), trace) {
						t.Errorf("%s: %s holds %s: %s", test.name, where, what, text)
					}
				}
			}
			_, dataErr := r.Ask(t.Context(), dataQuestion(t))
			_, faceErr := client.CompareFace(t.Context(), r, faceQuestion(t))
			for _, err := range []error{dataErr, faceErr} {
				if retryAfter(t, err) <= 0 {
					t.Error("it does not say when to try again")
				}
				for e := err; e != nil; {
					look("an error", fmt.Sprintf("%v %+v %#v", e, e, e))
					unwrapped, ok := e.(interface{ Unwrap() error })
					if !ok {
						break
					}
					e = unwrapped.Unwrap()
				}
			}
			tries := map[string][2]int{"broken": {2, 2}, "refused": {2, 2}, "timeout": {2, 1}, "http": {2, 1}}[test.class]
			if tries == [2]int{} {
				tries = [2]int{1, 1}
			}
			var want []string
			for i, service := range []string{"data ", "face "} {
				for range tries[i] {
					want = append(want, service+test.class)
				}
			}
			if diff := cmp.Diff(want, u.calls.classes(t)); diff != "" {
				t.Errorf("the ledger (-want +got):\n%s", diff)
			}
			look("the log", u.log.String())
			look("the ledger", fmt.Sprintf("%+v %+v", u.calls.calls, u.calls.completions))
			recorder := &bytes.Buffer{}
			promhttp.HandlerFor(u.gather, promhttp.HandlerOpts{}).ServeHTTP(&writer{recorder}, (&http.Request{Method: http.MethodGet}).WithContext(context.Background()))
			look("the metrics", recorder.String())
			if !strings.Contains(recorder.String(), "sesuai_dukcapil_calls_total") {
				t.Error("there are no metrics")
			}
		})
	}
}

// writer is an http.ResponseWriter into a buffer.
type writer struct{ *bytes.Buffer }

func (writer) Header() http.Header { return make(http.Header) }
func (writer) WriteHeader(int)     {}
