package httpapi_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/tlsfile"
	"github.com/sesuai/sesuai/internal/tlsfile/tlsfiletest"
)

// startTLS serves by TLS on the listener until the test ends, to callers that may show a
// certificate.
func (s *service) startTLS(t *testing.T, l net.Listener) *tlsfiletest.Authority {
	t.Helper()
	authority := tlsfiletest.NewAuthority(t)
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	tlsfiletest.Write(t, authority.Issue(t, time.Now().Add(time.Hour)), cert, key)
	files, err := tlsfile.Open(tlsfile.Options{Cert: cert, Key: key, ClientAuth: tls.RequestClientCert})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- httpapi.ServeTLS(ctx, l, httpapi.New(s.options), files.Config(), s.options.Log) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with: %v", err)
		}
	})
	return authority
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestTLS: both protocols have the same answers and headers, and the fingerprint of the
// caller's certificate reaches the authenticator.
func TestTLS(t *testing.T) {
	for _, major := range []int{1, 2} {
		t.Run(fmt.Sprint("HTTP/", major), func(t *testing.T) {
			s := newService()
			s.options.Header = http.Header{"Strict-Transport-Security": {"max-age=1"}}
			attempts := make(chan access.Attempt, 1)
			inner := s.options.Authenticator
			s.options.Authenticator = authenticate(func(a access.Attempt) (access.Client, error) {
				attempts <- a
				return inner.Authenticate(t.Context(), a)
			})
			l := listen(t)
			authority := s.startTLS(t, l)
			own := authority.Issue(t, time.Now().Add(time.Hour))
			transport := &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: authority.Pool, Certificates: []tls.Certificate{own}}, ForceAttemptHTTP2: major == 2,
			}
			defer transport.CloseIdleConnections()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+l.Addr().String()+httpapi.FaceVerificationPath,
				strings.NewReader(multipartBody(everyPart()...)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
			r.SetBasicAuth(testUser, testPassword)
			r.Header.Set("X-Api-Key", testKey)
			resp, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if got := checkEnvelope(t, resp); resp.ProtoMajor != major || resp.StatusCode != 200 || got != r1 || resp.Header.Get("Strict-Transport-Security") == "" {
				t.Errorf("%s %d %s %v", resp.Proto, resp.StatusCode, got, resp.Header)
			}
			if a := <-attempts; a.Certificate != tlsfiletest.Fingerprint(own) {
				t.Errorf("certificate %s", a.Certificate)
			}
		})
	}
}

// TestErrorsByTLS: the errors of net/http itself, and those of methods and paths that are
// not there, are JSON by TLS, too.
func TestErrorsByTLS(t *testing.T) {
	s := newService()
	l := listen(t)
	authority := s.startTLS(t, l)
	const huge = 40_000
	for request, status := range map[string]int{
		"GET / HTTP/1.1\nHost: x\r\n\r\n":                                                       400,
		"GET / HTTP/9.1\r\nHost: x\r\n\r\n":                                                     505,
		"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", huge) + "\r\n\r\n":             431,
		"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n":                                              404,
		"DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n":                                           405,
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n":                         501,
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n": 400,
	} {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: authority.Pool, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(c, request) // it may answer before it has read everything
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%.40q: %v", request, err)
		}
		if body := checkEnvelope(t, resp); resp.StatusCode != status {
			t.Errorf("%.40q: %d %s", request, resp.StatusCode, body)
		}
		_ = c.Close()
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	for _, test := range []struct {
		method, path string
		status       int
	}{{"GET", "/nothing", 404}, {"DELETE", "/healthz", 405}, {"POST", httpapi.FaceVerificationPath, 401}} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, "https://"+l.Addr().String()+test.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if body := checkEnvelope(t, resp); resp.ProtoMajor != 2 || resp.StatusCode != test.status {
			t.Errorf("%s %s: %s %d %s", test.method, test.path, resp.Proto, resp.StatusCode, body)
		}
		_ = resp.Body.Close()
	}
}

// TestHandshakesCount: a connection counts from before its handshake, one over a limit is
// closed without an answer, and a handshake that waits keeps no other one waiting.
func TestHandshakesCount(t *testing.T) {
	s := newService()
	inner := listen(t)
	l := httpapi.LimitConnections(inner, httpapi.ConnectionOptions{All: 10, Each: 2, Silent: true, Log: slog.New(slog.DiscardHandler)})
	authority := s.startTLS(t, l)
	dial(t, inner.Addr().String()) // and says nothing
	c, err := tls.Dial("tcp", inner.Addr().String(), &tls.Config{RootCAs: authority.Pool})
	if err != nil {
		t.Fatalf("beside a handshake that waits: %v", err)
	}
	third := dial(t, inner.Addr().String())
	_ = third.SetDeadline(time.Now().Add(patience))
	if b, err := io.ReadAll(third); err != nil || len(b) > 0 {
		t.Errorf("over the limit: %q, %v", b, err)
	}
	_ = c.Close()
}
