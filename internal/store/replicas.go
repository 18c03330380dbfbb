package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultStaleness is how far a replica may be behind the primary to be read
// from.
const DefaultStaleness = 5 * time.Second

// watchInterval is how often the positions of the primary and of a replica are
// asked for.
const watchInterval = 100 * time.Millisecond

// A position in the primary's log is the count of bytes before it. The
// primary's is where it inserts: where commits do not wait for the disk, what
// was committed need not be written yet.
const (
	selectPosition = `SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint`
	selectReplayed = `SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint`
)

// replicas are databases that follow the primary.
type replicas struct {
	primary *sql.DB
	all     []*replica
	next    atomic.Uint32 // whose turn it is

	stop     context.CancelFunc
	watching sync.WaitGroup
}

// openReplicas begins to watch the replicas of o; nil if there are none. That
// they cannot be reached now is no error: then the primary is read from.
func openReplicas(ctx context.Context, o Options, primary *sql.DB) (*replicas, error) {
	urls := strings.Fields(o.Replicas)
	if len(urls) == 0 {
		return nil, nil
	}
	staleness := o.Staleness
	if staleness == 0 {
		staleness = DefaultStaleness
	}
	watched, stop := context.WithCancel(context.WithoutCancel(ctx))
	rs := &replicas{primary: primary, stop: stop}
	for _, url := range urls {
		config, err := parsePostgresURL(url)
		if err != nil {
			return nil, errors.Join(err, rs.close())
		}
		r := &replica{db: (&postgresEngine{o: o}).pool(config), staleness: staleness, now: time.Now}
		rs.all = append(rs.all, r)
		rs.watching.Go(func() { r.watch(watched, primary) })
	}
	return rs, nil
}

func (rs *replicas) close() error {
	rs.stop()
	rs.watching.Wait()
	var errs []error
	for _, r := range rs.all {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

// pick is a replica that is near enough, each in its turn, with its reader, or
// nil if there is none.
func (rs *replicas) pick() (*replica, *reader) {
	turn := int(rs.next.Add(1))
	for i := range rs.all {
		r := rs.all[(turn+i)%len(rs.all)]
		if reader := r.near(); reader != nil {
			return r, reader
		}
	}
	return nil, nil
}

// wrote notes that this process has written to the primary: no replica is read
// from before it has that. The context may have ended.
func (rs *replicas) wrote(ctx context.Context) {
	var at int64
	err := rs.primary.QueryRowContext(ctx, selectPosition).Scan(&at)
	for _, r := range rs.all {
		if err == nil {
			r.wait(at)
		} else {
			r.distrust()
		}
	}
}

// replica is one database that follows the primary, and how far it is as of the
// last look. It is read from only within the staleness of the primary, and not
// before it has what this process has written.
type replica struct {
	db        *sql.DB
	staleness time.Duration
	now       func() time.Time

	mu     sync.Mutex
	reader *reader // nil before it was first reached
	// seen are positions of the primary that the replica has not reached yet,
	// and when they were asked for, oldest first.
	seen []positionAt
	// fresh is when the primary was, at the latest, where the replica is.
	fresh time.Time
	// replayed is the position of the replica, written the one that it must
	// have reached to be read from.
	replayed, written int64
	// round counts how often what was seen has been thrown away.
	round int
}

type positionAt struct {
	position int64
	at       time.Time
}

func (r *replica) close() error {
	var err error
	if r.reader != nil {
		err = r.reader.close()
	}
	return errors.Join(err, r.db.Close())
}

// near is the replica's reader, or nil if it is not near enough.
func (r *replica) near() *reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reader == nil || r.now().Sub(r.fresh) > r.staleness || r.replayed < r.written {
		return nil
	}
	return r.reader
}

// wait keeps the replica from being read from before it is at that position.
func (r *replica) wait(position int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written = max(r.written, position)
}

// distrust forgets what is known of the replica: it is read from once it has
// reached a position that the primary is asked for from now on.
func (r *replica) distrust() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.round++
	r.seen, r.fresh = nil, time.Time{}
}

// watch keeps up with the positions until ctx ends.
func (r *replica) watch(ctx context.Context, primary *sql.DB) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		if err := r.look(ctx, primary); err != nil && ctx.Err() == nil {
			// Restarted, it may be where it was a while ago.
			r.distrust()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look asks where the primary is, and then where the replica is.
func (r *replica) look(ctx context.Context, primary *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, r.staleness)
	defer cancel()
	r.mu.Lock()
	round, reader := r.round, r.reader
	r.mu.Unlock()
	asked := positionAt{at: r.now()}
	if err := primary.QueryRowContext(ctx, selectPosition).Scan(&asked.position); err != nil {
		return err
	}
	var replayed int64
	if err := r.db.QueryRowContext(ctx, selectReplayed).Scan(&replayed); err != nil {
		return err
	}
	if reader == nil {
		var err error
		if reader, err = newReader(ctx, r.db, (*postgresEngine)(nil).joining); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reader = reader
	if r.round != round {
		return nil
	}
	r.replayed = replayed
	r.seen = append(r.seen, asked)
	for len(r.seen) > 0 && r.seen[0].position <= replayed {
		r.fresh = r.seen[0].at
		r.seen = r.seen[1:]
	}
	// One that does not move is not remembered for ever.
	r.seen = r.seen[max(0, len(r.seen)-1000):]
	return nil
}
