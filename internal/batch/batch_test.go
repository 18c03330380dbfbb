package batch_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/jobs"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/rows"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

var engines = sqltest.New(jobs.Migrations(), batch.Migrations)

// world is the batches of a database, with everything around them.
type world struct {
	*batch.Service
	db      *sqldb.DB
	options batch.Options
	now     time.Time
	clients []access.Client
	altered []string
	// finished are the batches that were finished.
	finished []batch.Counts

	mu sync.Mutex
	// verified counts the verifications of each line. fail is the error of all of
	// them; unrecorded is whether they leave nothing behind.
	verified   map[int]int
	fail       error
	unrecorded bool
	// during is called in each of them. It may be nil.
	during func()
}

func newWorld(t *testing.T, d sqltest.Database, change ...func(*batch.Options)) *world {
	t.Helper()
	w := &world{
		db: d.Open(t), now: time.Date(2026, 11, 29, 5, 0, 0, 0, time.UTC), verified: make(map[int]int),
		clients: []access.Client{{ID: "cli_a"}, {ID: "cli_b"}},
	}
	q, err := jobs.Open(w.db)
	if err != nil {
		t.Fatal(err)
	}
	w.options = batch.Options{
		Config: batch.DefaultConfig(), DB: w.db, Jobs: q, Secret: keyring.NewSecret(), Clients: w,
		Alert: func(table string) { w.altered = append(w.altered, table) }, Now: func() time.Time { return w.now },
		Finished: func(_ context.Context, _ *sqldb.Tx, _ batch.Batch, c batch.Counts) error {
			w.finished = append(w.finished, c)
			return nil
		},
	}
	for _, c := range change {
		c(&w.options)
	}
	w.Service = batch.New(w.options)
	return w
}

// ListClients implements batch.Clients.
func (w *world) ListClients(context.Context) ([]access.Client, error) { return w.clients, nil }

// VerifyRow implements batch.Verifier. It verifies those whose NIK is "good", and
// records that in a transaction.
func (w *world) VerifyRow(ctx context.Context, c batch.Call) (batch.Reply, error) {
	w.mu.Lock()
	w.verified[c.Row.Line]++
	w.mu.Unlock()
	if w.during != nil {
		w.during()
	}
	if w.fail != nil {
		return batch.Reply{Status: 503, Body: []byte(`{"verification_status":false}`)}, w.fail
	}
	r := batch.Reply{Status: 200, Body: fmt.Appendf(nil, `{"verification_status":%t,"photo":%q}`, c.Row.Fields["nik"] == "good", c.Row.Photo)}
	if w.unrecorded {
		return r, nil
	}
	return r, w.db.InTx(ctx, func(tx *sqldb.Tx) error {
		_, err := c.Keep(ctx, tx, r, false)
		return err
	})
}

// upload is an upload of claims, as CSV.
func upload(claims string) batch.Upload {
	return batch.Upload{
		Client: access.Client{ID: "cli_a"}, Endpoint: batch.DataVerification, Claims: strings.NewReader(claims), Format: rows.CSV,
		Columns: rows.Columns{Known: []string{"nik", "photo", batch.ReferenceField}}, PhotoColumn: "photo",
		Reject: func(why error) batch.Reply {
			return batch.Reply{Status: 400, Body: fmt.Appendf(nil, `{"reason":%q}`, sesuai.KindOf(why))}
		},
	}
}

func (w *world) add(t *testing.T, claims string) batch.Batch {
	t.Helper()
	b, err := w.Add(t.Context(), upload(claims))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// work works the job of a batch's lines.
func (w *world) work(t *testing.T, first, last int64) error {
	t.Helper()
	return w.Kind(w).Work(t.Context(), jobs.Job{IDs: []int64{1, first, last}})
}

// answers returns the answers of a batch, one a line.
func (w *world) answers(t *testing.T, b batch.Batch) string {
	t.Helper()
	all, err := w.Answers(t.Context(), b, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, a := range all {
		fmt.Fprintf(&text, "%d %s %d %s\n", a.Line, a.Reference, a.Status, a.Body)
	}
	return text.String()
}

func assertKind(t *testing.T, err error, want sesuai.Kind) {
	t.Helper()
	if sesuai.KindOf(err) != want {
		t.Errorf("error %v, want one of kind %s", err, want)
	}
}

// TestBatch: each row is verified once, or answered at once if it cannot be read. Then
// the batch is finished, once.
func TestBatch(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		for name, unrecorded := range map[string]bool{"recorded": false, "not recorded": true} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, engines.New(t, d.Engine))
				w.unrecorded = unrecorded
				b := w.add(t, "nik,reference_id\ngood,one\nbad,two\n\nbroken\nbad,\"\n")
				if b.Total != 4 || b.State != batch.Running {
					t.Errorf("%+v", b)
				}
				if got, _, err := w.Get(t.Context(), "cli_b", b.ID); sesuai.KindOf(err) != sesuai.KindNothingFound {
					t.Errorf("another client's: %+v, %v", got, err)
				}
				for range 2 { // as after a crash
					if err := w.work(t, 2, 6); err != nil {
						t.Fatal(err)
					}
				}
				got, counts, err := w.Get(t.Context(), "cli_a", b.ID)
				if want := (batch.Counts{Verified: 1, NotVerified: 1, Rejected: 2}); err != nil || got.State != batch.Finished || counts != want {
					t.Errorf("%+v, %+v, %v", got, counts, err)
				}
				if len(w.finished) != 1 || len(w.verified) != 2 || w.verified[2] != 1 || w.verified[3] != 1 {
					t.Errorf("finished %v, verified %v", w.finished, w.verified)
				}
				want := `2 one 200 {"verification_status":true,"photo":""}
3 two 200 {"verification_status":false,"photo":""}
5  400 {"reason":"MALFORMED"}
6  400 {"reason":"MALFORMED"}
`
				if got := w.answers(t, b); got != want {
					t.Errorf("got %s", got)
				}
			})
		}
	})
}

// TestPhotographs come from the archive. One that is too large is answered at once.
func TestPhotographs(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		var archive bytes.Buffer
		z := zip.NewWriter(&archive)
		for name, content := range map[string]string{"a.jpg": "face", "bomb.jpg": strings.Repeat("x", rows.MaxPhotoSize+1)} {
			f, err := z.Create(name)
			if err == nil {
				_, err = io.WriteString(f, content)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, d)
		u := upload("nik,photo\ngood,a.jpg\ngood,none.jpg\ngood,bomb.jpg\n")
		var err error
		if u.Photos, err = rows.ReadZip(bytes.NewReader(archive.Bytes()), int64(archive.Len()), 10); err != nil {
			t.Fatal(err)
		}
		b, err := w.Add(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.work(t, 2, 4); err != nil {
			t.Fatal(err)
		}
		want := `2  200 {"verification_status":true,"photo":"face"}
3  200 {"verification_status":true,"photo":""}
4  400 {"reason":"TOO_LARGE"}
`
		if got := w.answers(t, b); got != want {
			t.Errorf("got %s", got)
		}
		var remaining int
		d.QueryRow(t, `SELECT count(sealed) FROM batch_rows`, &remaining)
		if remaining != 0 {
			t.Errorf("what was sent remains of %d rows", remaining)
		}
	})
}

// TestAddRefuses: nothing remains of an upload that is refused.
func TestAddRefuses(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := newWorld(t, d, func(o *batch.Options) { o.MaxRows, o.PerClient = 3, 1 })
		for claims, want := range map[string]sesuai.Kind{
			"":                         sesuai.KindMalformed,
			"nik\n":                    sesuai.KindMalformed,
			"nik,what\n":               sesuai.KindMalformed,
			"nik\n1\n2\n3\n4\n":        sesuai.KindTooLarge,
			strings.Repeat("x", 1<<20): sesuai.KindMalformed,
		} {
			_, err := w.Add(t.Context(), upload(claims))
			assertKind(t, err, want)
		}
		u := upload("")
		u.Claims = io.MultiReader(strings.NewReader("nik\n1\n"), failing{})
		if _, err := w.Add(t.Context(), u); !errors.Is(err, errDisk) {
			t.Errorf("a file that cannot be read: %v", err)
		}
		if batches, rows := stored(t, d); batches+rows != 0 {
			t.Errorf("%d batches and %d rows remain", batches, rows)
		}
		w.add(t, "nik\n1\n")
		_, err := w.Add(t.Context(), upload("nik\n1\n"))
		assertKind(t, err, sesuai.KindRateLimited)
		var number int64
		d.QueryRow(t, `SELECT number FROM batches`, &number)
		if err := w.Kind(w).Work(t.Context(), jobs.Job{IDs: []int64{number, 2, 2}}); err != nil {
			t.Fatal(err)
		}
		w.add(t, "nik\n1\n")
	})
}

var errDisk = errors.New("the disk fails")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errDisk }

// TestNoAnswer: a row without an answer is tried again later, and the job waits when
// several have none, but no longer than a while: the other rows wait with them. After a
// day that is the answer.
func TestNoAnswer(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := newWorld(t, d)
		b := w.add(t, "nik\n1\n2\n3\n4\n5\n")
		w.fail = &sesuai.Error{Kind: sesuai.KindUnavailable, RetryAfter: 6 * time.Hour}
		if err := w.work(t, 2, 6); err != jobs.Later(10*time.Minute) || len(w.verified) != 3 {
			t.Errorf("%v; %d were tried, want 3", err, len(w.verified))
		}
		// Those that were not tried come first.
		if err := w.work(t, 2, 6); err == nil || w.verified[5] != 1 || w.verified[6] != 1 {
			t.Errorf("%v; tried %v", err, w.verified)
		}
		w.fail = &sesuai.Error{Kind: sesuai.KindOverloaded}
		w.now = w.now.Add(25 * time.Hour)
		if err := w.work(t, 2, 6); err != nil {
			t.Error(err)
		}
		got, counts, err := w.Get(t.Context(), "cli_a", b.ID)
		if want := (batch.Counts{Rejected: 5}); err != nil || got.State != batch.Finished || counts != want {
			t.Errorf("%+v, %+v, %v", got, counts, err)
		}
	})
}

// TestInactiveClient: the batch of a client that is disabled, or has expired, stops
// within a second, and goes on when the client is enabled.
func TestInactiveClient(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := newWorld(t, d)
		b := w.add(t, "nik\n1\n2\n3\n")
		w.clients[0].ExpiresAt = w.now
		if err := w.work(t, 2, 4); err == nil || len(w.verified) != 0 {
			t.Errorf("expired: %v; verified %v", err, w.verified)
		}
		w.clients[0].ExpiresAt = time.Time{}
		w.during = func() { w.now = w.now.Add(time.Second); w.clients[0].Disabled = true }
		if err := w.work(t, 2, 4); err == nil || len(w.verified) != 1 {
			t.Errorf("disabled in the middle: %v; verified %v", err, w.verified)
		}
		w.during, w.clients[0].Disabled = nil, false
		if err := w.work(t, 2, 4); err != nil || len(w.verified) != 3 {
			t.Errorf("enabled: %v; verified %v", err, w.verified)
		}
		if got, counts, err := w.Get(t.Context(), "cli_a", b.ID); err != nil || got.State != batch.Finished || counts.Done() != 3 {
			t.Errorf("%+v, %+v, %v", got, counts, err)
		}
	})
}

// TestRemove: a batch that is removed stops, and nothing remains of it, nor of those of
// a client that is removed or of one that is old.
func TestRemove(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := newWorld(t, d)
		b := w.add(t, "nik\n1\n2\n")
		assertKind(t, w.Remove(t.Context(), "cli_b", b.ID), sesuai.KindNothingFound)
		if err := w.Remove(t.Context(), "cli_a", b.ID); err != nil {
			t.Fatal(err)
		}
		if err := w.work(t, 2, 3); err != nil || len(w.verified) != 0 {
			t.Errorf("%v; verified %v", err, w.verified)
		}
		w.add(t, "nik\n1\n")
		w.clients = w.clients[1:]
		if err := w.Kind(w).Work(t.Context(), jobs.Job{IDs: []int64{2, 2, 2}}); err != nil || len(w.verified) != 0 {
			t.Errorf("%v; verified %v", err, w.verified)
		}
		w.clients = []access.Client{{ID: "cli_a"}}
		old := w.add(t, "nik\n1\n")
		if err := w.Kind(w).Work(t.Context(), jobs.Job{IDs: []int64{3, 2, 2}}); err != nil {
			t.Error(err)
		}
		for _, step := range []struct {
			wait time.Duration
			kept bool
		}{{6 * 24 * time.Hour, true}, {2 * 24 * time.Hour, false}} {
			w.now = w.now.Add(step.wait)
			if err := w.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
			if _, _, err := w.Get(t.Context(), "cli_a", old.ID); (err == nil) != step.kept {
				t.Errorf("after %v: %v", step.wait, err)
			}
		}
		if batches, rows := stored(t, d); batches+rows != 0 {
			t.Errorf("%d batches and %d rows remain", batches, rows)
		}
	})
}

// TestAltered: what another hand has changed is noticed.
func TestAltered(t *testing.T) {
	for _, test := range []struct {
		change string
		read   func(*testing.T, *world, batch.Batch) error
	}{
		{`UPDATE batches SET client = 'cli_b'`, getAs("cli_b")},
		{`UPDATE batches SET total = 1`, getAs("cli_a")},
		{`UPDATE batches SET state = 'finished'`, getAs("cli_a")},
		{`DELETE FROM batch_rows WHERE line = 2`, getAs("cli_a")},
		{`UPDATE batch_rows SET sealed = (SELECT sealed FROM batch_rows WHERE line = 3) WHERE line = 2`, func(t *testing.T, w *world, _ batch.Batch) error {
			return w.work(t, 2, 2)
		}},
		{`UPDATE batch_rows SET outcome = 1, answer = sealed WHERE line = 2`, func(t *testing.T, w *world, b batch.Batch) error {
			_, err := w.Answers(t.Context(), b, 0, 10)
			return err
		}},
	} {
		t.Run(test.change, func(t *testing.T) {
			engines.Each(t, func(t *testing.T, d sqltest.Database) {
				w := newWorld(t, d)
				b := w.add(t, "nik\n1\n2\n")
				d.Exec(t, test.change)
				assertKind(t, test.read(t, w, b), sesuai.KindUnavailable)
				if len(w.altered) != 1 {
					t.Errorf("alerts %v", w.altered)
				}
			})
		})
	}
}

func getAs(client string) func(*testing.T, *world, batch.Batch) error {
	return func(t *testing.T, w *world, b batch.Batch) error {
		_, _, err := w.Get(t.Context(), client, b.ID)
		return err
	}
}

// TestSpool: what is received is on disk without a name, and not in the clear.
func TestSpool(t *testing.T) {
	folder := t.TempDir()
	secret := strings.Repeat("9999000000000001", 10_000)
	s, err := batch.NewSpool(folder, strings.NewReader(secret))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	content, size, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(io.NewSectionReader(content, 0, size)); err != nil || string(got) != secret {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := batch.NewSpool(folder, failing{}); !errors.Is(err, errDisk) {
		t.Errorf("a reader that fails: %v", err)
	}
	if _, err := batch.NewSpool(folder+"/none", strings.NewReader(secret)); sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("no folder: %v", err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 0 {
		t.Errorf("files %v, %v", files, err)
	}
}

// limiter allows nothing for half a minute, and stops the node.
type limiter struct{ stopping chan struct{} }

func (l limiter) AllowInBackground(context.Context, access.Client) error {
	close(l.stopping)
	return &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: 30 * time.Second}
}

// TestStoppingWhileTheRateIsUsedUp: a job that waits for the client's rate does not keep
// the node from stopping.
func TestStoppingWhileTheRateIsUsedUp(t *testing.T) {
	l := limiter{make(chan struct{})}
	w := newWorld(t, engines.SQLite(t), func(o *batch.Options) { o.Limiter = l })
	w.add(t, "nik\n1\n")
	err := w.Kind(w).Work(t.Context(), jobs.Job{IDs: []int64{1, 2, 2}, Stopping: l.stopping})
	if err != jobs.Later(0) || len(w.verified) != 0 {
		t.Errorf("%v; verified %v", err, w.verified)
	}
}

// TestEncoding: a row that is not UTF-8 is not verified with other characters in it.
func TestEncoding(t *testing.T) {
	w := newWorld(t, engines.SQLite(t))
	b := w.add(t, "nik\ngo\xf6d\n")
	if err := w.work(t, 2, 2); err != nil {
		t.Fatal(err)
	}
	if got, want := w.answers(t, b), "2  400 {\"reason\":\"MALFORMED\"}\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
