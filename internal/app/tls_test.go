package app_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/tlsfile/tlsfiletest"
	"github.com/sesuai/sesuai/test/process"
)

// secured is a running service with TLS.
type secured struct {
	*service
	authority *tlsfiletest.Authority
	reload    chan os.Signal
}

// startSecured runs the service with TLS and optional client certificates.
func startSecured(t *testing.T) secured {
	t.Helper()
	process.Need(t, realModels, photosDir)
	c := config(t)
	folder := t.TempDir()
	c.TLS.Cert, c.TLS.Key, c.TLS.ClientCertificates = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key"), "optional"
	c.Admin.Listen, c.Console.Listen = freeAddress(t), freeAddress(t)
	s := secured{authority: tlsfiletest.NewAuthority(t), reload: make(chan os.Signal, 1)}
	tlsfiletest.Write(t, s.issue(t), c.TLS.Cert, c.TLS.Key)
	if err := app.CheckFiles(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	who := prepare(t, c, ayu)
	running, ready := serveWith(t, c, app.ServeOptions{Reload: s.reload, Load: func() (app.Config, error) { return c, nil }})
	s.service = running
	s.await(t, ready)
	s.who, s.address = who, strings.Replace(s.address, "http://", "https://", 1)
	s.client = s.caller(t, true)
	return s
}

func (s secured) issue(t *testing.T) tls.Certificate {
	t.Helper()
	return s.authority.Issue(t, time.Now().Add(time.Hour))
}

// caller returns a client of HTTP/2, or HTTP/1.1, that shows certificates.
func (s secured) caller(t *testing.T, http2 bool, certificates ...tls.Certificate) *http.Client {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.authority.Pool, Certificates: certificates}, ForceAttemptHTTP2: http2,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// serial returns the serial number of the certificate that a new connection is shown.
func (s secured) serial(t *testing.T) int64 {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(s.address, "https://"), &tls.Config{RootCAs: s.authority.Pool})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// TestTLS: verifications by HTTP/2 and HTTP/1.1, with the header that keeps browsers on
// TLS, and nothing without TLS.
func TestTLS(t *testing.T) {
	s := startSecured(t)
	for _, major := range []int{1, 2} {
		s.client = s.caller(t, major == 2)
		if status, body := s.verify(t, ayu.asks()); status != 200 || !contains(body, `"verification_status":true`) {
			t.Errorf("HTTP/%d: %d %s", major, status, body)
		}
		answer, _ := s.send(t, getRequest(t, s.address+"/healthz"))
		if answer.ProtoMajor != major || answer.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
			t.Errorf("HTTP/%d: %s %v", major, answer.Proto, answer.Header)
		}
	}
	if answer, page := s.send(t, getRequest(t, "https://"+s.config.Console.Listen+"/signin")); answer.StatusCode != 200 ||
		answer.Header.Get("Strict-Transport-Security") != "max-age=31536000" || !contains(page, "<h1>Sign in</h1>") {
		t.Errorf("the console: %d %v", answer.StatusCode, answer.Header)
	}
	if resp, err := http.Get("http://" + strings.TrimPrefix(s.address, "https://") + "/healthz"); err == nil {
		t.Errorf("without TLS: %s", resp.Status)
		_ = resp.Body.Close()
	}
	old := &tls.Config{RootCAs: s.authority.Pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // it must be refused
	if c, err := tls.Dial("tcp", strings.TrimPrefix(s.address, "https://"), old); err == nil {
		t.Error("TLS 1.1 is accepted")
		_ = c.Close()
	}
}

// TestTLSByCurl: another implementation gets the same.
func TestTLSByCurl(t *testing.T) {
	process.Slow(t)
	process.NeedCommand(t, "curl")
	s := startSecured(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, s.authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"--http1.1", "--http2"} {
		out, err := exec.CommandContext(t.Context(), "curl", "-sS", "--cacert", ca, protocol, "-w", " %{http_version} %{http_code}", s.address+"/nothing").CombinedOutput()
		version := map[string]string{"--http1.1": "1.1", "--http2": "2"}[protocol]
		if want := `{"error":"Not found"} ` + version + " 404"; err != nil || string(out) != want {
			t.Errorf("%s: %v, %s", protocol, err, out)
		}
	}
}

// TestCertificateReplacedUnderLoad: no request fails while the certificate is replaced
// again and again, and a truncated key leaves the last one in force.
func TestCertificateReplacedUnderLoad(t *testing.T) {
	s := startSecured(t)
	done := make(chan struct{})
	var asked atomic.Int64
	var callers sync.WaitGroup
	for i := range 4 {
		callers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				caller := s.caller(t, i%2 == 0) // a new connection, so a handshake
				resp, err := caller.Get(s.address + "/healthz")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
					t.Error(resp.Status, err)
				}
				_ = resp.Body.Close()
				caller.CloseIdleConnections()
				asked.Add(1)
			}
		})
	}
	var last tls.Certificate
	for range 10 {
		last = s.issue(t)
		tlsfiletest.Write(t, last, s.config.TLS.Cert, s.config.TLS.Key)
		s.reload <- syscall.SIGHUP
		wait(t, "the new certificate is shown", func() bool { return s.serial(t) == last.Leaf.SerialNumber.Int64() })
	}
	cert, key := tlsfiletest.PEM(t, s.issue(t))
	for path, text := range map[string][]byte{s.config.TLS.Cert: cert, s.config.TLS.Key: key[:len(key)/2]} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.reload <- syscall.SIGHUP
	wait(t, "the metric counts the truncated key", func() bool {
		_, body := s.metrics(t)
		return contains(body, "\nsesuai_tls_reload_failures_total 1\n")
	})
	if got, want := s.serial(t), last.Leaf.SerialNumber.Int64(); got != want {
		t.Errorf("certificate %d, want %d", got, want)
	}
	if !strings.Contains(s.log.String(), "the changed files of tls cannot be used") {
		t.Error("the log does not say so")
	}
	close(done)
	callers.Wait()
	t.Logf("%d requests, each on a connection of its own", asked.Load())
}

// metrics gets the metrics, which are not behind TLS.
func (s secured) metrics(t *testing.T) (status int, body string) {
	t.Helper()
	resp, err := http.Get("http://" + s.config.Admin.Listen + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestBoundClient: a client that is bound to certificates is answered with each of them,
// refused without, and the trail says why.
func TestBoundClient(t *testing.T) {
	process.Slow(t)
	s := startSecured(t)
	storage, err := app.OpenStorage(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	clients, err := storage.Clients.ListClients(t.Context())
	if err != nil || len(clients) != 1 {
		t.Fatal(clients, err)
	}
	first, second, other := s.issue(t), s.issue(t), s.issue(t)
	_, _, err = storage.Clients.ChangeClient(t.Context(), clients[0].Name, func(c *access.Client) error {
		c.Certificates = []access.Fingerprint{tlsfiletest.Fingerprint(first), tlsfiletest.Fingerprint(second)}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, http2 := range []bool{true, false} {
		for name, test := range map[string]struct {
			shown  []tls.Certificate
			status int
		}{
			"the first": {[]tls.Certificate{first}, 200}, "the second": {[]tls.Certificate{second}, 200},
			"another": {[]tls.Certificate{other}, 403}, "none": {nil, 403},
		} {
			s.client = s.caller(t, http2, test.shown...)
			if status, body := s.verify(t, ayu.asks()); status != test.status {
				t.Errorf("%s, HTTP/2 %v: %d %s", name, http2, status, body)
			}
		}
	}
	wait(t, "the trail has the refusal", func() bool {
		events, err := storage.Trail.Events(t.Context(), audit.Filter{Client: clients[0].ID, Reason: "CERTIFICATE"})
		return err == nil && len(events) > 0
	})
}
