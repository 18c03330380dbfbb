// Package jobs runs work that outlives a request: a job is added in the
// transaction of what it is about, and runs once that is committed, on one node.
// It is a thin layer over River, which keeps the jobs in our database. A job that
// was interrupted runs again, so work must be safe to repeat. The package leaves
// what a job does to the package that added it, and holds nothing about a person:
// the arguments of a job are numbers of rows.
package jobs

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// MaxTimeout is the maximum of Kind.Timeout.
	MaxTimeout = time.Minute
	// rescueAfter is how long a job runs before it is taken for that of a node
	// that died. It is longer than MaxTimeout by more than a job needs to notice
	// that its time is up.
	rescueAfter = 90 * time.Second
	// pollInterval is how often a node looks for jobs. Looking is one statement
	// that changes nothing if there are none.
	pollInterval = time.Second
	// DefaultRetryAfter is the default of Kind.RetryAfter.
	DefaultRetryAfter = 10 * time.Second
	// keepFinished is how long River keeps finished jobs. Nobody reads them.
	keepFinished = time.Hour
	// maxAttempts is the largest number that River can store: a job is not given
	// up. Only attempts that ended with their node count.
	maxAttempts = math.MaxInt16
)

// riverKind is River's kind of all jobs. Our kinds are River's queues, so that
// the workers of one kind do not wait for those of another.
const riverKind = "sesuai"

// Kind is a kind of jobs and how they are worked.
type Kind struct {
	// Name is stored with each job: lower-case letters and underscores.
	Name string
	// Workers is the maximum number of jobs of the kind that run at once on a
	// node.
	Workers int
	// Timeout is when the context of Work ends, up to MaxTimeout; MaxTimeout if
	// 0. Work that takes longer returns Later(0) and continues when it is called
	// again.
	Timeout time.Duration
	// RetryAfter is the pause after an error; DefaultRetryAfter if 0.
	RetryAfter time.Duration
	// Work works a job. It is called again after an error, a panic, or if the node
	// died, as often as it takes: it must be safe to repeat, also at the same time
	// on another node if a node was paused for long. Errors are logged, so they
	// must say nothing about a person.
	Work func(ctx context.Context, j Job) error
}

// Job is a job that is being worked.
type Job struct {
	// IDs are those that it was added with.
	IDs []int64
	// Stopping is closed when the node stops. Work should then return Later(0)
	// soon: its context ends when the time for stopping is over.
	Stopping <-chan struct{}
}

// New is a job to be added.
type New struct {
	// Kind is the name of a Kind.
	Kind string
	// IDs are the numbers of the rows that the job is about. They are stored in
	// the clear.
	IDs []int64
	// Due is when it may run; at once if zero.
	Due time.Time
}

// laterError is what Later returns.
type laterError struct{ after time.Duration }

func (laterError) Error() string { return "the job continues later" }

// Later returns what Work returns for a job that is to be worked again after a
// pause, without anything having failed. After a pause of up to 5 s the job
// may be up to a second late, after a longer one up to 6 s.
func Later(after time.Duration) error { return laterError{max(after, 0)} }

// Queue is the jobs of a database. It is safe for concurrent use.
type Queue struct {
	db     *sqldb.DB
	adding *river.Client[*sql.Tx]
}

// Open returns the jobs of a database, whose tables are those of Migrations.
func Open(db *sqldb.DB) (*Queue, error) {
	q := &Queue{db: db}
	var err error
	q.adding, err = river.NewClient(q.driver(), &river.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	return q, err
}

func (q *Queue) driver() riverdriver.Driver[*sql.Tx] {
	if q.db.Engine() == sqldb.PostgreSQL {
		return riverdatabasesql.New(q.db.Background())
	}
	return riversqlite.New(q.db.Background())
}

// AddTx adds jobs in a transaction. Once that is committed each of them is worked
// by a node that runs its kind, within about a second of when it is due. Jobs that
// are due at the same time run in the order in which they were added.
func (q *Queue) AddTx(ctx context.Context, tx *sqldb.Tx, all []New) error {
	if len(all) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, len(all))
	for i, n := range all {
		params[i] = river.InsertManyParams{
			Args: arguments{n.IDs}, InsertOpts: &river.InsertOpts{Queue: n.Kind, ScheduledAt: n.Due, MaxAttempts: maxAttempts},
		}
	}
	if _, err := q.adding.InsertManyFastTx(ctx, tx.Tx, params); err != nil {
		return sqldb.Unavailable(ctx, "adding jobs", err)
	}
	return nil
}

// arguments are what River stores of a job.
type arguments struct {
	IDs []int64 `json:"ids"`
}

// Kind implements river.JobArgs.
func (arguments) Kind() string { return riverKind }

// asLater returns the pause of an error of Later.
func asLater(err error) (time.Duration, bool) {
	l, ok := errors.AsType[laterError](err)
	return l.after, ok
}
