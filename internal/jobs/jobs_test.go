package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"go.uber.org/goleak"

	"github.com/sesuai/sesuai/internal/jobs"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

var engines = sqltest.New(jobs.Migrations())

// open returns the jobs of a database.
func open(t testing.TB, db *sqldb.DB) *jobs.Queue {
	t.Helper()
	q, err := jobs.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// add adds jobs in a transaction that ends with outcome.
func add(t testing.TB, db *sqldb.DB, q *jobs.Queue, outcome error, all ...jobs.New) {
	t.Helper()
	err := db.InTx(t.Context(), func(tx *sqldb.Tx) error {
		if err := q.AddTx(t.Context(), tx, all); err != nil {
			t.Error(err)
		}
		return outcome
	})
	if !errors.Is(err, outcome) {
		t.Fatal(err)
	}
}

// run works jobs until the test ends, or until stop is called.
func run(t testing.TB, q *jobs.Queue, log *slog.Logger, kinds ...jobs.Kind) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.Run(ctx, jobs.RunOptions{Kinds: kinds, Log: log, StopTimeout: 10 * time.Second})
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// TestMigrationsAreRivers: the tables are those that this release of River needs,
// and it has none that ours do not have.
func TestMigrationsAreRivers(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		var result *rivermigrate.ValidateResult
		var err error
		if d.Engine == sqldb.PostgreSQL {
			m, newErr := rivermigrate.New(riverdatabasesql.New(db.Background()), nil)
			if newErr != nil {
				t.Fatal(newErr)
			}
			result, err = m.Validate(t.Context(), nil)
		} else {
			m, newErr := rivermigrate.New(riversqlite.New(db.Background()), nil)
			if newErr != nil {
				t.Fatal(newErr)
			}
			result, err = m.Validate(t.Context(), nil)
		}
		if err != nil || !result.OK {
			t.Errorf("%+v, %v: River needs a further version of the schema", result, err)
		}
	})
	for _, engine := range []string{"sqlite", "postgres"} {
		if files, err := fs.Glob(jobs.Migrations(), "migrations/"+engine+"/*.sql"); err != nil || len(files) != 1 {
			t.Errorf("%s: %v, %v", engine, files, err)
		}
	}
}

// TestJobsRun: a job of a committed transaction runs once, one of another never,
// and one that does not succeed runs again.
func TestJobsRun(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		q := open(t, db)
		add(t, db, q, errors.New("rolled back"), jobs.New{Kind: "row", IDs: []int64{99}})
		add(t, db, q, nil, jobs.New{Kind: "other", IDs: []int64{98}}, jobs.New{Kind: "row", IDs: []int64{1, 10}})
		add(t, db, q, nil, jobs.New{Kind: "row", IDs: []int64{2}}, jobs.New{Kind: "row", IDs: []int64{3}}, jobs.New{Kind: "row", IDs: []int64{4}})
		add(t, db, q, nil, jobs.New{Kind: "row", IDs: []int64{5}, Due: time.Now().Add(time.Hour)})

		var log bytes.Buffer
		var mu sync.Mutex
		calls := make(map[int64]int)
		finished := make(chan struct{}, 4)
		stop := run(t, q, slog.New(slog.NewTextHandler(&log, nil)), jobs.Kind{
			Name: "row", Workers: 2, RetryAfter: time.Millisecond,
			Work: func(_ context.Context, j jobs.Job) error {
				mu.Lock()
				defer mu.Unlock()
				id := j.IDs[0]
				calls[id]++
				switch {
				case id == 1 && !slices.Equal(j.IDs, []int64{1, 10}):
					t.Errorf("IDs %v", j.IDs)
				case calls[id] > 1:
				case id == 2:
					return jobs.Later(time.Millisecond)
				case id == 3:
					return errors.New("row 3 is in the way")
				case id == 4:
					panic("secret-4711")
				}
				finished <- struct{}{}
				return nil
			},
		})
		for range cap(finished) {
			<-finished
		}
		stop()
		if want := map[int64]int{1: 1, 2: 2, 3: 2, 4: 2}; !maps.Equal(calls, want) {
			t.Errorf("calls %v, want %v", calls, want)
		}
		for want, n := range map[string]int{"secret-4711": 0, "row 3 is in the way": 1, "panic: string": 1, "98": 0} {
			if got := strings.Count(log.String(), want); got != n {
				t.Errorf("the log holds %q %d times, want %d:\n%s", want, got, n, &log)
			}
		}
		var stored, finalized int
		d.QueryRow(t, `SELECT count(*), count(finalized_at) FROM river_job`, &stored, &finalized)
		if stored != 6 || finalized != 4 {
			t.Errorf("%d jobs, %d of them finished; want 6 and 4", stored, finalized)
		}
	})
}

// TestStopping: a job learns that the node stops, and continues with the next Run.
func TestStopping(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		q := open(t, db)
		add(t, db, q, nil, jobs.New{Kind: "row", IDs: []int64{1}})
		started := make(chan struct{})
		stop := run(t, q, slog.New(slog.DiscardHandler), jobs.Kind{Name: "row", Workers: 1, Work: func(ctx context.Context, j jobs.Job) error {
			close(started)
			select {
			case <-j.Stopping:
			case <-ctx.Done():
				t.Error("the context has ended")
			}
			return jobs.Later(0)
		}})
		<-started
		stop()
		again := make(chan struct{})
		run(t, q, slog.New(slog.DiscardHandler), jobs.Kind{Name: "row", Workers: 1, Work: func(context.Context, jobs.Job) error {
			close(again)
			return nil
		}})
		<-again
	})
}

// TestAProcessThatDied: on SQLite its jobs run as soon as the next one starts; on
// PostgreSQL once they cannot be those of a node that lives.
func TestAProcessThatDied(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		q := open(t, db)
		add(t, db, q, nil, jobs.New{Kind: "row", IDs: []int64{1}})
		since := "datetime('now')"
		if d.Engine == sqldb.PostgreSQL {
			since = "now() - interval '91 seconds'"
		}
		d.Exec(t, `UPDATE river_job SET state = 'running', attempt = 1, attempted_at = `+since)
		again := make(chan struct{})
		run(t, q, slog.New(slog.DiscardHandler), jobs.Kind{Name: "row", Workers: 1, Work: func(context.Context, jobs.Job) error {
			close(again)
			return nil
		}})
		<-again
	})
}
