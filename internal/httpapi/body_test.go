package httpapi_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/verify"
)

// byPassword makes the password the client's id.
var byPassword = authenticatorFunc(func(password string) access.Client {
	return access.Client{ID: password, Scopes: []access.Scope{access.FaceVerification}}
})

// TestRefusalEndsConnection: when a request is refused before its body has been
// read, the connection is closed soon, although the body never ends.
func TestRefusalEndsConnection(t *testing.T) {
	forbidden := newService()
	forbidden.options.Authenticator = credentials{access.Client{ID: "client-1"}}
	limited := newService()
	limited.options.Limiter = limiterFunc(func(access.Client) error { return &sesuai.Error{Kind: sesuai.KindRateLimited} })
	starting := newService()
	starting.options.Authenticator = brokenAuthenticator{}
	host := "Host: sesuai.test\r\n"
	known := authorized("multipart/form-data; boundary=" + boundary)
	unknown := "POST " + httpapi.FaceVerificationPath + " HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n"
	for _, tt := range []struct {
		about   string
		service *service
		head    string
		status  int
	}{
		{"no credentials", newService(), unknown, 401},
		{"no scope", forbidden, known, 403},
		{"over the rate", limited, known, 429},
		{"not able to tell", starting, known, 503},
		{"no such path", newService(), "POST /nothing HTTP/1.1\r\n" + host, 404},
		{"no such method", newService(), "PUT /healthz HTTP/1.1\r\n" + host, 405},
		{"no such type", newService(), strings.Replace(known, "multipart/form-data", "text/plain", 1), 415},
		{"a health check", newService(), "GET /healthz HTTP/1.1\r\n" + host, 200},
	} {
		address := tt.service.start(t)
		for about, body := range map[string]string{
			"a short body":      "Content-Length: 1000\r\n\r\n--",
			"a long body":       "Content-Length: 10000000\r\n\r\n--",
			"chunks":            "Transfer-Encoding: chunked\r\n\r\n3\r\n--t\r\n",
			"no chunk":          "Transfer-Encoding: chunked\r\n\r\n",
			"asking for advice": "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
		} {
			t.Run(tt.about+", "+about, func(t *testing.T) {
				t.Parallel()
				c := dial(t, address)
				if _, err := io.WriteString(c, tt.head+body); err != nil {
					t.Fatal(err)
				}
				reader := bufio.NewReader(c)
				resp, err := http.ReadResponse(reader, nil)
				if err != nil {
					t.Fatal(err)
				}
				checkEnvelope(t, resp)
				if resp.StatusCode != tt.status || !resp.Close {
					t.Errorf("got %d, Connection: close is %v", resp.StatusCode, resp.Close)
				}
				if _, err := reader.ReadByte(); err != io.EOF {
					t.Errorf("the connection is still open: %v", err)
				}
			})
		}
	}
}

// TestUnauthenticatedEndsConnection: a 401 closes the connection also if the
// request has been read.
func TestUnauthenticatedEndsConnection(t *testing.T) {
	c := dial(t, newService().start(t))
	resp := exchange(t, c, "POST "+httpapi.FaceVerificationPath+" HTTP/1.1\r\nHost: sesuai.test\r\nContent-Length: 0\r\n\r\n")
	checkEnvelope(t, resp)
	if _, err := c.Read(make([]byte, 1)); resp.StatusCode != 401 || !resp.Close || err != io.EOF {
		t.Errorf("got %d, then %v", resp.StatusCode, err)
	}
}

// stalled is a body whose start has arrived and whose rest does not.
type stalled struct {
	start io.Reader
	end   <-chan struct{}
}

func (s *stalled) Read(p []byte) (int, error) {
	n, err := s.start.Read(p)
	if err == io.EOF {
		<-s.end
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// imageStart is the start of a form with n bytes of a photograph.
func imageStart(n int) string {
	return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"face_image\"\r\n\r\n" + strings.Repeat("x", n)
}

// TestIdleBodiesTakeNothing: clients that do not finish their bodies keep neither
// the slots nor the memory from another client.
func TestIdleBodiesTakeNothing(t *testing.T) {
	for _, tt := range []struct {
		about         string
		clients, sent int
	}{
		{"two clients that send nothing", 2, 0},
		{"two clients that send a part", 2, 1 << 20},
		{"many clients", 136, 0},
	} {
		t.Run(tt.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService()
				s.options.MaxInFlight, s.options.Memory = 64, 32<<20
				s.options.Authenticator = byPassword
				server := httpapi.New(s.options)
				start, end := imageStart(tt.sent), make(chan struct{})
				var idle sync.WaitGroup
				for i := range 136 {
					idle.Go(func() {
						r := postReader("multipart/form-data; boundary="+boundary, &stalled{strings.NewReader(start), end})
						r.ContentLength = 8 << 20
						r.SetBasicAuth("user", fmt.Sprint("idle-", i%tt.clients))
						server.ServeHTTP(httptest.NewRecorder(), r)
					})
				}
				synctest.Wait()
				r := postParts(everyPart()...)
				r.SetBasicAuth("user", "polite")
				w := httptest.NewRecorder()
				server.ServeHTTP(w, r)
				if w.Code != 200 {
					t.Errorf("another client gets %d", w.Code)
				}
				close(end)
				idle.Wait()
			})
		})
	}
}

// TestBodyMemory: no more is read than there is memory for, and all of it is given
// back, however a request ends.
func TestBodyMemory(t *testing.T) {
	const memory, maxBody = 4 << 20, 400 << 10
	s := newService()
	s.options.Memory, s.options.MaxBody = memory, memory
	endless := &reads{Reader: io.MultiReader(strings.NewReader(imageStart(0)), forever{"x"})}
	r := postReader("multipart/form-data; boundary="+boundary, endless)
	r.ContentLength = -1
	resp := s.do(r)
	if text := checkEnvelope(t, resp); resp.StatusCode != 503 || text != r8 || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("got %d %s", resp.StatusCode, text)
	}
	if endless.n > memory*3/4/2 { // one client's share, and each byte is held twice
		t.Errorf("%d bytes were read into a memory of %d", endless.n, memory)
	}

	// What declares that it does not fit is not read.
	declared := &reads{Reader: forever{"x"}}
	r = postReader("multipart/form-data; boundary="+boundary, declared)
	r.ContentLength = memory / 2
	if resp := s.do(r); resp.StatusCode != 503 || declared.n != 0 {
		t.Errorf("got %d after %d bytes", resp.StatusCode, declared.n)
	}

	s.options.MaxBody = maxBody
	server := httpapi.New(s.options)
	status := func(contentType, body string) int {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, post(contentType, body))
		return w.Code
	}
	multi := "multipart/form-data; boundary=" + boundary
	large := strings.Repeat("x", maxBody-1000)
	for range 26 { // so often that what is not given back is missing
		for _, tt := range []struct {
			contentType, body string
			status            int
		}{
			{multi, multipartBody(everyPart()...), 200},
			{multi, multipartBody(with("face_image", large)...), 415},
			{multi, multipartBody(with("nik", "x")...), 400},
			{multi, imageStart(len(large)), 400},
			{"application/json", `{"face_image":"` + large, 400},
			{"application/json", `{"face_image":"` + strings.Repeat("A", len(large)) + `"}`, 400},
		} {
			if got := status(tt.contentType, tt.body); got != tt.status {
				t.Fatalf("got %d, want %d", got, tt.status)
			}
		}
	}
}

// TestLargeBodiesAreCopiedOnce: a body is read, and its photograph copied or decoded
// out of it. Further copies would take memory and time.
func TestLargeBodiesAreCopiedOnce(t *testing.T) {
	photo := testPhoto + strings.Repeat("x", 3<<20)
	text := base64.StdEncoding.EncodeToString([]byte(photo))
	const multi = "multipart/form-data; boundary=" + boundary
	for _, tt := range []struct {
		about, contentType, body string
		copies                   float64 // of the body, beside itself
	}{
		{"a form", multi, multipartBody(with("face_image", photo)...), 1},
		{"a form of base64", multi, multipartBody(with("face_image", text)...), 1.75},
		{"JSON", "application/json", jsonBody(text), 1.75},
		// The copy without escapes counts twice under the race detector: slices.Grow.
		{"JSON with an escape", "application/json", jsonBody(`\/` + text[1:]), 3.75},
	} {
		server := httpapi.New(newService().options)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		server.ServeHTTP(httptest.NewRecorder(), post(tt.contentType, tt.body))
		runtime.ReadMemStats(&after)
		if got := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(tt.body)); got > 1+tt.copies+0.1 {
			t.Errorf("%s: %.2f bytes for each of the body, want %.2f", tt.about, got, 1+tt.copies)
		}
	}
}

// jsonBody is a valid JSON object with this text as the photograph.
func jsonBody(image string) string {
	return `{"nik":"` + testNIK + `","name":"` + testName + `","date_of_birth":"` + testDate + `","face_image":"` + image + `"}`
}

// TestPhotographsTakeMemory: a photograph holds memory until it is verified.
func TestPhotographsTakeMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.options.Memory = 8 << 20
		s.options.Authenticator = byPassword
		s.options.Verifier = verifierFunc(func(context.Context, verify.Request) (sesuai.Verdict, error) {
			time.Sleep(time.Second)
			return verified, nil
		})
		server := httpapi.New(s.options)
		body := multipartBody(with("face_image", strings.Repeat("x", 1<<20))...)
		count := func() map[int]int {
			var mu sync.Mutex
			got := make(map[int]int)
			var group sync.WaitGroup
			for range 20 {
				group.Go(func() {
					r := post("multipart/form-data; boundary="+boundary, body)
					r.SetBasicAuth("user", "a")
					w := httptest.NewRecorder()
					server.ServeHTTP(w, r)
					mu.Lock()
					got[w.Code]++
					mu.Unlock()
				})
				synctest.Wait()
			}
			group.Wait()
			return got
		}
		for range 2 { // what was held is given back
			if got := count(); got[200] < 3 || got[200] > 6 || got[200]+got[503] != 20 {
				t.Errorf("of 20 photographs of 1 MiB in 8 MiB, by status: %v", got)
			}
		}
	})
}

// deadlines records the read deadlines that are set on a connection.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// slowly is a reader that waits before each Read.
type slowly struct {
	io.Reader
	wait time.Duration
}

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(s.wait)
	return s.Reader.Read(p)
}

// TestBodyMustProceed: a third of the time for a body is the time for each 64 KiB
// of it.
func TestBodyMustProceed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.options.BodyTimeout = 30 * time.Second
		start := time.Now()
		image := strings.NewReader(multipartBody(with("face_image", strings.Repeat("x", 150<<10))...))
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		r := postReader("multipart/form-data; boundary="+boundary, slowly{image, 400 * time.Millisecond})
		httpapi.New(s.options).ServeHTTP(w, r)
		if len(w.set) != 4 || !w.set[3].IsZero() {
			t.Fatalf("deadlines %v", w.set)
		}
		first, second, third := w.set[0].Sub(start), w.set[1].Sub(start), w.set[2].Sub(start)
		if first != 10*time.Second || second <= first || second >= 30*time.Second || third <= second || third > 30*time.Second {
			t.Errorf("deadlines after %v, %v and %v", first, second, third)
		}
	})
}
