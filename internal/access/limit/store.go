package limit

import (
	"context"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// DefaultLeaseAge is the default of StoreOptions.LeaseAge.
const DefaultLeaseAge = time.Minute

// StoreOptions are what a Store is made of. DB and Secret are required.
type StoreOptions struct {
	DB *sqldb.DB
	// Secret hashes NIKs. No rotation of the master key changes it.
	Secret *keyring.Secret
	// Trail records resets. Only they need it.
	Trail *audit.Trail
	// Config are the limits. The zero Config limits nothing.
	Config Config
	// LeaseAge is how long a request may be in progress; DefaultLeaseAge if 0. It has to
	// be longer than any request takes. The requests in progress of a node that was
	// killed count for so long.
	LeaseAge time.Duration
	// Refused is called with the client's ID for each request that a limit refuses. It
	// may be nil.
	Refused func(client string, l Name)
	// Flagged is called with the client's ID after the event was committed that says
	// that a client is flagged or stopped. It may be nil.
	Flagged func(client string, stopped bool)
	// CheckClock returns an error while the clock may be wrong. Then Sweep removes
	// nothing. It may be nil.
	CheckClock func(context.Context) error
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Store limits and counts requests in a database. It is safe for concurrent use, and so
// are several processes with one PostgreSQL database. An SQLite database has one process
// that serves requests: the requests in progress are in its memory.
type Store struct {
	o      StoreOptions
	leases leases
	queue  *queue
}

// leases are the requests in progress.
type leases interface {
	// try decides about a request, and if it is granted adds it.
	try(ctx context.Context, l *Lease) (decision, error)
	// remove removes a request, after the transaction that completes it, or if there is
	// none.
	remove(l *Lease, completed bool)
	close()
}

// NewStore opens the counters of a database that has the tables of Migrations. The caller
// must close it before the database. The error has kind sesuai.KindUnavailable.
func NewStore(ctx context.Context, o StoreOptions) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CheckClock == nil {
		o.CheckClock = func(context.Context) error { return nil }
	}
	if o.LeaseAge == 0 {
		o.LeaseAge = DefaultLeaseAge
	}
	if o.Refused == nil {
		o.Refused = func(string, Name) {}
	}
	if o.Flagged == nil {
		o.Flagged = func(string, bool) {}
	}
	s := &Store{o: o, queue: newQueue()}
	if o.DB.Engine() == sqldb.PostgreSQL {
		s.leases = newSharedLeases(s)
		return s, nil
	}
	if err := o.DB.PrepareHot(ctx, insertMiss, selectMisses, upsertClient, selectClient); err != nil {
		return nil, err
	}
	memory, err := newMemoryLeases(ctx, s)
	if err != nil {
		return nil, err
	}
	s.leases = memory
	return s, nil
}

// Close waits for what is being written about requests in progress. No request can start
// from then on.
func (s *Store) Close() { s.leases.close() }

// pollInterval is how often a request that waits looks whether requests of other nodes
// were completed, or have expired.
const pollInterval = 50 * time.Millisecond

// Start starts a request. The caller must complete the lease, by recording its event, or
// cancel it.
//
// If the limit is reached the error has kind sesuai.KindRateLimited and says when to try
// again. If it would be reached should all requests in progress be misses, Start waits
// for those, first come, first served. The error has the same kind if ctx ends first.
// Another error has kind sesuai.KindUnavailable.
func (s *Store) Start(ctx context.Context, r Request) (*Lease, error) {
	l := s.newLease(r)
	if !(l.nik != "" && s.o.Config.NIK.on()) && !l.limits.on() {
		return l, nil
	}
	l.held = true
	d, err := s.try(ctx, l)
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "starting a request", err)
	}
	if !d.granted() {
		s.o.Refused(r.Client, d.limit)
		return nil, &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: max(d.retryAfter, time.Millisecond)}
	}
	return l, nil
}

// try has a request decided, and waits while that depends on others in progress.
func (s *Store) try(ctx context.Context, l *Lease) (decision, error) {
	d := decision{limit: MissesPerHour, wait: true}
	key := s.queue.busy(l.keys()...)
	if key == "" {
		var err error
		if d, err = s.leases.try(ctx, l); err != nil || !d.wait {
			return d, err
		}
		key = l.key(d.byClient)
	}
	w := s.queue.join(key)
	defer func() { s.queue.leave(w) }()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			d.wait, d.retryAfter = false, busyRetryAfter
			return d, nil
		case <-w.turn:
		case <-poll.C:
		}
		if !s.queue.isFirst(w) {
			continue
		}
		var err error
		if d, err = s.leases.try(ctx, l); err != nil || !d.wait {
			return d, err
		}
		if key = l.key(d.byClient); key != w.key {
			s.queue.leave(w)
			w = s.queue.join(key)
		}
	}
}
