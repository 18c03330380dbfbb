package webhook

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	selectWebhooks = `SELECT client, sealed FROM webhooks ORDER BY client`

	selectWebhook = `SELECT client, sealed FROM webhooks WHERE client = $1`

	upsertWebhook = `INSERT INTO webhooks (client, sealed) VALUES ($1, $2) ON CONFLICT (client) DO UPDATE SET sealed = excluded.sealed`

	deleteWebhook = `DELETE FROM webhooks WHERE client = $1`
)

// webhooksLock is the advisory lock of transactions that change webhooks. The
// number is taken from no standard: "sesu" and a count.
const webhooksLock = 0x73657375_0012

// row is a row of webhooks.
type row struct {
	client string
	sealed []byte
}

func readWebhooks(ctx context.Context, q sqldb.Querier) ([]row, error) {
	return sqldb.Collect(ctx, q, func(rows *sql.Rows) (r row, err error) { return r, rows.Scan(&r.client, &r.sealed) }, selectWebhooks)
}

// settings are what is sealed of a Webhook.
type settings struct {
	URL           string    `json:"url"`
	Events        []Event   `json:"events"`
	Secret        string    `json:"secret"`
	Previous      string    `json:"previous,omitempty"`
	PreviousUntil time.Time `json:"previous_until,omitzero"`
	ChangedAt     time.Time `json:"changed_at"`
}

func (w Webhook) marshal() []byte {
	b, err := json.Marshal(settings{w.URL, w.Events, w.Secret.Reveal(), w.Previous.Reveal(), w.PreviousUntil, w.ChangedAt})
	if err != nil {
		panic("webhook: settings cannot be encoded")
	}
	return b
}

func bindWebhook(client string) []byte { return keyring.Bind("webhooks.sealed", []byte(client)) }

// open returns the webhook of a row that the program has written.
func (s *Store) open(r row) (Webhook, error) {
	b, err := s.o.Secret.Open(0, r.sealed, bindWebhook(r.client))
	if err != nil {
		return Webhook{}, err
	}
	var v settings
	if err := json.Unmarshal(b, &v); err != nil {
		return Webhook{}, err
	}
	return Webhook{
		r.client, v.URL, v.Events, Secret{sesuai.NewText(v.Secret)}, Secret{sesuai.NewText(v.Previous)}, v.PreviousUntil, v.ChangedAt,
	}, nil
}

// find returns the webhook of a client in the database.
func (s *Store) find(ctx context.Context, q sqldb.Querier, client string) (Webhook, bool, error) {
	var r row
	err := q.QueryRowContext(ctx, selectWebhook, client).Scan(&r.client, &r.sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return Webhook{}, false, nil
	}
	if err != nil {
		return Webhook{}, false, err
	}
	w, err := s.open(r)
	if err != nil {
		s.o.Alert("webhooks")
		return Webhook{}, false, &sesuai.Error{
			Kind:   sesuai.KindUnavailable,
			Detail: "the webhook is not stored as it was registered, and is not used: remove it, and register it again",
		}
	}
	return w, true, nil
}

// Find implements Registrations.
func (s *Store) Find(ctx context.Context, client string) (Webhook, bool, error) {
	w, found, err := s.find(ctx, s.o.DB.Read(), client)
	if err != nil {
		return Webhook{}, false, sqldb.Unavailable(ctx, "reading a webhook", err)
	}
	return w, found, nil
}

// Set implements Registrations.
func (s *Store) Set(ctx context.Context, client, url string, events []Event) (w Webhook, added bool, err error) {
	if err := s.o.Policy.CheckURL(url); err != nil {
		return Webhook{}, false, err
	}
	events = slices.Compact(slices.Sorted(slices.Values(events)))
	if len(events) == 0 || slices.ContainsFunc(events, func(e Event) bool { return e != BatchFinished && e != VerificationCompleted }) {
		return Webhook{}, false, mistake("events are needed, of batch and verification")
	}
	w, _, err = s.change(ctx, client, audit.WebhookSet, func(w *Webhook, found bool) bool {
		if added = !found; added {
			w.Secret = NewSecret()
		}
		changed := added || w.URL != url || !slices.Equal(w.Events, events)
		w.URL, w.Events = url, events
		return changed
	})
	return w, added, err
}

// Rotate implements Registrations.
func (s *Store) Rotate(ctx context.Context, client string, keep time.Duration) (Webhook, bool, error) {
	return s.change(ctx, client, audit.WebhookRotated, func(w *Webhook, found bool) bool {
		if found {
			w.Previous, w.PreviousUntil = Secret{}, time.Time{}
			if keep > 0 {
				w.Previous, w.PreviousUntil = w.Secret, s.now().Add(keep).UTC()
			}
			w.Secret = NewSecret()
		}
		return found
	})
}

// change has f change the webhook of a client, found or new. If f returns true it
// is stored and the change recorded.
func (s *Store) change(
	ctx context.Context, client string, action audit.Action, f func(w *Webhook, found bool) bool,
) (w Webhook, found bool, err error) {
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := tx.Lock(ctx, webhooksLock); err != nil {
			return err
		}
		var before []byte
		if w, found, err = s.find(ctx, tx, client); err != nil {
			return err
		}
		if w.Client = client; found {
			before = w.marshal()
		}
		if !f(&w, found) {
			return nil
		}
		w.ChangedAt = s.now().UTC()
		after := w.marshal()
		if _, err := tx.ExecContext(ctx, upsertWebhook, client, s.o.Secret.Seal(0, after, bindWebhook(client))); err != nil {
			return err
		}
		return s.record(ctx, tx, action, client, before, after)
	})
	if err != nil {
		return Webhook{}, false, sqldb.Unavailable(ctx, "changing a webhook", err)
	}
	return w, found, nil
}

func (s *Store) record(ctx context.Context, tx *sqldb.Tx, action audit.Action, client string, before, after []byte) error {
	if s.o.Trail == nil {
		return nil
	}
	return s.o.Trail.ChangeTx(ctx, tx, audit.Change{Action: action, Client: client, Count: 1, Before: before, After: after})
}

// Remove implements Registrations.
func (s *Store) Remove(ctx context.Context, client string) (removed bool, err error) {
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) (err error) {
		removed, err = s.RemoveTx(ctx, tx, client)
		return err
	})
	if err != nil {
		return false, sqldb.Unavailable(ctx, "removing a webhook", err)
	}
	// If this fails the rest is removed by Sweep, and delivered by nobody.
	return removed, s.removePending(ctx, client)
}

// RemoveTx is Remove in a transaction. It leaves what is yet to be delivered to
// RemoveOrphaned: that may be much.
func (s *Store) RemoveTx(ctx context.Context, tx *sqldb.Tx, client string) (bool, error) {
	if err := tx.Lock(ctx, webhooksLock); err != nil {
		return false, err
	}
	var r row
	err := tx.QueryRowContext(ctx, selectWebhook, client).Scan(&r.client, &r.sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	before, err := s.o.Secret.Open(0, r.sealed, bindWebhook(client))
	if err != nil {
		before = bytes.Clone(r.sealed) // to remove it is how to end this
	}
	if _, err := tx.ExecContext(ctx, deleteWebhook, client); err != nil {
		return false, err
	}
	return true, s.record(ctx, tx, audit.WebhookRemoved, client, before, nil)
}

// Export returns all webhooks, in the order of their clients. The error has kind
// sesuai.KindUnavailable.
func (s *Store) Export(ctx context.Context) ([]Webhook, error) {
	rows, err := readWebhooks(ctx, s.o.DB.Read())
	var all []Webhook
	for _, r := range rows {
		var w Webhook
		if w, err = s.open(r); err != nil {
			s.o.Alert("webhooks")
			break
		}
		all = append(all, w)
	}
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "listing webhooks", err)
	}
	return all, nil
}

// ImportTx stores webhooks that Export returned in a transaction. One that is here
// already gets the settings and the secrets of the other one.
func (s *Store) ImportTx(ctx context.Context, tx *sqldb.Tx, all []Webhook) error {
	if err := tx.Lock(ctx, webhooksLock); err != nil {
		return err
	}
	for _, w := range all {
		var before []byte
		old, found, err := s.find(ctx, tx, w.Client)
		if err != nil {
			return err
		}
		if found {
			before = old.marshal()
		}
		after := w.marshal()
		if bytes.Equal(before, after) {
			continue
		}
		if _, err := tx.ExecContext(ctx, upsertWebhook, w.Client, s.o.Secret.Seal(0, after, bindWebhook(w.Client))); err != nil {
			return err
		}
		if err := s.record(ctx, tx, audit.WebhookSet, w.Client, before, after); err != nil {
			return err
		}
	}
	return nil
}
