package audit

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestPlans: what reads and exports events finds them by an index and never reads the whole
// table, whatever selects them.
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
		const n = 20_000
		fill(t, d, n)
		explain := "EXPLAIN "
		if d.Engine == sqldb.SQLite {
			explain = "EXPLAIN QUERY PLAN "
		} else {
			d.Exec(t, `ANALYZE audit_events`)
		}
		type plan struct {
			query string
			args  []any
			index string // what it has to use; "" for any index
		}
		plans := []plan{
			{selectEvents, []any{5000, 6000}, ""},
			{selectPacked, []any{separator, 5000, 6000}, ""},
			{selectFirst, nil, ""},
			{selectLast, nil, ""},
			{selectConfiguration, nil, "audit_by_reason"},
			{selectBackup, nil, "audit_by_reason"},
			{selectFirstSince, []any{5000, 6000, 7}, ""},
			{deleteEvents, []any{5000, 6000}, ""},
			{selectFrom, []any{n - 10, 10}, "audit_by_time"},
			{selectTo, []any{10, 10}, "audit_by_time"},
			{selectResults, []any{n - 10}, "audit_by_time"},
			{selectMoved, []any{n - 10, "verified", "reason 5", 80}, "audit_by_time"},
			{selectNextReason, []any{"reason 5"}, "audit_by_reason"},
		}
		for _, search := range []struct {
			index string
			selection
		}{
			{"", selection{}},
			{"audit_by_request", selection{Filter: Filter{RequestIDs: []string{"r1", "r2"}}}},
			{"audit_by_request", selection{Filter: Filter{IDs: []string{"r1", "order 2"}}}},
			{"audit_by_reference", selection{Filter: Filter{IDs: []string{"r1", "order 2"}}}},
			{"audit_by_nik", selection{Filter: Filter{NIK: nik}}},
			{"audit_by_client", selection{Filter: Filter{Client: "cli_7"}}},
			{"audit_by_client", selection{Filter: Filter{Client: "cli_7", Of: OnlyVerifications, Since: time.UnixMicro(5)}}},
			{"audit_by_reason", selection{reasons: []string{"reason 8", "reason 9"}}},
			{"audit_by_flag", selection{Filter: Filter{Flags: SuspectedReplay}}},
			{"audit_by_flag", selection{Filter: Filter{Flags: SuspectedReplay, Client: "cli_7"}, reasons: []string{"reason 8"}}},
			{"audit_changes", selection{Filter: Filter{Of: OnlyChanges}}},
		} {
			conditions, args := trail.conditions(search.selection, 0, n)
			query := `SELECT ` + eventColumns + ` FROM audit_events WHERE ` + conditions + ` ORDER BY seq`
			plans = append(plans, plan{query + ` DESC LIMIT 50`, args, search.index})
			conditions, args = trail.conditions(search.selection, 5000, 6000)
			plans = append(plans, plan{query[:strings.Index(query, "WHERE")] + `WHERE ` + conditions + ` ORDER BY seq`, args, ""})
		}
		for _, p := range plans {
			lines, err := sqldb.Collect(t.Context(), db.Read(), planLine, explain+p.query, p.args...)
			text := strings.Join(lines, "\n")
			if err != nil || strings.Contains(text, "Seq Scan") || !strings.Contains(text, p.index) ||
				d.Engine == sqldb.SQLite && strings.Contains(text, "SCAN audit_events") && !strings.Contains(text, "INDEX") ||
				!strings.Contains(text, "PRIMARY KEY") && !strings.Contains(text, "Index") && !strings.Contains(text, "SEARCH") && !strings.Contains(text, "INDEX") {
				t.Errorf("want %s: %s:\n%s\n%v", p.index, p.query, text, err)
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
	d.Exec(t, `INSERT INTO audit_events (seq, at, request_id, reference, client, nik, result, reason, nik_outcome, name_outcome, birth_outcome,
		name_score, compared, percentage, threshold, score, model, calibration, duration, flags, liveness_known, liveness, hash)
		SELECT head.seq + n, n, 'r' || n, 'order ' || n, 'cli_' || n % 100, head.hash, CASE n % 500 WHEN 0 THEN 'changed' ELSE '' END, 'reason ' || n % 2000,
		0, 0, 0, 0, 0, 0, 0, 0, '', '', 0, CASE n % 500 WHEN 1 THEN 'SUSPECTED_REPLAY' ELSE '' END, 0, 0, head.hash FROM audit_head AS head, `+
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
