package privacy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/jobs"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/rows"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/synthetic"
	"github.com/sesuai/sesuai/internal/webhook"
)

// model is the model of the synthetic templates.
const model = "synthetic"

// world is a database with synthetic people, and the API on it. People from subjects on
// are on record and nobody asks about them; those from people on are not on record.
type world struct {
	c        app.Config
	s        *app.Storage
	server   *httpapi.Server
	country  *synthetic.Country
	people   int
	subjects int
	clients  []access.Revealed
	ids      []string // of the clients
	// requests are the ids of the requests about each person.
	requests map[int][]string
}

// each runs a test on both engines.
func each(t *testing.T, f func(t *testing.T, c app.Config)) {
	t.Run("SQLite", func(t *testing.T) { f(t, config(t, "")) })
	t.Run("PostgreSQL", func(t *testing.T) { f(t, config(t, pgtest.WithSetting(pgtest.Database(t), "sesuai.partitions", "2"))) })
}

// config is a configuration in which people who are not on record are remembered, and
// verified people are returned to Dukcapil.
func config(t *testing.T, url string) app.Config {
	c := app.DefaultConfig()
	c.Data, c.Registry = filepath.Join(t.TempDir(), "data"), url
	c.Postgres.Migrate, c.Postgres.Connections, c.Postgres.Bin = true, 4, pgtest.Binaries
	c.Dukcapil.Enabled, c.Dukcapil.Balikan.URL = true, "https://balikan.invalid"
	return c
}

func newWorld(t *testing.T, c app.Config) *world {
	t.Helper()
	w := &world{c: c, country: synthetic.New(7), requests: make(map[int][]string)}
	w.people, w.subjects = sizes(t)
	w.open(t)
	for _, name := range []string{"bank", "fintech"} {
		client, credentials, err := access.Add(t.Context(), w.s.Clients, w.s.Hash, access.Client{
			Name: name, Scopes: []access.Scope{access.FaceVerification, access.DataVerification, access.Batch}, AddedAt: time.Now(),
			Threshold: sesuai.PercentageOf(75), NameThreshold: 85,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.clients, w.ids = append(w.clients, credentials.Reveal()), append(w.ids, client.ID)
	}
	if _, _, err := w.s.Webhooks.Set(t.Context(), w.ids[0], "https://bank.invalid/", []webhook.Event{webhook.VerificationCompleted}); err != nil {
		t.Fatal(err)
	}
	if err := w.s.Messages.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.enrol(t)
	for n := range w.subjects {
		w.ask(t, n)
		w.ask(t, w.people+n)
	}
	w.askInBatch(t)
	return w
}

// open opens the storage, and the API on it.
func (w *world) open(t *testing.T) {
	t.Helper()
	s, err := app.OpenStorage(t.Context(), w.c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.s = s
	w.server = httpapi.New(httpapi.Options{
		Verifier:      app.NewVerifier(w.c, s, app.Registry{Registry: s.People}, extractor{w.country}),
		Authenticator: access.NewAuthenticator(access.AuthenticatorOptions{Clients: s.Clients, Hash: s.Hash}),
		Limiter:       access.NewLimiter(limit.NewRates(limit.RatesOptions{})),
		Keys:          s.Answers.(*answer.Store),
		Hash:          s.Hash,
		Log:           slog.New(slog.DiscardHandler),
	})
}

// enrol puts the people on record.
func (w *world) enrol(t *testing.T) {
	t.Helper()
	for chunk := range slices.Chunk(make([]struct{}, w.people), 500) {
		from, _ := w.s.People.Count(t.Context())
		var all []registry.Enrolment
		for i := range chunk {
			n := from + i
			e := registry.Enrolment{Person: w.country.Person(n)}
			if n%2 == 0 {
				e.Portrait = &registry.Portrait{Template: w.country.Reference(n, model), Source: digest(n), Signature: signature(n, -1)}
			}
			all = append(all, e)
		}
		if _, err := w.s.People.EnrolBatch(t.Context(), all, false); err != nil {
			t.Fatal(err)
		}
	}
}

// digest and signature stand for photographs, which there are none of.
func digest(n int) [32]byte { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func signature(person, photo int) face.Signature {
	s := face.Signature{File: digest(person<<20 + photo + 1)}
	look := sha256.Sum256(s.File[:])
	for i := range s.Look {
		s.Look[i] = binary.BigEndian.Uint64(look[8*i:])
	}
	return s
}

// extractor finds the face of the person whose number stands in a photograph.
type extractor struct{ country *synthetic.Country }

const photoHead = "\x89PNG\r\n\x1a\n"

// Extract implements face.Extractor.
func (e extractor) Extract(_ context.Context, photo []byte, _ face.Use) (face.Extraction, error) {
	var person, number int
	if _, err := fmt.Sscan(strings.TrimPrefix(string(photo), photoHead), &person, &number); err != nil {
		return face.Extraction{}, err
	}
	return face.Extraction{Template: e.country.Probe(person, model), Signature: signature(person, number)}, nil
}

// ask sends requests about a person: verified ones and others, by both clients, with and
// without an idempotency key. A client uses one id for two people.
func (w *world) ask(t *testing.T, n int) {
	t.Helper()
	p := w.country.Person(n)
	for i, r := range []struct {
		client           int
		path, name, id   string
		key              bool
		withPhoto, other bool
	}{
		{client: 0, path: httpapi.DataVerificationPath},
		{client: 1, path: httpapi.DataVerificationPath, key: true},
		{client: 0, path: httpapi.DataVerificationPath, other: true, key: true},
		{client: 0, path: httpapi.FaceVerificationPath, withPhoto: true},
		{client: 1, path: httpapi.FaceVerificationPath, withPhoto: true, other: true},
	} {
		name := p.Name.Reveal()
		if r.other {
			name = "Somebody Else"
		}
		id := fmt.Sprintf("request-%d-%d", n, i)
		fields := map[string]string{
			"nik": p.NIK.Reveal(), "name": name, "date_of_birth": p.DateOfBirth.Reveal(), "purpose": "account_opening",
			"consent_id": fmt.Sprint("consent-", i), "reference_id": fmt.Sprint("reference-", i),
		}
		var photo []byte
		if r.withPhoto {
			photo = fmt.Appendf(nil, "%s%d %d", photoHead, n, i)
		}
		w.send(t, w.clients[r.client], r.path, id, r.key, fields, photo)
		w.requests[n] = append(w.requests[n], id)
	}
	for i := range 2 {
		at := time.Now()
		id, err := w.s.Calls.Start(t.Context(), ledger.Call{
			Service: ledger.DataCheck, Client: w.ids[0], RequestID: fmt.Sprintf("request-%d-%d", n, 2*i), At: at, Price: 1000,
		})
		if err == nil {
			err = w.s.Calls.Complete(t.Context(), id, ledger.Completion{Class: "found", Billable: true, Duration: time.Millisecond})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// send sends a request that must get a verdict.
func (w *world) send(t *testing.T, who access.Revealed, path, id string, key bool, fields map[string]string, photo []byte) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, text := range fields {
		_ = form.WriteField(name, text)
	}
	if photo != nil {
		part, _ := form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="face_image"`}})
		_, _ = part.Write(photo)
	}
	_ = form.Close()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.SetBasicAuth(who.Username, who.Password)
	r.Header.Set("X-Api-Key", who.APIKey)
	r.Header.Set("X-Request-Id", id)
	if key {
		r.Header.Set("Idempotency-Key", "key-"+id)
	}
	got := httptest.NewRecorder()
	w.server.ServeHTTP(got, r)
	if got.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", id, got.Code, got.Body)
	}
}

// askInBatch sends a batch with two rows about each subject. The first half is answered.
func (w *world) askInBatch(t *testing.T) {
	t.Helper()
	text := "nik,name,reference_id\n"
	for range 2 {
		for n := range w.subjects {
			p := w.country.Person(n)
			text += fmt.Sprintf("%s,%s,row\n", p.NIK.Reveal(), p.Name.Reveal())
		}
	}
	batches := app.NewBatches(w.c, w.s, nil)
	client, found, err := access.Client{}, false, error(nil)
	all, err := w.s.Clients.ListClients(t.Context())
	for _, c := range all {
		if c.ID == w.ids[0] {
			client, found = c, true
		}
	}
	if err != nil || !found {
		t.Fatal(err)
	}
	upload := httpapi.BatchUpload(client, batch.DataVerification)
	upload.Claims, upload.Format = strings.NewReader(text), rows.CSV
	b, err := batches.Add(t.Context(), upload)
	if err != nil {
		t.Fatal(err)
	}
	if err := app.NewBatches(w.c, w.s, access.NewLimiter(limit.NewRates(limit.RatesOptions{}))).Kind(w.server).
		Work(t.Context(), jobs.Job{IDs: []int64{1, 2, int64(w.subjects + 1)}}); err != nil && !strings.Contains(err.Error(), "later") {
		t.Fatal(err)
	}
	for i := range 2 * w.subjects {
		w.requests[i%w.subjects] = append(w.requests[i%w.subjects], b.RequestID(i+2))
	}
}

// nik is the NIK of a person.
func (w *world) nik(n int) sesuai.NIK { return w.country.Person(n).NIK }

// asked are the numbers of the people about whom there were requests.
func (w *world) asked() (all []int) {
	for n := range w.subjects {
		all = append(all, n, w.people+n)
	}
	return all
}
