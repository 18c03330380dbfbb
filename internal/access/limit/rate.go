package limit

import (
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// DefaultMaxTracked is the default maximum number of clients that Rates track in memory.
const DefaultMaxTracked = 10_000

// Call is a request of a client with a rate.
type Call struct {
	// Client is the client's ID.
	Client string
	// Rate is the maximum number of requests per second on average; 0 is no limit. Burst
	// is the maximum number at once, at least 1.
	Rate  float64
	Burst int
	// Kept is how many of Burst are kept for others.
	Kept int
}

// RatesOptions are what Rates are made of.
type RatesOptions struct {
	// DB is the database. In PostgreSQL the rates are exact over all its nodes. With
	// SQLite, or if it is nil, they are those of this process.
	DB *sqldb.DB
	// Now is the clock of the rates of this process; time.Now if nil. PostgreSQL has its
	// own.
	Now func() time.Time
	// MaxTracked is the maximum number of clients that are tracked in memory;
	// DefaultMaxTracked if 0. To track another one, the client is dropped that called
	// longest ago.
	MaxTracked int
	// Refused is called with the client's ID for each request that is refused. It may be
	// nil.
	Refused func(client string, l Name)
}

// Rates limit how many requests a second clients send. They are safe for concurrent use.
//
// Of each client they keep one time: when its whole burst is there again. A request moves
// it by the time in which the rate allows one, and is allowed if a part of the burst is
// there. This is the generic cell rate algorithm (ITU-T I.371).
type Rates struct {
	o       RatesOptions
	batcher *sqldb.Batcher[*calling]

	mu     sync.Mutex
	fullAt map[string]time.Time // by client
}

// calling is a call that is being decided.
type calling struct {
	Call
	wait time.Duration
}

// NewRates returns Rates. The caller must close them before the database.
func NewRates(o RatesOptions) *Rates {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxTracked == 0 {
		o.MaxTracked = DefaultMaxTracked
	}
	if o.Refused == nil {
		o.Refused = func(string, Name) {}
	}
	r := &Rates{o: o, fullAt: make(map[string]time.Time)}
	if o.DB != nil && o.DB.Engine() == sqldb.PostgreSQL {
		r.batcher = sqldb.NewBatcher(r.decide)
	}
	return r
}

// Close waits for what is being written.
func (r *Rates) Close() {
	if r.batcher != nil {
		r.batcher.Close()
	}
}

// Allow counts a request of a client. If the request exceeds the client's rate, it is not
// counted, and the error has kind sesuai.KindRateLimited and says after how long a request
// will be allowed. Changed rates apply at once. Another error has kind
// sesuai.KindUnavailable.
func (r *Rates) Allow(ctx context.Context, c Call) error {
	if c.Rate == 0 {
		return nil
	}
	one := &calling{Call: c}
	if r.batcher != nil {
		if err := r.batcher.CommitOrCancel(ctx, one); err != nil {
			return sqldb.Unavailable(ctx, "counting a request", err)
		}
	} else {
		r.allowHere(one)
	}
	if one.wait > 0 {
		r.o.Refused(c.Client, Rate)
		return &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: one.wait}
	}
	return nil
}

// allowHere decides about a call by the rates of this process.
func (r *Rates) allowHere(c *calling) {
	r.mu.Lock()
	defer r.mu.Unlock()
	full, known := r.fullAt[c.Client]
	if !known {
		r.makeRoom()
	}
	r.fullAt[c.Client] = c.count(full, r.o.Now())
}

// makeRoom drops the client whose burst was there first if the maximum number is tracked.
func (r *Rates) makeRoom() {
	if len(r.fullAt) < r.o.MaxTracked {
		return
	}
	clients := slices.Collect(maps.Keys(r.fullAt))
	delete(r.fullAt, slices.MinFunc(clients, func(a, b string) int { return r.fullAt[a].Compare(r.fullAt[b]) }))
}

// maxInterval bounds the time between two requests, so that no time overflows.
const maxInterval = 10 * 365 * 24 * time.Hour

// count counts a call if it is allowed, given when the whole burst is there, and returns
// when it is there from then on. Otherwise it sets how long to wait.
func (c *calling) count(full, now time.Time) time.Time {
	interval := time.Duration(min(math.Ceil(float64(time.Second)/c.Rate), float64(maxInterval)))
	burst := time.Duration(min(float64(interval)*float64(c.Burst), float64(maxInterval)))
	kept := time.Duration(min(float64(interval)*float64(c.Kept), float64(burst-interval)))
	if full.Before(now) {
		full = now
	}
	if latest := now.Add(burst); full.After(latest) { // the clock was ahead, or the rate is another one
		full = latest
	}
	next := full.Add(interval)
	if c.wait = next.Sub(now) - (burst - kept); c.wait > 0 {
		return full
	}
	return next
}

const (
	selectRate = `
		SELECT full_at, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM limit_rates WHERE client = $1 FOR UPDATE`
	insertRate = `INSERT INTO limit_rates (client, full_at) VALUES ($1, 0) ON CONFLICT DO NOTHING`
	updateRate = `UPDATE limit_rates SET full_at = $1 WHERE client = $2`
)

// decide decides about calls in one transaction. It takes the rows of clients in their
// order, so that no two transactions wait for each other.
func (r *Rates) decide(all []*calling) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	byClient := make(map[string][]*calling)
	for _, c := range all {
		byClient[c.Client] = append(byClient[c.Client], c)
	}
	return r.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		var updates []sqldb.Statement
		for _, client := range slices.Sorted(maps.Keys(byClient)) {
			if _, err := tx.ExecContext(ctx, insertRate, client); err != nil {
				return err
			}
			var fullAt, now int64
			if err := tx.QueryRowContext(ctx, selectRate, client).Scan(&fullAt, &now); err != nil {
				return err
			}
			full := time.UnixMicro(fullAt)
			for _, c := range byClient[client] {
				full = c.count(full, time.UnixMicro(now))
			}
			updates = append(updates, sqldb.Statement{Query: updateRate, Args: []any{full.UnixMicro(), client}})
		}
		return tx.ExecAll(ctx, updates)
	})
}
