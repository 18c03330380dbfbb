package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/telemetry"
	"github.com/sesuai/sesuai/internal/verify"
)

// inQueue has so many photographs of a client in the queue, each of which takes that
// long, until stop is called.
func inQueue(q *admission.Queue, client string, n int, takes time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(admission.WithClient(context.Background(), client))
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for {
				release, err := q.Acquire(ctx, 1)
				if err != nil {
					return
				}
				time.Sleep(takes)
				release()
			}
		})
	}
	synctest.Wait()
	return func() {
		cancel()
		all.Wait()
	}
}

// TestLastingOverload: a client that has too many photographs in the queue all the time
// is refused before its body is read, with Retry-After, and neither other clients nor
// data verifications are. It is over when the queue is short.
func TestLastingOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shed []string
		s := newService()
		s.options.Queue = admission.NewQueue(1, 1000)
		s.options.Observe = func(r *telemetry.Request) { shed = append(shed, r.Shed) }
		// The password is the client's id.
		authenticated := 0
		s.options.Authenticator = authenticatorFunc(func(password string) access.Client {
			authenticated++
			return access.Client{ID: password, Scopes: []access.Scope{access.FaceVerification, access.DataVerification}}
		})
		server := httpapi.New(s.options)
		ask := func(client string, body io.Reader) *http.Response {
			r := postReader("multipart/form-data; boundary="+boundary, body)
			r.SetBasicAuth(testUser, client)
			return serve(server, r)
		}
		whole := func() *reads { return &reads{Reader: strings.NewReader(multipartBody(everyPart()...))} }
		stop := inQueue(s.options.Queue, "busy", 6, 50*time.Millisecond)
		if resp := ask("busy", whole()); resp.StatusCode != 200 {
			t.Errorf("a burst is refused: %d", resp.StatusCode)
		}
		time.Sleep(2*time.Second + 25*time.Millisecond) // while one is half done
		body := whole()
		resp := ask("busy", body)
		if text := checkEnvelope(t, resp); resp.StatusCode != 503 || text != r8 || resp.Header.Get("Retry-After") != "1" || body.n != 0 {
			t.Errorf("got %d %s after %d bytes", resp.StatusCode, text, body.n)
		}
		if got := shed[len(shed)-1]; got != string(httpapi.ShedBacklog) {
			t.Errorf("shed for %q", got)
		}
		// The credentials are read no more often than once a second.
		for _, after := range []time.Duration{0, 900 * time.Millisecond, 200 * time.Millisecond} {
			time.Sleep(after)
			read := authenticated
			if resp := ask("busy", whole()); resp.StatusCode != 503 {
				t.Errorf("%v later: %d", after, resp.StatusCode)
			}
			want := 0
			if after == 200*time.Millisecond {
				want = 1
			}
			if got := authenticated - read; got != want {
				t.Errorf("%v later the credentials are read %d times, not %d", after, got, want)
			}
		}
		if resp := ask("polite", whole()); resp.StatusCode != 200 || shed[len(shed)-1] != "" {
			t.Errorf("another client gets %d", resp.StatusCode)
		}
		s.options.Verifier = dataVerifierFunc(func(context.Context, verify.DataRequest) (sesuai.DataVerdict, error) {
			return sesuai.DataVerdict{NIK: sesuai.Match, Name: sesuai.Match}, nil
		})
		r := toData(postParts(everyPart()[:2]...))
		r.SetBasicAuth(testUser, "busy")
		if resp := serve(httpapi.New(s.options), r); resp.StatusCode != 200 {
			t.Errorf("a data verification gets %d", resp.StatusCode)
		}
		stop()
		if resp := ask("busy", whole()); resp.StatusCode != 200 {
			t.Errorf("afterwards it gets %d", resp.StatusCode)
		}
	})
}

// TestTooLate: a photograph that would not be processed in time is refused at once, with
// the time after which it would have been its turn.
func TestTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.options.Queue, s.options.Timeout = admission.NewQueue(1, 1000), 6*time.Second
		stop := inQueue(s.options.Queue, "client-1", 4, 2*time.Second)
		time.Sleep(3 * time.Second) // until it is known what one takes, and the second is half done
		start := time.Now()
		resp := s.do(postParts(everyPart()...))
		if text := checkEnvelope(t, resp); resp.StatusCode != 503 || text != r8 || resp.Header.Get("Retry-After") != "6" {
			t.Errorf("got %d %s, Retry-After %s", resp.StatusCode, text, resp.Header.Get("Retry-After"))
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		stop()
	})
}

// TestRefusalKeepsConnection: a client that has too much in progress keeps its
// connection if the body is short.
func TestRefusalKeepsConnection(t *testing.T) {
	s := newService()
	s.options.MaxInFlight = 1
	started, end := make(chan struct{}), make(chan struct{})
	s.options.Verifier = verifierFunc(func(context.Context, verify.Request) (sesuai.Verdict, error) {
		close(started)
		<-end
		return verified, nil
	})
	address := s.start(t)
	head := func(length int) string {
		r := postParts()
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: sesuai.test\r\nAuthorization: %s\r\nX-Api-Key: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
			httpapi.FaceVerificationPath, r.Header.Get("Authorization"), testKey, r.Header.Get("Content-Type"), length)
	}
	first := dial(t, address)
	body := multipartBody(everyPart()...)
	if _, err := io.WriteString(first, head(len(body))+body); err != nil {
		t.Fatal(err)
	}
	<-started
	second := dial(t, address)
	reader := bufio.NewReader(second)
	for _, length := range []int{1000, 200_000, 300_000} {
		if _, err := io.WriteString(second, head(length)+strings.Repeat("x", min(length, 250_000))); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if checkEnvelope(t, resp); resp.StatusCode != 503 || resp.Close != (length > 256<<10) {
			t.Errorf("a body of %d: got %d, Connection: close is %v", length, resp.StatusCode, resp.Close)
		}
	}
	close(end)
	if resp, err := http.ReadResponse(bufio.NewReader(first), nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("the one in progress: %v, %v", resp, err)
	}
}
