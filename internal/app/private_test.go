package app_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/telemetry/otlp/otlptest"
	"github.com/sesuai/sesuai/test/process"

	_ "modernc.org/sqlite" // to take the registry away
)

// secret is somebody of whom nothing may be found anywhere.
var secret = person{nik: "9999670853000077", name: "WIRASABA TEMBALANG", born: "27-08-1953", photo: "rani-reference.jpg", status: sesuai.Active}

// traces are what may not be found, in lower case: the secret person's NIK,
// name and date in whatever form, and pieces of the photographs.
func traces(t *testing.T) map[string]string {
	t.Helper()
	plain := sha256.Sum256([]byte(secret.nik))
	found := map[string]string{
		"the NIK": secret.nik, "the NIK without its end": secret.nik[:12], "the NIK in hexadecimal": hex.EncodeToString([]byte(secret.nik)),
		"the NIK in base64": strings.ToLower(base64.StdEncoding.EncodeToString([]byte(secret.nik))[:20]),
		"the NIK's hash":    hex.EncodeToString(plain[:]),
		"the first name":    "wirasaba", "the last name": "tembalang",
	}
	for i, born := range []string{
		"27-08-1953", "1953-08-27", "27/08/1953", "08/27/1953", "1953/08/27", "27.08.1953", "27081953", "19530827",
		"27 aug", "aug 27", "27 agustus", "august 27",
	} {
		found[fmt.Sprintf("the date in form %d", i)] = born
	}
	for _, name := range []string{"rani-reference.jpg", "rani-selfie.jpg"} {
		photo := readPhoto(t, name)
		// The middle, where two photographs differ; each of the three ways
		// in which base64 can fall.
		for shift := range 3 {
			piece := photo[len(photo)/2+shift:][:48]
			found[fmt.Sprintf("%s in base64, %d", name, shift)] = strings.ToLower(base64.StdEncoding.EncodeToString(piece))
		}
		found[name] = strings.ToLower(string(photo[len(photo)/2:][:48]))
	}
	return found
}

func assertNoTrace(t *testing.T, where string, traces map[string]string, text []byte) {
	t.Helper()
	lower := strings.ToLower(string(text))
	for what, trace := range traces {
		if strings.Contains(lower, trace) {
			t.Errorf("%s holds %s", where, what)
		}
	}
}

func assertNoTraceInFolder(t *testing.T, when, dir string, traces map[string]string) {
	t.Helper()
	searched := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		searched += len(b)
		assertNoTrace(t, when+", "+filepath.Base(path), traces, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if searched < 50_000 {
		t.Errorf("%s: only %d bytes were searched", when, searched)
	}
}

// TestNothingPersonalIsLeft sends a person through every outcome, and all the
// wrong ways, and then looks for traces in the log (of level debug), the metrics, the
// exported spans, the answers, the data folder and the folder for temporary files.
func TestNothingPersonalIsLeft(t *testing.T) {
	process.Slow(t)
	c := config(t)
	c.Limits.MaxBody = 1 << 20
	c.Limits.NIK = limit.NIKConfig{} // there are many misses on one NIK
	collector := otlptest.New(t)
	c.Admin.Listen = freeAddress(t)
	c.Telemetry.OTLPEndpoint, c.Telemetry.TrustParent = collector.URL, true
	temporary := t.TempDir() // before TMPDIR changes
	t.Setenv("TMPDIR", temporary)
	untouched := modified(t, temporary)
	s := start(t, c, secret)
	traces := traces(t)
	answers := make(map[int]int)
	told := func(about string, status int, body string) {
		answers[status]++
		assertNoTrace(t, "the answer to "+about, traces, []byte(body))
	}

	for i, r := range outcomes(t, s) {
		status, body := s.do(t, r)
		told(fmt.Sprint("request ", i), status, body)
	}
	for i, text := range malformedHTTP(s) {
		told(fmt.Sprint("malformed request ", i), 0, raw(t, s, text))
	}
	s.limited(t, told)
	assertNoTraceInFolder(t, "while it serves", c.Data, traces)
	s.failing(t, told)
	metrics := scrape(t, c)
	assertNoTrace(t, "the metrics", traces, []byte(metrics))
	if err := s.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	assertNoTraceInFolder(t, "once it has ended", c.Data, traces)
	log := s.log.String()
	assertNoTrace(t, "the log", traces, []byte(log))
	if lines := strings.Count(log, "\n"); lines < len(answers) || !strings.Contains(log, `"kind":"UNAVAILABLE"`) {
		t.Errorf("the log has %d lines:\n%s", lines, log)
	}
	assertNoTrace(t, "an export of spans", traces, collector.Raw())
	spans := collector.Spans()
	assertNoTrace(t, "the spans", traces, fmt.Append(nil, spans))
	if len(spans) < 10*len(answers) || strings.Count(metrics, "\n") < 100 {
		t.Errorf("%d spans, and the metrics:\n%s", len(spans), metrics)
	}
	for _, status := range []int{200, 400, 401, 404, 405, 413, 415, 429, 503} {
		if answers[status] == 0 {
			t.Errorf("no answer was %d: %v", status, answers)
		}
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 || modified(t, temporary) != untouched {
		t.Errorf("temporary files were made, %v are left: %v", left, err)
	}
}

func modified(t *testing.T, dir string) time.Time {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

// outcomes are requests that show the secret person to the service in every
// way that ends in an answer.
func outcomes(t *testing.T, s *service) []*http.Request {
	t.Helper()
	selfie, other := readPhoto(t, "rani-selfie.jpg"), readPhoto(t, "ayu-selfie.jpg")
	var requests []*http.Request
	send := func(method, path, contentType string, body []byte) *http.Request {
		r := s.request(t, method, path, contentType, body)
		requests = append(requests, r)
		return r
	}
	claim := func(p person, photo []byte) {
		contentType, body := form(t, p, photo)
		send(http.MethodPost, httpapi.FaceVerificationPath, contentType, body)
	}
	changed := func(f func(*person)) person { p := secret; f(&p); return p }

	claim(secret, selfie)
	claim(secret, other)
	claim(changed(func(p *person) { p.name = "SURYANI HAPSARI" }), selfie)
	claim(changed(func(p *person) { p.born = "28-08-1953" }), selfie)
	claim(changed(func(p *person) { p.nik = "9999999999999999" }), selfie)
	claim(changed(func(p *person) { p.nik = "x" + p.nik }), selfie)
	claim(changed(func(p *person) { p.born = "1953-08-27" }), selfie)
	claim(changed(func(p *person) { p.name = strings.Repeat(p.name, 9) }), selfie)
	claim(changed(func(p *person) { p.name = "\xff" + p.name }), selfie)
	claim(secret, nil)
	claim(secret, []byte(secret.nik+secret.name+secret.born))
	claim(secret, selfie[:len(selfie)*2/3])
	claim(secret, append([]byte("GIF89a"), selfie...))
	claim(secret, make([]byte, 2<<20))
	claim(secret, []byte(base64.StdEncoding.EncodeToString(selfie)))

	object := func(face string) []byte {
		b, err := json.Marshal(map[string]string{"nik": secret.nik, "name": secret.name, "date_of_birth": secret.born, "face_image": face})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	whole := object("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(selfie))
	const plain = "application/json"
	send(http.MethodPost, httpapi.FaceVerificationPath, plain, whole)
	send(http.MethodPost, httpapi.FaceVerificationPath, plain, whole[:len(whole)/2])
	send(http.MethodPost, httpapi.FaceVerificationPath, plain, object("\xff"+secret.nik))
	send(http.MethodPost, httpapi.FaceVerificationPath, plain, []byte(`{"`+secret.nik+`":"`+secret.name+`","nik":{"`+secret.born+`":1}}`))
	send(http.MethodPost, httpapi.FaceVerificationPath, plain, []byte(`"`+secret.nik+`"`))
	contentType, body := form(t, secret, selfie)
	send(http.MethodPost, httpapi.FaceVerificationPath, contentType, body[:300])
	send(http.MethodPost, httpapi.FaceVerificationPath, contentType, append(body[:200:200], body...))
	send(http.MethodPost, httpapi.FaceVerificationPath, "multipart/form-data; boundary="+secret.nik, body)
	send(http.MethodPost, httpapi.FaceVerificationPath, "text/"+secret.nik, body)
	send(http.MethodPost, httpapi.FaceVerificationPath, "multipart/form-data; "+secret.nik, body)

	// Without a photograph, and in fields where it does not belong either.
	data := func(fields map[string]any) {
		b, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		send(http.MethodPost, httpapi.DataVerificationPath, plain, b)
	}
	data(map[string]any{"nik": secret.nik, "name": secret.name, "date_of_birth": secret.born})
	data(map[string]any{"nik": secret.nik, "address": secret.name, "no_kk": secret.nik, "place_of_birth": secret.born})
	data(map[string]any{"nik": secret.nik, "address": secret.name + "\n"})
	data(map[string]any{"nik": secret.nik, "rt": []string{secret.name}})
	data(map[string]any{"nik": secret.nik, "mother_maiden_name": strings.Repeat(secret.name, 100)})
	data(map[string]any{"nik": secret.nik + "x", "name": secret.name})
	data(map[string]any{"nik": secret.nik, secret.name: secret.born})
	send(http.MethodPost, httpapi.DataVerificationPath, contentType, body)

	// Where none of it belongs.
	query := "?nik=" + secret.nik + "&name=WIRASABA+TEMBALANG&date_of_birth=" + secret.born
	send(http.MethodPost, httpapi.FaceVerificationPath+query, contentType, body)
	send(http.MethodGet, httpapi.FaceVerificationPath+query, "", nil)
	send(http.MethodGet, "/identity/v1/"+secret.nik+"/WIRASABA", "", nil)
	send("WIRASABA", "/"+secret.nik, "", nil)
	send(http.MethodGet, "/healthz"+query, "", nil)
	send(http.MethodGet, "/readyz"+query, "", nil)
	send(http.MethodPost, httpapi.FaceVerificationPath, contentType, body).SetBasicAuth(secret.nik, secret.name)
	send(http.MethodPost, httpapi.FaceVerificationPath, contentType, body).Header.Set("X-Api-Key", secret.nik)
	send(http.MethodPost, httpapi.FaceVerificationPath, contentType, body).Header.Set("Authorization", secret.name)
	r := send(http.MethodPost, httpapi.FaceVerificationPath, contentType, body)
	for _, name := range []string{"User-Agent", "Referer", "X-Forwarded-For", "Content-Encoding", "Cookie", "Traceparent", "Tracestate", "Baggage"} {
		r.Header.Set(name, secret.nik+" "+secret.name)
	}
	for _, ids := range []string{secret.nik + secret.nik + "-b7ad6b7169203331", "0af7651916cd43dd8448eb211c80319c-" + secret.nik} {
		r := send(http.MethodPost, httpapi.FaceVerificationPath, contentType, body)
		r.Header.Set("Traceparent", "00-"+ids+"-01")
		r.Header.Set("Tracestate", "sesuai="+strings.ToLower(secret.name))
		r.Header.Set("Baggage", "nik="+secret.nik)
	}
	return requests
}

// malformedHTTP is what net/http answers by itself.
func malformedHTTP(s *service) []string {
	host := "\r\nHost: " + strings.TrimPrefix(s.address, "http://") + "\r\n"
	return []string{
		secret.nik + " " + secret.name + "\r\n\r\n",
		"GET /" + secret.nik + " HTTP/9.9" + host + "\r\n",
		"GET /%zz" + secret.nik + " HTTP/1.1" + host + "\r\n",
		"GET / HTTP/1.1" + host + secret.name + " " + secret.nik + ": x\r\n\r\n",
		"POST / HTTP/1.1" + host + "Content-Length: " + secret.nik + "x\r\n\r\n",
		"POST / HTTP/1.1" + host + "Transfer-Encoding: " + secret.nik + "\r\n\r\n",
		"POST / HTTP/1.1" + host + "Expect: " + secret.nik + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: " + secret.nik + " " + secret.name + "\r\n\r\n",
	}
}

// raw sends text and returns all that comes back.
func raw(t *testing.T, s *service, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 ")) {
		t.Errorf("%v in the answer %q", err, answer)
	}
	return string(answer)
}

// limited has a client of a low rate ask twice.
func (s *service) limited(t *testing.T, told func(string, int, string)) {
	t.Helper()
	storage, err := app.OpenStorage(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	before := s.who
	s.who = addClient(t, storage, "limited", access.Client{Rate: 0.001, Burst: 1})
	defer func() { s.who = before }()
	contentType, body := form(t, secret, readPhoto(t, "rani-selfie.jpg"))
	for range 2 {
		status, answer := s.do(t, s.request(t, http.MethodPost, httpapi.FaceVerificationPath, contentType, body))
		told("the limited client", status, answer)
	}
}

// failing asks once without the registry, and once without the audit trail.
func (s *service) failing(t *testing.T, told func(string, int, string)) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.config.Data, "sesuai.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	contentType, body := form(t, secret, readPhoto(t, "rani-selfie.jpg"))
	for _, statement := range []string{
		"UPDATE people SET attributes = x'00'", "ALTER TABLE people RENAME TO gone", "ALTER TABLE audit_events RENAME TO gone_too",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
		status, answer := s.do(t, s.request(t, http.MethodPost, httpapi.FaceVerificationPath, contentType, body))
		told(statement, status, answer)
		if status != 503 || answer != noAnswer {
			t.Errorf("after %s: %d %s", statement, status, answer)
		}
	}
}
