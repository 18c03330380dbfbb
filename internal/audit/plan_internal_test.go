package audit

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestPlans: what reads and exports events finds them by their numbers and never reads
// the whole table, whatever else selects them.
func TestPlans(t *testing.T) {
	nik, err := sesuai.ParseNIK("9999000000000001")
	if err != nil {
		t.Fatal(err)
	}
	sqltest.New(Migrations).Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		trail, err := NewTrail(t.Context(), Options{DB: db, NIK: keyring.NewSecret(), Chain: keyring.NewSecret()})
		if err != nil {
			t.Fatal(err)
		}
		fill(t, d, 20_000)
		explain := "EXPLAIN "
		if d.Engine == sqldb.SQLite {
			explain = "EXPLAIN QUERY PLAN "
		}
		d.Exec(t, `ANALYZE audit_events`)
		selected, args := trail.conditions(Filter{NIK: nik, Client: "cli_a", RequestIDs: []string{"a"}}, 5000, 6000)
		for _, q := range []struct {
			query string
			args  []any
		}{
			{`SELECT ` + eventColumns + ` FROM audit_events WHERE ` + selected + ` ORDER BY seq`, args},
			{selectEvents, []any{5000, 6000}},
			{selectPacked, []any{separator, 5000, 6000}},
			{selectAtOrAfter, []any{5000}},
			{selectFirst, nil},
			{selectLast, nil},
			{selectConfiguration, nil},
			{selectBackup, nil},
			{selectFirstSince, []any{5000, 6000, 7}},
			{deleteEvents, []any{5000, 6000}},
		} {
			plan, err := sqldb.Collect(t.Context(), db.Read(), planLine, explain+q.query, q.args...)
			text := strings.Join(plan, "\n")
			if err != nil || strings.Contains(text, "Seq Scan") || d.Engine == sqldb.SQLite && strings.Contains(text, "SCAN") && !strings.Contains(text, "INDEX") ||
				!strings.Contains(text, "PRIMARY KEY") && !strings.Contains(text, "Index") && !strings.Contains(text, "SEARCH") && !strings.Contains(text, "INDEX") {
				t.Errorf("%s:\n%s\n%v", q.query, text, err)
			}
		}
	})
}

// fill appends n events that can be read, but not verified.
func fill(t *testing.T, d sqltest.Database, n int) {
	t.Helper()
	series := `generate_series(1, %d) AS n`
	if d.Engine == sqldb.SQLite {
		series = `(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT n FROM s)`
	}
	d.Exec(t, `INSERT INTO audit_events (seq, at, request_id, client, nik, result, reason, nik_outcome, name_outcome, birth_outcome,
		name_score, compared, percentage, threshold, score, model, calibration, duration, flags, liveness_known, liveness, hash)
		SELECT head.seq + n, n, '', '', head.hash, '', '', 0, 0, 0, 0, 0, 0, 0, 0, '', '', 0, '', 0, 0, head.hash FROM audit_head AS head, `+
		fmt.Sprintf(series, n))
}

// TestEachHoldsFewEvents: Each reads no further span of events before it has passed on
// those that it has read, so what it holds does not depend on how many there are.
func TestEachHoldsFewEvents(t *testing.T) {
	sqltest.New(Migrations).Each(t, func(t *testing.T, d sqltest.Database) {
		trail, err := NewTrail(t.Context(), Options{DB: d.Open(t), NIK: keyring.NewSecret(), Chain: keyring.NewSecret()})
		if err != nil {
			t.Fatal(err)
		}
		fill(t, d, 2*readSpan+2)
		var passed int64
		err = trail.Each(t.Context(), Filter{}, func(e Entry) error {
			if passed++; passed == readSpan {
				d.Exec(t, fmt.Sprintf(`UPDATE audit_events SET client = 'changed' WHERE seq = %d`, readSpan+1))
			}
			if changed := e.Client == "changed"; changed != (e.Seq == readSpan+1) {
				t.Errorf("event %d: changed is %t", e.Seq, changed)
			}
			return nil
		})
		if err != nil || passed != 2*readSpan+2 {
			t.Errorf("%d events were passed on, %v", passed, err)
		}
	})
}

// planLine reads the last column of a line of a plan.
func planLine(rows *sql.Rows) (string, error) {
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	if err := rows.Scan(values...); err != nil {
		return "", err
	}
	return fmt.Sprint(*values[len(values)-1].(*any)), nil
}
