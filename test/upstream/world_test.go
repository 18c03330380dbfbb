// Package upstream_test runs the built program with the sandbox of Dukcapil's
// services as its registry, with faults and under load. It compares the program's
// responses and records with the sandbox's answers.
package upstream_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

const (
	root   = "../.."
	photos = root + "/build/demo/photos"
	// secret is part of every credential, so that tests can search logs for it.
	secret = "rahasia"
)

// person is a person on record in the sandbox.
type person struct{ nik, name, date, reference, selfie string }

// people returns n synthetic people, who share two faces.
func people(n int) []person {
	names := []string{"WIRASABA TEMBALANG", "KENANGA PURWODADI", "GALUH SEKARWANGI", "PRAMESWARI NDALEM"}
	all := make([]person, n)
	for i := range all {
		face := []string{"ayu", "rani"}[i%2]
		all[i] = person{
			nik: fmt.Sprintf("9999%012d", i), name: names[i%len(names)], date: fmt.Sprintf("%02d-%02d-%d", 1+i%28, 1+i%12, 1960+i%40),
			reference: face + "-reference.jpg", selfie: face + "-selfie.jpg",
		}
	}
	return all
}

// world is a sandbox with people, and a Sesuai that is configured for it.
type world struct {
	record string
	// metrics is the address of Sesuai's metrics.
	metrics string
	// sesuai runs Sesuai's commands.
	sesuai      process.Runner
	data        string
	credentials process.Credentials
	photos      map[string][]byte
	client      *http.Client
}

// newWorld starts a sandbox with these people and settings, and configures Sesuai
// for it. more holds further lines of the configuration's section dukcapil.
func newWorld(t *testing.T, all []person, settings, more string) *world {
	t.Helper()
	program := process.Program(t, root, "build/demo/photos/ayu-selfie.jpg")
	dir := t.TempDir()
	w := &world{
		record: filepath.Join(dir, "record.jsonl"), data: filepath.Join(dir, "data"), photos: make(map[string][]byte),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: time.Minute},
	}
	t.Cleanup(w.client.CloseIdleConnections)
	w.metrics = process.FreeAddress(t)
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}

	rows := "nik,name,date_of_birth,photo\n"
	for _, p := range all {
		rows += strings.Join([]string{p.nik, p.name, p.date, p.reference}, ",") + "\n"
		for _, photo := range []string{p.reference, p.selfie} {
			b, err := os.ReadFile(filepath.Join(photos, photo))
			if err != nil {
				t.Fatal(err)
			}
			w.photos[photo] = b
		}
	}
	there := process.Runner{Program: program, Args: []string{"--data", filepath.Join(dir, "there")}, Env: []string{"SESUAI_LOG_LEVEL=error"}}
	there.Run(t, nil, "person", "import", write("people.csv", rows), "--photos", photos)
	const account = "accounts:\n  - {user_id: " + secret + "-user, password: " + secret + "-password, customer: bank, credential: " + secret + "-credential}\n" +
		"balikan_token: " + secret + "-token\n"
	var serving struct {
		URL       string `json:"url"`
		Pin       string `json:"pin"`
		PublicKey string `json:"public_key"`
	}
	there.Start(t, &serving, "dukcapil-sandbox", "--settings", write("sandbox.yaml", account+settings), "--record", w.record, "--listen", "127.0.0.1:0")

	user, password := write("user", secret+"-user\n"), write("password", secret+"-password\n")
	config := write("sesuai.yaml", fmt.Sprintf(`dukcapil:
  enabled: true
  data: {url: %[1]q, customer: bank, user_file: %[2]q, password_file: %[3]q, ip: 127.0.0.1, timeout: 2s}
  face:
    {url: %[1]q, credential_file: %[4]q, user_file: %[2]q, password_file: %[3]q, public_key_file: %[5]q, customer: bank, ip: 127.0.0.1,
     timeout: 3s, billable: match no_match no_portrait}
  tls: {pins: %[6]q}
  deadline: 6s
  balikan: {url: %[7]q, token_file: %[8]q, institution_id: "77", institution_name: BANK CONTOH, interval: 200ms}
%[9]s`,
		serving.URL, user, password, write("credential", secret+"-credential\n"), serving.PublicKey, serving.Pin,
		serving.URL+"/store", write("token", secret+"-token\n"), more))
	w.sesuai = process.Runner{Program: program, Args: []string{"--data", w.data, "--config", config}, Env: append(
		process.Exact(), "SESUAI_LOG_LEVEL=debug", "SESUAI_LOG_FORMAT=json", "SESUAI_ADMIN_LISTEN="+w.metrics,
	)}
	w.sesuai.Run(t, &w.credentials, "client", "add", "test", "--scope", "identity.face_verification", "--scope", "identity.verification", "--rate", "1000", "--burst", "1000", "--replay", "log")
	return w
}

// serve starts sesuai serve.
func (w *world) serve(t *testing.T, address string) (*process.Process, string) {
	t.Helper()
	var started struct{ Address string }
	p := w.sesuai.Start(t, &started, "serve", "--listen", address)
	return p, started.Address
}

// ask requests a verification.
func (w *world) ask(address, id string, nik, name, date, photo string) (status int, body []byte, err error) {
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	for _, f := range [][2]string{{"nik", nik}, {"name", name}, {"date_of_birth", date}} {
		if err := m.WriteField(f[0], f[1]); err != nil {
			return 0, nil, err
		}
	}
	part, err := m.CreateFormFile("face_image", "x")
	if err != nil {
		return 0, nil, err
	}
	if _, err := part.Write(w.photos[photo]); err != nil {
		return 0, nil, err
	}
	if err := m.Close(); err != nil {
		return 0, nil, err
	}
	return w.post(address+"/identity/v1/face-verification", id, m.FormDataContentType(), &form)
}

// post sends a request to the API.
func (w *world) post(url, id, contentType string, body io.Reader) (status int, answer []byte, err error) {
	r, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Request-Id", id)
	w.credentials.Sign(r)
	resp, err := w.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// entry is a line of the sandbox's record.
type entry struct {
	Number      int
	At          time.Time
	Service     string
	NIK         string
	Class       string
	Name        string
	DateOfBirth string `json:"date_of_birth"`
	MatchScore  string `json:"match_score"`
	Fault       string
	Billed      bool
	Returned    []struct {
		NIK        string
		CustomerID string `json:"customer_id"`
	}
}

// entries reads the sandbox's record.
func (w *world) entries(t *testing.T) []entry {
	t.Helper()
	b, err := os.ReadFile(w.record)
	if err != nil {
		t.Fatal(err)
	}
	var all []entry
	for line := range bytes.Lines(b) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it is being written
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}
