package answer

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// KeyMaxAge is how long a key is known after it was taken.
const KeyMaxAge = 24 * time.Hour

const (
	// DefaultLease is the default of StoreOptions.Lease. A key whose node has died is
	// free after that. Nothing that is answered depends on it.
	DefaultLease = 10 * time.Second
	// renewals is how often a lease is renewed before it could end.
	renewals = 3
)

const (
	selectKey = `SELECT request, at, token, lease, sealed FROM idempotency_keys WHERE key = $1`

	// takeKey takes a key that nobody has, that has expired, or whose call for the same
	// request has lost its lease.
	takeKey = `
		INSERT INTO idempotency_keys (key, request, at, token, lease) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (key) DO UPDATE SET request = excluded.request, at = excluded.at, token = excluded.token,
			lease = excluded.lease, sealed = NULL
		WHERE idempotency_keys.at < $6
			OR idempotency_keys.sealed IS NULL AND idempotency_keys.lease < $3 AND idempotency_keys.request = excluded.request`

	holdKey    = `UPDATE idempotency_keys SET lease = $1 WHERE key = $2 AND token = $3`
	answerKey  = `UPDATE idempotency_keys SET sealed = $1, token = NULL WHERE key = $2 AND token = $3`
	releaseKey = `DELETE FROM idempotency_keys WHERE key = $1 AND token = $2`

	// deleteKeys1 and deleteKeys2 delete expired keys. Between them stands
	// sqldb.DB.SkipLocked.
	deleteKeys1 = `DELETE FROM idempotency_keys WHERE key IN (SELECT key FROM idempotency_keys WHERE at < $1 ORDER BY at LIMIT $2`
	deleteKeys2 = `)`
)

// ErrLost is the error of a call whose key another one has taken: it took longer than
// its lease, which it could not renew. Its answer must not be given.
var ErrLost = errors.New("another call has taken the idempotency key")

// ErrUnanswered is the error of Await if there is no answer to wait for: the call that
// had the key has ended without one, or has not ended in time.
var ErrUnanswered = errors.New("the call with the same idempotency key has given no answer")

// Key is what a client gave a request, so that it is answered once.
type Key struct {
	// Client is the client's ID.
	Client string
	// Text is the key. Part of the program that needs keys of its own has something in
	// them that no header can have.
	Text string
	// Request is a digest of what is asked.
	Request [32]byte
}

// Reservation is a key that one call may answer.
type Reservation struct {
	store                *Store
	hash, request, token []byte
	at                   int64
	// answered is whether the answer is known to be committed.
	answered atomic.Bool
	// stop ends the renewal of the lease.
	stop    context.CancelFunc
	stopped chan struct{}
}

// Taken is what Reserve found. At most one of its fields is set; none of them while
// another call with the same request has the key.
type Taken struct {
	// Reservation is set if the key is the caller's, who must release it.
	Reservation *Reservation
	// Answer is set if the request was answered before.
	Answer *Answer
}

// Reserve takes a key for a request. The error has kind sesuai.KindKeyReused if the key
// was given to another request, else sesuai.KindUnavailable.
//
// A reservation is a row with a lease, which is renewed until Release. If the process
// dies, another call with the same request may have the key once the lease has ended. A
// call that has lost its key cannot store an answer: see HoldTx.
func (s *Store) Reserve(ctx context.Context, key Key) (Taken, error) {
	r := s.reservation(key)
	for {
		taken, free, err := s.look(ctx, r)
		if err != nil || !free {
			return taken, err
		}
		err = s.taking.CommitOrCancel(ctx, r)
		if err != nil {
			return Taken{}, sqldb.Unavailable(ctx, "taking an idempotency key", err)
		}
		if r.stop != nil {
			return Taken{Reservation: r}, nil
		}
		// Another call was faster: look at what it does.
	}
}

func (s *Store) reservation(key Key) *Reservation {
	r := &Reservation{
		store: s, hash: s.hash("idempotency_keys.key", key.Client, key.Text), token: make([]byte, hashSize), stopped: make(chan struct{}),
	}
	sum := s.o.Secret.Hash(keyring.Bind("idempotency_keys.request", []byte(key.Client), key.Request[:]))
	r.request = sum[:]
	_, _ = rand.Read(r.token) // crypto/rand never fails
	return r
}

// keyRow is a row of selectKey.
type keyRow struct {
	request, token, sealed []byte
	at, lease              int64
}

// look reads the row of a key, and reports whether the key is free.
func (s *Store) look(ctx context.Context, r *Reservation) (taken Taken, free bool, err error) {
	var row keyRow
	err = s.byKey.QueryRowContext(ctx, r.hash).Scan(&row.request, &row.at, &row.token, &row.lease, &row.sealed)
	now := s.o.Now()
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && row.at < now.Add(-KeyMaxAge).UnixMicro():
		return Taken{}, true, nil
	case err != nil:
		return Taken{}, false, sqldb.Unavailable(ctx, "looking up an idempotency key", err)
	case row.sealed == nil && row.token != nil:
		if !bytes.Equal(row.request, r.request) {
			return Taken{}, false, errReused()
		}
		return Taken{}, row.lease < now.UnixMicro(), nil
	}
	plain, err := s.openRow(r.hash[0], row.sealed, bindKey(r.hash, row.request, row.at))
	if err != nil {
		s.o.Alert("idempotency_keys")
		return Taken{}, false, sqldb.Unavailable(ctx, "looking up an idempotency key", err)
	}
	if !bytes.Equal(row.request, r.request) {
		return Taken{}, false, errReused()
	}
	if err := s.replicated(ctx); err != nil {
		return Taken{}, false, err
	}
	return Taken{Answer: &plain.Answer}, false, nil
}

// replicated returns once the synchronous standbys have what was read. A commit that was
// cut off while it waited for them can be read, and a failover would lose it: the key
// would then be answered in another way.
func (s *Store) replicated(ctx context.Context) error {
	if s.o.DB.Engine() != sqldb.PostgreSQL {
		return nil
	}
	if err := s.replicating.Commit(ctx, struct{}{}); err != nil {
		return sqldb.Unavailable(ctx, "waiting for the standbys to have an answer", err)
	}
	return nil
}

// awaitReplication is replicated for several calls at once.
func (s *Store) awaitReplication([]struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	return s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error { return tx.AwaitReplication(ctx) })
}

func errReused() error { return &sesuai.Error{Kind: sesuai.KindKeyReused} }

// take takes keys in one transaction, and starts to renew the leases of those that were
// free.
func (s *Store) take(all []*Reservation) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	now := s.o.Now()
	sortByHash(all)
	args := make([][]any, len(all))
	for i, r := range all {
		r.at = now.UnixMicro()
		args[i] = []any{r.hash, r.request, r.at, r.token, now.Add(s.o.Lease).UnixMicro(), now.Add(-KeyMaxAge).UnixMicro()}
	}
	var taken []int64
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) (err error) {
		taken, err = tx.ExecEachCounted(ctx, takeKey, args)
		return err
	})
	if err != nil {
		return err
	}
	for i, r := range all {
		if taken[i] > 0 {
			ctx, stop := context.WithCancel(context.Background())
			r.stop = stop
			go r.renew(ctx)
		}
	}
	return nil
}

// sortByHash sorts keys, so that transactions with some of the same keys wait for each
// other instead of locking each other up.
func sortByHash(all []*Reservation) {
	slices.SortFunc(all, func(a, b *Reservation) int { return bytes.Compare(a.hash, b.hash) })
}

// renew renews the lease until ctx ends. If that fails it tries again: nothing depends on
// the lease but that the key is not taken by another call.
func (r *Reservation) renew(ctx context.Context) {
	defer close(r.stopped)
	ticker := time.NewTicker(r.store.o.Lease / renewals)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = r.store.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
				_, err := tx.ExecContext(ctx, holdKey, r.until(), r.hash, r.token)
				return err
			})
		case <-ctx.Done():
			return
		}
	}
}

// until is when a lease ends that is renewed now.
func (r *Reservation) until() int64 { return r.store.o.Now().Add(r.store.o.Lease).UnixMicro() }

// HoldTx keeps keys from being taken by other calls until the transaction ends. Only keys
// that are held may be answered in it. It returns those of the reservations that are
// lost. The error is that of the database.
func (s *Store) HoldTx(ctx context.Context, tx *sqldb.Tx, all []*Reservation) (lost []*Reservation, err error) {
	all = slices.Clone(all)
	sortByHash(all)
	args := make([][]any, len(all))
	for i, r := range all {
		args[i] = []any{r.until(), r.hash, r.token}
	}
	held, err := tx.ExecEachCounted(ctx, holdKey, args)
	if err != nil {
		return nil, err
	}
	for i, r := range all {
		if held[i] == 0 {
			lost = append(lost, r)
		}
	}
	return lost, nil
}

// answerTx stores the answers of rows that have a key.
func (s *Store) answerTx(ctx context.Context, tx *sqldb.Tx, rows []Row) error {
	var args [][]any
	for _, row := range rows {
		r := row.Key
		if r == nil {
			continue
		}
		sealed, err := s.sealRow(row, r.hash[0], bindKey(r.hash, r.request, r.at))
		if err != nil {
			return err
		}
		args = append(args, []any{sealed, r.hash, r.token})
	}
	return tx.ExecEach(ctx, answerKey, args)
}

// AnswerTx stores an answer under the key that it has, and nowhere else: it is that of a
// call without an event. The error is ErrLost if the key is lost, and then nothing may be
// committed; else that of the database.
func (s *Store) AnswerTx(ctx context.Context, tx *sqldb.Tx, row Row) error {
	lost, err := s.HoldTx(ctx, tx, []*Reservation{row.Key})
	if err == nil && len(lost) > 0 {
		err = ErrLost
	}
	if err != nil {
		return err
	}
	return s.answerTx(ctx, tx, []Row{row})
}

// bindKey is the associated data of a row with a key.
func bindKey(hash, request []byte, at int64) []byte {
	return keyring.Bind("idempotency_keys.sealed", hash, request, number(at))
}

// Answered says that the transaction with the answer is committed.
func (r *Reservation) Answered() { r.answered.Store(true) }

// releaseTimeout is how long Release may take: the caller has yet to be told that there
// is no answer.
const releaseTimeout = 3 * time.Second

// Release ends a reservation. The key is free again, unless it was answered. If that
// cannot be written in time, it is free when the lease has ended.
func (r *Reservation) Release() {
	r.stop()
	<-r.stopped
	if r.answered.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	_ = r.store.releasing.Commit(ctx, r)
}

// release frees keys in one transaction: while a registry is down that is every key.
func (s *Store) release(all []*Reservation) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	sortByHash(all)
	args := make([][]any, len(all))
	for i, r := range all {
		args[i] = []any{r.hash, r.token}
	}
	return s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error { return tx.ExecEach(ctx, releaseKey, args) })
}

// The pauses between two looks at a key. They double.
const (
	minPause = 5 * time.Millisecond
	maxPause = 320 * time.Millisecond
)

// Await waits until another call with the same key has answered. The error is
// ErrUnanswered, with that of ctx if it has ended, or one of Reserve.
func (s *Store) Await(ctx context.Context, key Key) (Answer, error) {
	r := s.reservation(key)
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		taken, free, err := s.look(ctx, r)
		switch {
		case ctx.Err() != nil:
			return Answer{}, errors.Join(ErrUnanswered, ctx.Err())
		case err != nil:
			return Answer{}, err
		case taken.Answer != nil:
			return *taken.Answer, nil
		case free:
			return Answer{}, ErrUnanswered
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}
