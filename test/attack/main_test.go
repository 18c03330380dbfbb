// Package attack_test attacks the service as somebody does who has a client's
// credentials: it climbs to a face, enumerates NIKs, and finds dates of birth and
// names by asking. Each attack runs twice, with limits and rounding switched off and
// with the defaults, and counts queries and days. docs/reference/attacks.md has the
// table that make attacks prints.
//
// The service runs in a bubble of testing/synctest, whose clock advances when everybody
// waits. So a day takes no time, and each part of the service has the same clock. Every
// query passes the handler of the API.
package attack_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/test/process"
)

const (
	root   = "../.."
	models = root + "/models"
)

// whole reports whether the whole table is made: see make attacks.
func whole() bool { return os.Getenv("ATTACKS") != "" }

// today is when an attack starts: a day on which everybody in the registry is born.
var today = time.Date(2026, time.December, 1, 8, 0, 0, 0, sesuai.Jakarta)

// service is the service under attack, in a bubble.
type service struct {
	storage *app.Storage
	handler http.Handler
	engine  *face.Engine // nil if it was started without photographs
}

// startService starts the service. The test must be in a bubble.
func startService(t *testing.T, c app.Config, photographs bool) *service {
	t.Helper()
	time.Sleep(time.Until(today))
	c.Data, c.Models = t.TempDir(), models
	s := new(service)
	var err error
	if s.storage, err = app.OpenStorage(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.storage.Close(); err != nil {
			t.Error(err)
		}
	})
	var extractor face.Extractor
	if photographs {
		if s.engine, err = app.OpenEngine(c, app.ManyPhotographs, 1); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.engine.Close)
		extractor = s.engine
	}
	log := slog.New(slog.DiscardHandler)
	asked, err := app.OpenRegistry(c, s.storage, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.handler = httpapi.New(httpapi.Options{
		Verifier: app.NewVerifier(c, s.storage, asked, extractor), Answers: s.storage.Answers,
		Authenticator: access.NewAuthenticator(access.AuthenticatorOptions{Clients: s.storage.Clients, Hash: s.storage.Hash}),
		Hash:          s.storage.Hash, Log: log, // no Limiter: these clients have no rate
	})
	return s
}

// person is somebody on record.
type person struct{ nik, name, born string }

// enrol puts a person on record with a photograph; without one if it is nil.
func (s *service) enrol(t *testing.T, p person, photo []byte) {
	t.Helper()
	r := registry.Person{Status: sesuai.Active}
	var err error
	if r.NIK, err = sesuai.ParseNIK(p.nik); err != nil {
		t.Fatal(err)
	}
	if r.Name, err = sesuai.ParseName(p.name); err != nil {
		t.Fatal(err)
	}
	if r.DateOfBirth, err = sesuai.ParseDate(p.born, time.Now()); err != nil {
		t.Fatal(err)
	}
	var change registry.Change
	if photo == nil {
		change, err = s.storage.People.Enrol(t.Context(), r, nil)
	} else {
		change, err = app.NewEnroller(s.storage, s.engine).Enrol(t.Context(), r, photo)
	}
	if err != nil || change != registry.Added {
		t.Fatalf("enrolling: %v, %v", change, err)
	}
}

// caller is a client of the service.
type caller struct {
	s   *service
	who access.Revealed
}

// newCaller adds a client with the default settings and every scope.
func (s *service) newCaller(t *testing.T, change ...func(*access.Client)) *caller {
	t.Helper()
	c := access.Client{
		Name: "client " + strconv.FormatInt(time.Now().UnixNano(), 36), AddedAt: time.Now(), Scopes: access.Scopes[:],
		Threshold: sesuai.PercentageOf(access.DefaultThreshold), NameThreshold: access.DefaultNameThreshold,
	}
	for _, f := range change {
		f(&c)
	}
	time.Sleep(time.Millisecond) // the next one has another name
	_, credentials, err := access.Add(t.Context(), s.storage.Clients, s.storage.Hash, c)
	if err != nil {
		t.Fatal(err)
	}
	return &caller{s: s, who: credentials.Reveal()}
}

// answer is what a caller is told.
type answer struct {
	status     int
	retryAfter time.Duration
	Verified   bool   `json:"verification_status"`
	Reason     string `json:"reason"`
	Code       string `json:"code"`
	Result     struct {
		NIK        *bool    `json:"nik"`
		Name       *bool    `json:"name"`
		Born       *bool    `json:"date_of_birth"`
		Percentage *float64 `json:"face_image_percentage"`
	} `json:"result"`
}

// percentage returns the percentage of the answer; 0 if there is none.
func (a answer) percentage() float64 {
	if a.Result.Percentage == nil {
		return 0
	}
	return *a.Result.Percentage
}

// ask asks about a claim, by face verification if there is a photograph, else by data
// verification. An empty field is not sent. A limit's refusal is returned as it is.
func (c *caller) ask(t *testing.T, p person, photo []byte) answer {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, field := range [][2]string{{"nik", p.nik}, {"name", p.name}, {"date_of_birth", p.born}} {
		if field[1] != "" {
			_ = form.WriteField(field[0], field[1]) // never fails: a bytes.Buffer
		}
	}
	path := httpapi.DataVerificationPath
	if photo != nil {
		path = httpapi.FaceVerificationPath
		part, _ := form.CreateFormFile("face_image", "photo")
		_, _ = part.Write(photo)
	}
	_ = form.Close()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, &b)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.SetBasicAuth(c.who.Username, c.who.Password)
	r.Header.Set("X-Api-Key", c.who.APIKey)
	w := httptest.NewRecorder()
	c.s.handler.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: w.Code}
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("%v in the body of a response with status %d", err, w.Code)
	}
	switch w.Code {
	case http.StatusTooManyRequests:
		seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if err != nil || seconds < 1 {
			t.Fatalf("429 with Retry-After %q", w.Header().Get("Retry-After"))
		}
		a.retryAfter = time.Duration(seconds) * time.Second
	case http.StatusOK, http.StatusBadRequest:
	default:
		t.Fatalf("status %d: %s", w.Code, body)
	}
	return a
}

// needPhotographs returns the folder of the development photographs.
func needPhotographs(t *testing.T) string {
	t.Helper()
	process.Need(t, models)
	return process.Faces(t, root)
}
