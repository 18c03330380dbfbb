package recorder_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/recorder"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault"
	"github.com/sesuai/sesuai/internal/webhook"
)

var webhookEngines = sqltest.New(vault.Migrations, people.Migrations, audit.Migrations, answer.Migrations, webhook.Migrations)

// hooked is a Recorder that tells the client cli_test of its answers.
type hooked struct {
	probes
	hooks *webhook.Store
}

func openHooked(t testing.TB, d sqltest.Database, change func(*recorder.Options)) hooked {
	t.Helper()
	var h hooked
	h.probes = openRecorder(t, d, true, func(o *recorder.Options) {
		var err error
		if h.hooks, err = webhook.NewStore(t.Context(), webhook.StoreOptions{DB: o.DB, Secret: keyring.NewSecret()}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.hooks.Close)
		o.Webhooks = h.hooks
		change(o)
	})
	_, _, err := h.hooks.Set(t.Context(), "cli_test", "https://bank.example/", []webhook.Event{webhook.VerificationCompleted})
	if err == nil {
		_, _, err = h.hooks.Set(t.Context(), "cli_batches", "https://bank.example/", []webhook.Event{webhook.BatchFinished})
	}
	if err == nil {
		err = h.hooks.Refresh(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// told are the requests that a client is told of, and the answers to them.
func (h hooked) told(t *testing.T, client string) map[string]string {
	t.Helper()
	leased, err := h.hooks.Lease(t.Context(), client, 100, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, m := range leased {
		var body struct{ Data webhook.Verification }
		if err := json.Unmarshal(m.Body, &body); err != nil || body.Data.Status == 0 || body.Data.Endpoint != "face_verification" {
			t.Errorf("%s: %v", m.Body, err)
		}
		all[body.Data.RequestID] = string(body.Data.Answer)
	}
	return all
}

// TestTold: who wants to be told of answers is, of those that are recorded.
func TestTold(t *testing.T) {
	webhookEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		h := openHooked(t, d, func(*recorder.Options) {})
		record := func(client, id string, a *answer.Answer) error {
			e := audittest.Event(t, 1, id)
			e.Client = client
			return record(t.Context(), h, e, a)
		}
		a := func(id string) *answer.Answer {
			return &answer.Answer{Request: id, Status: 200, Body: []byte(`{"seen":false}`)}
		}
		err := errors.Join(
			record("cli_test", "a", a("a")), record("cli_test", "without an answer", nil), record("cli_other", "b", a("b")),
			record("cli_batches", "c", a("c")), h.remember(t.Context(), t, "first", func() {}), h.remember(t.Context(), t, "again", func() {}),
		)
		if err != nil {
			t.Fatal(err)
		}
		got := h.told(t, "cli_test")
		want := map[string]string{"a": `{"seen":false}`, "first": `{"seen":false}`, "again": `{"seen":true}`}
		for id, body := range want {
			if got[id] != body {
				t.Errorf("%s: told %q, want %q", id, got[id], body)
			}
		}
		if len(got) != len(want) || len(h.told(t, "cli_other")) != 0 || len(h.told(t, "cli_batches")) != 0 {
			t.Errorf("told %v", got)
		}
	})
}

// failingWebhooks are Webhooks that fail after they were written.
type failingWebhooks struct {
	recorder.Webhooks
	err error
}

func (f failingWebhooks) AddTx(ctx context.Context, tx *sqldb.Tx, messages []webhook.Message) error {
	return errors.Join(f.Webhooks.AddTx(ctx, tx, messages), f.err)
}

// TestToldOfNothingThatFails: a message is committed with what it is about, or not at
// all.
func TestToldOfNothingThatFails(t *testing.T) {
	webhookEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		full := errors.New("full")
		h := openHooked(t, d, func(o *recorder.Options) { o.Webhooks = failingWebhooks{o.Webhooks, full} })
		if err := h.remember(t.Context(), t, "a", func() {}); sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, full) {
			t.Errorf("Remember = %v", err)
		}
		if told := h.told(t, "cli_test"); len(told) != 0 {
			t.Errorf("told %v", told)
		}
		h.assertResults(t, audit.Unavailable)
	})
}

// BenchmarkTold measures how long 64 verifications at a time take to be recorded, of
// a client with a webhook and of one without.
func BenchmarkTold(b *testing.B) {
	for _, test := range []struct {
		name, client string
		change       func(*recorder.Options)
	}{
		{"no webhooks", "cli_other", func(o *recorder.Options) { o.Webhooks = nil }},
		{"of others", "cli_other", func(*recorder.Options) {}},
		{"of the client", "cli_test", func(*recorder.Options) {}},
	} {
		b.Run(test.name, func(b *testing.B) {
			h := openHooked(b, webhookEngines.SQLite(b), test.change)
			b.SetParallelism(64)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					e := audittest.Event(b, 1, "request")
					e.Client = test.client
					if err := record(b.Context(), h, e, &answer.Answer{Request: "request", Status: 200, Body: []byte(`{"seen":false}`)}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
