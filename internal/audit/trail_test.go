package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

var engines = sqltest.New(audit.Migrations)

// trail is a trail and its database.
type trail struct {
	*audit.Trail
	db *sqldb.DB
	d  sqltest.Database
}

// openTrail opens the trail of a database. All that a test opens have the same
// secrets.
func openTrail(t testing.TB, d sqltest.Database, nik, chain *keyring.Secret) trail {
	t.Helper()
	db := d.Open(t)
	opened, err := audit.NewTrail(t.Context(), audit.Options{DB: db, NIK: nik, Chain: chain})
	if err != nil {
		t.Fatal(err)
	}
	audittest.Start(t, db, opened)
	return trail{opened, db, d}
}

func isBroken(err error) bool {
	_, broken := errors.AsType[*audit.BrokenError](err)
	return broken
}

// assertBrokenAt reports an error if err is not a *BrokenError about that event.
func assertBrokenAt(t testing.TB, name string, err error, seq int64) {
	t.Helper()
	if broken, ok := errors.AsType[*audit.BrokenError](err); !ok || broken.Seq != seq {
		t.Errorf("%s: %v, want it broken at %d", name, err, seq)
	}
}

// newTrail opens the trail of a database with secrets of its own.
func newTrail(t testing.TB, d sqltest.Database) trail {
	return openTrail(t, d, keyring.NewSecret(), keyring.NewSecret())
}

// record appends events in one transaction.
func (l trail) record(t testing.TB, events ...audit.Event) {
	t.Helper()
	err := l.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
		_, err := l.AppendTx(t.Context(), tx, events)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// change appends the event of a change.
func (l trail) change(t testing.TB, c audit.Change) {
	t.Helper()
	if err := l.db.InTx(t.Context(), func(tx *sqldb.Tx) error { return l.ChangeTx(t.Context(), tx, c) }); err != nil {
		t.Error(err)
	}
}

// exec runs statements on the trail's own connections, which is faster than
// sqltest.Database.Exec.
func (l trail) exec(t testing.TB, statements string) {
	t.Helper()
	err := l.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
		for _, statement := range strings.Split(statements, ";") {
			if _, err := tx.ExecContext(t.Context(), l.d.Dialect(statement)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// assertLength verifies the trail, which must have n events.
func (l trail) assertLength(t testing.TB, n int) {
	t.Helper()
	head, err := l.Verify(t.Context())
	if err != nil || head.Seq != int64(n) {
		t.Errorf("Verify = %d events, %v, want %d", head.Seq, err, n)
	}
	if recorded, err := l.Head(t.Context()); err != nil || recorded != head {
		t.Errorf("Head = %v, %v, want %v", recorded, err, head)
	}
}

func TestEventsAreStoredAsTheyWere(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		nik := keyring.NewSecret()
		l := openTrail(t, d, nik, keyring.NewSecret())
		e := audittest.Event(t, 1, "r1")
		l.record(t, e)
		flagged := e
		flagged.Flags, flagged.LivenessKnown, flagged.Liveness = 3, true, 0.125
		l.record(t, flagged)
		rows, err := l.db.Read().QueryContext(t.Context(), `SELECT concat_ws('|', seq, at, request_id, client, length(nik),
			result, reason, nik_outcome, name_outcome, birth_outcome, name_score, compared, percentage, threshold, score,
			model, calibration, duration, length(hash), flags, liveness_known, liveness), nik FROM audit_events ORDER BY seq`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for _, want := range []string{
			"1|1767323045000006|r1|cli_test|32|not_verified|Name does not match|1|2|1|42|1|8125|7500|0.4375|" +
				"test-model|test-scale|31000|32||0|0",
			"2|1767323045000006|r1|cli_test|32|not_verified|Name does not match|1|2|1|42|1|8125|7500|0.4375|" +
				"test-model|test-scale|31000|32|SUSPECTED_REPLAY SUSPECTED_PRESENTATION_ATTACK|1|0.125",
		} {
			var got string
			var hash [32]byte
			if !rows.Next() {
				t.Fatalf("there is no row %s: %v", want, rows.Err())
			}
			if err := rows.Scan(&got, sqldb.ScanHash(&hash)); err != nil {
				t.Fatal(err)
			}
			// SQLite writes 0 of a REAL as 0.0.
			if got = strings.TrimSuffix(got, ".0"); got != want {
				t.Errorf("stored %s\n  want %s", got, want)
			}
			if hash != nik.Hash([]byte(e.NIK.Reveal())) {
				t.Error("the NIK is not stored as its keyed hash")
			}
		}
		if err := rows.Err(); err != nil {
			t.Error(err)
		}
		l.assertLength(t, 2)
	})
}

// TestAppendTx: a transaction gets the next numbers, in the order of its events.
// One that is rolled back leaves nothing.
func TestAppendTx(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		l := newTrail(t, d)
		rollback := errors.New("rollback")
		for i, want := range []error{nil, rollback, nil} {
			var events []audit.Event
			for n := range 3 {
				events = append(events, audittest.Event(t, n, fmt.Sprintf("%d.%d", i, n)))
			}
			var first int64
			err := l.db.InTx(t.Context(), func(tx *sqldb.Tx) (err error) {
				if first, err = l.AppendTx(t.Context(), tx, events); err != nil {
					return err
				}
				return want
			})
			if !errors.Is(err, want) {
				t.Fatal(err)
			}
			if want := int64(3*((i+1)/2) + 1); first != want {
				t.Errorf("transaction %d starts at %d, want %d", i, first, want)
			}
		}
		var ids string
		d.QueryRow(t, `SELECT group_concat(request_id) FROM (SELECT request_id FROM audit_events ORDER BY seq) AS events`, &ids)
		if want := "0.0,0.1,0.2,2.0,2.1,2.2"; ids != want {
			t.Errorf("events %s are stored, want %s", ids, want)
		}
		l.assertLength(t, 6)
	})
}

// TestTheTrailIsContinued: several processes append to one chain, also after
// they were started again.
func TestTheTrailIsContinued(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		nik, chain := keyring.NewSecret(), keyring.NewSecret()
		for round := range 3 {
			var group sync.WaitGroup
			for process := range 2 {
				l := openTrail(t, d, nik, chain)
				for i := range 5 {
					group.Go(func() {
						l.record(t, audittest.Event(t, i, fmt.Sprintf("%d.%d.%d", round, process, i)), audittest.Event(t, i, "another"))
					})
				}
			}
			group.Wait()
			openTrail(t, d, nik, chain).assertLength(t, 20*(round+1))
		}
		// With another key the same chain is not valid.
		_, err := openTrail(t, d, nik, keyring.NewSecret()).Verify(t.Context())
		if broken, ok := errors.AsType[*audit.BrokenError](err); !ok || broken.Seq != 1 {
			t.Errorf("with another key Verify = %v", err)
		}
	})
}

func TestTampering(t *testing.T) {
	tests := []struct {
		name, statement string
		broken          int64
	}{
		{"verdict changed", `UPDATE audit_events SET result = 'verified' WHERE seq = 4`, 4},
		{"reason changed", `UPDATE audit_events SET reason = 'x' WHERE seq = 10`, 10},
		{"percentage changed", `UPDATE audit_events SET percentage = 9999 WHERE seq = 1`, 1},
		{"client changed", `UPDATE audit_events SET client = 'cli_other' WHERE seq = 7`, 7},
		{"text moved to the next field", `UPDATE audit_events SET request_id = '', client = request_id || client WHERE seq = 5`, 5},
		{"NIK's hash changed", `UPDATE audit_events SET nik = zeroblob(32) WHERE seq = 3`, 3},
		{"NIK's hash shortened", `UPDATE audit_events SET nik = zeroblob(3) WHERE seq = 3`, 3},
		{"hash changed", `UPDATE audit_events SET hash = zeroblob(32) WHERE seq = 3`, 3},
		{"hash removed", `UPDATE audit_events SET hash = x'' WHERE seq = 3`, 3},
		{"value out of range", `UPDATE audit_events SET name_outcome = 1000 WHERE seq = 6`, 6},
		{"truth out of range", `UPDATE audit_events SET compared = 2 WHERE seq = 6`, 6},
		{"flag removed", `UPDATE audit_events SET flags = '' WHERE seq = 2`, 2},
		{"flag added", `UPDATE audit_events SET flags = 'SUSPECTED_REPLAY' WHERE seq = 4`, 4},
		{"flag unknown", `UPDATE audit_events SET flags = 'NONSENSE' WHERE seq = 2`, 2},
		{"flag and liveness removed", `UPDATE audit_events SET flags = '', liveness_known = 0, liveness = 0 WHERE seq = 2`, 2},
		{"first removed", `DELETE FROM audit_events WHERE seq = 1`, 1},
		{"one removed", `DELETE FROM audit_events WHERE seq = 6`, 6},
		{"one removed, the next unreadable", `DELETE FROM audit_events WHERE seq = 6; UPDATE audit_events SET hash = x'' WHERE seq = 7`, 6},
		{"removed and closed up", `DELETE FROM audit_events WHERE seq = 6; UPDATE audit_events SET seq = -seq WHERE seq > 6;
			UPDATE audit_events SET seq = -seq - 1 WHERE seq < 0`, 6},
		{"last removed", `DELETE FROM audit_events WHERE seq = 10`, 10},
		{"all removed", `DELETE FROM audit_events`, 1},
		{"swapped", `UPDATE audit_events SET seq = -1 WHERE seq = 4; UPDATE audit_events SET seq = 4 WHERE seq = 5;
			UPDATE audit_events SET seq = 5 WHERE seq = -1`, 4},
		{"inserted before", `INSERT INTO audit_events SELECT 0, at, request_id, client, nik, result, reason, nik_outcome,
			name_outcome, birth_outcome, name_score, compared, percentage, threshold, score, model, calibration, duration,
			flags, liveness_known, liveness, hash, action, actor, item_count, digest_before, digest_after, state,
			name_threshold, replay_checked, liveness_threshold, measures, cosine, reference_length, probe_length, endpoint, attributes, reference, consent_id, consent_at, purpose FROM audit_events WHERE seq = 1`, 1},
		{"added after", `INSERT INTO audit_events SELECT 11, at, request_id, client, nik, result, reason, nik_outcome,
			name_outcome, birth_outcome, name_score, compared, percentage, threshold, score, model, calibration, duration,
			flags, liveness_known, liveness, hash, action, actor, item_count, digest_before, digest_after, state,
			name_threshold, replay_checked, liveness_threshold, measures, cosine, reference_length, probe_length, endpoint, attributes, reference, consent_id, consent_at, purpose FROM audit_events WHERE seq = 10`, 11},
		{"head moved back", `DELETE FROM audit_events WHERE seq > 8; UPDATE audit_head SET seq = 8`, 8},
		{"head moved on", `UPDATE audit_head SET seq = 12`, 11},
		{"cut at the end, with the head's hash", `DELETE FROM audit_events WHERE seq > 8;
			UPDATE audit_head SET seq = 8, hash = (SELECT hash FROM audit_events WHERE seq = 8)`, 8},
		{"emptied, with the head reset", `DELETE FROM audit_events; UPDATE audit_head SET seq = 0, hash = zeroblob(32)`, 0},
		{"emptied, with the head as in a new database", `DELETE FROM audit_events;
			UPDATE audit_head SET seq = 0, hash = zeroblob(32), mac = x''`, 0},
		{"head's MAC removed", `UPDATE audit_head SET mac = x''`, 10},
		{"head's state changed", `UPDATE audit_head SET people = hash`, 10},
		{"head's state unreadable", `UPDATE audit_head SET people = x'00'`, 0},
		{"head removed", `DELETE FROM audit_head`, 0},
		{"action added", `UPDATE audit_events SET action = 'client.add' WHERE seq = 4`, 4},
		{"actor changed", `UPDATE audit_events SET actor = 'nobody' WHERE seq = 8`, 8},
		{"count changed", `UPDATE audit_events SET item_count = 2 WHERE seq = 8`, 8},
		{"digest changed", `UPDATE audit_events SET digest_before = digest_after WHERE seq = 8`, 8},
		{"digest zeroed", `UPDATE audit_events SET digest_before = zeroblob(32) WHERE seq = 8`, 8},
		{"digest shortened", `UPDATE audit_events SET digest_after = x'00' WHERE seq = 8`, 8},
		{"name threshold changed", `UPDATE audit_events SET name_threshold = 80 WHERE seq = 4`, 4},
		{"explanation removed", `UPDATE audit_events SET name_threshold = 0, replay_checked = 0 WHERE seq = 4`, 4},
		{"explanation added", `UPDATE audit_events SET measures = 'sharpness' WHERE seq = 8`, 8},
		{"cosine changed", `UPDATE audit_events SET cosine = 0.75 WHERE seq = 4`, 4},
		{"cosine and lengths removed", `UPDATE audit_events SET cosine = 0, reference_length = 0, probe_length = 0 WHERE seq = 4`, 4},
		{"another endpoint", `UPDATE audit_events SET endpoint = 'data_verification' WHERE seq = 4`, 4},
		{"attribute added", `UPDATE audit_events SET attributes = 'rt=match' WHERE seq = 8`, 8},
		{"length added", `UPDATE audit_events SET probe_length = 3 WHERE seq = 8`, 8},
		{"state removed", `UPDATE audit_events SET state = x'' WHERE seq = 8`, 8},
	}
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		nik, chain := keyring.NewSecret(), keyring.NewSecret()
		db := d.Open(t)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				opened, err := audit.NewTrail(t.Context(), audit.Options{DB: db, NIK: nik, Chain: chain, Actor: "root"})
				if err != nil {
					t.Fatal(err)
				}
				l := trail{opened, db, d}
				l.exec(t, `DELETE FROM audit_events; DELETE FROM audit_head;
					INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, zeroblob(32))`)
				audittest.Start(t, db, opened)
				for i := range 10 {
					if i == 7 {
						l.change(t, audit.Change{Action: audit.ClientAdded, Client: "cli_a", Count: 1, After: []byte("a"), State: [32]byte{1}})
						continue
					}
					e := audittest.Event(t, i, fmt.Sprint(i))
					if i == 1 {
						e.Flags, e.LivenessKnown, e.Liveness = 3, true, 0.125
					}
					l.record(t, e)
				}
				l.assertLength(t, 10)
				l.exec(t, test.statement)
				_, err = l.Verify(t.Context())
				assertBrokenAt(t, test.name, err, test.broken)
			})
		}
	})
}

// TestEventsOfALongTrail: however many events are between those that are selected,
// all are found. The first one is a day older than the others.
func TestEventsOfALongTrail(t *testing.T) {
	l := newTrail(t, engines.SQLite(t))
	first := audittest.Event(t, 1, "wanted")
	l.record(t, first)
	l.exec(t, `INSERT INTO audit_events SELECT n, at + 86400000000, 'other', client, nik, result, reason, nik_outcome,
		name_outcome, birth_outcome, name_score, compared, percentage, threshold, score, model, calibration, duration,
		flags, liveness_known, liveness, hash, action, actor, item_count, digest_before, digest_after, state,
		name_threshold, replay_checked, liveness_threshold, measures, cosine, reference_length, probe_length, endpoint, attributes, reference, consent_id, consent_at, purpose
		FROM audit_events, (WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < 11000)
			SELECT n FROM numbers) WHERE seq = 1;
		UPDATE audit_events SET request_id = 'wanted' WHERE seq IN (9000, 11000)`)
	wanted := []string{"wanted"}
	for name, test := range map[string]struct {
		filter audit.Filter
		want   []int64
	}{
		"all":     {audit.Filter{RequestIDs: wanted}, []int64{11000, 9000, 1}},
		"limited": {audit.Filter{RequestIDs: wanted, Limit: 2}, []int64{11000, 9000}},
		"since":   {audit.Filter{RequestIDs: wanted, Since: first.Time.Add(time.Hour)}, []int64{11000, 9000}},
		"too old": {audit.Filter{RequestIDs: wanted, Since: first.Time.Add(48 * time.Hour)}, nil},
	} {
		audittest.AssertEvents(t, l, name, test.filter, test.want)
	}
}

// TestUnreadableEvent: an event that cannot be read is not left out.
func TestUnreadableEvent(t *testing.T) {
	l := newTrail(t, engines.SQLite(t))
	l.record(t, audittest.Event(t, 1, "a"), audittest.Event(t, 2, "b"))
	l.exec(t, `UPDATE audit_events SET flags = 'NONSENSE' WHERE seq = 1`)
	if events, err := l.Events(t.Context(), audit.Filter{}); sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("Events = %v, %v", events, err)
	}
}

// TestVerifyEndsWithItsContext: a trail that is not read to its end is not taken
// for a broken one, whenever the context ends.
func TestVerifyEndsWithItsContext(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		l := newTrail(t, d)
		for range 3 {
			var events []audit.Event
			for i := range 500 {
				events = append(events, audittest.Event(t, i, fmt.Sprint(i)))
			}
			l.record(t, events...)
		}
		start := time.Now()
		l.assertLength(t, 1500)
		whole := time.Since(start)
		const contexts = 8
		for i := range contexts {
			ctx, cancel := context.WithTimeout(t.Context(), whole*time.Duration(i)/contexts)
			_, err := l.Verify(ctx)
			if err != nil && (sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.DeadlineExceeded)) {
				t.Errorf("Verify = %v", err)
			}
			cancel()
		}
	})
}

func TestVerdicts(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		l := newTrail(t, d)
		const day = 24 * time.Hour
		from := time.Date(2026, 7, 1, 0, 0, 0, 0, time.FixedZone("WIB", 7*60*60))
		to := from.Add(3 * day)
		for _, e := range []struct {
			at     time.Time
			result audit.Result
		}{
			{from.Add(-time.Microsecond), audit.Verified},
			{from, audit.Verified},
			{from, audit.NotVerified},
			{from, audit.Refused},
			{from, audit.Unavailable},
			{from.Add(day - time.Microsecond), audit.NotVerified},
			{from.Add(2 * day), audit.Verified},
			{to.Add(-time.Microsecond), audit.Verified},
			{to, audit.Verified},
		} {
			event := audittest.Event(t, 1, "request")
			event.Time, event.Result = e.at, e.result
			l.record(t, event)
		}
		got, err := l.Verdicts(t.Context(), from, to)
		if err != nil {
			t.Fatal(err)
		}
		want := []audit.Verdicts{{From: from, Given: 3, Verified: 1}, {From: from.Add(2 * day), Given: 2, Verified: 2}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Verdicts (-want +got):\n%s", diff)
		}

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, verdictsErr := l.Verdicts(ended, from, to)
		_, headErr := l.Head(ended)
		for _, err := range []error{verdictsErr, headErr} {
			if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
				t.Errorf("with an ended context: %v", err)
			}
		}
	})
}

// TestRecordedTx: an event is found under its own number, and no other.
func TestRecordedTx(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		l := newTrail(t, d)
		first, second := audittest.Event(t, 1, "first"), audittest.Event(t, 2, "second")
		l.record(t, first, second)
		otherNIK := second
		otherNIK.NIK = first.NIK
		for about, test := range map[string]struct {
			seq   int64
			event audit.Event
			want  bool
		}{
			"the first": {1, first, true}, "the second": {2, second, true},
			"another event's number": {1, second, false}, "no event's number": {3, second, false}, "another NIK": {2, otherNIK, false},
		} {
			err := l.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
				recorded, err := l.RecordedTx(t.Context(), tx, test.seq, test.event)
				if recorded != test.want {
					t.Errorf("%s: RecordedTx = %t", about, recorded)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		if head, err := l.Verify(t.Context()); err != nil || head.Seq != 2 {
			t.Errorf("Verify = %d, %v", head.Seq, err)
		}
	})
}
