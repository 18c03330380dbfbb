package app_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

// cellChanges is how many cells TestCellChanges changes on each engine, unless the
// variable CELL_CHANGES says how many. A copy of the database takes ten times as long on
// PostgreSQL.
var cellChanges = map[string]int{"SQLite": 25, "PostgreSQL": 6}

// likeDeletion are the columns of which a change is not noticed, because it is no
// more than what whoever can write the database can do by other means: see
// docs/security.md.
var likeDeletion = map[string]string{
	"answers.at":                "an answer that is old enough is removed",
	"answers.reference":         "the answer is not found by the client's own id, as if it were deleted",
	"answers.request":           "the answer is not found by the request's id, as if it were deleted",
	"idempotency_keys.at":       "a key that is old enough is free, as if its row were deleted",
	"idempotency_keys.key":      "the key is free, as if its row were deleted",
	"probes.person":             "the row is not found any more, as if it were deleted",
	"unenrolled_probes.person":  "the row is not found any more, as if it were deleted",
	"probes.last_at":            "a row that is old enough is removed",
	"unenrolled_probes.last_at": "a row that is old enough is removed",
	"batch_rows.line":           "the row is not verified and the batch not finished, as if its job were deleted",
	"batch_rows.tries":          "the row is verified later",
	"batch_rows.tried_at":       "the row is verified later",
	"outbox.due_at":             "data are returned later, by a day at most",
	"webhook_deliveries.client": "the message is sent to nobody, as if it were deleted",
	"webhook_deliveries.due_at": "the message is sent later, by a day at most",
	"webhooks.client":           "the client has no webhook, as if it were deleted",
}

// TestCellChanges changes one cell of a database by SQL, chosen at random among all
// tables, many times. Each change is noticed (the database or the program refuses
// it, or an answer is 401 or R8, or the audit trail is broken), or it changes no
// answer, nothing that is billed and nothing that is returned.
func TestCellChanges(t *testing.T) {
	process.Slow(t)
	for engine, fill := range map[string]func(*testing.T) *cells{"SQLite": sqliteCells, "PostgreSQL": postgresCells} {
		t.Run(engine, func(t *testing.T) {
			changes := cellChanges[engine]
			if text := os.Getenv("CELL_CHANGES"); text != "" {
				var err error
				if changes, err = strconv.Atoi(text); err != nil {
					t.Fatal(err)
				}
			}
			w := fill(t)
			want := w.observe(t, w.copy(t))
			if again := w.observe(t, w.copy(t)); !again.same(want) {
				t.Fatalf("the same database shows something else: %v", again.unnoticed(want))
			}
			count := make(map[string]int)
			for i := range changes {
				t.Run(fmt.Sprint(i), func(t *testing.T) { // which removes the copy
					c := w.copy(t)
					db := database(t, c)
					what, err := changeCell(t, db, rand.New(rand.NewPCG(uint64(i), 12))) //nolint:gosec // the same every time is the point
					if closing := db.Close(); closing != nil {
						t.Fatal(closing)
					}
					if err != nil {
						count["refused by the database"]++
						return
					}
					got := w.observe(t, c)
					differ := got.unnoticed(want)
					switch {
					case got.same(want):
						count["without effect"]++
					case len(differ) == 0:
						count["noticed"]++
					case likeDeletion[what.column] != "":
						count["like a deletion"]++
					default:
						count["not noticed"]++
						t.Errorf("%v is not noticed: %v", what, differ)
					}
				})
			}
			t.Logf("of %d changes: %v", changes, count)
		})
	}
}

// change is a change of a cell.
type change struct {
	column      string // with its table
	key, before any
	after       any
}

// String implements fmt.Stringer.
func (c change) String() string {
	return fmt.Sprintf("%s of the row %v changed from %v to %v", c.column, c.key, c.before, c.after)
}

// changeCell changes a cell. The error is that of the database if it refuses the
// change.
func changeCell(t *testing.T, db *sql.DB, rng *rand.Rand) (change, error) {
	t.Helper()
	tables := tablesOf(t, db)
	table := tables[rng.IntN(len(tables))]
	columns, rows := contents(t, db, table)
	row := rows[rng.IntN(len(rows))]
	i := rng.IntN(len(columns))
	c := change{column: table + "." + columns[i], key: row[0], before: row[i]}
	for tries := 0; ; tries++ {
		if c.after = anotherValue(rng, row[i], rows[rng.IntN(len(rows))][i]); !reflect.DeepEqual(c.after, c.before) {
			break
		}
		if tries == 100 {
			t.Fatalf("no other value for %s", c.column)
		}
	}
	// The first column of every table is its key.
	result, err := db.ExecContext(t.Context(), fmt.Sprintf(`UPDATE %s SET %s = $1 WHERE %s = $2`, table, columns[i], columns[0]), c.after, c.key)
	if err != nil {
		return c, err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("%v: %d rows, %v", c, n, err)
	}
	return c, nil
}

// tablesOf are the tables with rows, without partitions, and without those of the
// engine, of River and of counts: what is in River's decides when a job runs, and not
// what it does. The counts of limits and of retention have no MAC. Who can write to the
// database can lift a limit, as docs/security.md says.
func tablesOf(t *testing.T, db *sql.DB) []string {
	t.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'river_%'
		AND name NOT LIKE 'limit_%' AND name <> 'retention_days' ORDER BY name`
	var n int
	if db.QueryRowContext(t.Context(), `SELECT count(*) FROM sqlite_master`).Scan(&n) != nil {
		query = `SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
			AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT LIKE 'river_%'
			AND relname NOT LIKE 'limit_%' AND relname <> 'retention_days' ORDER BY relname`
	}
	var tables []string
	for _, row := range all(t, db, query) {
		tables = append(tables, row[0].(string))
	}
	const known = 21 // each has rows: see fill
	if len(tables) < known {
		t.Fatalf("there are only the tables %v", tables)
	}
	return tables
}

// contents are the names of the columns of a table, and its rows.
func contents(t *testing.T, db *sql.DB, table string) (columns []string, rows [][]any) {
	t.Helper()
	found, err := db.QueryContext(t.Context(), `SELECT * FROM `+table+` LIMIT 0`)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	if columns, err = found.Columns(); err != nil {
		t.Fatal(err)
	}
	if err := found.Close(); err != nil {
		t.Fatal(err)
	}
	if rows = all(t, db, `SELECT * FROM `+table+` ORDER BY 1`); len(rows) == 0 {
		t.Fatalf("the table %s is empty", table)
	}
	return columns, rows
}

func all(t *testing.T, db *sql.DB, query string) (rows [][]any) {
	t.Helper()
	found, err := db.QueryContext(context.WithoutCancel(t.Context()), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for found.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := found.Scan(into...); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// anotherValue returns a value to put in the place of v: one that an attacker would
// choose, one of another row, or a random one.
func anotherValue(rng *rand.Rand, v, ofAnotherRow any) any {
	switch rng.IntN(8) {
	case 0:
		return nil
	case 1, 2:
		return ofAnotherRow
	}
	switch v := v.(type) {
	case int64:
		choices := []int64{0, 1, -1, v + 1, v - 1, -v, v ^ 1<<rng.IntN(40), v + 86_400_000_000, 7500, 10_000}
		return choices[rng.IntN(len(choices))]
	case float64:
		choices := []float64{0, -1, v + 1, v / 2, 1e9}
		return choices[rng.IntN(len(choices))]
	case string:
		words := []string{"", v + "x", "off", "log", "enforce", "current", "retired", "added", "found", "VERIFIED", "cli_x"}
		return words[rng.IntN(len(words))]
	case []byte:
		b := bytes.Clone(v)
		switch n := rng.IntN(5); {
		case n == 0 || len(b) == 0:
			return append(b, 1)
		case n == 1:
			return b[:rng.IntN(len(b))]
		case n == 2:
			clear(b)
		case n == 3:
			slices.Reverse(b)
		default:
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		return b
	case bool:
		return !v
	case time.Time:
		return v.Add(time.Hour)
	default: // NULL
		choices := []any{int64(1), "x", []byte{1}, time.Now().UnixMicro()}
		return choices[rng.IntN(len(choices))]
	}
}
