package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/verify"
)

// TestMalformedHeads: what two readers may read differently is refused, as a
// first request and after another one, and nobody is verified.
func TestMalformedHeads(t *testing.T) {
	multi := "multipart/form-data; boundary=" + boundary
	body := multipartBody(everyPart()...)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	head := authorized(multi)
	s := newService()
	var asked atomic.Int64
	verifier := s.options.Verifier
	s.options.Verifier = verifierFunc(func(ctx context.Context, req verify.Request) (sesuai.Verdict, error) {
		asked.Add(1)
		return verifier.Verify(ctx, req)
	})
	address := s.start(t)
	good := head + length + "\r\n" + body
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
	const chunked = "Transfer-Encoding: chunked\r\n"
	for _, tt := range []struct{ about, request string }{
		{"every line with a bare LF", strings.ReplaceAll(head+length+"\r\n", "\r\n", "\n") + body},
		{"the request line with a bare LF", strings.Replace(good, "\r\n", "\n", 1)},
		{"one header with a bare LF", strings.Replace(good, "Host: sesuai.test\r\n", "Host: sesuai.test\n", 1)},
		{"the end of the head with a bare LF", head + length + "\n" + body},
		{"a folded line", strings.Replace(good, "X-Api-Key: ", "X-Api-Key:\r\n ", 1)},
		{"a line folded with a tab", strings.Replace(good, "X-Api-Key: ", "X-Api-Key:\r\n\t", 1)},
		{"a folded line that looks like a header", strings.Replace(good, "X-Api-Key: ", "X-Folded: a\r\n X-Api-Key: b\r\nX-Api-Key: ", 1)},
		{"a folded first line", strings.Replace(good, "Host:", " Host:", 1)},
		{"a bare CR in a header", strings.Replace(good, "sesuai.test\r\n", "sesuai.test\rX: y\r\n", 1)},
		{"two CR", strings.Replace(good, "sesuai.test\r\n", "sesuai.test\r\r\n", 1)},
		{"a bare CR in the request line", strings.Replace(good, " HTTP/1.1\r\n", "\r HTTP/1.1\r\n", 1)},
		{"a NUL", strings.Replace(good, "sesuai.test", "sesuai\x00test", 1)},
		{"a DEL", strings.Replace(good, "sesuai.test", "sesuai\x7ftest", 1)},
		{"a space before the colon", strings.Replace(good, "X-Api-Key:", "X-Api-Key :", 1)},
		{"a tab before the colon", strings.Replace(good, "Content-Length:", "Content-Length\t:", 1)},
		{"no colon", strings.Replace(good, "Host:", "Nothing\r\nHost:", 1)},
		{"no name", strings.Replace(good, "Host:", ": nothing\r\nHost:", 1)},
		{"a name that is no token", strings.Replace(good, "Host:", "X(Y): z\r\nHost:", 1)},
		{"a name outside ASCII", strings.Replace(good, "Host:", "X\xc3\xa9: z\r\nHost:", 1)},
		{"a length and chunks", head + length + chunked + "\r\n" + chunk + "0\r\n\r\n"},
		{"chunks and a length", head + chunked + length + "\r\n" + chunk + "0\r\n\r\n"},
		{"two lengths that differ", head + length + "Content-Length: 5\r\n\r\n" + body},
		{"two lengths that are the same", head + length + length + "\r\n" + body},
		{"a list of lengths", head + fmt.Sprintf("Content-Length: %d, %[1]d\r\n\r\n%s", len(body), body)},
		{"a signed length", head + fmt.Sprintf("Content-Length: +%d\r\n\r\n%s", len(body), body)},
		{"no length", head + "Content-Length:\r\n\r\n" + body},
		{"two encodings", head + chunked + chunked + "\r\n" + chunk + "0\r\n\r\n"},
		{"chunks in HTTP/1.0", strings.Replace(head, "HTTP/1.1", "HTTP/1.0", 1) + chunked + "\r\n" + chunk + "0\r\n\r\n"},
		{"a chunk extension", head + chunked + "\r\n" + strings.Replace(chunk, "\r\n", ";a=b\r\n", 1) + "0\r\n\r\n"},
		{"an extension of the last chunk", head + chunked + "\r\n" + chunk + "0;a=b\r\n\r\n"},
		{"a space after a chunk's size", head + chunked + "\r\n" + strings.Replace(chunk, "\r\n", " \r\n", 1) + "0\r\n\r\n"},
		{"a chunk's size with a bare LF", head + chunked + "\r\n" + strings.Replace(chunk, "\r\n", "\n", 1) + "0\r\n\r\n"},
		{"a chunk's size with a prefix", head + chunked + "\r\n0x" + chunk + "0\r\n\r\n"},
		{"a chunk's size of 64 bits", head + chunked + "\r\nffffffffffffffff\r\n" + body},
		{"a chunk that is longer than its size", head + chunked + "\r\n1\r\n" + body + "\r\n0\r\n\r\n"},
		{"a chunk's end with a bare LF", head + chunked + "\r\n" + strings.TrimSuffix(chunk, "\r\n") + "\n0\r\n\r\n"},
		{"a trailer", head + chunked + "\r\n" + chunk + "0\r\nX-Api-Key: " + testKey + "\r\n\r\n"},
		{"the last chunk's end with a bare LF", head + chunked + "\r\n" + chunk + "0\r\n\n"},
	} {
		for _, before := range []int{0, 2} {
			t.Run(fmt.Sprintf("%s, after %d", tt.about, before), func(t *testing.T) {
				asked.Store(0)
				c := dial(t, address)
				// In one go: the requests before it get their answers.
				if _, err := io.WriteString(c, strings.Repeat(good, before)+tt.request); err != nil {
					t.Fatal(err)
				}
				r := bufio.NewReader(c)
				for range before {
					resp, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Fatal(err)
					}
					if text := checkEnvelope(t, resp); resp.StatusCode != 200 || text != r1 {
						t.Errorf("before: %d %s", resp.StatusCode, text)
					}
				}
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if text := checkEnvelope(t, resp); resp.StatusCode != 400 {
					t.Fatalf("got %d %s", resp.StatusCode, text)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					t.Logf("after the response: %v", err) // a reset, since bytes were not read
				}
				if n := asked.Load(); n != int64(before) {
					t.Errorf("%d verifications", n)
				}
			})
		}
	}
}

// TestBodiesAreNotHeads: what is refused in a head is allowed in a body, on one
// connection, however the bytes arrive.
func TestBodiesAreNotHeads(t *testing.T) {
	photo := testPhoto + "\nX-Api-Key : a\n\r folded: b\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\n\n0\r\n\r\n\x00"
	s := newService()
	s.options.Verifier = verifierFunc(func(_ context.Context, req verify.Request) (sesuai.Verdict, error) {
		if string(req.Photo) != photo {
			return sesuai.Verdict{}, fmt.Errorf("another photograph: %q", req.Photo)
		}
		return verified, nil
	})
	address := s.start(t)
	multi := "multipart/form-data; boundary=" + boundary
	body := multipartBody(with("face_image", photo)...)
	withLength := fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", authorized(multi), len(body), body)
	inChunks := authorized(multi) + "transfer-encoding:\tChunked \r\n\r\n"
	for rest := body; rest != ""; {
		n := min(7, len(rest))
		inChunks += fmt.Sprintf("%04X\r\n%s\r\n", n, rest[:n])
		rest = rest[n:]
	}
	inChunks += "0\r\n\r\n"
	const get = "GET /healthz HTTP/1.1\r\nHost: sesuai.test\r\nX-Other: a\tb \xc3\xa9\r\nX-Empty:\r\n\r\n"
	requests := []string{withLength, inChunks, get, withLength + "\r\n", inChunks, get, withLength}
	all := strings.Join(requests, "")
	for about, size := range map[string]int{"at once": len(all), "in pieces of 1000": 1000, "byte by byte": 1} {
		t.Run(about, func(t *testing.T) {
			c := dial(t, address)
			sent := make(chan error, 1)
			go func() {
				for rest := all; rest != ""; {
					n, err := io.WriteString(c, rest[:min(size, len(rest))])
					if err != nil {
						sent <- err
						return
					}
					rest = rest[n:]
				}
				sent <- nil
			}()
			r := bufio.NewReader(c)
			for i := range requests {
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatalf("request %d: %v; %s", i, err, s.log.String())
				}
				if text := checkEnvelope(t, resp); resp.StatusCode != 200 {
					t.Errorf("request %d: %d %s", i, resp.StatusCode, text)
				}
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		})
	}
}

// FuzzFraming follows any bytes as they would come from a connection. Where
// net/http reads a request from what is allowed, it must end where the request
// ends for the check; otherwise a body's bytes could be taken for a head.
func FuzzFraming(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n\n\n\nGET / HTTP/1.1\r\nA: b\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc"))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chun\xe2\x84\xaaed\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	f.Add([]byte("CONNECT x:1 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"))
	f.Add([]byte("HEAD / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length : 2\r\n\r\nx"))
	f.Add([]byte("GET / HTTP/1.1\nHost: x\n b\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		allowed, ends := httpapi.FollowForTest(b, 1)
		if atOnce, _ := httpapi.FollowForTest(b, len(b)+1); atOnce != allowed {
			t.Errorf("%d bytes are allowed at once, %d one by one", atOnce, allowed)
		}
		if allowed < len(b) && b[allowed] != '\n' && allowed < 1<<15 {
			t.Errorf("byte %d is refused, which ends no line", allowed)
		}
		from := bytes.NewReader(b[:allowed])
		r := bufio.NewReader(from)
		for {
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, request.Body); err != nil {
				return
			}
			if end := allowed - from.Len() - r.Buffered(); !ends[end] {
				t.Fatalf("net/http ends a request at byte %d, the check does not", end)
			}
		}
	})
}

// FuzzRefused: where a line is refused, net/http answers 400 if the line is in a
// head, and reads no body if it is in a body.
func FuzzRefused(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\nHost: x\r\n\r\n"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\nx\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		allowed, ends := httpapi.FollowForTest(b, 1)
		if allowed == len(b) {
			return
		}
		last := 0 // where the refused request starts
		for end := range ends {
			last = max(last, end)
		}
		refused := string(b[last:allowed]) + "\x00\r\n\r\n\r\n\r\n"
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(refused)))
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err == nil {
			t.Errorf("net/http reads %q as a request", refused)
		}
	})
}
