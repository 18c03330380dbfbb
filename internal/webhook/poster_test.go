package webhook_test

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/webhook"
)

// local allows receivers on this machine.
var local = webhook.Config{AllowNetworks: "127.0.0.0/8, ::1/128", AllowHTTP: true}

func poster(t testing.TB, o webhook.PosterOptions) *webhook.Poster {
	t.Helper()
	p := webhook.NewPoster(o)
	t.Cleanup(p.Close)
	return p
}

func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func hookTo(url string) webhook.Webhook {
	return webhook.Webhook{URL: url, Secret: webhook.NewSecret()}
}

func TestPost(t *testing.T) {
	var other atomic.Int64
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { other.Add(1) })
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || string(b) != "{}" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("webhook-id") != "msg_1" {
			t.Errorf("%s %v %s %v", r.Method, r.Header, b, err)
		}
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		case "/204":
			w.WriteHeader(http.StatusNoContent)
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/broken":
			panic(http.ErrAbortHandler)
		case "/headers":
			w.Header().Set("X-Much", strings.Repeat("a", 1<<20))
		}
	})
	p := poster(t, webhook.PosterOptions{Policy: policy(t, local)})
	for path, want := range map[string]webhook.Attempt{
		"/200": {Status: 200}, "/204": {Status: 204}, "/gone": {Status: 410, Failure: webhook.FailedStatus},
		"/redirect": {Status: 307, Failure: webhook.FailedStatus}, "/broken": {Failure: webhook.FailedConnection},
		"/headers": {Failure: webhook.FailedConnection},
	} {
		a := p.Post(t.Context(), hookTo(target+path), "msg_1", []byte("{}"))
		if a.Status != want.Status || a.Failure != want.Failure || a.At.IsZero() {
			t.Errorf("%s: %+v", path, a)
		}
	}
	if n := other.Load(); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

// TestNotAllowed: nothing is dialled that the configuration does not allow.
func TestNotAllowed(t *testing.T) {
	var requests atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	s.Config.ConnState = func(net.Conn, http.ConnState) { requests.Add(1) }
	s.Start()
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	nowhere := policy(t, webhook.Config{AllowHTTP: true})
	for url, want := range map[string]webhook.Failure{
		s.URL: webhook.FailedURL, "http://localhost:" + port: webhook.FailedAddress, "http://[::ffff:127.0.0.1]:" + port: webhook.FailedURL,
		"http://2130706433:" + port: webhook.FailedName, "http://user@localhost:" + port: webhook.FailedURL,
	} {
		// A resolver of the system reads the number as an address: what is dialled is
		// checked then.
		a := poster(t, webhook.PosterOptions{Policy: nowhere}).Post(t.Context(), hookTo(url), "msg_1", nil)
		if a.Failure != want && (want != webhook.FailedName || a.Failure != webhook.FailedAddress) || a.Status != 0 {
			t.Errorf("%s: %+v", url, a)
		}
	}
	// What was allowed when it was registered, and is not any more.
	for _, c := range []webhook.Config{{}, {AllowNetworks: local.AllowNetworks}} {
		if a := poster(t, webhook.PosterOptions{Policy: policy(t, c)}).Post(t.Context(), hookTo(s.URL), "msg_1", nil); a.Failure != webhook.FailedURL {
			t.Errorf("%+v", a)
		}
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("it was reached: %d", n)
	}
}

// nameServer is a name server on which every name has the address that it is told.
type nameServer struct {
	address atomic.Pointer[[4]byte]
	asked   atomic.Int64
}

// resolver is a resolver that asks the name server.
func (n *nameServer) resolver(t testing.TB) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 512)
		for {
			size, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(n.answer(b[:size]), from)
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answer answers a question (RFC 1035, 4.1): with the address if it asks for one of
// IPv4, and with nothing otherwise. The time to live is 0.
func (n *nameServer) answer(question []byte) []byte {
	const header, typeA = 12, 1
	end := header
	for question[end] != 0 {
		end += 1 + int(question[end])
	}
	end += 5 // the root, the type and the class
	asks := binary.BigEndian.Uint16(question[end-4:])
	answers := byte(0)
	if asks == typeA {
		answers = 1
		n.asked.Add(1)
	}
	b := append([]byte{question[0], question[1], 0x84, 0, 0, 1, 0, answers, 0, 0, 0, 0}, question[header:end]...)
	if asks == typeA {
		b = append(b, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4)
		b = append(b, n.address.Load()[:]...)
	}
	return b
}

// TestNameThatChanges: the address that is dialled is the one that is checked. Once
// the name leads to an address that is not allowed, that is not reached.
func TestNameThatChanges(t *testing.T) {
	var reached [2]atomic.Int64
	first, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatalf("this test needs the address 127.0.0.2, as Linux has it: %v", err)
	}
	_, port, _ := net.SplitHostPort(first.Addr().String())
	second, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range []net.Listener{first, second} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		_ = s.Listener.Close()
		s.Listener = l
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				reached[i].Add(1)
			}
		}
		s.Start()
		t.Cleanup(s.Close)
	}
	names := new(nameServer)
	names.address.Store(&[4]byte{127, 0, 0, 2})
	allowed := policy(t, webhook.Config{AllowNetworks: "127.0.0.2/32", AllowHTTP: true})
	p := poster(t, webhook.PosterOptions{Policy: allowed, Resolver: names.resolver(t)})
	w := hookTo("http://bank.example:" + port)
	if err := allowed.CheckURL(w.URL); err != nil {
		t.Fatal(err)
	}
	if a := p.Post(t.Context(), w, "msg_1", nil); a.Failure != "" {
		t.Fatalf("%+v", a)
	}
	p.Close() // or it would use the connection to the address that is allowed
	names.address.Store(&[4]byte{127, 0, 0, 1})
	if a := p.Post(t.Context(), w, "msg_1", nil); a.Failure != webhook.FailedAddress {
		t.Errorf("%+v", a)
	}
	if names.asked.Load() != 2 || reached[0].Load() != 1 || reached[1].Load() != 0 {
		t.Errorf("asked %d times; reached %d and %d times", names.asked.Load(), reached[0].Load(), reached[1].Load())
	}
}

// TestTLS: a certificate must be one that is trusted.
func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	allowed := policy(t, local)
	for _, test := range []struct {
		url   string
		roots *x509.CertPool
		want  webhook.Failure
	}{
		{s.URL, roots, ""},
		{s.URL, nil, webhook.FailedTLS},
		{strings.Replace(s.URL, "127.0.0.1", "localhost", 1), roots, webhook.FailedTLS},
		{strings.Replace(s.URL, "https", "http", 1), roots, webhook.FailedStatus},
		{"https" + strings.TrimPrefix(serve(t, func(http.ResponseWriter, *http.Request) {}), "http"), roots, webhook.FailedTLS},
	} {
		a := poster(t, webhook.PosterOptions{Policy: allowed, Roots: test.roots}).Post(t.Context(), hookTo(test.url), "msg_1", nil)
		if a.Failure != test.want {
			t.Errorf("%s: %+v", test.url, a)
		}
	}
	closed := serve(t, nil)
	u, _ := url.Parse(closed)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.Addr().String()
	_ = l.Close()
	if a := poster(t, webhook.PosterOptions{Policy: allowed}).Post(t.Context(), hookTo(u.String()), "msg_1", nil); a.Failure != webhook.FailedConnection {
		t.Errorf("%+v", a)
	}
}

// TestHugeAnswer: an answer of 1 GB is not read.
func TestHugeAnswer(t *testing.T) {
	wrote := make(chan int64, 1)
	target := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		b := make([]byte, 1<<20)
		var sum int64
		for sum < 1<<30 {
			n, err := w.Write(b)
			if sum += int64(n); err != nil {
				break
			}
		}
		wrote <- sum
	})
	a := poster(t, webhook.PosterOptions{Policy: policy(t, local)}).Post(t.Context(), hookTo(target), "msg_1", nil)
	if a.Status != 200 || a.Failure != "" {
		t.Errorf("%+v", a)
	}
	if n := <-wrote; n > 64<<20 { // what the system has space for between the two
		t.Errorf("%d bytes were taken", n)
	}
}

// TestHangingAnswer: a try ends after its time, whatever the receiver does.
func TestHangingAnswer(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"headers for ever": func(w http.ResponseWriter, r *http.Request) {
			conn, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = buffered.WriteString("HTTP/1.1 200 OK\r\n")
			for err == nil {
				_, err = buffered.WriteString("A: b\r\n")
				err = errors.Join(err, buffered.Flush())
				time.Sleep(time.Millisecond)
			}
		},
		"slow body": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "a")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Millisecond)
			}
		},
	} {
		p := poster(t, webhook.PosterOptions{Policy: policy(t, local), Timeout: 300 * time.Millisecond})
		a := p.Post(t.Context(), hookTo(serve(t, h)), "msg_1", nil)
		if a.Failure == "" || name == "no answer" && a.Failure != webhook.FailedTimeout {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestListenerThatSaysNothing: neither does one that accepts and never speaks.
func TestListenerThatSaysNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p := poster(t, webhook.PosterOptions{Policy: policy(t, local), Timeout: 300 * time.Millisecond})
	for _, scheme := range []string{"http://", "https://"} {
		if a := p.Post(t.Context(), hookTo(scheme+l.Addr().String()), "msg_1", nil); a.Failure != webhook.FailedTimeout {
			t.Errorf("%s: %+v", scheme, a)
		}
	}
}
