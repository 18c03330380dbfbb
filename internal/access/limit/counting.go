package limit

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Counting completes leases in a transaction, one after the other. It is not safe for
// concurrent use.
type Counting struct {
	store   *Store
	tx      *sqldb.Tx
	now     time.Time
	tallies map[string]*tally // by NIK
	clients map[string]*clientState

	misses  [][]any
	leases  [][]byte // those that are rows
	flagged []flagged
}

// flagged is a client that is flagged or stopped.
type flagged struct {
	client  string
	stopped bool
}

// CountTx starts to complete leases in a transaction, which must exclude all others that
// do so. A lease may be nil. The error is that of the database.
func (s *Store) CountTx(ctx context.Context, tx *sqldb.Tx, leases []*Lease) (*Counting, error) {
	c := &Counting{store: s, tx: tx, now: s.o.Now(), tallies: make(map[string]*tally), clients: make(map[string]*clientState)}
	about := query{now: c.now, limit: maxReadPrior, without: verified}
	for _, l := range leases {
		if l == nil {
			continue
		}
		if l.nik != "" && c.tallies[l.nik] == nil {
			c.tallies[l.nik] = new(tally)
			about.niks = append(about.niks, l.nik)
		}
		if c.clients[l.client] == nil {
			c.clients[l.client] = new(clientState)
			about.clients = append(about.clients, l.client)
		}
	}
	if len(about.clients) == 0 {
		return c, nil
	}
	got, err := s.read(ctx, tx.Engine(), tx, about)
	if err != nil {
		return nil, err
	}
	for nik, all := range got.niks {
		for _, one := range all {
			c.tallies[nik].add(one.kind, 1)
		}
	}
	c.clients = got.clients
	return c, nil
}

// Prior returns what is known before a lease is completed. It is zero for a nil one.
func (c *Counting) Prior(l *Lease) Prior {
	if l == nil || l.nik == "" {
		return Prior{}
	}
	return Prior{Misses: c.tallies[l.nik].total()}
}

// Complete completes a lease with the event of its request. The error is that of the
// database.
func (c *Counting) Complete(ctx context.Context, l *Lease, e audit.Event) error {
	if l == nil {
		return nil
	}
	if l.held {
		c.leases = append(c.leases, l.id[:])
	}
	if e.Result == audit.Unavailable { // it was not answered
		return nil
	}
	day := &c.clients[l.client].day
	day.requests++
	if l.nik == "" {
		return nil
	}
	k := kindOf(e)
	if k == miss || k == verified {
		day.answers++
	}
	if isNonMatch(e) {
		day.nonMatches++
	}
	c.flag(l, day)
	c.tallies[l.nik].add(k, 1)
	if k == miss || k == refusal || k == verified && c.store.o.Config.NIK.AttemptsPerDay > 0 {
		c.misses = append(c.misses, []any{[]byte(l.nik), c.now.UnixMicro(), l.id[:], l.client, int64(k)})
	}
	if l.limits.NIKsPerDay > 0 {
		return c.countNIK(ctx, l, day)
	}
	return nil
}

// countNIK counts a NIK that is not one of the client's of the day.
func (c *Counting) countNIK(ctx context.Context, l *Lease, day *counters) error {
	result, err := c.tx.ExecContext(ctx, insertNIK, l.client, dayOf(c.now), []byte(l.nik))
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	day.niks += n
	return err
}

// flag flags or stops a client with too many non-matches.
func (c *Counting) flag(l *Lease, day *counters) {
	if !day.flagged && exceeds(day.nonMatches, day.answers, l.limits.NonMatchesFlagged, l.limits.NonMatchShare) {
		day.flagged = true
		c.flagged = append(c.flagged, flagged{l.client, false})
	}
	switch limit := l.limits.NonMatchesPerDay; {
	case !day.stopped && exceeds(day.nonMatches, day.answers, limit, l.limits.NonMatchShare):
		day.stopped = true
		c.flagged = append(c.flagged, flagged{l.client, true})
	case day.nonMatches < int64(limit): // the limit was raised
		day.stopped = false
	}
}

// The reasons of the events about clients with too many non-matches.
const (
	ReasonFlagged = "NON_MATCHES_FLAGGED"
	ReasonStopped = "NON_MATCHES_STOPPED"
)

// WriteTx writes what the completed leases count. It returns further events, which the
// same transaction has to append to the audit trail: of clients that are flagged or
// stopped. The error is that of the database.
func (c *Counting) WriteTx(ctx context.Context) ([]audit.Event, error) {
	var all []sqldb.Statement
	for _, args := range c.misses {
		all = append(all, sqldb.Statement{Query: insertMiss, Args: args})
	}
	for _, client := range slices.Sorted(maps.Keys(c.clients)) {
		d := c.clients[client].day
		all = append(all, sqldb.Statement{Query: upsertClient, Args: []any{
			client, dayOf(c.now), d.requests, d.answers, d.nonMatches, d.niks, sqldb.Int(d.flagged), sqldb.Int(d.stopped),
		}})
	}
	if c.tx.Engine() == sqldb.PostgreSQL && len(c.leases) > 0 {
		all = append(all, sqldb.Statement{Query: deleteLeases, Args: []any{c.leases}})
	}
	if err := c.tx.ExecAll(ctx, all); err != nil {
		return nil, err
	}
	events := make([]audit.Event, len(c.flagged))
	for i, f := range c.flagged {
		events[i] = audit.Event{
			Time: c.now, Client: f.client, Result: audit.Refused, Reason: ReasonFlagged, NameScore: -1, Endpoint: audit.Access,
		}
		if f.stopped {
			events[i].Reason = ReasonStopped
		}
	}
	return events, nil
}

// Committed says that the transaction is committed. Lease.Completed says so of each lease.
func (c *Counting) Committed() {
	for _, f := range c.flagged {
		c.store.o.Flagged(f.client, f.stopped)
	}
}
