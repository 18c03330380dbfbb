package sandbox_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// TestNotARequest: an invalid request is answered, and recorded if it reaches a
// service.
func TestNotARequest(t *testing.T) {
	b := newBed(t, nil)
	for _, path := range []string{dataPath, facePath} {
		for body, want := range map[string]int{
			"": 400, "null": 400, "[]": 400, `"x"`: 400, "{": 400, `{"NIK":`: 400, "\x00": 400, "{}{}": 400,
			"{}": 200, strings.Repeat(" ", 2<<20): 413,
		} {
			r := b.send(path, []byte(body))
			if r.status != want || !json.Valid(r.body) {
				t.Errorf("%s of %.10q: %d %s", path, body, r.status, r.body)
			}
			if e := b.last(); (e.Class == sandbox.Malformed) != (want != 200) || e.Billed {
				t.Errorf("recorded %+v", e)
			}
		}
	}
	n := len(b.Record())
	if r := b.send("/dukcapil/get_json/BANK/OTHER", []byte("{}")); r.status != http.StatusNotFound {
		t.Errorf("another method: %d", r.status)
	}
	r, err := http.NewRequest(http.MethodGet, b.url+dataPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Body.Close(); answer.StatusCode != http.StatusMethodNotAllowed || len(b.Record()) != n {
		t.Errorf("GET: %d, %d more calls", answer.StatusCode, len(b.Record())-n)
	}
}

// TestPaths: every part of the paths can be configured.
func TestPaths(t *testing.T) {
	b := newBed(t, func(o *sandbox.Options) {
		o.BasePath, o.DataMethod, o.FaceMethod, o.BalikanPath = "/v2", "VERIFY", "FR", "/v2/kirim"
	})
	p := b.enrol(1, nil)
	if got := row(t, b.post("/v2/dukcapil/get_json/BANK/VERIFY", dataBody(p))); got["NIK"] != "Sesuai" {
		t.Errorf("%v", got)
	}
	if got := b.post("/v2/api/face-recognition/dukcapil/cred/FR", b.faceBody(p.NIK, b.image(1, 90))); errorCode(t, got) != "6018" {
		t.Errorf("%v", got)
	}
	if r := b.send("/v2/kirim", marshal(t, returning("9999000000000001", "a")), "Authorization", "Bearer token"); r.status != 200 {
		t.Errorf("%d", r.status)
	}
}

// TestLinesBeforeAnswer: the line of a call is written before the answer.
func TestLinesBeforeAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := newBed(t, func(o *sandbox.Options) { o.Recorder = sandbox.NewLines(f) })
	p := b.enrol(1, nil)
	for n := 1; n <= 20; n++ {
		b.post(dataPath, dataBody(p))
		lines, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all := bytes.Split(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n"))
		var e sandbox.Entry
		unmarshal(t, all[len(all)-1], &e)
		if len(all) != n || e.Number != uint64(n) || e.NIK != p.NIK.Reveal() || e.Name != "Sesuai (100)" || !e.Billed {
			t.Fatalf("after %d calls there are %d lines, the last %+v", n, len(all), e)
		}
	}
}

// lockedBuffer is a buffer that is safe for concurrent use.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// TestLogSaysNothing: the log has a line for each call, without any input.
func TestLogSaysNothing(t *testing.T) {
	var log lockedBuffer
	b := newBed(t, func(o *sandbox.Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	p := b.enrol(1, nil)
	image := b.image(1, 90)
	body := b.faceBody(p.NIK, image)
	b.post(dataPath, dataBody(p))
	b.post(facePath, body)
	b.send(sandbox.DefaultBalikanPath, marshal(t, returning(p.NIK.Reveal(), "customer-1")), "Authorization", "Bearer token")
	b.send(dataPath, []byte(`{"NIK":"`+p.NIK.Reveal()))
	b.registry.FailBefore(fmt.Errorf("down"))
	b.send(dataPath, marshal(t, dataBody(p)))
	b.send(facePath, marshal(t, b.faceBody(p.NIK, image)))
	text := log.String()
	if n := strings.Count(text, "msg=call "); n != 6 {
		t.Errorf("%d lines about 6 calls:\n%s", n, text)
	}
	for what, secret := range map[string]string{
		"NIK": p.NIK.Reveal(), "name": p.Name.Reveal(), "date": p.DateOfBirth.Reveal(), "user": account.UserID,
		"password": account.Password, "token": "Bearer", "customer": "customer-1", "credential": "cred ", "institution": "BANK",
		"image": base64.StdEncoding.EncodeToString(image)[:20], "sealed NIK": body["nik"].(string)[:20],
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has the %s", what)
		}
	}
}

// TestOptions: invalid options are refused.
func TestOptions(t *testing.T) {
	good := sandbox.Options{
		Config: config(), Registry: registrytest.NewMemory(), Extractor: &extractor{}, PrivateKey: privateKey(),
	}
	if _, err := sandbox.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*sandbox.Options){
		"no registry":      func(o *sandbox.Options) { o.Registry = nil },
		"no extractor":     func(o *sandbox.Options) { o.Extractor = nil },
		"no key":           func(o *sandbox.Options) { o.PrivateKey = nil },
		"unknown scheme":   func(o *sandbox.Options) { o.Scheme = "rot13" },
		"no account":       func(o *sandbox.Options) { o.Accounts = nil },
		"same account":     func(o *sandbox.Options) { o.Accounts = []sandbox.Account{account, account} },
		"empty account":    func(o *sandbox.Options) { o.Accounts = []sandbox.Account{{UserID: "x"}} },
		"path":             func(o *sandbox.Options) { o.BalikanPath = "store" },
		"pattern":          func(o *sandbox.Options) { o.DataMethod = "{x}" },
		"curve of a point": func(o *sandbox.Options) { o.Curve = sandbox.Curve{{}} },
		"falling curve":    func(o *sandbox.Options) { o.Curve = sandbox.Curve{{Percentage: 1}, {Score: 1}} },
		"latency":          func(o *sandbox.Options) { o.Face.Latency = sandbox.Latency{Median: 2, P99: 1} },
		"fraction":         func(o *sandbox.Options) { o.Data.Faults.Cut = 1.1 },
		"fractions":        func(o *sandbox.Options) { o.Data.Faults.Cut, o.Data.Faults.Stall = .6, .6 },
		"face code":        func(o *sandbox.Options) { o.Face.Faults.Codes = []string{"busy"} },
		"shape":            func(o *sandbox.Options) { o.Quirks.Shape = "x" },
		"unsent":           func(o *sandbox.Options) { o.Quirks.Unsent = "x" },
		"scalars":          func(o *sandbox.Options) { o.Quirks.Scalars = "x" },
		"texts":            func(o *sandbox.Options) { o.Quirks.Texts = "x" },
		"no path":          func(o *sandbox.Options) { o.BalikanPath = "" },
		"hours":            func(o *sandbox.Options) { o.Hours = "always" },
		"decimals":         func(o *sandbox.Options) { o.Decimals = 10 },
	} {
		o := good
		change(&o)
		if _, err := sandbox.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestKeys: key files are created once, readable only by their owner, and read
// again.
func TestKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	path := filepath.Join(dir, "rsa.key")
	made, err := sandbox.OpenPrivateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	read, err := sandbox.OpenPrivateKey(path)
	if err != nil || !read.Equal(made) {
		t.Errorf("another key is read than was made: %v", err)
	}
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	first, err := sandbox.OpenCertificate(cert, key, []string{"localhost", "127.0.0.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	second, err := sandbox.OpenCertificate(cert, key, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pin1, err1 := sandbox.Pin(first)
	pin2, err2 := sandbox.Pin(second)
	if err1 != nil || err2 != nil || pin1 != pin2 {
		t.Errorf("another certificate is read than was made: %v, %v", err1, err2)
	}
	for file, mode := range map[string]os.FileMode{path: 0o600, key: 0o600, sandbox.PublicKeyPath(path): 0o644, cert: 0o644} {
		if i, err := os.Stat(file); err != nil || i.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", filepath.Base(file), i.Mode(), err)
		}
	}
	for name, content := range map[string]string{"no PEM": "x", "no key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sandbox.OpenPrivateKey(path); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := sandbox.OpenPrivateKey(key); err == nil {
		t.Error("an EC key is taken")
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if _, err := sandbox.OpenCertificate(cert, key, nil, time.Now()); err == nil {
		t.Error("a key without its certificate is taken")
	}
}

// FuzzServe: every request has one answer and one entry, and the only panic is
// http.ErrAbortHandler.
func FuzzServe(f *testing.F) {
	p := registrytest.Person(f, 1)
	f.Add(uint8(0), marshal(f, dataBody(p)))
	f.Add(uint8(0), marshal(f, with(dataBody(p), object{"TRESHOLD": 1e9, "NIK": []int{1}, "NO_RT": true})))
	f.Add(uint8(1), marshal(f, (&bed{t: f}).faceBody(p.NIK, jpeg(10))))
	f.Add(uint8(1), []byte(`{"threshold":{},"image":"a","nik":null}`))
	f.Add(uint8(2), marshal(f, returning(p.NIK.Reveal(), "a")))
	f.Add(uint8(2), []byte(`[{"data":[{"param":[{}]}]}]`))
	f.Fuzz(func(t *testing.T, service uint8, body []byte) {
		c := config()
		c.Stall, c.Slow = 1, 1
		c.Quirks = sandbox.Quirks{Shape: sandbox.MixedShape, Unsent: sandbox.MixedUnsent, Scalars: sandbox.MixedScalars, Texts: sandbox.MixedTexts}
		s, err := sandbox.New(sandbox.Options{
			Config: c, Registry: registrytest.NewMemory(), Extractor: &extractor{}, PrivateKey: privateKey(),
		})
		if err != nil {
			t.Fatal(err)
		}
		path := []string{dataPath, facePath, sandbox.DefaultBalikanPath}[service%3]
		r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		r.Header.Set("Authorization", "Bearer token")
		w := httptest.NewRecorder()
		func() {
			defer func() {
				if got := recover(); got != nil && got != http.ErrAbortHandler {
					panic(got)
				}
			}()
			s.ServeHTTP(w, r)
		}()
		entries := s.Record()
		if len(entries) != 1 {
			t.Fatalf("%d entries", len(entries))
		}
		if e := entries[0]; e.Class == "" || e.Fault == "" && (w.Code != e.Status || !json.Valid(w.Body.Bytes())) {
			t.Errorf("recorded %+v, answered %d %q", e, w.Code, w.Body)
		}
	})
}

// FuzzParseHours: parsed hours are within a day.
func FuzzParseHours(f *testing.F) {
	f.Add("06:00-22:00")
	f.Add("22:00-06:00")
	f.Fuzz(func(t *testing.T, text string) {
		from, to, err := sandbox.ParseHours(text)
		if err == nil && (from < 0 || to < 0 || from >= 24*time.Hour || to >= 24*time.Hour) {
			t.Errorf("%v to %v", from, to)
		}
	})
}
