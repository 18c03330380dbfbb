package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// authenticate is an Authenticator.
type authenticate func(access.Attempt) (access.Client, error)

func (f authenticate) Authenticate(_ context.Context, a access.Attempt) (access.Client, error) {
	return f(a)
}

// attempts is an Authenticator that accepts nobody and keeps what it is given.
type attempts struct{ all []access.Attempt }

func (a *attempts) Authenticate(_ context.Context, attempt access.Attempt) (access.Client, error) {
	a.all = append(a.all, attempt)
	return access.Client{}, &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: 3 * time.Second}
}

// TestAttempts: the Authenticator gets the address of the connection, whatever
// the headers say, and its refusal of too many attempts is a 429.
func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for remote, want := range map[string]netip.Addr{
			"192.0.2.7:1234":         netip.MustParseAddr("192.0.2.7"),
			"[2001:db8::1]:1234":     netip.MustParseAddr("2001:db8::1"),
			"a pipe, not an address": {},
		} {
			s, a := newService(), new(attempts)
			s.options.Authenticator = a
			r := postParts(everyPart()...)
			r.RemoteAddr = remote
			r.Header.Set("X-Forwarded-For", "198.51.100.1")
			r.Header.Set("Forwarded", "for=198.51.100.1")
			r.Header.Set("X-Real-Ip", "198.51.100.1")
			resp := s.do(r)
			body := checkEnvelope(t, resp)
			if resp.StatusCode != 429 || body != `{"error":"Rate limit exceeded"}` || resp.Header.Get("Retry-After") != "3" {
				t.Errorf("got %d %s, Retry-After %q", resp.StatusCode, body, resp.Header.Get("Retry-After"))
			}
			if len(a.all) != 1 || a.all[0] != (access.Attempt{From: want, Username: testUser, Password: testPassword, APIKey: testKey}) {
				t.Errorf("%s: got %+v", remote, a.all)
			}
		}
	})
}

// TestThrottledAttemptsAreHeld: a response to a caller that failed too often takes
// a second, unless many are held already or the caller goes. A client's own rate
// is not slowed.
func TestThrottledAttemptsAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, maxHeld = 100, 64
		s := newService()
		known := s.options.Authenticator
		s.options.Authenticator = authenticate(func(access.Attempt) (access.Client, error) {
			return access.Client{}, &sesuai.Error{Kind: sesuai.KindRateLimited}
		})
		server := httpapi.New(s.options)
		start := time.Now()
		var atOnce, held atomic.Int64
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				serve(server, postParts(everyPart()...))
				switch time.Since(start) {
				case 0:
					atOnce.Add(1)
				case time.Second:
					held.Add(1)
				}
			})
		}
		group.Wait()
		if held.Load() != maxHeld || atOnce.Load() != callers-maxHeld {
			t.Errorf("%d were held and %d answered at once", held.Load(), atOnce.Load())
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start = time.Now()
		serve(server, postParts(everyPart()...).WithContext(ctx))
		if took := time.Since(start); took != 0 {
			t.Errorf("the response to a caller that has gone was held for %v", took)
		}

		s.options.Authenticator = known
		s.options.Limiter = limiterFunc(func(access.Client) error { return &sesuai.Error{Kind: sesuai.KindRateLimited} })
		start = time.Now()
		resp := s.do(postParts(everyPart()...))
		if took := time.Since(start); resp.StatusCode != 429 || took != 0 {
			t.Errorf("a client over its rate: %d after %v", resp.StatusCode, took)
		}
	})
}

// TestHeadersGivenTwice: a request with two of a header that decides something is
// malformed, before credentials are looked at, whether the two are the same or
// not.
func TestHeadersGivenTwice(t *testing.T) {
	for _, name := range []string{"Authorization", "X-Api-Key", "X-Request-Id", "Content-Type", "Content-Encoding"} {
		for about, second := range map[string]string{"the same": "", "another": "other", "empty": " "} {
			s := newService()
			a := new(attempts)
			s.options.Authenticator = a
			body := &reads{Reader: strings.NewReader(multipartBody(everyPart()...))}
			r := postReader("multipart/form-data; boundary="+boundary, body)
			r.Header.Set("X-Request-Id", "request-1")
			r.Header.Set("Content-Encoding", "identity")
			if second == "" {
				second = r.Header.Get(name)
			}
			r.Header.Add(name, strings.TrimSpace(second))
			resp := s.do(r)
			text := checkEnvelope(t, resp)
			if resp.StatusCode != 400 || !strings.Contains(text, `"code":"MALFORMED"`) {
				t.Errorf("%s, %s: got %d %s", name, about, resp.StatusCode, text)
			}
			if len(a.all) != 0 || body.n != 0 {
				t.Errorf("%s, %s: %d attempts, %d bytes read", name, about, len(a.all), body.n)
			}
			if twice := name == "X-Request-Id"; twice == (resp.Header.Get("Request-Id") == "request-1") {
				t.Errorf("%s, %s: Request-Id %q", name, about, resp.Header.Get("Request-Id"))
			}
			checkNothingShows(t, s.log.String())
		}
	}
}

// TestLogOfUnknownCallers: a thousand refused requests a second of one kind leave
// five lines and their number. Those of another kind and those of clients have
// their own lines.
func TestLogOfUnknownCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		known := s.options.Authenticator
		s.options.Authenticator = authenticate(func(access.Attempt) (access.Client, error) {
			return access.Client{}, &sesuai.Error{Kind: sesuai.KindUnauthenticated}
		})
		refusing := httpapi.New(s.options)
		time.Sleep(time.Duration(1e9 - time.Now().Nanosecond())) // the start of a second
		for range 3 {
			var group sync.WaitGroup
			for range 1000 {
				group.Go(func() { serve(refusing, postParts(everyPart()...)) })
			}
			group.Wait()
			time.Sleep(time.Second)
		}
		serve(refusing, httptest.NewRequest(http.MethodGet, "/nowhere", nil))
		var kinds []string
		skipped := 0
		for line := range bytes.Lines([]byte(s.log.String())) {
			var l struct {
				Msg, Kind string
				Count     int
			}
			if err := json.Unmarshal(line, &l); err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, l.Msg+" "+l.Kind)
			skipped += l.Count
		}
		const request, not = "request UNAUTHENTICATED", "requests not logged UNAUTHENTICATED"
		want := []string{
			request, request, request, request, request,
			not, request, request, request, request, request,
			not, request, request, request, request, request,
			not, "request NOT_FOUND",
		}
		if strings.Join(kinds, "\n") != strings.Join(want, "\n") || skipped != 3*995 {
			t.Errorf("%d not logged:\n%s", skipped, strings.Join(kinds, "\n"))
		}

		s = newService()
		s.options.Authenticator = known
		server := httpapi.New(s.options)
		for range 100 {
			serve(server, postParts(with("nik", "x")...))
		}
		if n := strings.Count(s.log.String(), "\n"); n != 100 {
			t.Errorf("%d lines about 100 requests of a client", n)
		}
	})
}
