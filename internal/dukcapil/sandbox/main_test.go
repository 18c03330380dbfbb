package sandbox_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// privateKey returns one key for all tests, since making one is slow.
var privateKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// noon is within all permitted hours of the tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, sesuai.Jakarta)

// extractor returns what bed.image has registered for an image.
type extractor struct {
	mu    sync.Mutex
	found map[string]face.Extraction
	err   error
}

func (e *extractor) Extract(_ context.Context, photo []byte, _ face.Use) (face.Extraction, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return face.Extraction{}, e.err
	}
	x, ok := e.found[string(photo)]
	if !ok {
		return face.Extraction{Finding: face.NoFace}, nil
	}
	return x, nil
}

// bed is a sandbox with people, served on a port.
type bed struct {
	*sandbox.Server
	t        testing.TB
	url      string
	registry *registrytest.Memory
	extract  *extractor
	now      atomic.Pointer[time.Time]
	calls    atomic.Int64
}

// account is the calling account.
var account = sandbox.Account{UserID: "USER", Password: "secret", Customer: "BANK", Credential: "cred"}

// config is the default configuration for the account.
func config() sandbox.Config {
	c := sandbox.DefaultConfig()
	c.Accounts, c.BalikanToken = []sandbox.Account{account}, "token"
	return c
}

// newBed serves a sandbox. change may change its options.
func newBed(t testing.TB, change func(*sandbox.Options)) *bed {
	t.Helper()
	b := &bed{t: t, registry: registrytest.NewMemory(), extract: &extractor{found: make(map[string]face.Extraction)}}
	b.now.Store(&noon)
	o := sandbox.Options{
		Config: config(), Registry: b.registry, Extractor: b.extract, PrivateKey: privateKey(),
		Now: func() time.Time { return *b.now.Load() },
	}
	o.Stall, o.Slow = 50*time.Millisecond, 20*time.Millisecond
	if change != nil {
		change(&o)
	}
	var err error
	if b.Server, err = sandbox.New(o); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// enrol enrols the n-th person with a portrait. change may change the person.
func (b *bed) enrol(n int, change func(*registry.Person)) registry.Person {
	b.t.Helper()
	p := registrytest.Person(b.t, n)
	if change != nil {
		change(&p)
	}
	if _, err := b.registry.Enrol(b.t.Context(), p, registrytest.Portrait(b.t, n)); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// jpeg returns an image of that many bytes that starts like a JPEG.
func jpeg(size int) []byte {
	return append([]byte{0xff, 0xd8, 0xff, 0xe0}, bytes.Repeat([]byte{'j'}, size-4)...)
}

// image returns an image of the n-th person that matches the portrait by the
// percentage.
func (b *bed) image(n int, percentage float64) []byte {
	probe := registrytest.ProbeAt(b.t, registrytest.Template(b.t, registrytest.Model, n), percentage/100)
	image := append(jpeg(100), fmt.Sprint(n, " ", percentage)...)
	b.extract.mu.Lock()
	defer b.extract.mu.Unlock()
	b.extract.found[string(image)] = face.Extraction{Finding: face.OneFace, Template: probe.Template, Faces: 1}
	return image
}

// object is a JSON object.
type object = map[string]any

// dataBody returns a data check in which everything about the person agrees.
func dataBody(p registry.Person) object {
	return object{
		"USER_ID": account.UserID, "PASSWORD": account.Password, "IP_USER": "10.0.0.1", "TRESHOLD": "80",
		"NIK": p.NIK.Reveal(), "NAMA_LGKP": p.Name.Reveal(), "TGL_LHR": p.DateOfBirth.Reveal(),
	}
}

// magicPerson returns a person with a magic NIK.
func magicPerson(t testing.TB, suffix string) registry.Person {
	t.Helper()
	p := registrytest.Person(t, 1)
	nik, err := sesuai.ParseNIK(sandbox.MagicPrefix + suffix)
	if err != nil {
		t.Fatal(err)
	}
	p.NIK = nik
	return p
}

// with returns a copy of o with other values. A nil removes the key.
func with(o object, changes object) object {
	o = maps.Clone(o)
	for k, v := range changes {
		if o[k] = v; v == nil {
			delete(o, k)
		}
	}
	return o
}

// sealed encrypts a text for the face check.
func sealed(t testing.TB, key *rsa.PublicKey, text string) string {
	t.Helper()
	//lint:ignore SA1019 the service requires it
	b, err := rsa.EncryptPKCS1v15(rand.Reader, key, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// faceBody returns a face check with the image.
func (b *bed) faceBody(nik sesuai.NIK, image []byte) object {
	key := &privateKey().PublicKey
	return object{
		"transactionId": fmt.Sprint("t", b.calls.Add(1)), "transactionSource": "test", "customer_id": "BANK",
		"nik": sealed(b.t, key, nik.Reveal()), "threshold": 1, "image": base64.StdEncoding.EncodeToString(image),
		"template": "", "type": "Face", "position": "F",
		"user_id": sealed(b.t, key, account.UserID), "password": sealed(b.t, key, account.Password), "ip": "10.0.0.1",
	}
}

const (
	dataPath = "/dukcapil/get_json/BANK/CALL_VERIFY_BY_ELEMEN"
	facePath = "/api/face-recognition/dukcapil/cred/CALL_FR"
)

// response is the response to a call.
type response struct {
	status int
	header http.Header
	body   []byte
	// err is set if the response did not arrive completely.
	err error
}

// client does not follow redirects and does not keep connections open.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// send posts a body; it may be called from any goroutine.
func (b *bed) send(path string, body []byte, header ...string) response {
	r, err := http.NewRequest(http.MethodPost, b.url+path, bytes.NewReader(body))
	if err != nil {
		return response{err: err}
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := client.Do(r)
	if err != nil {
		return response{err: err}
	}
	defer answer.Body.Close()
	out := response{status: answer.StatusCode, header: answer.Header}
	out.body, out.err = io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return out
}

// marshal returns the JSON of v.
func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// post posts a body and parses the response, which must be an object with HTTP
// 200.
func (b *bed) post(path string, body any) object {
	b.t.Helper()
	r := b.send(path, marshal(b.t, body))
	if r.err != nil || r.status != http.StatusOK {
		b.t.Fatalf("status %d, %v: %s", r.status, r.err, r.body)
	}
	var o object
	if err := json.Unmarshal(r.body, &o); err != nil {
		b.t.Fatalf("%v: %s", err, r.body)
	}
	return o
}

// row returns the only row of content.
func row(t testing.TB, o object) object {
	t.Helper()
	content, ok := o["content"].([]any)
	if !ok || len(content) != 1 {
		t.Fatalf("content is %v", o["content"])
	}
	return content[0].(object)
}

// errorCode returns the errorCode of a face check.
func errorCode(t testing.TB, o object) string {
	t.Helper()
	e, ok := o["error"].(object)
	if !ok {
		t.Fatalf("no error in %v", o)
	}
	return fmt.Sprint(e["errorCode"])
}

// last returns the last recorded call.
func (b *bed) last() sandbox.Entry {
	b.t.Helper()
	all := b.Record()
	if len(all) == 0 {
		b.t.Fatal("no call was recorded")
	}
	return all[len(all)-1]
}
