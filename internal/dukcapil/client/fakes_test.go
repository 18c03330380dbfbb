package client_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"image"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// What is sent and may be found nowhere else.
const (
	nikText    = "9971010501900003"
	nameText   = "Wirasaba Tembalang"
	dateText   = "27-08-1953"
	userID     = "LEMBAGA-USER-77"
	password   = "s3cret-Pa55word"
	credential = "cred ential/0815"
)

func someClaim(t testing.TB) sesuai.Claim {
	t.Helper()
	nik, err := sesuai.ParseNIK(nikText)
	name, err2 := sesuai.ParseName(nameText)
	date, err3 := sesuai.ParseDate(dateText, time.Now())
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	return sesuai.Claim{NIK: nik, Name: name, DateOfBirth: date}
}

// someProbe has a picture of stripes.
func someProbe(t testing.TB) *face.Probe {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 120, 160))
	for i := range img.Pix {
		img.Pix[i] = byte(i * 7)
	}
	picture, err := face.NewPicture(img)
	if err != nil {
		t.Fatal(err)
	}
	return &face.Probe{Picture: picture}
}

// someJPEG is someProbe's picture as it is sent.
func someJPEG(t testing.TB) []byte {
	t.Helper()
	b, err := someProbe(t).Picture.JPEG(195_000)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dataQuestion is a question without a probe.
func dataQuestion(t testing.TB) registry.Question {
	t.Helper()
	return registry.Question{Caller: registry.Caller{Client: "cli_bank", RequestID: "req-1"}, Claim: someClaim(t)}
}

// faceQuestion is a question with a probe.
func faceQuestion(t testing.TB) registry.Question {
	t.Helper()
	q := dataQuestion(t)
	q.Probe = someProbe(t)
	return q
}

// isZero reports whether a says nothing.
func isZero(a registry.Answer) bool { return reflect.DeepEqual(a, registry.Answer{}) }

func diffAnswers(want, got registry.Answer) string {
	return cmp.Diff(want, got, cmpopts.EquateComparable(sesuai.Percentage{}))
}

// sorted sorts texts in place.
func sorted(texts []string) []string {
	slices.Sort(texts)
	return texts
}

// callLog is a call log that holds its callers to the contract.
type callLog struct {
	starting    func(ledger.Call) error // called by Start, unless nil
	mu          sync.Mutex
	fails       error // of Start
	calls       []ledger.Call
	completions map[int64]ledger.Completion // those that were cancelled have the class cancelled
	late        bool                        // a completion came with a context that had ended
}

// Start implements ledger.CallLog.
func (l *callLog) Start(ctx context.Context, c ledger.Call) (int64, error) {
	if l.starting != nil {
		if err := l.starting(c); err != nil {
			return 0, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails != nil {
		return 0, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: l.fails}
	}
	l.calls = append(l.calls, c)
	return int64(len(l.calls)), ctx.Err()
}

// Complete implements ledger.CallLog.
func (l *callLog) Complete(ctx context.Context, id int64, c ledger.Completion) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.completions == nil {
		l.completions = make(map[int64]ledger.Completion)
	}
	if _, twice := l.completions[id]; twice || id < 1 || id > int64(len(l.calls)) {
		return errors.New("there is no such call, or it is complete")
	}
	l.late = l.late || ctx.Err() != nil
	l.completions[id] = c
	return nil
}

// notMade is the class of a call that was cancelled in the log. No registry has it.
const notMade = "not made"

// Cancel implements ledger.CallLog.
func (l *callLog) Cancel(ctx context.Context, id int64) error {
	return l.Complete(ctx, id, ledger.Completion{Class: notMade})
}

// made are the calls that were made, by service.
func (l *callLog) made() map[ledger.Service]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	made := make(map[ledger.Service]int)
	for i, c := range l.calls {
		if l.completions[int64(i+1)].Class != notMade {
			made[c.Service]++
		}
	}
	return made
}

// classes are the services and classes of all calls, in order.
func (l *callLog) classes(t testing.TB) []string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.late {
		t.Error("a call was ended with a context that had ended")
	}
	var found []string
	for i, c := range l.calls {
		e, ok := l.completions[int64(i+1)]
		if !ok {
			e.Class = "unknown"
		}
		if e.Billable {
			e.Class += " billed"
		}
		found = append(found, strings.TrimSuffix(string(c.Service), "_check")+" "+e.Class)
	}
	return found
}

// upstream is Dukcapil's side in a test: it answers as it is told to, and
// notes what it was asked.
type upstream struct {
	*httptest.Server
	key    *rsa.PrivateKey
	dir    string
	log    *safeBuffer
	calls  *callLog
	gather *prometheus.Registry

	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request, asked map[string]any)
	asked  []map[string]any
	paths  []string
}

// safeBuffer is a log that tests may read.
type safeBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// rsaKey is one key for all tests: making one takes time.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newUpstream(t testing.TB) *upstream {
	t.Helper()
	u := &upstream{key: rsaKey(), dir: t.TempDir(), log: new(safeBuffer), calls: new(callLog), gather: prometheus.NewRegistry()}
	u.Server = httptest.NewUnstartedServer(http.HandlerFunc(u.serve))
	u.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	u.StartTLS()
	t.Cleanup(u.Server.Close)
	public, err := x509.MarshalPKIXPublicKey(&u.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	u.write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	u.write(t, "user", userID+"\n")
	u.write(t, "password", password+"\n")
	u.write(t, "credential", credential)
	return u
}

func (u *upstream) serve(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	var asked map[string]any
	_ = json.Unmarshal(b, &asked)
	u.mu.Lock()
	u.asked = append(u.asked, asked)
	u.paths = append(u.paths, r.URL.EscapedPath())
	answer := u.answer
	u.mu.Unlock()
	answer(w, r, asked)
}

// says makes the upstream answer with the text, whatever it is asked.
func (u *upstream) says(text string) {
	u.does(func(w http.ResponseWriter, _ *http.Request, _ map[string]any) { _, _ = io.WriteString(w, text) })
}

func (u *upstream) does(answer func(w http.ResponseWriter, r *http.Request, asked map[string]any)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = answer
}

// requests is how many it was sent.
func (u *upstream) requests() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.asked)
}

func (u *upstream) write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(u.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (u *upstream) pin() string {
	sum := sha256.Sum256(u.Certificate().RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// config is one for this upstream, with few and short waits.
func (u *upstream) config() client.Config {
	c := client.DefaultConfig()
	in := func(name string) string { return filepath.Join(u.dir, name) }
	c.Data.URL, c.Data.Customer, c.Data.IP = u.URL, "5566", "10.0.0.7"
	c.Data.UserFile, c.Data.PasswordFile = in("user"), in("password")
	c.Face.URL, c.Face.Customer, c.Face.IP = u.URL, "5566", "10.0.0.8"
	c.Face.UserFile, c.Face.PasswordFile, c.Face.CredentialFile = in("user"), in("password"), in("credential")
	c.Face.PublicKeyFile = in("key.pem")
	c.TLS.Pins = u.pin()
	c.Retry = client.RetryConfig{Tries: 3, Delay: time.Millisecond, MaxDelay: 2 * time.Millisecond}
	c.Breaker.Minimum = 1000
	return c
}

// open makes a registry of the configuration for this upstream.
func (u *upstream) open(t testing.TB, change func(o *client.Options)) *client.Registry {
	t.Helper()
	o := client.Options{
		Config: u.config(), CallLog: u.calls, Metrics: u.gather,
		Log: slog.New(slog.NewJSONHandler(u.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Price: func(s ledger.Service, _ time.Time) int64 {
			return map[ledger.Service]int64{ledger.DataCheck: 1000, ledger.FaceCheck: 3000}[s]
		},
	}
	if change != nil {
		change(&o)
	}
	r, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// retryAfter is when another try makes sense, as err says.
func retryAfter(t testing.TB, err error) time.Duration {
	t.Helper()
	e, ok := errors.AsType[*sesuai.Error](err)
	if !ok || e.Kind != sesuai.KindUnavailable {
		t.Fatalf("%v is not of kind UNAVAILABLE", err)
	}
	return e.RetryAfter
}

// metric is the sum of the samples of that name whose labels have the values.
func (u *upstream) metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	families, err := u.gather.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum, found := 0.0, false
	for _, f := range families {
		if f.GetName() != "sesuai_dukcapil_"+name {
			continue
		}
	samples:
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			for _, want := range labels {
				if !slices.Contains(values, want) {
					continue samples
				}
			}
			found = true
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	if !found {
		return -1
	}
	return sum
}
