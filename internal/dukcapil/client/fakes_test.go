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
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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
	jpegText   = "\xff\xd8\xff\xe0not really a photograph"
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

// picture is a photograph of a probe.
type picture func(ctx context.Context, maxBytes int) ([]byte, error)

func (p picture) JPEG(ctx context.Context, maxBytes int) ([]byte, error) { return p(ctx, maxBytes) }

func someProbe() face.Probe {
	return face.Probe{Picture: picture(func(context.Context, int) ([]byte, error) { return []byte(jpegText), nil })}
}

// account is a ledger that holds every caller to its contract.
type account struct {
	mu     sync.Mutex
	fails  error // of Begin
	calls  []ledger.Call
	ending map[int64]ledger.Ending // those that were withdrawn have the class withdrawn
	late   bool                    // an ending came with a context that had ended
}

func (a *account) Begin(ctx context.Context, c ledger.Call) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fails != nil {
		return 0, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: a.fails}
	}
	a.calls = append(a.calls, c)
	return int64(len(a.calls)), ctx.Err()
}

func (a *account) End(ctx context.Context, id int64, e ledger.Ending) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ending == nil {
		a.ending = make(map[int64]ledger.Ending)
	}
	if _, twice := a.ending[id]; twice || id < 1 || id > int64(len(a.calls)) {
		return errors.New("there is no such call, or it has ended")
	}
	a.late = a.late || ctx.Err() != nil
	a.ending[id] = e
	return nil
}

// withdrawn is no class of a registry's.
const withdrawn = "withdrawn"

func (a *account) Withdraw(ctx context.Context, id int64) error {
	return a.End(ctx, id, ledger.Ending{Class: withdrawn})
}

// made are the calls that were not withdrawn, by service.
func (a *account) made() map[ledger.Service]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	made := make(map[ledger.Service]int)
	for i, c := range a.calls {
		if a.ending[int64(i+1)].Class != withdrawn {
			made[c.Service]++
		}
	}
	return made
}

// classes are the services and classes of all calls, in order.
func (a *account) classes(t testing.TB) []string {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.late {
		t.Error("a call was ended with a context that had ended")
	}
	var found []string
	for i, c := range a.calls {
		e, ok := a.ending[int64(i+1)]
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
	ledger *account
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
	u := &upstream{key: rsaKey(), dir: t.TempDir(), log: new(safeBuffer), ledger: new(account), gather: prometheus.NewRegistry()}
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
		Config: u.config(), Ledger: u.ledger, Metrics: u.gather,
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

// asker is a context that says who asks.
func asker(t testing.TB) context.Context {
	t.Helper()
	return registry.WithAsker(t.Context(), registry.Asker{Client: "cli_bank", RequestID: "req-1"})
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
