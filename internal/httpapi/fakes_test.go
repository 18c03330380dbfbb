package httpapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/openapi/openapitest"
	"github.com/sesuai/sesuai/internal/signature"
	"github.com/sesuai/sesuai/internal/verify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The synthetic person of these tests. No log or response may contain it.
const (
	testNIK  = "9999010101900001"
	testName = "Sari Contoh"
	testDate = "01-01-1990"
	// testPhoto starts like a PNG, which is all that the fake verifier checks.
	testPhoto = "\x89PNG\r\n\x1a\ncanary-photograph"
)

// testHash stands for a keyed hash.
func testHash(b []byte) [32]byte { return sha256.Sum256(append([]byte("a key\x00"), b...)) }

// testSigner signs with a key that is the same in each run.
var testSigner = func() *signature.Signer {
	secret, err := keyring.SecretOf(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	signer, err := signature.New(signature.Options{Key: secret.Signer(keyring.SignedAnswers)})
	if err != nil {
		panic(err)
	}
	return signer
}()

// today is the current time in these tests.
var today = time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)

// The credentials of these tests.
const (
	testUser     = "user-canary"
	testPassword = "password-canary"
	testKey      = "key-canary"
)

// credentials is an Authenticator that knows one client.
type credentials struct{ client access.Client }

func (c credentials) Authenticate(_ context.Context, a access.Attempt) (access.Client, error) {
	if a.Username != testUser || a.Password != testPassword || a.APIKey != testKey {
		return access.Client{}, &sesuai.Error{Kind: sesuai.KindUnauthenticated}
	}
	return c.client, nil
}

// authenticatorFunc is an Authenticator that accepts every password and makes a
// client of it.
type authenticatorFunc func(password string) access.Client

func (f authenticatorFunc) Authenticate(_ context.Context, a access.Attempt) (access.Client, error) {
	return f(a.Password), nil
}

// verifierFunc is a Verifier.
type verifierFunc func(ctx context.Context, req verify.Request) (sesuai.Verdict, error)

func (f verifierFunc) Verify(ctx context.Context, req verify.Request) (sesuai.Verdict, error) {
	return f(ctx, req)
}

func (verifierFunc) VerifyData(context.Context, verify.DataRequest) (sesuai.DataVerdict, error) {
	return sesuai.DataVerdict{}, errors.New("a data verification was asked for")
}

func (verifierFunc) Liveness(context.Context, verify.LivenessRequest) (sesuai.LivenessVerdict, error) {
	return sesuai.LivenessVerdict{}, errors.New("liveness was asked for")
}

func (verifierFunc) Match(context.Context, verify.MatchRequest) (sesuai.MatchVerdict, error) {
	return sesuai.MatchVerdict{}, errors.New("a face match was asked for")
}

// dataVerifierFunc is a Verifier of data alone.
type dataVerifierFunc func(ctx context.Context, req verify.DataRequest) (sesuai.DataVerdict, error)

func (dataVerifierFunc) Verify(context.Context, verify.Request) (sesuai.Verdict, error) {
	return sesuai.Verdict{}, errors.New("a face verification was asked for")
}

func (f dataVerifierFunc) VerifyData(ctx context.Context, req verify.DataRequest) (sesuai.DataVerdict, error) {
	return f(ctx, req)
}

func (dataVerifierFunc) Liveness(context.Context, verify.LivenessRequest) (sesuai.LivenessVerdict, error) {
	return sesuai.LivenessVerdict{}, errors.New("liveness was asked for")
}

func (dataVerifierFunc) Match(context.Context, verify.MatchRequest) (sesuai.MatchVerdict, error) {
	return sesuai.MatchVerdict{}, errors.New("a face match was asked for")
}

// limiterFunc is a Limiter.
type limiterFunc func(access.Client) error

func (f limiterFunc) Allow(_ context.Context, c access.Client) error { return f(c) }

// verified is the verdict R1.
var verified = sesuai.Verdict{
	Verified: true, Reason: sesuai.ReasonVerified,
	NIK: sesuai.Match, Name: sesuai.Match, DateOfBirth: sesuai.Match, Face: sesuai.PercentageOf(82.04),
}

// r1 is its body.
const r1 = `{"verification_status":true,"reason":"Verification Success","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":82.04}}`

// r8 is the body of every 503.
const r8 = `{"verification_status":false,"reason":"Something wrong in Dukcapil server","result":{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null}}`

// lockedBuffer is a buffer for a log, safe for concurrent use.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// service is the options of a Server, and its log.
type service struct {
	options httpapi.Options
	log     lockedBuffer
}

// newService returns a service whose verifier reports a match, after checking
// that the request is about the test's person.
func newService() *service {
	s := new(service)
	s.options = httpapi.Options{
		Verifier: verifierFunc(func(_ context.Context, req verify.Request) (sesuai.Verdict, error) {
			c := req.Claim
			if c.NIK.Reveal() != testNIK || c.Name.Reveal() != testName || c.DateOfBirth.Reveal() != testDate {
				return sesuai.Verdict{}, errors.New("another person was asked about")
			}
			if string(req.Photo) != testPhoto {
				return sesuai.Verdict{}, &sesuai.Error{Kind: sesuai.KindUnsupportedImage}
			}
			return verified, nil
		}),
		Authenticator: credentials{access.Client{ID: "client-1", Scopes: []access.Scope{access.FaceVerification}}},
		Hash:          testHash,
		Now:           func() time.Time { return today },
		Signer:        testSigner,
		Log:           slog.New(slog.NewJSONHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return s
}

// answers makes the verifier return this for every request.
func (s *service) answers(v sesuai.Verdict, err error) {
	s.options.Verifier = verifierFunc(func(context.Context, verify.Request) (sesuai.Verdict, error) { return v, err })
}

// do sends the request without a network.
func (s *service) do(r *http.Request) *http.Response { return serve(httpapi.New(s.options), r) }

// serve has a handler answer the request without a network.
func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp
}

// start serves on a free port until the test ends, and returns the address.
func (s *service) start(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.serve(t, l)
	return l.Addr().String()
}

// serve serves on the listener until the test ends.
func (s *service) serve(t *testing.T, l net.Listener) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- httpapi.Serve(ctx, l, httpapi.New(s.options), s.options.Log) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with: %v", err)
		}
	})
}

// part is one part of a multipart body. An empty header stands for a header
// with only the name.
type part struct{ name, header, body string }

// everyPart returns a complete, valid form.
func everyPart() []part {
	return []part{
		{name: "nik", body: testNIK},
		{name: "name", body: testName},
		{name: "date_of_birth", body: testDate},
		{name: "face_image", body: testPhoto},
	}
}

const boundary = "the-boundary"

// multipartBody writes the parts byte by byte.
func multipartBody(parts ...part) string {
	var b strings.Builder
	for _, p := range parts {
		header := p.header
		if header == "" {
			header = `Content-Disposition: form-data; name="` + p.name + `"`
		}
		b.WriteString("--" + boundary + "\r\n" + header + "\r\n\r\n" + p.body + "\r\n")
	}
	return b.String() + "--" + boundary + "--\r\n"
}

// toData sends a request to the endpoint of data verifications.
func toData(r *http.Request) *http.Request {
	r.URL.Path, r.RequestURI = httpapi.DataVerificationPath, httpapi.DataVerificationPath
	return r
}

// post returns a request with valid credentials.
func post(contentType, body string) *http.Request {
	return postReader(contentType, strings.NewReader(body))
}

func postReader(contentType string, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, httpapi.FaceVerificationPath, body)
	r.Header.Set("Content-Type", contentType)
	r.SetBasicAuth(testUser, testPassword)
	r.Header.Set("X-Api-Key", testKey)
	return r
}

// postParts returns a multipart request with valid credentials.
func postParts(parts ...part) *http.Request {
	return post("multipart/form-data; boundary="+boundary, multipartBody(parts...))
}

// failer is a test, or what stands for one.
type failer interface {
	Helper()
	Errorf(string, ...any)
}

// checkDescribed checks that openapi.yaml describes a response, and returns its body.
func checkDescribed(t failer, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("reading the body: %v", err)
	}
	_ = resp.Body.Close()
	method, target := "", "" // of a request that was written byte by byte
	if resp.Request != nil {
		method, target = resp.Request.Method, resp.Request.URL.Path
	}
	openapitest.Check(t, method, target, resp, body)
	return string(body)
}

// checkEnvelope checks what must be true of every response in JSON, and returns its
// body.
func checkEnvelope(t failer, resp *http.Response) string {
	t.Helper()
	body := checkDescribed(t, resp)
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); err != nil || object == nil {
		t.Errorf("the body is not a JSON object: %q", body)
	}
	for header, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := resp.Header.Values(header); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q", header, got)
		}
	}
	if id := resp.Header.Values("Request-Id"); len(id) != 1 || id[0] == "" {
		t.Errorf("Request-Id is %q", id)
	}
	if _, wrong := object["verification_result"]; wrong {
		t.Errorf("the body has a key that breaks an SDK: %s", body)
	}
	return body
}
