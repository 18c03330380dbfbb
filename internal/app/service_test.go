package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/openapi/openapitest"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/test/process"
)

// patience is how long these tests wait for what must happen.
const patience = 30 * time.Second

// service is a running service and its only client.
type service struct {
	config  app.Config
	address string
	client  *http.Client
	who     access.Revealed
	log     *lockedBuffer
	stop    func() error
}

// lockedBuffer is a buffer that may be read while it is written to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// errToldToStop is why a service stops, as a signal is outside tests.
var errToldToStop = errors.New("told to stop")

// serve runs the service until the test ends or stop is called. ready is
// closed once it has said that it is.
func serve(t *testing.T, c app.Config) (s *service, ready <-chan struct{}) {
	t.Helper()
	return serveWith(t, c, app.ServeOptions{})
}

// serveWith is serve with options, whose Log and Started it sets.
func serveWith(t *testing.T, c app.Config, o app.ServeOptions) (s *service, ready <-chan struct{}) {
	t.Helper()
	s = &service{config: c, client: &http.Client{Transport: &http.Transport{}, Timeout: patience}, log: &lockedBuffer{}}
	o.Log = slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, cancel := context.WithCancelCause(context.Background())
	started, ended := make(chan struct{}), make(chan error, 1)
	o.Started = func(address net.Addr) {
		s.address = "http://" + address.String()
		close(started)
	}
	go func() {
		ended <- app.Serve(ctx, c, o)
	}()
	s.stop = sync.OnceValue(func() error {
		s.client.CloseIdleConnections()
		cancel(errToldToStop)
		return <-ended
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s, started
}

// start runs the service on people who are enrolled first, with a client.
func start(t *testing.T, c app.Config, people ...person) *service {
	t.Helper()
	process.Need(t, realModels, photosDir)
	who := prepare(t, c, people...)
	s, ready := serve(t, c)
	s.who = who
	s.await(t, ready)
	return s
}

// await waits until the service is ready.
func (s *service) await(t *testing.T, ready <-chan struct{}) {
	t.Helper()
	select {
	case <-ready:
	case <-time.After(patience):
		t.Fatalf("not ready: %v; log:\n%s", s.stop(), s.log)
	}
}

// person is somebody to enrol, or who is claimed, with a photograph by its
// name in photosDir; none if that is empty.
type person struct {
	nik, name, born, photo string
	status                 sesuai.Status
	placeOfBirth, gender   string // "" is unknown
}

// ayu is one of the demo people.
var ayu = person{
	nik: "9901015203900001", name: "AYU KENCANA PRATIWI", born: "12-03-1990", photo: "ayu-reference.jpg", status: sesuai.Active,
	placeOfBirth: "CONTOH", gender: "PEREMPUAN",
}

// asks is the person with changes, as claimed with the second photograph.
func (p person) asks(change ...func(*person)) person {
	p.photo = "ayu-selfie.jpg"
	for _, f := range change {
		f(&p)
	}
	return p
}

// prepare enrols people and makes a client.
func prepare(t *testing.T, c app.Config, people ...person) access.Revealed {
	t.Helper()
	storage, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	engine, err := app.OpenEngine(c, app.OnePhotograph, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	enroller := app.NewEnroller(storage, engine)
	for _, p := range people {
		var photo []byte
		if p.photo != "" {
			photo = readPhoto(t, p.photo)
		}
		change, err := enroller.Enrol(t.Context(), p.record(t), photo)
		if err != nil || change != registry.Added {
			t.Fatalf("enrolling: %v, %v", change, err)
		}
	}
	return addClient(t, storage, "test", access.Client{})
}

func (p person) record(t *testing.T) registry.Person {
	t.Helper()
	r := registry.Person{Status: p.status}
	r.Attributes = make(map[sesuai.Attribute]sesuai.Text)
	var errs [5]error
	r.NIK, errs[0] = sesuai.ParseNIK(p.nik)
	r.Name, errs[1] = sesuai.ParseName(p.name)
	r.DateOfBirth, errs[2] = sesuai.ParseDate(p.born, time.Now())
	r.Attributes[sesuai.PlaceOfBirth], errs[3] = sesuai.ParseText(p.placeOfBirth)
	r.Attributes[sesuai.Gender], errs[4] = sesuai.ParseText(p.gender)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return r
}

func addClient(t *testing.T, storage *app.Storage, name string, c access.Client) access.Revealed {
	t.Helper()
	c.Name, c.AddedAt = name, time.Now()
	if c.Scopes == nil {
		c.Scopes = access.Scopes[:]
	}
	c.Threshold, c.NameThreshold = sesuai.PercentageOf(access.DefaultThreshold), access.DefaultNameThreshold
	_, credentials, err := access.Add(t.Context(), storage.Clients, storage.Hash, c)
	if err != nil {
		t.Fatal(err)
	}
	return credentials.Reveal()
}

func closeStorage(t *testing.T, storage *app.Storage) {
	t.Helper()
	if err := storage.Close(); err != nil {
		t.Error(err)
	}
}

func readPhoto(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(photosDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// form is a claim as a client sends it.
func form(t *testing.T, p person, photo []byte) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range [][2]string{{"nik", p.nik}, {"name", p.name}, {"date_of_birth", p.born}} {
		if err := w.WriteField(field[0], field[1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("face_image", p.name+".jpg")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(photo) // never fails: a bytes.Buffer
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

// request is a request with the client's credentials.
func (s *service) request(t *testing.T, method, path, contentType string, body []byte) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.address+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.SetBasicAuth(s.who.Username, s.who.Password)
	r.Header.Set("X-Api-Key", s.who.APIKey)
	return r
}

// send sends a request and reads the answer.
func (s *service) send(t *testing.T, r *http.Request) (answer *http.Response, body string) {
	t.Helper()
	answer, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(b)
}

// do sends a request; every answer must be a JSON object with a Request-Id, as
// openapi.yaml describes it.
func (s *service) do(t *testing.T, r *http.Request) (status int, body string) {
	t.Helper()
	answer, body := s.send(t, r)
	openapitest.Check(t, r.Method, r.URL.Path, answer, []byte(body))
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); err != nil || answer.Header.Get("Request-Id") == "" {
		t.Errorf("%d: %v, Request-Id %q, in %s", answer.StatusCode, err, answer.Header.Get("Request-Id"), body)
	}
	return answer.StatusCode, body
}

// verify asks for a verification.
func (s *service) verify(t *testing.T, p person) (status int, body string) {
	t.Helper()
	contentType, b := form(t, p, readPhoto(t, p.photo))
	return s.do(t, s.request(t, http.MethodPost, httpapi.FaceVerificationPath, contentType, b))
}

// get asks without credentials.
func (s *service) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	return s.do(t, getRequest(t, s.address+path))
}

func getRequest(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// adminPage gets a page at the admin listener.
func (s *service) adminPage(t *testing.T, path string) (status int, body string) {
	t.Helper()
	answer, body := s.send(t, getRequest(t, "http://"+s.config.Admin.Listen+path))
	return answer.StatusCode, body
}

// wait waits until something has happened, which it names if it does not.
func wait(t *testing.T, something string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !happened() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("it has not happened: %s", something)
		}
	}
}

// awaitReadiness waits until /readyz answers with the status.
func (s *service) awaitReadiness(t *testing.T, want int) {
	t.Helper()
	wait(t, fmt.Sprint("/readyz answers ", want), func() bool {
		status, _ := s.get(t, "/readyz")
		return status == want
	})
}
