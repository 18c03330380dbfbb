package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// checked is a trail and what checks it, as one process has them.
type checked struct {
	trail
	*audit.Checker
	file string
	log  *bytes.Buffer
}

// restart opens the trail and starts a Checker, as a new process does. A check is
// a tenth of a pass over everything.
func restart(t testing.TB, d sqltest.Database, nik, chain *keyring.Secret, states ...audit.State) checked {
	t.Helper()
	c := checked{trail: openTrail(t, d, nik, chain), file: filepath.Join(d.Dir, "checkpoints.txt"), log: new(bytes.Buffer)}
	c.Checker = audit.NewChecker(audit.CheckerOptions{
		Trail: c.Trail, States: states, File: c.file, Interval: time.Minute, Full: 10 * time.Minute,
		CheckpointEvents: 1, OldFile: filepath.Join(d.Dir, "audit-checkpoint.json"),
		Log: slog.New(slog.NewTextHandler(c.log, nil)),
	})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// check makes n checks.
func (c checked) check(t testing.TB, n int) {
	t.Helper()
	for range n {
		if err := c.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.Flush(t.Context())
}

// assertBroken reports if the last check did not find the trail broken at an
// event, in Err, the metrics and the log.
func (c checked) assertBroken(t testing.TB, seq int64) {
	t.Helper()
	broken, ok := errors.AsType[*audit.BrokenError](c.Err())
	if !ok || broken.Seq != seq {
		t.Errorf("Err = %v, want it broken at %d", c.Err(), seq)
	}
	if got := c.metric(t, "sesuai_audit_broken"); got != 1 {
		t.Errorf("sesuai_audit_broken is %v", got)
	}
	if !strings.Contains(c.log.String(), "level=ERROR") {
		t.Errorf("the log has no error: %s", c.log)
	}
}

func (c checked) assertWhole(t testing.TB, seq int64) {
	t.Helper()
	if err := c.Err(); err != nil {
		t.Errorf("Err = %v", err)
	}
	if got := c.metric(t, "sesuai_audit_broken"); got != 0 {
		t.Errorf("sesuai_audit_broken is %v", got)
	}
	if got := c.metric(t, "sesuai_audit_verified_seq"); got != float64(seq) {
		t.Errorf("sesuai_audit_verified_seq is %v, want %d", got, seq)
	}
	if c.metric(t, "sesuai_audit_checked_timestamp_seconds") == 0 {
		t.Error("there is no time of the last check")
	}
}

func (c checked) metric(t testing.TB, name string) float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c.Checker)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// events appends n events.
func (c checked) events(t testing.TB, n int) {
	t.Helper()
	var events []audit.Event
	for i := range n {
		events = append(events, audittest.Event(t, i, fmt.Sprint(i)))
	}
	c.record(t, events...)
}

// TestRunningCheck: what somebody does to the database under a running process
// is noticed by its next check, or for an old event within one pass.
func TestRunningCheck(t *testing.T) {
	const forged = `INSERT INTO audit_events SELECT seq + 1, at, request_id, client, nik, 'verified', reason, nik_outcome, name_outcome,
		birth_outcome, name_score, compared, percentage, threshold, score, model, calibration, duration, flags, liveness_known,
		liveness, hash, action, actor, item_count, digest_before, digest_after, state,
		name_threshold, replay_checked, liveness_threshold, measures, cosine, reference_length, probe_length, endpoint, attributes, reference, consent_id, consent_at, purpose FROM audit_events WHERE seq = 3000;
		UPDATE audit_head SET seq = 3001`
	tests := []struct {
		name, statement string
		checks          int
		broken          int64
		// refused is whether AppendTx refuses to record a new head, which would
		// hide the change.
		refused bool
	}{
		{"a row forged after the last", forged, 1, 3001, true},
		{"a recent row forged", `UPDATE audit_events SET result = 'verified' WHERE seq = 2990`, 1, 2990, false},
		{"an old row forged", `UPDATE audit_events SET result = 'verified' WHERE seq = 5`, 3, 5, false},
		{"cut at its end", `DELETE FROM audit_events WHERE seq > 2990`, 1, 2991, false},
		{"emptied", `DELETE FROM audit_events; UPDATE audit_head SET seq = 0, hash = zeroblob(32)`, 1, 1, true},
		{"emptied, as new", `DELETE FROM audit_events; UPDATE audit_head SET seq = 0, hash = zeroblob(32), mac = x''`, 1, 1, true},
	}
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		nik, chain := keyring.NewSecret(), keyring.NewSecret()
		c := restart(t, d, nik, chain)
		c.assertWhole(t, 0)
		c.events(t, 1000)
		c.check(t, 2)
		c.events(t, 1000)
		c.check(t, 2)
		c.assertWhole(t, 2000)
		kept, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		c.events(t, 1000)
		c.exec(t, `CREATE TABLE kept_events AS SELECT * FROM audit_events; CREATE TABLE kept_head AS SELECT * FROM audit_head`)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				// As it was, with the last 1,000 events since the last checkpoint.
				c.exec(t, `DELETE FROM audit_events; DELETE FROM audit_head;
					INSERT INTO audit_events SELECT * FROM kept_events; INSERT INTO audit_head SELECT * FROM kept_head`)
				if err := os.WriteFile(c.file, kept, 0o600); err != nil {
					t.Fatal(err)
				}
				c := restart(t, d, nik, chain)
				c.check(t, 1)
				c.assertWhole(t, 3000)
				c.exec(t, test.statement)
				c.check(t, test.checks)
				c.assertBroken(t, test.broken)
				c.check(t, 1)
				c.assertBroken(t, test.broken)
				err := c.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
					_, err := c.AppendTx(t.Context(), tx, []audit.Event{audittest.Event(t, 1, "later")})
					return err
				})
				if isBroken(err) != test.refused || err != nil && !test.refused {
					t.Errorf("AppendTx = %v", err)
				}
			})
		}
	})
}

// TestHeadPutBack: the end of the trail is cut off, and the head is put back to
// the signed one from that time. The process that has seen the later one notices,
// and so does the next process, by the checkpoint. Without that nothing in the
// database shows it.
func TestHeadPutBack(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		nik, chain := keyring.NewSecret(), keyring.NewSecret()
		c := restart(t, d, nik, chain)
		c.events(t, 5)
		c.exec(t, `CREATE TABLE copied AS SELECT * FROM audit_head`)
		c.events(t, 5)
		c.check(t, 1)
		c.assertWhole(t, 10)
		c.exec(t, `DELETE FROM audit_events WHERE seq > 5; DELETE FROM audit_head;
			INSERT INTO audit_head SELECT * FROM copied`)
		if _, err := c.Head(t.Context()); !isBroken(err) {
			t.Errorf("Head = %v", err)
		}
		c.check(t, 1)
		c.assertBroken(t, 6)

		next := restart(t, d, nik, chain)
		next.assertBroken(t, 6)
		next.check(t, 1)
		next.assertBroken(t, 6)
		if _, err := next.CheckAll(t.Context(), audit.Head{}); !isBroken(err) {
			t.Errorf("CheckAll = %v", err)
		}

		kept, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(c.file); err != nil {
			t.Fatal(err)
		}
		without := restart(t, d, nik, chain)
		without.assertWhole(t, 5)
		heads, err := without.ParseCheckpoints(kept)
		if err != nil || len(heads) != 1 || heads[0].Seq != 10 {
			t.Fatalf("ParseCheckpoints = %v, %v", heads, err)
		}
		if _, err := without.CheckAll(t.Context(), heads[0]); !isBroken(err) {
			t.Errorf("CheckAll from the checkpoint = %v", err)
		}
	})
}

// state is an audit.State whose parts may be broken.
type state map[int]error

func (state) Parts() int { return 20 }

func (s state) CheckPart(_ context.Context, part int) error { return s[part] }

// TestStates: a broken part is noticed within one pass, remembered until it is as
// recorded again, and not confused with one that cannot be read.
func TestStates(t *testing.T) {
	s := state{}
	c := restart(t, engines.SQLite(t), keyring.NewSecret(), keyring.NewSecret(), s)
	c.check(t, 10)
	c.assertWhole(t, 0)
	s[13] = &audit.BrokenError{Why: "part 13"}
	c.check(t, 10)
	c.assertBroken(t, 0)
	c.check(t, 1)
	c.assertBroken(t, 0)
	delete(s, 13)
	c.check(t, 1)
	c.assertWhole(t, 0)

	unread := &sesuai.Error{Kind: sesuai.KindUnavailable}
	s[13] = unread
	var err error
	for range 10 {
		err = errors.Join(err, c.Check(t.Context()))
	}
	if sesuai.KindOf(err) != sesuai.KindUnavailable || c.Err() != nil {
		t.Errorf("Check = %v, Err = %v", err, c.Err())
	}
}

// single is an audit.State of one part.
type single struct{ state }

func (single) Parts() int { return 1 }

// TestStateOfOnePart: whatever other states there are, each check notices it.
func TestStateOfOnePart(t *testing.T) {
	s := single{state{}}
	c := restart(t, engines.SQLite(t), keyring.NewSecret(), keyring.NewSecret(), state{}, s)
	for range 3 {
		s.state[0] = &audit.BrokenError{Why: "the only part"}
		c.check(t, 1)
		c.assertBroken(t, 0)
		delete(s.state, 0)
		c.check(t, 1)
		c.assertWhole(t, 0)
	}
}

// TestBrokenWhileUnreadable: what is broken is reported although something else
// cannot be read, and only a complete check renews the time of the last one.
func TestBrokenWhileUnreadable(t *testing.T) {
	s := state{}
	c := restart(t, engines.SQLite(t), keyring.NewSecret(), keyring.NewSecret(), s)
	c.events(t, 5)
	c.check(t, 1)
	c.assertWhole(t, 5)
	before := c.metric(t, "sesuai_audit_checked_timestamp_seconds")
	for part := range s.Parts() {
		s[part] = &sesuai.Error{Kind: sesuai.KindUnavailable}
	}
	s[2] = &audit.BrokenError{Why: "part 2"}
	for range 10 {
		if err := c.Check(t.Context()); sesuai.KindOf(err) != sesuai.KindUnavailable {
			t.Errorf("Check = %v", err)
		}
	}
	c.assertBroken(t, 0)
	c.exec(t, `UPDATE audit_events SET result = 'verified' WHERE seq = 3`)
	if err := c.Check(t.Context()); sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("Check = %v", err)
	}
	c.assertBroken(t, 3)
	if after := c.metric(t, "sesuai_audit_checked_timestamp_seconds"); after != before {
		t.Errorf("the time of the last check was %v, and is %v", before, after)
	}
}
