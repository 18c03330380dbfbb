package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/rows"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/webhook"
)

// cells is a database with rows in every table, of which copies are made, and what
// is asked of a copy.
type cells struct {
	// copy makes a copy until the test ends.
	copy    func(t *testing.T) app.Config
	clients map[string]access.Revealed
	// session is the id of a session of an operator.
	session string
}

// The people: two are on record with a portrait, one is deceased, one has no
// portrait, one is on record elsewhere, and one nowhere.
const (
	first, second, deceased, faceless, elsewhere, nowhere = 1, 2, 3, 4, 5, 6
)

// photos is an extractor of photographs that were not taken: see drawn.
type photos struct{ t *testing.T }

// drawn is a photograph of a person. Two with one number are the same photograph.
// The cosine is that of its template and the reference's.
func drawn(person, number int, cosine float64) []byte {
	return fmt.Appendf(nil, "\x89PNG\r\n\x1a\n%d %d %v", person, number, cosine)
}

// Extract implements face.Extractor.
func (p photos) Extract(_ context.Context, photo []byte, _ face.Use) (face.Extraction, error) {
	var person, number int
	var cosine float64
	if _, err := fmt.Sscan(string(photo[len("\x89PNG\r\n\x1a\n"):]), &person, &number, &cosine); err != nil {
		return face.Extraction{}, &sesuai.Error{Kind: sesuai.KindInvalidImage, Err: err}
	}
	reference := registrytest.Template(p.t, registrytest.Model, person)
	probe := registrytest.ProbeAt(p.t, reference, cosine)
	return face.Extraction{Template: probe.Template, Signature: registrytest.Signature(number)}, nil
}

// partly answers about one person itself, and asks about all others.
type partly struct {
	registry.Registry
	t *testing.T
}

// Ask implements registry.Registry.
func (p partly) Ask(ctx context.Context, q registry.Question) (registry.Answer, error) {
	if !q.Claim.NIK.Equal(registrytest.NIK(p.t, elsewhere)) {
		return p.Registry.Ask(ctx, q)
	}
	return registry.Answer{
		Found: true, NameScore: 100, DateOfBirth: sesuai.Match,
		Face: registry.Comparison{
			Portrait: true, Score: 0.9, Percentage: sesuai.PercentageOf(99),
			Model: registrytest.Model, Calibration: registrytest.Calibration,
		},
	}, nil
}

// cellConfig is a configuration without models, in which data are returned.
func cellConfig(data string) app.Config {
	c := app.DefaultConfig()
	c.Data = data
	c.Postgres.Migrate, c.Postgres.Connections = true, 4
	c.Dukcapil.Enabled = true
	c.Dukcapil.Balikan.URL = "https://balikan.invalid"
	// What one client asks in vain changes what another one is told.
	c.Disclosure.ExactMisses, c.Disclosure.TensMisses = 0, 0
	return c
}

func sqliteCells(t *testing.T) *cells {
	t.Helper()
	c := cellConfig(filepath.Join(t.TempDir(), "data"))
	w := new(cells)
	w.fill(t, c)
	w.copy = func(t *testing.T) app.Config {
		t.Helper()
		return cellConfig(copyFiles(t, c.Data))
	}
	return w
}

func postgresCells(t *testing.T) *cells {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data") // with the master keys
	w := new(cells)
	w.copy = func(t *testing.T) app.Config {
		t.Helper()
		c := cellConfig(data)
		c.Registry = pgtest.Shared(t).Copy(t, "cells", func(_ context.Context, url string) error {
			c.Registry = url
			w.fill(t, c)
			return nil
		})
		return c
	}
	w.copy(t)
	return w
}

// copyFiles copies the files of a data folder into a new one.
func copyFiles(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, f.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// remembered is the number of a photograph that was sent about two people.
const remembered = 1000

// fill puts rows into every table: people under the second of three master keys,
// photographs that are remembered, data to return, one of which is delivered, and
// calls, one of which is not completed, a webhook with messages, and a session of an
// operator.
func (w *cells) fill(t *testing.T, c app.Config) {
	t.Helper()
	s := openCells(t, c)
	defer closeStorage(t, s)
	for n, status := range map[int]sesuai.Status{first: 0, second: 0, deceased: sesuai.Deceased, faceless: 0} {
		p, portrait := registrytest.Person(t, n), registrytest.Portrait(t, n)
		if p.Status = status; n == faceless {
			portrait = nil
		}
		if _, err := s.People.Enrol(t.Context(), p, portrait); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := s.Keys.AddKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		if keys, err := s.Keys.Keys(t.Context()); err != nil || len(keys) == 3 {
			break
		}
		if _, err := s.Keys.Rotate(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	clients := map[string]access.Revealed{
		"strict": addClient(t, s, "strict", access.Client{
			Replay: access.Enforce, Rate: 1000, Burst: 100, Note: "a note", ExpiresAt: time.Now().AddDate(1, 0, 0),
			Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, // where httptest's requests are from
		}),
		"plain": addClient(t, s, "plain", access.Client{Replay: access.Off}),
	}
	// Both are asked with the credentials from before a rotation.
	for name := range clients {
		if _, _, _, err := access.Rotate(t.Context(), s.Clients, s.Hash, name, access.RotateOptions{ValidFor: access.MaxValidFor}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Clients.RecordUses(t.Context(), map[string]time.Time{clientID(t, s, "strict"): cellDay, clientID(t, s, "plain"): cellDay}); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.Webhooks.Set(t.Context(), clientID(t, s, "strict"), "https://bank.invalid/", []webhook.Event{webhook.VerificationCompleted})
	if err == nil {
		err = s.Messages.Refresh(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	server := serverOf(t, c, s)
	for _, n := range filledWith {
		if got := askToFill(n).send(t, server, clients, filledID(n)); !strings.Contains(got, "Verification Success") {
			t.Fatalf("filling: %s", got)
		}
		if n != first {
			continue
		}
		lease, err := s.Outbox.Lease(t.Context(), 1, time.Minute)
		if err != nil || len(lease.Rows) != 1 {
			t.Fatalf("Lease = %v, %v", lease.Damaged, err)
		}
		if err := s.Outbox.Delivered(t.Context(), []int64{lease.Rows[0].ID}); err != nil {
			t.Fatal(err)
		}
	}
	for i, completion := range []*ledger.Completion{
		{Class: "found", Billable: true, Duration: time.Millisecond}, {Class: "timeout", Duration: time.Second}, nil,
	} {
		id, err := s.Calls.Start(t.Context(), ledger.Call{
			Service: ledger.DataCheck, Client: "cli_x", RequestID: fmt.Sprint(i), At: cellDay, Price: 1000,
		})
		if err == nil && completion != nil {
			err = s.Calls.Complete(t.Context(), id, *completion)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	fillBatch(t, c, s, server)
	w.clients, w.session = clients, signInOperator(t, s, "sari")
	proposeAct(t, s)
}

// fillBatch adds a batch of the client strict, of whose three rows the first two are
// answered.
func fillBatch(t *testing.T, c app.Config, s *app.Storage, server *httpapi.Server) {
	t.Helper()
	p := registrytest.Person(t, first)
	claims := fmt.Sprintf("nik,name,reference_id\n%[1]s,%[2]s,row\n%[1]s,Somebody Else,row\n%[1]s,%[2]s,row\n", p.NIK.Reveal(), p.Name.Reveal())
	batches := app.NewBatches(c, s, access.NewLimiter(limit.NewRates(limit.RatesOptions{})))
	_, err := batches.Add(t.Context(), batch.Upload{
		Client: clientOf(t, s, "strict"), Endpoint: batch.DataVerification, Claims: strings.NewReader(claims), Format: rows.CSV,
		Columns: rows.Columns{Known: []string{"nik", "name", "reference_id"}},
	})
	if err == nil {
		err = workBatch(t, c, s, server, 2, 3)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// workBatch verifies rows of the batch.
func workBatch(t *testing.T, c app.Config, s *app.Storage, server *httpapi.Server, firstLine, lastLine int64) error {
	t.Helper()
	batches := app.NewBatches(c, s, access.NewLimiter(limit.NewRates(limit.RatesOptions{})))
	return batches.Kind(server).Work(t.Context(), jobs.Job{IDs: []int64{1, firstLine, lastLine}})
}

// clientOf returns a client by its name; one without an ID if it cannot be read.
func clientOf(t *testing.T, s *app.Storage, name string) access.Client {
	t.Helper()
	all, _ := s.Clients.ListClients(t.Context()) // an error is noticed by its requests
	for _, c := range all {
		if c.Name == name {
			return c
		}
	}
	return access.Client{}
}

// batchesOf is what is shown of the batches of the client strict once all their rows are
// verified.
func (w *cells) batchesOf(t *testing.T, c app.Config, s *app.Storage) string {
	t.Helper()
	if err := workBatch(t, c, s, serverOf(t, c, s), 2, 4); err != nil {
		return noticed + err.Error()
	}
	batches := app.NewBatches(c, s, access.NewLimiter(limit.NewRates(limit.RatesOptions{})))
	client := clientOf(t, s, "strict").ID
	all, err := batches.List(t.Context(), client)
	var text strings.Builder
	for _, b := range all {
		var counts batch.Counts
		var answers []batch.Answer
		if b, counts, err = batches.Get(t.Context(), client, b.ID); err == nil {
			answers, err = batches.Answers(t.Context(), b, 0, 10)
		}
		if err != nil {
			break
		}
		fmt.Fprintln(&text, b.State, b.Total, b.CreatedAt, counts)
		for _, a := range answers {
			fmt.Fprintln(&text, a.Line, a.Status, string(a.Body))
		}
	}
	if err != nil || len(all) == 0 {
		return noticed + fmt.Sprint(err)
	}
	return text.String()
}

// cellDay is when the calls were made.
var cellDay = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

// openCells opens the storage. It alerts nobody.
func openCells(t *testing.T, c app.Config) *app.Storage {
	t.Helper()
	s, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	quiet(t, s)
	return s
}

// serverOf is the API on a storage, by the real wiring but for the face engine.
func serverOf(t *testing.T, c app.Config, s *app.Storage) *httpapi.Server {
	t.Helper()
	return httpapi.New(httpapi.Options{
		Verifier:      app.NewVerifier(c, s, app.Registry{Registry: partly{s.People, t}}, photos{t}),
		Authenticator: access.NewAuthenticator(access.AuthenticatorOptions{Clients: s.Clients, Hash: s.Hash}),
		Limiter:       access.NewLimiter(limit.NewRates(limit.RatesOptions{})),
		Keys:          s.Answers.(*answer.Store),
		Hash:          s.Hash,
		Log:           slog.New(slog.DiscardHandler),
	})
}

// cellAsk is a verification.
type cellAsk struct {
	client         string
	person, number int
	cosine         float64
	name           string // another one than the person's
	key            string // an idempotency key; "" for none
}

// asks are those of which no answer may change. Each sends a photograph of its own
// unless it sends a remembered one.
func asks() []cellAsk {
	var all []cellAsk
	for i, client := range []string{"strict", "plain"} {
		number := 100 * (i + 1)
		for n := first; n <= nowhere; n++ {
			all = append(all, cellAsk{client, n, number + n, 0.9, "", ""})
		}
		all = append(all,
			cellAsk{client, first, number + 10, 0, "", ""}, // somebody who is not enrolled
			cellAsk{client, second, number + 11, 0.9, "Somebody Else", ""},
			cellAsk{client, first, remembered + first, 0.9, "", ""},
			cellAsk{client, elsewhere, remembered + elsewhere, 0.9, "", ""},
		)
	}
	return all
}

// send sends the verification and returns the status and the body of the answer.
func (a cellAsk) send(t *testing.T, server http.Handler, clients map[string]access.Revealed, id string) string {
	t.Helper()
	p := registrytest.Person(t, a.person)
	claim := person{nik: p.NIK.Reveal(), name: p.Name.Reveal(), born: p.DateOfBirth.Reveal()}
	if a.name != "" {
		claim.name = a.name
	}
	contentType, body := form(t, claim, drawn(a.person, a.number, a.cosine))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, httpapi.FaceVerificationPath, strings.NewReader(string(body)))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Request-Id", id)
	if a.key != "" {
		r.Header.Set("Idempotency-Key", a.key)
	}
	r.SetBasicAuth(clients[a.client].Username, clients[a.client].Password)
	r.Header.Set("X-Api-Key", clients[a.client].APIKey)
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	answer, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(w.Code, " ", string(answer))
}

// seen is what shows of a database. A part that is not as it was is noticed if it
// begins with the word of that name.
type seen map[string]string

const noticed = "noticed: "

// observe asks everything of a database: whether it opens, whether the audit trail
// is whole, what it bills and returns, and what it answers, before and after a
// rotation of the master keys.
func (w *cells) observe(t *testing.T, c app.Config) seen {
	t.Helper()
	s, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		return seen{"start": noticed + err.Error()}
	}
	defer closeStorage(t, s)
	quiet(t, s)
	got := seen{"trail": "whole"}
	if _, err := s.Trail.Verify(t.Context()); err != nil {
		got["trail"] = noticed + err.Error()
	}
	day := ledger.DayOf(cellDay)
	usage, err := s.Usage(t.Context(), day, day)
	b, failed := json.Marshal(usage)
	if err = errors.Join(err, failed); err != nil || strings.Contains(string(b), `"altered":1`) {
		got["usage"] = noticed + fmt.Sprint(err)
	} else {
		got["usage"] = string(b)
	}
	// First what was verified before, without what is verified now.
	lease, err := s.Outbox.Lease(t.Context(), 1000, time.Minute)
	if err != nil || lease.Damaged > 0 {
		got["outbox"] = noticed + fmt.Sprint(err)
	} else {
		var rows []string
		for _, r := range lease.Rows {
			rows = append(rows, r.Customer+" "+r.NIK.Reveal())
		}
		slices.Sort(rows)
		got["outbox"] = strings.Join(rows, ", ")
	}
	w.observeUses(t, s, got)
	w.observeWebhooks(t, s, got)
	w.observeOperators(t, s, got)
	w.observeAnswers(t, c, s, got)
	w.ask(t, c, s, got, "")
	got["batches"] = w.batchesOf(t, c, s)
	if rotated, err := s.Keys.Rotate(t.Context(), nil); err != nil {
		got["rotation"] = noticed + err.Error()
	} else {
		got["rotation"] = fmt.Sprint(rotated)
		w.ask(t, c, s, got, "after the rotation, ")
	}
	return got
}

// ask sends the verifications.
func (w *cells) ask(t *testing.T, c app.Config, s *app.Storage, got seen, when string) {
	t.Helper()
	server := serverOf(t, c, s)
	for i, a := range asks() {
		w.askOne(t, server, got, fmt.Sprintf("%s%s about %d", when, a.client, i), a, fmt.Sprint(when, i))
	}
}

// askOne sends a verification.
func (w *cells) askOne(t *testing.T, server *httpapi.Server, got seen, about string, a cellAsk, id string) {
	t.Helper()
	answer := a.send(t, server, w.clients, id)
	if strings.HasPrefix(answer, "401 ") || strings.HasPrefix(answer, "503 ") {
		answer = noticed + answer
	}
	got[about] = answer
}

// unnoticed are the parts that differ from those of want and are not noticed.
func (got seen) unnoticed(want seen) []string {
	var differ []string
	for part, now := range got {
		switch {
		case now == want[part]:
		case strings.HasPrefix(now, noticed):
		default:
			differ = append(differ, cmp.Diff(want[part], now))
		}
	}
	return differ
}

// same reports whether all is as it was.
func (got seen) same(want seen) bool { return cmp.Equal(got, want) }
