// Package recorder commits what a verification leaves behind, in one
// transaction: the probe that is remembered, its event in the audit trail, the answer
// that the client gets, the message that tells the client of it, what it counts for the
// client's limits and, if the person was verified, the row that returns the data to
// Dukcapil.
// Verifications that end at the same time share the transaction. It leaves the
// tables to the packages that own them, whether a probe was sent before to
// package replay, and which event a verification has to package verify.
package recorder

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
	"github.com/sesuai/sesuai/internal/webhook"
)

// commitTimeout bounds a transaction. Callers have deadlines of their own. This
// one keeps a disk that hangs from blocking the writing connection for ever.
const commitTimeout = 15 * time.Second

// DefaultEventTimeout is the default of Options.EventTimeout. It is longer than
// SQLite waits for another process's lock, which is 5 s.
const DefaultEventTimeout = 6 * time.Second

// Outbox stores the data that is to be returned to Dukcapil.
type Outbox interface {
	// AddTx adds rows in a transaction, at least one. Each has the number of an
	// event that the same transaction appends.
	AddTx(ctx context.Context, tx *sqldb.Tx, rows []balikan.Row) error
}

// Answers stores the answers that clients get; *answer.Store implements it.
type Answers interface {
	// AddTx adds answers in a transaction, at least one. Each has the number of an
	// event that the same transaction appends.
	AddTx(ctx context.Context, tx *sqldb.Tx, rows []answer.Row) error
	// HoldTx keeps the keys of answers from being taken by other calls until the
	// transaction ends. It returns those that are lost: their answers must not be given.
	HoldTx(ctx context.Context, tx *sqldb.Tx, keys []*answer.Reservation) (lost []*answer.Reservation, err error)
}

// Webhooks tells clients of the answers that they get; *webhook.Store implements it.
type Webhooks interface {
	// Wants reports whether a client is told of an event. It is asked for each
	// answer, and must not read the database.
	Wants(client string, e webhook.Event) bool
	// AddTx adds messages in a transaction, at least one.
	AddTx(ctx context.Context, tx *sqldb.Tx, messages []webhook.Message) error
}

// Limits counts requests; *limit.Store implements it.
type Limits interface {
	// CountTx starts to complete leases in a transaction that no other one appends
	// to the trail beside, at least one. A lease may be nil.
	CountTx(ctx context.Context, tx *sqldb.Tx, leases []*limit.Lease) (*limit.Counting, error)
}

// Probes stores the probes of people; *people.Registry implements it.
type Probes interface {
	// UpdateTx makes the updates in a transaction of Vault.Change. Updates of
	// one person are made in their order: each sees what the one before has
	// kept. Other transactions that change one of these people wait from then on.
	// UpdateTx waits for none of them: it leaves out the updates of
	// a person whom another transaction is changing, and does not call their
	// Change.
	//
	// It remembers nothing about a person who is not on record, unless the store
	// was opened for unenrolled people. Then earlier is always empty, and what
	// Change returns is dropped.
	//
	// An error is that of the database, for all updates.
	UpdateTx(ctx context.Context, tx *sqldb.Tx, keys *vault.Keys, updates []replay.Update) error
	// RemoveBefore removes the probes of people whose latest probe came before t,
	// in one transaction: those of at most limit people who are on record, and of
	// as many who are not. more reports whether there may be others. The error has
	// kind sesuai.KindUnavailable; if ctx has ended, its error is in the chain.
	RemoveBefore(ctx context.Context, t time.Time, limit int) (more bool, err error)
}

// Options are what a Recorder is made of.
type Options struct {
	// DB is the database of all others.
	DB    *sqldb.DB
	Trail *audit.Trail
	// Outbox is nil if no data is returned to Dukcapil.
	Outbox Outbox
	// Answers is nil if no answers are stored.
	Answers Answers
	// Webhooks is nil if no client is told of answers.
	Webhooks Webhooks
	// Limits is nil if no requests are counted.
	Limits Limits
	// Probes is nil if no probes are remembered. Vault is that of Probes.
	Probes Probes
	Vault  *vault.Vault
	// MaxAge is how long a probe is remembered; replay.DefaultMaxAge if 0.
	MaxAge time.Duration
	// EventTimeout bounds how long the event may take to be recorded of a probe that
	// could not be remembered; DefaultEventTimeout if 0.
	EventTimeout time.Duration
	// SweepFailed is called if old probes could not be removed, unless it is nil.
	// The error says nothing about a person. Nobody waits for it.
	SweepFailed func(error)
}

// Recorder is what a service records verifications with. It is safe for
// concurrent use. It implements audit.Log and verify.Recorder.
type Recorder struct {
	o       Options
	batcher *sqldb.Batcher[*entry]
	// counting counts in the transaction that is run; nil if nothing is counted. Only
	// the batcher's goroutine uses it.
	counting *limit.Counting

	closing sync.Once
	mu      sync.Mutex
	closed  bool
	// calls are those of Remember, and sweeps. None begins once closed is set.
	calls sync.WaitGroup
	// sweeping ends when sweeps have to, by stopSweeping.
	sweeping     context.Context
	stopSweeping context.CancelFunc
	// sweptAt is when the last sweep began, in Unix microseconds.
	sweptAt atomic.Int64
}

var _ audit.Log = (*Recorder)(nil)

// New starts a Recorder. The caller must close it, before the database.
func New(o Options) *Recorder {
	if o.MaxAge == 0 {
		o.MaxAge = replay.DefaultMaxAge
	}
	if o.EventTimeout == 0 {
		o.EventTimeout = DefaultEventTimeout
	}
	r := &Recorder{o: o}
	r.sweeping, r.stopSweeping = context.WithCancel(context.Background())
	r.batcher = sqldb.NewBatcher(r.commit)
	return r
}

// Append implements audit.Log: it is Record of an event that depends on nothing.
func (r *Recorder) Append(ctx context.Context, e audit.Event) error {
	_, err := r.Record(ctx, nil, func(limit.Prior) (audit.Event, *answer.Answer) { return e, nil })
	return err
}

// Record implements verify.Recorder. If a transaction fails, none of its events is
// recorded. An event does not fail with the probes that share its transaction.
func (r *Recorder) Record(ctx context.Context, l *limit.Lease, outcome func(limit.Prior) (audit.Event, *answer.Answer)) (limit.Prior, error) {
	one := &entry{lease: l, outcomeOf: func(_ bool, prior limit.Prior, _ error) (audit.Event, *answer.Answer) { return outcome(prior) }}
	one.decide(limit.Prior{})
	err := r.batcher.Commit(ctx, one)
	if err == nil {
		err = one.failed
	}
	if err != nil {
		endLease(ctx, l)
		return limit.Prior{}, sqldb.Unavailable(ctx, "recording an event", err)
	}
	return one.prior, nil
}

// endLease cancels the lease of an entry that is not committed. If ctx has ended, it may
// be committed yet, and the lease has to expire.
func endLease(ctx context.Context, l *limit.Lease) {
	if ctx.Err() == nil {
		l.Cancel()
	}
}

// enter adds a call to r.calls, unless the Recorder is closed.
func (r *Recorder) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.calls.Add(1)
	return true
}

// Close returns when the entries that wait are committed. Record and Remember
// fail from then on.
func (r *Recorder) Close() {
	r.closing.Do(func() {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		r.stopSweeping()
		r.calls.Wait()
		r.batcher.Close()
	})
}
