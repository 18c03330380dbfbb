package app_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"mime/multipart"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/openapi"
	"github.com/sesuai/sesuai/internal/openapi/openapitest"
	"github.com/sesuai/sesuai/internal/policy"
	"github.com/sesuai/sesuai/test/process"
)

// TestExamples sends every example of openapi.yaml to the service with the real face
// engine and the people that make run enrols. The answer must be what the example says,
// byte by byte but for what is measured.
func TestExamples(t *testing.T) {
	process.Need(t, realModels, photosDir)
	process.Slow(t)
	examples, err := openapi.Examples()
	if err != nil {
		t.Fatal(err)
	}
	c := config(t)
	c.Disclosure, c.Limits.NIK = policy.Disclosure{}, limit.NIKConfig{} // there are many misses on one NIK
	c.Face.Liveness, c.Times.Body, c.Batches.MaxRows, c.Listen = true, 3*time.Second, 3, freeAddress(t)
	who := prepare(t, c, ayu,
		person{nik: "9901014110980011", name: "SAFITRI HANDAYANI", born: "01-10-1998", photo: "safitri.jpg", status: sesuai.Deceased},
		person{nik: "9901015712890009", name: "PUSPITA RENGGANIS", born: "17-12-1989", photo: "puspita.jpg", status: sesuai.Active},
		person{nik: "9901014101900012", name: "TANPA POTRET", born: "01-01-1990", status: sesuai.Active},
	)
	release := slowModel(t)
	s, ready := serve(t, c)
	t.Cleanup(release)
	s.who, s.address = who, "http://"+c.Listen
	awaitAlive(t, s)

	w := &exampleWorld{service: s, photos: madePhotographs(t)}
	w.sendAll(t, examples, "the service is starting")
	release()
	select {
	case <-ready:
	case <-time.After(patience):
		t.Fatalf("not ready: %v", s.stop())
	}
	w.sendAll(t, examples, "")
	w.breakRegistry(t)
	w.sendAll(t, examples, "the registry fails")
	if w.sent != len(examples) {
		t.Errorf("of %d examples %d were sent", len(examples), w.sent)
	}
	t.Logf("%d examples, %d requests", w.sent, w.requests)
}

// exampleWorld is a service to which examples are sent.
type exampleWorld struct {
	*service
	photos map[string][]byte // made for the examples, by name
	sent   int               // examples
	// requests is how many requests that took: one example may be sent in two forms.
	requests int
}

// testedElsewhere are the conditions that cannot be had of a real service, and the test that
// has the answer.
var testedElsewhere = map[string]string{
	"the service has a defect":           "httpapi: TestErrorsAreDescribed",
	"the stored answers cannot be read":  "httpapi: TestLookUpRefused",
	"batches cannot be stored or read":   "httpapi: TestBatchesRefused",
	"the registry is Dukcapil":           "httpapi: TestReadinessDetail",
	"there were three misses on the NIK": "app: TestDisclosure",
}

// sendAll sends the examples with that condition; if it is empty, those with any that
// is not one of a phase of the service.
func (w *exampleWorld) sendAll(t *testing.T, examples []openapi.Example, phase string) {
	first := make(map[string]openapi.Example) // of an operation with a request of its own
	for _, e := range examples {
		operation := e.Method + e.Path
		if _, ok := first[operation]; !ok && e.ContentType != "" {
			first[operation] = e
		}
	}
	for _, e := range examples {
		own := e.When
		if e.When != "the service is starting" && e.When != "the registry fails" {
			own = ""
		}
		if own != phase {
			continue
		}
		t.Run(fmt.Sprint(e.Method, e.Path, " ", e.Status, " ", e.Name), func(t *testing.T) {
			w.sent++
			if test := testedElsewhere[e.When]; test != "" {
				t.Log("see " + test)
				return
			}
			request := e
			if request.Request == nil {
				request = first[e.Method+e.Path]
			}
			for _, contentType := range contentTypes(request) {
				ask := w.asking(t, e, request.Request, contentType)
				change, known := conditions[e.When]
				if !known {
					t.Fatalf("no test has the condition %q", e.When)
				}
				change(t, w, ask)
				w.requests++
				resp, body := ask.send(t, w)
				if resp.StatusCode != e.Status || !sameAnswer(t, string(e.Body), body) {
					t.Errorf("%s: got %d %s\nwant %d %s", contentType, resp.StatusCode, body, e.Status, e.Body)
				}
			}
		})
	}
}

// contentTypes are the types in which an example is sent.
func contentTypes(e openapi.Example) []string {
	switch {
	case e.Request == nil:
		return []string{""}
	case e.ContentType == "":
		return []string{"multipart/form-data", "application/json"}
	}
	return []string{e.ContentType}
}

// asking is a request that a condition may change.
type asking struct {
	method, path, contentType string
	body                      []byte
	who                       access.Revealed
	header                    http.Header
	// raw is sent instead, unless it is empty.
	raw string
}

// photographFields are the fields that hold a photograph.
var photographFields = []string{"face_image", "captured_image", "stored_image", "image"}

// asking returns the request of an example. A field with the name of a photograph holds
// that photograph.
func (w *exampleWorld) asking(t *testing.T, e openapi.Example, fields json.RawMessage, contentType string) *asking {
	t.Helper()
	ask := &asking{method: e.Method, path: e.Path, who: w.who, header: make(http.Header), contentType: contentType}
	if ask.method == "" { // one of x-other-requests
		ask.method, ask.path = http.MethodGet, "/healthz"
	}
	if fields == nil {
		return ask
	}
	var values map[string]string
	if err := json.Unmarshal(fields, &values); err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for name, value := range values {
		if file := regexp.MustCompile(`^[a-z0-9-]+\.(jpg|png)$`); slices.Contains(photographFields, name) && file.MatchString(value) {
			photo, made := w.photos[value]
			if !made {
				photo = readPhoto(t, value)
			}
			files[name] = photo
		}
	}
	ask.fill(t, values, files)
	return ask
}

// fill writes the body of a request in its content type.
func (a *asking) fill(t *testing.T, values map[string]string, files map[string][]byte) {
	t.Helper()
	if a.contentType == "application/json" {
		for name, file := range files {
			values[name] = base64.StdEncoding.EncodeToString(file)
		}
		var err error
		if a.body, err = json.Marshal(values); err != nil {
			t.Fatal(err)
		}
		return
	}
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for name, value := range values {
		var part io.Writer
		var err error
		if file, ok := files[name]; ok {
			part, err = form.CreateFormFile(name, "a photograph")
			value = string(file)
		} else {
			part, err = form.CreateFormField(name)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, value) // never fails: a bytes.Buffer
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	a.contentType, a.body = form.FormDataContentType(), b.Bytes()
}

func (a *asking) send(t *testing.T, w *exampleWorld) (*http.Response, string) {
	t.Helper()
	if a.raw != "" {
		return w.sendRaw(t, a.raw)
	}
	before := w.who
	w.who = a.who
	r := w.request(t, a.method, a.path, a.contentType, a.body)
	w.who = before
	for name, values := range a.header {
		r.Header[name] = values
	}
	resp, body := w.service.send(t, r)
	openapitest.Check(t, r.Method, r.URL.Path, resp, []byte(body))
	return resp, body
}

// timed matches what differs each time.
var timed = regexp.MustCompile(`"(time|created_at|started_at|finished_at|batch_id)":"[^"]+"`)

// measured matches the numbers in an answer that depend on how this machine computes.
var measured = regexp.MustCompile(`"(face_image_percentage|match_percentage|spoof_percentage)":([0-9.]+)`)

// sameAnswer reports whether two bodies are the same, but that what is measured may
// differ by two points of a hundred.
func sameAnswer(t *testing.T, want, got string) bool {
	t.Helper()
	want, got = timed.ReplaceAllString(want, `"$1":""`), timed.ReplaceAllString(got, `"$1":""`)
	wanted, measures := measured.FindAllStringSubmatch(want, -1), measured.FindAllStringSubmatch(got, -1)
	if measured.ReplaceAllString(want, `"$1":0`) != measured.ReplaceAllString(got, `"$1":0`) {
		return false
	}
	for i := range wanted {
		a, errA := strconv.ParseFloat(wanted[i][2], 64)
		b, errB := strconv.ParseFloat(measures[i][2], 64)
		tolerance := 0.02
		if wanted[i][1] == "face_image_percentage" {
			tolerance = 2
		}
		if errA != nil || errB != nil || math.Abs(a-b) > tolerance {
			return false
		}
	}
	return true
}

// madePhotographs makes the photographs that are not among the demo people's.
func madePhotographs(t *testing.T) map[string][]byte {
	t.Helper()
	read := func(name string) image.Image {
		img, err := jpeg.Decode(bytes.NewReader(readPhoto(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	encode := func(img image.Image) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	a, b := read("ayu-selfie.jpg"), read("rani-selfie.jpg")
	width := a.Bounds().Dx() + b.Bounds().Dx()
	two := image.NewRGBA(image.Rect(0, 0, width, max(a.Bounds().Dy(), b.Bounds().Dy())))
	small := image.NewRGBA(image.Rect(0, 0, a.Bounds().Dx(), a.Bounds().Dy()))
	for y := range two.Rect.Dy() {
		for x := range width {
			if x < a.Bounds().Dx() {
				two.Set(x, y, a.At(x, y))
			} else {
				two.Set(x, y, b.At(x-a.Bounds().Dx(), y))
			}
		}
	}
	const factor = 10
	for y := range small.Rect.Dy() / factor {
		for x := range small.Rect.Dx() / factor {
			small.Set(x, y, a.At(x*factor, y*factor))
		}
	}
	return map[string][]byte{
		"two-faces.png": encode(two), "small-face.png": encode(small), "no-face.png": encode(image.NewGray(image.Rect(0, 0, 200, 200))),
	}
}

// breakRegistry renames the table of people.
func (w *exampleWorld) breakRegistry(t *testing.T) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.config.Data, "sesuai.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE people RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
}

// client adds a client to the running service.
func (w *exampleWorld) client(t *testing.T, name string, c access.Client) access.Revealed {
	t.Helper()
	storage, err := app.OpenStorage(t.Context(), w.config)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	return addClient(t, storage, fmt.Sprint(name, w.requests), c)
}

// sendRaw sends bytes and reads the answer to them.
func (w *exampleWorld) sendRaw(t *testing.T, raw string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	openapitest.Check(t, "", "", resp, body)
	return resp, string(body)
}
