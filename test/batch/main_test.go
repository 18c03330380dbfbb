// Package batch_test uploads batches to the built program, kills it while it verifies
// their rows, and checks that each row is verified once and answered as a single call
// is.
package batch_test

import (
	"archive/zip"
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

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

const (
	root      = "../.."
	photosDir = root + "/build/demo/photos"
	singles   = "/identity/v1/face-verification"
	batches   = "/identity/v1/batches"
	// patience is how long these tests wait for an event.
	patience = 2 * time.Minute
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main{M: m}.Run()) }

// world is a data folder with people and clients, and the service on it.
type world struct {
	*process.Process
	runner process.Runner
	data   string
	// registry is the URL of the database; "" for that in data.
	registry string
	batch    process.Credentials // of the client that sends batches
	other    process.Credentials
	address  string
	http     *http.Client
}

// newWorld enrols people who differ from Ayu in nothing but the NIK, and starts the
// service, in an environment.
func newWorld(t *testing.T, people int, environment ...string) *world {
	t.Helper()
	w := &world{
		runner: process.Runner{
			Program: process.Program(t, root, "build/demo/photos/ayu-selfie.jpg"), Env: append(append(process.Exact(), "SESUAI_LOG_LEVEL=warn"), environment...),
		},
		data: filepath.Join(t.TempDir(), "data"),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: patience},
	}
	t.Cleanup(w.http.CloseIdleConnections)
	var list strings.Builder
	list.WriteString("nik,name,date_of_birth,photo\n")
	for n := range people {
		fmt.Fprintf(&list, "%s,AYU KENCANA PRATIWI,12-03-1990,ayu-reference.jpg\n", nik(n))
	}
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	w.runner.Run(t, nil, "person", "import", file, "--photos", photosDir, "--data", w.data)
	for name, into := range map[string]*process.Credentials{"batch": &w.batch, "other": &w.other} {
		w.runner.Run(t, into, "client", "add", name, "--data", w.data, "--scope", "identity.face_verification", "--scope", "identity.verification", "--scope", "identity.batch")
	}
	w.start(t)
	return w
}

// start starts the service.
func (w *world) start(t *testing.T) {
	t.Helper()
	var started struct{ Address string }
	w.Process = w.runner.Start(t, &started, "serve", "--data", w.data, "--listen", "127.0.0.1:0")
	w.address = started.Address
}

// nik is the NIK of person n.
func nik(n int) string { return fmt.Sprintf("990101520390%04d", n+1) }

// claim is a row, as it stands in the file.
type claim struct{ nik, name, born, photo string }

// claims are n rows of all kinds: of eight, three are verified. The last two kinds have
// no verdict. Each verified person is asked about several times.
func claims(n, people int) []claim {
	all := make([]claim, n)
	for i := range all {
		c := claim{nik(i % people), "AYU KENCANA PRATIWI", "12-03-1990", "a/ayu-selfie.jpg"}
		switch i % 8 {
		case 1:
			c.photo = "rani.jpg" // somebody else
		case 2:
			c.name = "WULAN CAHYANI"
		case 3:
			c.born = "13-03-1990"
		case 4:
			c.nik = "9999990000000000" // nobody
		case 5:
			c.nik = "12345"
		case 6:
			c.photo = []string{"missing.jpg", "text.jpg", ""}[i/8%3]
		}
		all[i] = c
	}
	return all
}

// photographs are those of the archive, by their paths in it.
func photographs(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"text.jpg": []byte("this is no photograph")}
	for name, file := range map[string]string{"a/ayu-selfie.jpg": "ayu-selfie.jpg", "rani.jpg": "rani-selfie.jpg"} {
		b, err := os.ReadFile(filepath.Join(photosDir, file))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = b
	}
	return all
}

// writeClaims writes claims as CSV.
func writeClaims(w io.Writer, all []claim) {
	fmt.Fprintln(w, "nik,name,date_of_birth,face_image,reference_id")
	for i, c := range all {
		fmt.Fprintf(w, "%s,%s,%s,%s,row-%d\n", c.nik, c.name, c.born, c.photo, i)
	}
}

// upload returns the form of a batch.
func upload(t *testing.T, all []claim, photos map[string][]byte) (contentType string, body []byte) {
	t.Helper()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, b := range photos {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part := func(name, file string) io.Writer {
		p, err := m.CreateFormFile(name, file)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	writeClaims(part("claims", "claims.csv"), all)
	_, _ = part("photographs", "photos.zip").Write(archive.Bytes())
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), form.Bytes()
}

// single returns the form of a single call about a claim.
func single(t testing.TB, c claim, photos map[string][]byte) (contentType string, body []byte) {
	t.Helper()
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	for _, f := range [][2]string{{"nik", c.nik}, {"name", c.name}, {"date_of_birth", c.born}} {
		if err := m.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	if photo, ok := photos[c.photo]; ok {
		p, err := m.CreateFormFile("face_image", "x.jpg")
		if err == nil {
			_, err = p.Write(photo)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), form.Bytes()
}

// do sends a request as a client.
func (w *world) do(as process.Credentials, method, path, contentType string, body []byte) (status int, answer []byte, err error) {
	r, err := http.NewRequest(method, w.address+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	as.Sign(r)
	resp, err := w.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// must is do for a request that is answered with that status.
func (w *world) must(t *testing.T, want int, method, path, contentType string, body []byte) []byte {
	t.Helper()
	status, answer, err := w.do(w.batch, method, path, contentType, body)
	if err != nil || status != want {
		t.Fatalf("%s %s: %d %s, %v; want %d", method, path, status, answer, err, want)
	}
	return answer
}

// state is what the service says of a batch.
type state struct {
	ID          string    `json:"batch_id"`
	State       string    `json:"state"`
	Started     time.Time `json:"started_at"`
	Finished    time.Time `json:"finished_at"`
	Total       int       `json:"total"`
	Done        int       `json:"done"`
	Verified    int       `json:"verified"`
	NotVerified int       `json:"not_verified"`
	Rejected    int       `json:"rejected"`
}

// add uploads a batch.
func (w *world) add(t *testing.T, all []claim) (s state) {
	t.Helper()
	contentType, body := upload(t, all, photographs(t))
	if err := json.Unmarshal(w.must(t, http.StatusAccepted, http.MethodPost, batches, contentType, body), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// wait waits until a batch is as reached says.
func (w *world) wait(t *testing.T, id string, patience time.Duration, reached func(state) bool) (s state) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if err := json.Unmarshal(w.must(t, http.StatusOK, http.MethodGet, batches+"/"+id, "", nil), &s); err != nil {
			t.Fatal(err)
		}
		if reached(s) {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("after %v: %+v; the log: %s", patience, s, w.Log)
		}
	}
}

func finished(s state) bool { return s.State == "finished" }

// result is a line of the results.
type result struct {
	Line      int             `json:"line"`
	Reference string          `json:"reference_id"`
	Request   string          `json:"request_id"`
	Status    int             `json:"status"`
	Answer    json.RawMessage `json:"answer"`
}

// results returns the results of a batch.
func (w *world) results(t *testing.T, id string) []result {
	t.Helper()
	return readResults(t, w.must(t, http.StatusOK, http.MethodGet, batches+"/"+id+"/results", "", nil))
}

// readResults reads results as lines of JSON.
func readResults(t *testing.T, lines []byte) (all []result) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(lines))
	for {
		var r result
		err := d.Decode(&r)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
}
