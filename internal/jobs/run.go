package jobs

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/sesuai/sesuai/internal/sqldb"
)

// RunOptions are how a node works jobs.
type RunOptions struct {
	// Kinds are those that the node works. Jobs of others wait for another node.
	Kinds []Kind
	// Log is told of what fails.
	Log *slog.Logger
	// StopTimeout is how long jobs may go on when the node stops. Then their
	// contexts end.
	StopTimeout time.Duration
}

// startPause is how long Run waits before it tries again to start.
const startPause = 5 * time.Second

// Run works jobs until ctx ends, and returns when none runs any more. Nodes with
// one PostgreSQL database share its jobs: those of a node that died are worked by
// another about two minutes later. With an SQLite database one process may call
// Run, once at a time; jobs of a process that ended are worked at once.
// Without kinds it returns at once.
func (q *Queue) Run(ctx context.Context, o RunOptions) {
	if len(o.Kinds) == 0 {
		return
	}
	for ctx.Err() == nil {
		client, err := q.start(ctx, o)
		if err == nil {
			<-client.Stopped()
			return
		}
		if ctx.Err() != nil {
			return
		}
		o.Log.Error("jobs are not worked", "error", err, "wait", startPause)
		select {
		case <-time.After(startPause):
		case <-ctx.Done():
		}
	}
}

// start starts to work jobs. When ctx ends the client stops.
func (q *Queue) start(ctx context.Context, o RunOptions) (*river.Client[*sql.Tx], error) {
	if q.db.Engine() == sqldb.SQLite {
		if err := q.resume(ctx); err != nil {
			return nil, err
		}
	}
	w := &worker{kinds: make(map[string]Kind), stopping: ctx.Done(), log: o.Log}
	queues := make(map[string]river.QueueConfig)
	for _, k := range o.Kinds {
		k.Timeout = cmp.Or(k.Timeout, MaxTimeout)
		k.RetryAfter = cmp.Or(k.RetryAfter, DefaultRetryAfter)
		w.kinds[k.Name] = k
		queues[k.Name] = river.QueueConfig{MaxWorkers: k.Workers}
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, w); err != nil {
		return nil, err
	}
	client, err := river.NewClient(q.driver(), &river.Config{
		Queues: queues, Workers: workers, Logger: slog.New(warnings{o.Log.Handler()}),
		// What is gained by notifying nodes of new jobs costs more statements.
		PollOnly: true, FetchPollInterval: pollInterval,
		JobTimeout: MaxTimeout, RescueStuckJobsAfter: rescueAfter, RetryPolicy: atOnce{},
		CompletedJobRetentionPeriod: keepFinished, CancelledJobRetentionPeriod: keepFinished, DiscardedJobRetentionPeriod: keepFinished,
		// The user of a PostgreSQL database need not own its tables.
		ReindexerIndexNames: []string{},
		SoftStopTimeout:     o.StopTimeout,
	})
	if err == nil {
		err = client.Start(ctx)
	}
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "starting to work jobs", err)
	}
	return client, nil
}

// resume makes jobs available that were running when the process before this one
// died. With an SQLite database no other can be running them.
func (q *Queue) resume(ctx context.Context) error {
	err := q.db.InTx(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running'`)
		return err
	})
	if err != nil {
		return sqldb.Unavailable(ctx, "resuming jobs", err)
	}
	return nil
}

// worker works the jobs of all kinds.
type worker struct {
	river.WorkerDefaults[arguments]
	kinds    map[string]Kind
	stopping <-chan struct{}
	log      *slog.Logger
}

// Timeout implements river.Worker.
func (w *worker) Timeout(j *river.Job[arguments]) time.Duration { return w.kinds[j.Queue].Timeout }

// Work implements river.Worker. River stores errors, and the values of panics, so
// it is shown none. It stores nothing of a job that is to be worked again.
func (w *worker) Work(ctx context.Context, j *river.Job[arguments]) error {
	k := w.kinds[j.Queue]
	err := work(ctx, k, Job{j.Args.IDs, w.stopping})
	if err == nil {
		return nil
	}
	if after, ok := asLater(err); ok {
		return river.JobSnooze(after)
	}
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) { // else the node stops
		w.log.Warn("a job failed; it is tried again", "kind", k.Name, "job", j.ID, "error", err, "wait", k.RetryAfter)
	}
	return river.JobSnooze(k.RetryAfter)
}

// work is k.Work. A panic becomes an error that says only the type of its value.
func work(ctx context.Context, k Kind, j Job) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %T", v)
		}
	}()
	return k.Work(ctx, j)
}

// atOnce is when jobs are worked again that ended with their node.
type atOnce struct{}

// NextRetry implements river.ClientRetryPolicy.
func (atOnce) NextRetry(*rivertype.JobRow) time.Time { return time.Now() }

// warnings passes on River's records from the level Warn on, without their
// attributes but for errors: River's other attributes are of no use to an
// operator, and the arguments of a job belong in no log.
type warnings struct{ to slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.to.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (w warnings) Handle(ctx context.Context, r slog.Record) error {
	kept := slog.NewRecord(r.Time, r.Level, "jobs: "+r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" || a.Key == "error" {
			kept.AddAttrs(slog.Any("error", a.Value))
		}
		return true
	})
	return w.to.Handle(ctx, kept)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs([]slog.Attr) slog.Handler { return w }

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(string) slog.Handler { return w }
