package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/verify"
)

// patience is how long these tests wait for an event.
const patience = 20 * time.Second

// dial opens a connection and closes it when the test ends.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// exchange sends raw bytes and reads one response.
func exchange(t *testing.T, c net.Conn, request string) *http.Response {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("no response: %v", err)
	}
	return resp
}

// authorized returns the head of a request with valid credentials, without the
// empty line at its end.
func authorized(contentType string) string {
	r := post(contentType, "")
	return "POST " + httpapi.FaceVerificationPath + " HTTP/1.1\r\nHost: sesuai.test\r\n" +
		"Authorization: " + r.Header.Get("Authorization") + "\r\nX-Api-Key: " + testKey + "\r\n" +
		"Content-Type: " + contentType + "\r\n"
}

// TestEveryLayerSpeaksJSON: the responses that net/http writes itself are JSON
// objects with a Request-Id too.
func TestEveryLayerSpeaksJSON(t *testing.T) {
	address := newService().start(t)
	const host = "Host: sesuai.test\r\n"
	for _, tt := range []struct {
		about, request string
		status         int
		body           string
	}{
		{"not HTTP", "hello\r\n\r\n", 400, `{"error":"Bad request"}`},
		{"TLS on a plain port", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", 400, `{"error":"Bad request"}`},
		{"no Host", "GET /healthz HTTP/1.1\r\n\r\n", 400, `{"error":"Bad request"}`},
		{"two Hosts", "GET /healthz HTTP/1.1\r\n" + host + host + "\r\n", 400, `{"error":"Bad request"}`},
		{"a broken Host", "GET /healthz HTTP/1.1\r\nHost: \x01\r\n\r\n", 400, `{"error":"Bad request"}`},
		{"a broken header", "GET /healthz HTTP/1.1\r\n" + host + "X Y: z\r\n\r\n", 400, `{"error":"Bad request"}`},
		{"a broken escape in the path", "GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400, `{"error":"Bad request"}`},
		{"a broken Content-Length", "POST /healthz HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400, `{"error":"Bad request"}`},
		{"two lengths", "POST /healthz HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, `{"error":"Bad request"}`},
		{"HTTP/3", "GET /healthz HTTP/3.0\r\n" + host + "\r\n", 505, `{"error":"HTTP version not supported"}`},
		{"HTTP/2 without being asked", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404, `{"error":"Not found"}`},
		{"a large header", "GET /healthz HTTP/1.1\r\n" + host + "X-Large: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431, `{"error":"Request header is too large"}`},
		{"an unknown transfer encoding", "POST /healthz HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", 501, `{"error":"Transfer encoding not supported"}`},
		{"an unknown expectation", "POST /healthz HTTP/1.1\r\n" + host + "Expect: miracles\r\nContent-Length: 0\r\n\r\n", 417, `{"error":"Expectation failed"}`},
		{"an unknown expectation, HTTP/1.0", "POST /healthz HTTP/1.0\r\n" + host + "Expect: miracles\r\nContent-Length: 0\r\n\r\n", 417, `{"error":"Expectation failed"}`},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 404, `{"error":"Not found"}`},
		{"GET *", "GET * HTTP/1.1\r\n" + host + "\r\n", 404, `{"error":"Not found"}`},
		{"CONNECT", "CONNECT sesuai.test:443 HTTP/1.1\r\n" + host + "\r\n", 404, `{"error":"Not found"}`},
		{"an absolute address", "GET http://sesuai.test//healthz/ HTTP/1.1\r\n" + host + "\r\n", 200, `{"status":"ok"}`},
		{"HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n", 200, `{"status":"ok"}`},
		{"a broken chunk", authorized("application/json") + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, ""},
		{"a handler", "GET /healthz HTTP/1.1\r\n" + host + "\r\n", 200, `{"status":"ok"}`},
	} {
		t.Run(tt.about, func(t *testing.T) {
			resp := exchange(t, dial(t, address), tt.request)
			body := checkEnvelope(t, resp)
			if resp.StatusCode != tt.status || (tt.body != "" && body != tt.body) {
				t.Errorf("got %d %s", resp.StatusCode, body)
			}
		})
	}
}

// TestHead: a response to HEAD has the headers of a body, but no body.
func TestHead(t *testing.T) {
	address := newService().start(t)
	c := dial(t, address)
	if _, err := io.WriteString(c, "HEAD /healthz HTTP/1.1\r\nHost: sesuai.test\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	if !strings.HasPrefix(text, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(text, "\r\n\r\n") ||
		!strings.Contains(text, "\r\nContent-Length: 15\r\n") || !strings.Contains(text, "\r\nRequest-Id: ") {
		t.Errorf("got %q", text)
	}
}

// TestConnectionIsKept: if the whole body was read, the connection stays open
// for the next request, whatever the response.
func TestConnectionIsKept(t *testing.T) {
	address := newService().start(t)
	c := dial(t, address)
	multi := "multipart/form-data; boundary=" + boundary
	reader := bufio.NewReader(c)
	for _, parts := range [][]part{everyPart(), with("nik", "x"), with("face_image", "x"), everyPart()} {
		body := multipartBody(parts...)
		if _, err := fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", authorized(multi), len(body), body); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkEnvelope(t, resp)
		if resp.Close {
			t.Errorf("closed after %d", resp.StatusCode)
		}
	}
}

// TestSlowBody: a caller that sends too slowly gets a response, and the
// connection is closed.
func TestSlowBody(t *testing.T) {
	for _, tt := range []struct{ about, head, start string }{
		{"a length", "Content-Length: 1000\r\n", "--" + boundary},
		{"chunks", "Transfer-Encoding: chunked\r\n", "3\r\n--t\r\n"},
		{"nothing at all", "Content-Length: 1000\r\n", ""},
		{"waiting to be asked", "Content-Length: 1000\r\nExpect: 100-continue\r\n", ""},
	} {
		t.Run(tt.about, func(t *testing.T) {
			t.Parallel()
			s := newService()
			s.options.BodyTimeout = 50 * time.Millisecond
			c := dial(t, s.start(t))
			if _, err := io.WriteString(c, authorized("multipart/form-data; boundary="+boundary)+tt.head+"\r\n"+tt.start); err != nil {
				t.Fatal(err)
			}
			reader := bufio.NewReader(c)
			resp, err := http.ReadResponse(reader, nil)
			if err == nil && resp.StatusCode == http.StatusContinue {
				resp, err = http.ReadResponse(reader, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			if body := checkEnvelope(t, resp); resp.StatusCode != 408 || body != `{"error":"Request timeout"}` {
				t.Errorf("got %d %s", resp.StatusCode, body)
			}
			if _, err := reader.ReadByte(); err != io.EOF {
				t.Errorf("the connection is still open: %v", err)
			}
		})
	}
}

// TestBodyTimeoutEndsWithTheBody: BodyTimeout limits only the sending of the
// body. A verification that takes longer is not cancelled.
func TestBodyTimeoutEndsWithTheBody(t *testing.T) {
	s := newService()
	s.options.BodyTimeout = 100 * time.Millisecond
	s.options.Verifier = verifierFunc(func(ctx context.Context, _ verify.Request) (sesuai.Verdict, error) {
		select {
		case <-ctx.Done():
			return sesuai.Verdict{}, ctx.Err()
		case <-time.After(300 * time.Millisecond):
			return verified, nil
		}
	})
	body := multipartBody(everyPart()...)
	resp := exchange(t, dial(t, s.start(t)), fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s",
		authorized("multipart/form-data; boundary="+boundary), len(body), body))
	if got := checkEnvelope(t, resp); resp.StatusCode != 200 || got != r1 {
		t.Errorf("got %d %s", resp.StatusCode, got)
	}
}

// TestCallerGone: a verification is cancelled if the caller closes the
// connection.
func TestCallerGone(t *testing.T) {
	s := newService()
	started, stopped := make(chan struct{}), make(chan error, 1)
	s.options.Verifier = verifierFunc(func(ctx context.Context, _ verify.Request) (sesuai.Verdict, error) {
		close(started)
		select {
		case <-ctx.Done():
		case <-time.After(patience):
		}
		stopped <- ctx.Err()
		return sesuai.Verdict{}, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: ctx.Err()}
	})
	c := dial(t, s.start(t))
	body := multipartBody(everyPart()...)
	if _, err := fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s",
		authorized("multipart/form-data; boundary="+boundary), len(body), body); err != nil {
		t.Fatal(err)
	}
	<-started
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("the work went on: %v", err)
	}
}

// TestShutdown: requests in flight are answered, new connections are refused.
func TestShutdown(t *testing.T) {
	s := newService()
	started, finish := make(chan struct{}), make(chan struct{})
	s.options.Verifier = verifierFunc(func(ctx context.Context, _ verify.Request) (sesuai.Verdict, error) {
		close(started)
		<-finish
		return verified, ctx.Err()
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- httpapi.Serve(ctx, l, httpapi.New(s.options), s.options.Log) }()

	c := dial(t, l.Addr().String())
	body := multipartBody(everyPart()...)
	if _, err := fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s",
		authorized("multipart/form-data; boundary="+boundary), len(body), body); err != nil {
		t.Fatal(err)
	}
	<-started
	stop()
	for { // until the listener is closed
		late, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break
		}
		_ = late.Close()
		runtime.Gosched()
	}
	select {
	case err := <-served:
		t.Fatalf("it ended with a request in flight: %v", err)
	default:
	}
	close(finish)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := checkEnvelope(t, resp); resp.StatusCode != 200 || got != r1 {
		t.Errorf("got %d %s", resp.StatusCode, got)
	}
	if err := <-served; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestListenerFails: Serve returns the listener's error.
func TestListenerFails(t *testing.T) {
	s := newService()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := httpapi.Serve(t.Context(), l, httpapi.New(s.options), s.options.Log); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// endlessBody yields remaining zero bytes and counts them.
type endlessBody struct {
	remaining int64
	sent      atomic.Int64
}

func (b *endlessBody) Read(p []byte) (int, error) {
	if b.remaining == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), b.remaining))
	clear(p[:n])
	b.remaining -= int64(n)
	b.sent.Add(int64(n))
	return n, nil
}

// TestGigabyte: a body of a gigabyte is refused by its length or at the limit,
// and not held in memory.
func TestGigabyte(t *testing.T) {
	const gigabyte = 1 << 30
	address := newService().start(t)
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	for about, length := range map[string]int64{"with a length": gigabyte, "in chunks": -1} {
		t.Run(about, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			body := &endlessBody{remaining: gigabyte}
			r := postReader("multipart/form-data; boundary="+boundary, io.MultiReader(
				strings.NewReader("--"+boundary+"\r\nContent-Disposition: form-data; name=\"face_image\"\r\n\r\n"), body))
			r.RequestURI = ""
			r.URL.Scheme, r.URL.Host = "http", address
			r.ContentLength = length
			resp, err := client.Do(r)
			if err != nil {
				t.Fatalf("no answer: %v", err)
			}
			if text := checkEnvelope(t, resp); resp.StatusCode != 413 || !strings.Contains(text, "TOO_LARGE") {
				t.Errorf("got %d %s", resp.StatusCode, text)
			}
			runtime.ReadMemStats(&after)
			grown := int64(after.Sys) - int64(before.Sys)
			t.Logf("%d KiB sent, memory grew by %d KiB", body.sent.Load()>>10, grown>>10)
			if grown > 128<<20 {
				t.Errorf("memory grew by %d MiB", grown>>20)
			}
			if body.sent.Load() > 64<<20 {
				t.Errorf("%d MiB were read", body.sent.Load()>>20)
			}
		})
	}
}

// TestConcurrentCallers: many concurrent callers each get their own answer. It
// is meant for the race detector.
func TestConcurrentCallers(t *testing.T) {
	s := newService()
	s.options.MaxInFlight = 8
	s.options.Verifier = verifierFunc(func(_ context.Context, req verify.Request) (sesuai.Verdict, error) {
		v := verified
		v.Face = sesuai.PercentageOf(float64(len(req.Photo) % 100))
		return v, nil
	})
	address := s.start(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: patience}
	defer client.CloseIdleConnections()
	done := make(chan error)
	const callers, each = 16, 20
	var full atomic.Int64
	for caller := range callers {
		go func() {
			for i := range each {
				r := postParts(with("face_image", testPhoto+strings.Repeat("x", caller*each+i))...)
				r.RequestURI = ""
				r.URL.Scheme, r.URL.Host = "http", address
				resp, err := client.Do(r)
				if err != nil {
					done <- err
					return
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				want := fmt.Sprintf(`"face_image_percentage":%d}}`, (len(testPhoto)+caller*each+i)%100)
				switch {
				case err != nil:
				case resp.StatusCode == 503:
					full.Add(1)
				case resp.StatusCode != 200 || !strings.HasSuffix(string(body), want):
					err = fmt.Errorf("got %d %s, want %s", resp.StatusCode, body, want)
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d of %d were refused", full.Load(), callers*each)
}
