package app_test

import (
	"database/sql"
	"fmt"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/test/process"
)

// database opens the database of a configuration behind the product's back.
func database(t *testing.T, c app.Config) *sql.DB {
	t.Helper()
	driver, source := "sqlite", "file:"+filepath.Join(c.Data, "sesuai.db")+"?_busy_timeout=5000" // a service writes, too
	if c.Registry != "" {
		driver, source = "pgx", c.Registry
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func execSQL(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// TestAdministrationIsRecorded: everything that an operator can change is an
// event with the operating system's user and digests, and where no event can be
// recorded nothing is changed.
func TestAdministrationIsRecorded(t *testing.T) {
	process.Slow(t)
	t.Setenv("SUDO_USER", "alice\x01\n")
	c := config(t)
	storage, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	addClient(t, storage, "one", access.Client{})
	addClient(t, storage, "two", access.Client{})
	must(storage.Clients.RemoveClient(t.Context(), "one"))
	must(storage.Clients.RemoveClient(t.Context(), "one")) // changes nothing
	p := registrytest.Person(t, 1)
	must(storage.People.Enrol(t.Context(), p, registrytest.Portrait(t, 1)))
	must(storage.People.Enrol(t.Context(), p, registrytest.Portrait(t, 1))) // changes nothing
	must(storage.People.Enrol(t.Context(), p, registrytest.Portrait(t, 2)))
	must(storage.People.EnrolBatch(t.Context(), []registry.Enrolment{
		{Person: registrytest.Person(t, 2)}, {Person: registrytest.Person(t, 3)},
	}, true))
	must(storage.Keys.AddKey(t.Context()))
	must(storage.Keys.Rotate(t.Context(), nil))
	must(storage.People.Remove(t.Context(), p.NIK))

	db := database(t, c)
	rows, err := db.QueryContext(t.Context(), `SELECT action, actor, item_count, substr(client, 1, 4), result,
		length(digest_before), length(digest_after), length(state) FROM audit_events ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var action, actor, client, result string
		var n, before, after, state int
		if err := rows.Scan(&action, &actor, &n, &client, &result, &before, &after, &state); err != nil {
			t.Fatal(err)
		}
		if u, err := user.Current(); err != nil || actor != u.Username+", sudo by alice" || result != "changed" {
			t.Errorf("%s is by %q, with result %s", action, actor, result)
		}
		got = append(got, fmt.Sprint(action, " ", n, client, " ", before, after, state))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"client.add 1cli_ 0 32 32", "client.add 1cli_ 0 32 32", "client.remove 1cli_ 32 0 32",
		"person.add 1 0 32 32", "person.portrait 1 32 32 32", "person.import 2 32 32 32",
		"keys.add 2 32 32 0", "keys.rotate 2 32 32 0", "keys.retire 1 32 32 0", "person.remove 1 32 0 32",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded (-want +got): %s", diff)
	}
	// What is added has the digest that it has when it is removed.
	var same int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM audit_events AS a, audit_events AS b
		WHERE a.action = 'client.add' AND b.action = 'client.remove' AND a.client = b.client AND a.digest_after = b.digest_before`).
		Scan(&same); err != nil || same != 1 {
		t.Errorf("%d clients were removed as they were added, %v", same, err)
	}
	if r, err := storage.VerifyTrail(t.Context(), c, app.TrailCheck{}); err != nil || !r.Whole || r.Events != int64(len(want)) {
		t.Errorf("VerifyTrail = %+v, %v", r, err)
	}

	// A client is not added where the trail describes others: its event would
	// accept them. One that somebody changed can be removed.
	client := access.Client{ID: "cli_x", Name: "x", Scopes: access.Scopes[:], Replay: access.Log, Liveness: access.Off}
	execSQL(t, db, `UPDATE clients SET threshold = 0`)
	if err := storage.Clients.AddClient(t.Context(), client, access.Hashes{}); err == nil {
		t.Error("a client was added beside one that somebody changed")
	}
	must(storage.Clients.RemoveClient(t.Context(), "two"))
	addClient(t, storage, "two", access.Client{})
	if r, err := storage.VerifyTrail(t.Context(), c, app.TrailCheck{}); err != nil || !r.Whole {
		t.Errorf("VerifyTrail = %+v, %v", r, err)
	}

	execSQL(t, db, `UPDATE audit_head SET mac = hash`)
	for what, change := range map[string]func() error{
		"adding a client": func() error {
			return storage.Clients.AddClient(t.Context(), client, access.Hashes{})
		},
		"removing a client": func() error { _, err := storage.Clients.RemoveClient(t.Context(), "two"); return err },
		"adding a person":   func() error { _, err := storage.People.Enrol(t.Context(), p, nil); return err },
		"removing a person": func() error { _, err := storage.People.Remove(t.Context(), registrytest.NIK(t, 2)); return err },
		"adding a key":      func() error { _, err := storage.Keys.AddKey(t.Context()); return err },
	} {
		if err := change(); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	clients, err := storage.Clients.ListClients(t.Context())
	if err != nil || len(clients) != 1 || clients[0].Name != "two" {
		t.Errorf("the clients are %v, %v", clients, err)
	}
	if n, err := storage.People.Count(t.Context()); err != nil || n != 2 {
		t.Errorf("%d people are on record, %v", n, err)
	}
	if keys, err := storage.Keys.Keys(t.Context()); err != nil || len(keys) != 2 {
		t.Errorf("there are %d keys, %v", len(keys), err)
	}
}

// TestBrokenTrail: a running service notices what somebody does to its database:
// an event that is forged, a person's rows and a client that are put back, the
// trail emptied with its head reset. Readiness, a metric and the log say it, until
// the database is as it was. The next process notices what the running one has seen.
func TestBrokenTrail(t *testing.T) {
	process.Slow(t)
	c := config(t)
	c.Audit.CheckInterval, c.Audit.FullCheck = time.Second, 2*time.Second
	c.Admin.Listen = freeAddress(t)
	storage, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	db := database(t, c)
	tables := []string{"people", "person_keys", "clients", "audit_events", "audit_head"}
	keep := func(as string) {
		t.Helper()
		for _, table := range tables {
			execSQL(t, db, fmt.Sprintf(`CREATE TABLE %s_%s AS SELECT * FROM %[2]s`, as, table))
		}
	}
	putBack := func(as string, tables ...string) {
		t.Helper()
		for _, table := range tables {
			execSQL(t, db, `DELETE FROM `+table)
			execSQL(t, db, fmt.Sprintf(`INSERT INTO %s SELECT * FROM %s_%[1]s`, table, as))
		}
	}
	keep("new")
	if _, err := storage.People.Enrol(t.Context(), registrytest.Person(t, 1), nil); err != nil {
		t.Fatal(err)
	}
	addClient(t, storage, "one", access.Client{})
	keep("old")
	changed := registrytest.Person(t, 1)
	changed.Attributes = nil
	if _, err := storage.People.Enrol(t.Context(), changed, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Clients.RemoveClient(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	closeStorage(t, storage)

	s := start(t, c, ayu)
	s.awaitReadiness(t, 200)
	keep("last")
	wait(t, "seven events are verified", func() bool { return s.metric(t, "sesuai_audit_verified_seq") == "7" })
	for _, test := range []struct {
		name   string
		change func()
	}{
		{"forged", func() { execSQL(t, db, `UPDATE audit_events SET result = 'verified' WHERE seq = 1`) }},
		{"person put back", func() { putBack("old", "people", "person_keys") }},
		{"client put back", func() { putBack("old", "clients") }},
		{"emptied", func() { putBack("new", "audit_events", "audit_head") }},
	} {
		errors := strings.Count(s.log.String(), "the audit trail is broken")
		test.change()
		wait(t, test.name, func() bool { return s.metric(t, "sesuai_audit_broken") == "1" })
		if status, _ := s.get(t, "/readyz"); status != 503 {
			t.Errorf("%s: readyz: %d", test.name, status)
		}
		if strings.Count(s.log.String(), "the audit trail is broken") == errors {
			t.Errorf("%s: the log: %s", test.name, s.log)
		}
		next, err := app.OpenStorage(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := next.VerifyTrail(t.Context(), c, app.TrailCheck{}); err != nil || r.Whole || r.Why == "" {
			t.Errorf("%s: VerifyTrail = %+v, %v", test.name, r, err)
		}
		closeStorage(t, next)
		putBack("last", tables...)
		wait(t, test.name+", and as it was", func() bool { return s.metric(t, "sesuai_audit_broken") == "0" })
		s.awaitReadiness(t, 200)
	}
}

// metric is the value of a metric without labels.
func (s *service) metric(t *testing.T, name string) string {
	t.Helper()
	_, page := s.adminPage(t, "/metrics")
	for line := range strings.Lines(page) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("there is no metric %s", name)
	return ""
}
