package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/retention"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestAuditKeep: the rules remove events that are older than audit.keep, and no others,
// and count them. The chain holds. Without audit.keep nothing is removed.
func TestAuditKeep(t *testing.T) {
	d := sqltest.New(audit.Migrations, retention.Migrations).SQLite(t)
	s := Storage{db: d.Open(t)}
	var err error
	if s.trail, err = audit.NewTrail(t.Context(), audit.Options{DB: s.db, NIK: keyring.NewSecret(), Chain: keyring.NewSecret()}); err != nil {
		t.Fatal(err)
	}
	audittest.Start(t, s.db, s.trail)
	now := time.Now()
	s.removed = retention.NewStore(retention.Options{DB: s.db, Trail: s.trail, Now: func() time.Time { return now }})
	for days := 60; days >= 0; days -= 10 {
		e := audittest.Event(t, days, fmt.Sprint(days))
		e.Time = now.AddDate(0, 0, -days)
		err := s.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			_, err := s.trail.AppendTx(t.Context(), tx, []audit.Event{e})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var c Config
	for _, keep := range []time.Duration{0, 35 * 24 * time.Hour} {
		c.Audit.Keep = keep
		for range 2 { // the second time there is nothing to remove
			if err := s.removed.Apply(t.Context(), s.retentionRules(c)); err != nil {
				t.Fatal(err)
			}
		}
		want := int64(0)
		if keep > 0 {
			want = 3 // of 60, 50 and 40 days ago
		}
		if base, err := s.trail.Base(t.Context()); err != nil || base.Seq != want {
			t.Errorf("keep %s: the trail starts behind event %d, %v, want %d", keep, base.Seq, err, want)
		}
	}
	head, err := s.trail.Verify(t.Context())
	if err != nil || head.Seq != 8 {
		t.Errorf("Verify = event %d, %v, want 8: one of the removal", head.Seq, err)
	}
	today := retention.DayOf(now)
	if runs, err := s.removed.Runs(t.Context(), today, today); err != nil || len(runs) != 1 || runs[0].Table != "audit_events" || runs[0].Removed != 3 {
		t.Errorf("what was removed is %+v, %v", runs, err)
	}
}

// TestNothingIsRemoved: whoever removes rows for their age removes none while the clock
// may be wrong, and the log says so once.
func TestNothingIsRemoved(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Models = filepath.Join(t.TempDir(), "data"), "../../models"
	s, err := OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var log bytes.Buffer
	if err := s.Observe(slog.New(slog.NewJSONHandler(&log, nil)), prometheus.NewRegistry()); err != nil {
		t.Fatal(err)
	}
	err = s.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
		_, err := s.trail.AppendTx(t.Context(), tx, []audit.Event{audittest.Event(t, 1, "1")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	set := func(last time.Time) {
		t.Helper()
		err := s.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.ExecContext(t.Context(), `
				INSERT INTO retention_days (day, table_of, removed, runs, last_at, recorded) VALUES (1, 'answers', 0, 1, $1, 1)
				ON CONFLICT (day, table_of) DO UPDATE SET last_at = excluded.last_at`, last.UnixMicro())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	owners := map[string]func(context.Context) error{
		"probes": func(ctx context.Context) error { _, err := s.people.RemoveBefore(ctx, time.Now(), 1); return err },
		"calls":  func(ctx context.Context) error { _, err := s.calls.RemoveBefore(ctx, time.Now(), 1); return err },
		"outbox": func(ctx context.Context) error { _, err := s.outbox.RemoveBefore(ctx, time.Now(), 1); return err },
		"events": func(ctx context.Context) error {
			_, err := s.pruneBefore(ctx, time.Now().AddDate(0, 0, 2), 1)
			return err
		},
		"webhooks": func(ctx context.Context) error { _, err := s.hooks.Sweep(ctx, time.Now()); return err },
		"counts":   s.Limits.Sweep,
		"batches":  NewBatches(c, s, nil).Sweep,
		"answers": func(ctx context.Context) (err error) {
			ctx, stop := context.WithTimeout(ctx, 100*time.Millisecond)
			defer stop()
			s.answers.Run(ctx, func(failed error) {
				err = failed
				stop()
			})
			return err
		},
	}
	for _, ahead := range []bool{true, false} {
		if set(time.Now()); ahead {
			set(time.Now().AddDate(-1, 0, 0))
		}
		for name, remove := range owners {
			if err := remove(t.Context()); errors.Is(err, retention.ErrClock) != ahead || !ahead && err != nil {
				t.Errorf("%s, the clock is ahead: %t: %v", name, ahead, err)
			}
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != 2 {
		t.Errorf("the log has %d lines, want one of each state:\n%s", lines, &log)
	}
}
