package app_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/openapi/openapitest"
	"github.com/sesuai/sesuai/internal/sandbox"
	"github.com/sesuai/sesuai/test/process"
)

// startSandbox serves a sandbox in which Ayu is on record.
func startSandbox(t *testing.T) *service {
	t.Helper()
	process.Need(t, realModels, photosDir)
	c := config(t)
	c.Face.Liveness = true
	// One outcome takes 3 s, another as long as the longer of these.
	c.Times.Registry, c.Times.Request = 4*time.Second, 4*time.Second
	who := prepare(t, c, ayu)
	s, ready := serveWith(t, c, app.ServeOptions{Sandbox: true})
	s.who = who
	s.await(t, ready)
	return s
}

// guidance matches the guidance of an answer.
var guidance = regexp.MustCompile(`,"guidance":\{"id":"[^"]+","en":"[^"]+"\}`)

// claims returns the fields and the files of a request about an outcome.
func claims(o sandbox.Outcome, endpoint string) (fields map[string]string, files map[string][]byte) {
	photo := []byte("no photograph: nobody looks at it")
	fields = map[string]string{"nik": o.NIK, "name": "Siapa Saja", "date_of_birth": "01-02-1990"}
	switch endpoint {
	case httpapi.FaceVerificationPath:
		files = map[string][]byte{"face_image": photo}
	case httpapi.DataVerificationPath:
		if o.Attribute != "" {
			fields[string(o.Attribute)] = "A1"
		}
	case httpapi.FaceMatchPath:
		fields, files = map[string]string{"reference_id": o.NIK}, map[string][]byte{"captured_image": photo, "stored_image": photo}
	case httpapi.PassiveLivenessPath:
		fields, files = map[string]string{"reference_id": o.NIK}, map[string][]byte{"image": photo}
	}
	return fields, files
}

// asked returns the request of an endpoint with these fields and files.
func (s *service) asked(t *testing.T, endpoint string, fields map[string]string, files map[string][]byte) *http.Request {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	for name, file := range files {
		part, err := w.CreateFormFile(name, "photograph.jpg")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(file) // never fails: a bytes.Buffer
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return s.request(t, http.MethodPost, endpoint, w.FormDataContentType(), b.Bytes())
}

// TestSandbox: every endpoint gives every outcome of the table, to the byte but for
// the guidance, and audit events are recorded as ever.
func TestSandbox(t *testing.T) {
	s := startSandbox(t)
	var verdicts, refusals int
	var all errgroup.Group
	all.SetLimit(32) // the client's share of the requests in progress is larger
	for _, o := range sandbox.Outcomes {
		for _, endpoint := range sandbox.Endpoints {
			want := o.Answer(endpoint)
			switch {
			case want.Status == http.StatusOK:
				verdicts++
			case strings.Contains(want.Body, `"code"`):
				refusals++
			}
			fields, files := claims(o, endpoint)
			request := s.asked(t, endpoint, fields, files)
			all.Go(func() error {
				s.assertAnswer(t, request, o.NIK+" "+o.Means, want)
				return nil
			})
		}
	}
	for _, m := range sandbox.Mistakes {
		fields, files := claims(sandbox.Outcomes[0], m.Endpoint)
		if m.Value == "" {
			files[m.Field] = nil
		} else {
			fields[m.Field] = m.Value
		}
		s.assertAnswer(t, s.asked(t, m.Endpoint, fields, files), m.Field, m.Answer)
	}
	_ = all.Wait() // what is wrong has been reported
	storage, err := app.OpenExistingStorage(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	events, err := storage.Trail.Events(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	given, refused := 0, 0
	for _, e := range events {
		switch e.Result {
		case audit.Verified, audit.NotVerified, audit.Matched, audit.NotMatched, audit.Measured:
			given++
		case audit.Refused:
			refused++
		}
	}
	if given != verdicts || refused != refusals || verdicts < 100 || refusals < 50 {
		t.Errorf("%d verdicts and %d refusals were given; in the audit trail are %d and %d", verdicts, refusals, given, refused)
	}
}

// assertAnswer sends a request and compares the answer with the one wanted.
func (s *service) assertAnswer(t *testing.T, request *http.Request, about string, want sandbox.Answer) {
	answer, err := s.client.Do(request)
	if err != nil {
		t.Errorf("%s, %s: %v", want.Endpoint, about, err)
		return
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Errorf("%s, %s: %v", want.Endpoint, about, err)
	}
	openapitest.Check(t, request.Method, request.URL.Path, answer, b)
	body, header := string(b), answer.Header
	if guidance.MatchString(body) != strings.Contains(want.Body, `"code"`) {
		t.Errorf("%s, %s: guidance in %s", want.Endpoint, about, body)
	}
	body = guidance.ReplaceAllString(body, "")
	if answer.StatusCode != want.Status || body != want.Body || header.Get("Retry-After") != want.RetryAfter {
		t.Errorf("%s, %s:\n     %d %s, Retry-After %q\nwant %d %s, %q", want.Endpoint, about,
			answer.StatusCode, body, header.Get("Retry-After"), want.Status, want.Body, want.RetryAfter)
	}
	if header.Get(sandbox.Header) != "true" || header.Get("Request-Id") == "" || header.Get("Content-Type") != "application/json" {
		t.Errorf("%s, %s: the header is %v", want.Endpoint, about, header)
	}
}

// TestSandboxBesideRealPeople: people who are on record are verified for real, and
// somebody who may be real is not looked up.
func TestSandboxBesideRealPeople(t *testing.T) {
	process.Slow(t)
	s := startSandbox(t)
	if status, body := s.verify(t, ayu.asks()); status != http.StatusOK || !strings.Contains(body, `"Verification Success"`) {
		t.Errorf("of Ayu: %d %s", status, body)
	}
	if status, body := s.verify(t, ayu.asks(func(p *person) { p.photo = "rani-reference.jpg" })); !strings.Contains(body, "does not pass the threshold") {
		t.Errorf("of Ayu with another photograph: %d %s", status, body)
	}
	possible := ayu
	possible.nik = "3201015203900001"
	enrolLate(t, s.config, possible)
	if status, body := s.verify(t, possible.asks()); status != http.StatusOK || !strings.Contains(body, "NIK not found") {
		t.Errorf("of somebody who may be real: %d %s", status, body)
	}
}

// enrolLate enrols somebody while a service runs.
func enrolLate(t *testing.T, c app.Config, p person) {
	t.Helper()
	storage, err := app.OpenExistingStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	if _, err := storage.People.Enrol(t.Context(), p.record(t), nil); err != nil {
		t.Fatal(err)
	}
}

// TestSandboxHeader: every response says that this is a sandbox, also those that
// come before any handler, and no response of another service does.
func TestSandboxHeader(t *testing.T) {
	process.Slow(t)
	sandboxed := startSandbox(t)
	other, ready := serve(t, config(t))
	other.await(t, ready)
	for _, s := range []*service{sandboxed, other} {
		want := ""
		if s == sandboxed {
			want = "true"
		}
		for _, path := range []string{"/healthz", "/readyz", "/nowhere", httpapi.FaceVerificationPath} {
			answer, _ := s.send(t, getRequest(t, s.address+path))
			if got := answer.Header.Get(sandbox.Header); got != want {
				t.Errorf("%s: %q, want %q", path, got, want)
			}
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.address, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("no request\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if got := answer.Header.Get(sandbox.Header); answer.StatusCode != http.StatusBadRequest || got != want {
			t.Errorf("a malformed request: %d, %q, want %q", answer.StatusCode, got, want)
		}
	}
}

// TestSandboxRefuses: a sandbox is not served on people who may be real, nor in front
// of Dukcapil.
func TestSandboxRefuses(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels, photosDir)
	c := config(t)
	possible := ayu
	possible.nik, possible.photo = "3201015203900001", ""
	prepare(t, c, ayu, possible)
	assertConfiguration(t, serveSandbox(t, c), "may be real", "99")
	storage, err := app.OpenExistingStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := storage.People.Remove(t.Context(), possible.record(t).NIK); err != nil {
		t.Fatal(err)
	}
	closeStorage(t, storage)
	s, ready := serveWith(t, c, app.ServeOptions{Sandbox: true})
	s.await(t, ready)

	c.Dukcapil.Enabled = true
	assertConfiguration(t, serveSandbox(t, c), "dukcapil.enabled")
}

// serveSandbox serves a sandbox that must not start.
func serveSandbox(t *testing.T, c app.Config) error {
	t.Helper()
	return app.Serve(t.Context(), c, app.ServeOptions{
		Sandbox: true, Log: slog.New(slog.DiscardHandler), Started: func(net.Addr) { t.Error("said to be ready") },
	})
}
