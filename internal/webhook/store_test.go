package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/webhook"
)

var engines = sqltest.New(webhook.Migrations)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 29, 5, 0, 0, 0, time.UTC)} }

// Now is the time that the clock shows.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move moves the clock.
func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// stored is a Store with its database.
type stored struct {
	*webhook.Store
	db     *sqldb.DB
	alerts *[]string
}

func open(t testing.TB, d sqltest.Database, o webhook.StoreOptions) stored {
	t.Helper()
	alerts := new([]string)
	if o.Secret == nil {
		o.Secret = keyring.NewSecret()
	}
	o.DB, o.Alert = d.Open(t), func(table string) { *alerts = append(*alerts, table) }
	s, err := webhook.NewStore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return stored{s, o.DB, alerts}
}

var both = []webhook.Event{webhook.BatchFinished, webhook.VerificationCompleted}

// register registers a webhook, and has the store know it.
func (s stored) register(t testing.TB, client, url string) webhook.Webhook {
	t.Helper()
	w, _, err := s.Set(t.Context(), client, url, both)
	if err == nil {
		err = s.Refresh(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// message is a message of a client.
func message(client string, n int) webhook.Message {
	return webhook.Message{
		Client: client, Event: webhook.VerificationCompleted, At: newClock().now,
		Data: webhook.Verification{
			RequestID: fmt.Sprintf("request-%d", n), Endpoint: "face_verification", Time: newClock().now, Status: 200,
			Answer: json.RawMessage(`{"verification_status":true,"reason":"<&>"}`),
		},
	}
}

// add adds n messages in one transaction.
func (s stored) add(t testing.TB, client string, n int) {
	t.Helper()
	var all []webhook.Message
	for i := range n {
		all = append(all, message(client, i))
	}
	if err := s.db.InTx(t.Context(), func(tx *sqldb.Tx) error { return s.AddTx(t.Context(), tx, all) }); err != nil {
		t.Fatal(err)
	}
}

func (s stored) lease(t testing.TB, client string, n int) []webhook.Due {
	t.Helper()
	all, err := s.Lease(t.Context(), client, n, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (s stored) record(t testing.TB, m webhook.Due, state webhook.State, due time.Time, a *webhook.Attempt) {
	t.Helper()
	if err := s.Record(t.Context(), webhook.Result{Due: m, State: state, DueAt: due, Attempt: a}); err != nil {
		t.Fatal(err)
	}
}

func (s stored) deliveries(t testing.TB, client string, failed bool) []webhook.Delivery {
	t.Helper()
	all, err := s.Deliveries(t.Context(), client, webhook.Filter{Failed: failed, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (s stored) pending(t testing.TB) int {
	t.Helper()
	n, _, err := s.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

const aURL = "https://bank.example/webhooks"

// TestRegistrations: what is registered in one process is known in another one.
func TestRegistrations(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		c, secret := newClock(), keyring.NewSecret()
		one, other := open(t, d, webhook.StoreOptions{Secret: secret, Now: c.Now}), open(t, d, webhook.StoreOptions{Secret: secret, Now: c.Now})
		if _, found, err := one.Find(t.Context(), "cli_a"); found || err != nil {
			t.Error(found, err)
		}
		if _, found, err := one.Rotate(t.Context(), "cli_a", 0); found || err != nil {
			t.Error(found, err)
		}
		w, added, err := one.Set(t.Context(), "cli_a", aURL, []webhook.Event{webhook.VerificationCompleted, webhook.VerificationCompleted})
		if err != nil || !added || w.Secret.IsZero() || w.URL != aURL || len(w.Events) != 1 || !w.ChangedAt.Equal(c.now) {
			t.Errorf("Set = %+v, %v, %v", w, added, err)
		}
		if other.Wants("cli_a", webhook.VerificationCompleted) {
			t.Error("it is known before Refresh")
		}
		if err := other.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !other.Wants("cli_a", webhook.VerificationCompleted) || other.Wants("cli_a", webhook.BatchFinished) || other.Wants("cli_b", webhook.VerificationCompleted) {
			t.Error("it is wanted by somebody else, or something else is")
		}
		again, added, err := other.Set(t.Context(), "cli_a", aURL+"2", both)
		if err != nil || added || !again.Secret.Equal(w.Secret.Text) || again.URL != aURL+"2" {
			t.Errorf("Set again = %v, %v", added, err)
		}
		rotated, found, err := one.Rotate(t.Context(), "cli_a", time.Hour)
		if err != nil || !found || rotated.Secret.Equal(w.Secret.Text) || !rotated.Previous.Equal(w.Secret.Text) || !rotated.PreviousUntil.Equal(c.now.Add(time.Hour)) {
			t.Errorf("Rotate = %v, %v", found, err)
		}
		read, found, err := other.Find(t.Context(), "cli_a")
		if err != nil || !found || !read.Secret.Equal(rotated.Secret.Text) || !read.Previous.Equal(w.Secret.Text) || !slices.Equal(read.Events, both) {
			t.Errorf("Find = %v, %v", found, err)
		}
		if last, _, err := one.Rotate(t.Context(), "cli_a", 0); err != nil || !last.Previous.IsZero() || !last.PreviousUntil.IsZero() {
			t.Errorf("Rotate that keeps nothing = %v, %v", last.PreviousUntil, err)
		}
		for _, wrong := range []error{
			second(one.Set(t.Context(), "cli_b", "http://bank.example/", both)), second(one.Set(t.Context(), "cli_b", aURL, nil)),
			second(one.Set(t.Context(), "cli_b", aURL, []webhook.Event{webhook.Test})),
		} {
			if sesuai.KindOf(wrong) != sesuai.KindConfiguration {
				t.Errorf("Set = %v", wrong)
			}
		}
		for _, want := range []bool{true, false} {
			if removed, err := one.Remove(t.Context(), "cli_a"); removed != want || err != nil {
				t.Errorf("Remove = %v, %v", removed, err)
			}
		}
		if err := other.Refresh(t.Context()); err != nil || other.Wants("cli_a", webhook.VerificationCompleted) {
			t.Error("it is wanted after it was removed", err)
		}
	})
}

func second(_ webhook.Webhook, _ bool, err error) error { return err }

// TestMove: webhooks move to another database with their secrets.
func TestMove(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		from, to := open(t, d, webhook.StoreOptions{}), open(t, engines.New(t, d.Engine), webhook.StoreOptions{})
		w := from.register(t, "cli_a", aURL)
		to.register(t, "cli_b", aURL)
		for range 2 {
			all, err := from.Export(t.Context())
			if err == nil {
				err = to.db.InTx(t.Context(), func(tx *sqldb.Tx) error { return to.ImportTx(t.Context(), tx, all) })
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if moved, found, err := to.Find(t.Context(), "cli_a"); err != nil || !found || !moved.Secret.Equal(w.Secret.Text) || moved.URL != aURL {
			t.Errorf("Find = %v, %v", found, err)
		}
		if all, err := to.Export(t.Context()); err != nil || len(all) != 2 {
			t.Errorf("%d webhooks, %v", len(all), err)
		}
	})
}

// TestLeases: a message is leased by one process at a time, until it is delivered.
func TestLeases(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		c, secret := newClock(), keyring.NewSecret()
		one, other := open(t, d, webhook.StoreOptions{Secret: secret, Now: c.Now}), open(t, d, webhook.StoreOptions{Secret: secret, Now: c.Now})
		one.register(t, "cli_a", aURL)
		one.add(t, "cli_a", 3)
		one.add(t, "cli_b", 1) // it has no webhook
		if waiting, err := other.Waiting(t.Context()); err != nil || !slices.Equal(waiting, []string{"cli_a"}) {
			t.Errorf("Waiting = %q, %v", waiting, err)
		}
		first := one.lease(t, "cli_a", 2)
		rest := other.lease(t, "cli_a", 9)
		if len(first) != 2 || len(rest) != 1 || len(one.lease(t, "cli_a", 9)) != 0 {
			t.Fatalf("%d and %d were leased", len(first), len(rest))
		}
		var body struct {
			Type      string
			Timestamp time.Time
			Data      webhook.Verification
		}
		if err := json.Unmarshal(first[0].Body, &body); err != nil || body.Type != "verification.completed" || !body.Timestamp.Equal(c.now) ||
			string(body.Data.Answer) != `{"verification_status":true,"reason":"<&>"}` || body.Data.Status != 200 || body.Data.Endpoint != "face_verification" {
			t.Errorf("the body is %s: %v", first[0].Body, err)
		}
		if first[0].Tries != 1 || !first[0].GiveUpAt.Equal(c.now.Add(webhook.MaxAge)) {
			t.Errorf("try %d, until %s", first[0].Tries, first[0].GiveUpAt)
		}

		// One is delivered, one fails.
		failed := webhook.Attempt{At: c.now, Duration: time.Second, Status: 500, Failure: webhook.FailedStatus}
		one.record(t, first[0], webhook.Delivered, c.now, &webhook.Attempt{At: c.now, Status: 204})
		one.record(t, first[1], webhook.Pending, c.now.Add(time.Second), &failed)
		if len(one.lease(t, "cli_a", 9)) != 0 {
			t.Error("a message is leased before it is due")
		}
		c.Move(time.Second)
		again := other.lease(t, "cli_a", 9)
		if len(again) != 1 || again[0].ID != first[1].ID || again[0].Tries != 2 || string(again[0].Body) != string(first[1].Body) ||
			!again[0].GiveUpAt.Equal(first[1].GiveUpAt) {
			t.Fatalf("leased again: %+v", again)
		}
		if diff := cmp.Diff([]webhook.Attempt{failed}, again[0].Attempts); diff != "" {
			t.Error(diff)
		}

		// After a lease has expired a failure under it does not count. A delivery does.
		c.Move(time.Minute)
		taken := one.lease(t, "cli_a", 9)
		if len(taken) != 2 {
			t.Fatalf("%d expired leases", len(taken))
		}
		other.record(t, again[0], webhook.GivenUp, c.now, &failed)
		other.record(t, rest[0], webhook.Delivered, c.now, &webhook.Attempt{At: c.now, Status: 200})
		if n := one.pending(t); n != 2 { // cli_b's, too
			t.Errorf("%d are pending", n)
		}
		for _, m := range taken {
			one.record(t, m, webhook.GivenUp, c.now, &failed)
		}
		var states []webhook.State
		for _, v := range one.deliveries(t, "cli_a", false) {
			states = append(states, v.State)
		}
		slices.Sort(states)
		if diff := cmp.Diff([]webhook.State{webhook.Delivered, webhook.Delivered, webhook.GivenUp}, states); diff != "" {
			t.Error(diff)
		}
		var bodies int
		d.QueryRow(t, `SELECT count(sealed) FROM webhook_deliveries WHERE client = 'cli_a'`, &bodies)
		if bodies != 1 {
			t.Errorf("%d bodies are kept, want that of the one that was given up", bodies)
		}
	})
}

// TestLog: failures are listed, and retried with all their tries.
func TestLog(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		c := newClock()
		s := open(t, d, webhook.StoreOptions{Now: c.Now})
		s.register(t, "cli_a", aURL)
		var failures []webhook.Attempt
		s.add(t, "cli_a", 3)
		for n := range 25 {
			m := s.lease(t, "cli_a", 1)[0]
			a := webhook.Attempt{At: c.Now(), Status: 500 + n, Failure: webhook.FailedStatus}
			failures = append(failures, a)
			s.record(t, m, webhook.Pending, c.Now().Add(-time.Hour), &a) // it is the next one
		}
		m := s.lease(t, "cli_a", 1)[0]
		s.record(t, m, webhook.GivenUp, c.Now(), nil)
		delivered := s.lease(t, "cli_a", 1)[0]
		s.record(t, delivered, webhook.Delivered, c.Now(), &webhook.Attempt{At: c.Now(), Status: 200})
		if n := len(s.deliveries(t, "cli_a", false)); n != 3 {
			t.Errorf("%d are listed", n)
		}
		failed := s.deliveries(t, "cli_a", true)
		if len(failed) != 1 || failed[0].ID != m.ID || failed[0].State != webhook.GivenUp {
			t.Fatalf("failed: %+v", failed)
		}
		if diff := cmp.Diff(failures[5:], failed[0].Attempts); diff != "" {
			t.Error(diff)
		}
		for id, want := range map[string]bool{m.ID: true, delivered.ID: false, "msg_nobody": false} {
			if found, err := s.Retry(t.Context(), id); found != want || err != nil {
				t.Errorf("Retry = %v, %v", found, err)
			}
		}
		c.Move(48 * time.Hour)
		found := false
		for _, again := range s.lease(t, "cli_a", 9) {
			found = found || again.ID == m.ID && again.Tries == 1 && again.GiveUpAt.Equal(c.Now().Add(webhook.MaxAge)) && string(again.Body) == string(m.Body)
		}
		if !found {
			t.Error("it is not retried")
		}
	})
}

// TestSweep: what is old is removed, pending or not, and so is what is pending for
// nobody.
func TestSweep(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		c := newClock()
		s := open(t, d, webhook.StoreOptions{Now: c.Now})
		s.register(t, "cli_a", aURL)
		s.register(t, "cli_b", aURL)
		s.add(t, "cli_a", 1100)
		d.Exec(t, `UPDATE webhook_deliveries SET state = 'delivered', ended_at = 1, sealed = NULL`) // one by one takes long
		s.add(t, "cli_a", 2)                                                                        // for a receiver that takes none
		s.add(t, "cli_b", 3)
		c.Move(time.Hour)
		old := c.Now()
		s.add(t, "cli_a", 3)
		c.Move(time.Hour)
		s.record(t, s.lease(t, "cli_a", 1)[0], webhook.GivenUp, c.Now(), nil)
		if removed, err := s.Remove(t.Context(), "cli_b"); err != nil || !removed || s.pending(t) != 4 {
			t.Errorf("Remove = %v, %v; %d are pending", removed, err, s.pending(t))
		}
		s.add(t, "cli_b", 3) // by a process that does not know yet
		givenUp := 0
		for _, more := range []bool{true, false, false} {
			swept, err := s.Sweep(t.Context(), old)
			if givenUp += swept.GivenUp; swept.More != more || err != nil {
				t.Errorf("Sweep = %+v, %v", swept, err)
			}
		}
		if givenUp != 1 || s.pending(t) != 3 || len(s.deliveries(t, "cli_a", false)) != 3 {
			t.Errorf("%d were given up, %d are pending, %d remain", givenUp, s.pending(t), len(s.deliveries(t, "cli_a", false)))
		}
		if n := len(s.deliveries(t, "cli_b", false)); n != 0 || len(*s.alerts) != 0 {
			t.Errorf("%d remain for nobody, alerts %q", n, *s.alerts)
		}
	})
}

// altered is a store in which somebody else has changed a webhook and a message.
func (s stored) altered(t *testing.T, d sqltest.Database, client, statement string) {
	t.Helper()
	for _, table := range []string{"webhooks", "webhook_deliveries"} {
		d.Exec(t, `DELETE FROM `+table)
	}
	s.register(t, "cli_a", aURL)
	s.add(t, client, 1)
	*s.alerts = nil
	d.Exec(t, statement)
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestOtherHands: what somebody else has changed is noticed, and not sent.
func TestOtherHands(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d, webhook.StoreOptions{Now: newClock().Now})
		for _, statement := range []string{`UPDATE webhooks SET sealed = x'00'`, `UPDATE webhooks SET client = 'cli_b'`} {
			s.altered(t, d, "cli_a", statement)
			if err := s.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.Wants("cli_a", webhook.BatchFinished) || s.Wants("cli_b", webhook.BatchFinished) || !slices.Equal(*s.alerts, []string{"webhooks"}) {
				t.Errorf("%s: it is used, or the alerts are %q", statement, *s.alerts)
			}
		}
		for statement, client := range map[string]string{
			`UPDATE webhook_deliveries SET sealed = x'00'`:                     "cli_a",
			`UPDATE webhook_deliveries SET sealed = NULL`:                      "cli_a",
			`UPDATE webhook_deliveries SET sealed = NULL, state = 'delivered'`: "cli_a",
			`UPDATE webhook_deliveries SET event = 'batch.finished'`:           "cli_a",
			`UPDATE webhook_deliveries SET created_at = created_at + 1`:        "cli_a",
			`UPDATE webhook_deliveries SET id = 'a'`:                           "cli_a",
			`UPDATE webhook_deliveries SET client = 'cli_a'`:                   "cli_c",
			`UPDATE webhook_deliveries SET due_at = due_at + 31536000000000`:   "cli_a",
		} {
			s.altered(t, d, client, statement)
			if len(s.lease(t, "cli_a", 9)) != 0 {
				t.Errorf("%s: it is sent", statement)
			}
			if _, err := s.Sweep(t.Context(), time.Time{}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(*s.alerts, []string{"webhook_deliveries"}) {
				t.Errorf("%s: alerts %q", statement, *s.alerts)
			}
		}
		// Who registers a webhook anew ends that.
		s.altered(t, d, "cli_a", `UPDATE webhooks SET sealed = x'00'`)
		if _, _, err := s.Set(t.Context(), "cli_a", aURL, both); sesuai.KindOf(err) != sesuai.KindUnavailable {
			t.Errorf("Set = %v", err)
		}
		if removed, err := s.Remove(t.Context(), "cli_a"); !removed || err != nil {
			t.Errorf("Remove = %v, %v", removed, err)
		}
		s.register(t, "cli_a", aURL)
	})
}

// TestWithheld: one column alone keeps no message from being sent.
func TestWithheld(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		c := newClock()
		s := open(t, d, webhook.StoreOptions{Now: c.Now})
		for _, statement := range []string{
			`UPDATE webhook_deliveries SET state = 'delivered'`, `UPDATE webhook_deliveries SET ended_at = 1`,
			`UPDATE webhook_deliveries SET lease = x'01', tries = 1000000, attempts = 'none'`,
		} {
			s.altered(t, d, "cli_a", statement)
			leased := s.lease(t, "cli_a", 9)
			if len(leased) != 1 || s.pending(t) != 1 || s.deliveries(t, "cli_a", false)[0].State != webhook.Pending {
				t.Fatalf("%s: %d are sent", statement, len(leased))
			}
			s.record(t, leased[0], webhook.Delivered, c.Now(), &webhook.Attempt{At: c.Now(), Status: 200})
			if s.pending(t) != 0 {
				t.Errorf("%s: it is not delivered", statement)
			}
		}
	})
}

func TestEndedContext(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d, webhook.StoreOptions{})
		s.register(t, "cli_a", aURL)
		s.add(t, "cli_a", 1)
		m := s.lease(t, "cli_a", 1)[0]
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, find := s.Find(ctx, "cli_a")
		_, _, rotate := s.Rotate(ctx, "cli_a", 0)
		_, remove := s.Remove(ctx, "cli_a")
		_, lease := s.Lease(ctx, "cli_a", 1, time.Minute)
		_, waiting := s.Waiting(ctx)
		_, sweep := s.Sweep(ctx, time.Time{})
		_, deliveries := s.Deliveries(ctx, "cli_a", webhook.Filter{Limit: 1})
		_, retry := s.Retry(ctx, m.ID)
		_, _, pending := s.Pending(ctx)
		_, export := s.Export(ctx)
		for what, err := range map[string]error{
			"Find": find, "Set": second(s.Set(ctx, "cli_a", aURL, both)), "Rotate": rotate, "Remove": remove, "Lease": lease, "Waiting": waiting,
			"Sweep": sweep, "Deliveries": deliveries, "Retry": retry, "Pending": pending, "Export": export, "Refresh": s.Refresh(ctx),
			"Record": s.Record(ctx, webhook.Result{Due: m, State: webhook.Delivered}),
		} {
			if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
				t.Errorf("%s = %v", what, err)
			}
		}
		if !s.Wants("cli_a", webhook.BatchFinished) || s.pending(t) != 1 {
			t.Error("something has changed")
		}
	})
}
