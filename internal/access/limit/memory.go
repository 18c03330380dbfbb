package limit

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

// memoryLeases are the requests in progress of the only process that serves requests. They
// end with it, so that none remains after a kill -9.
type memoryLeases struct {
	store  *Store
	reader preparedReader

	// trying is held while a request is decided. So no two are, and of a request that is
	// completed meanwhile at least the lease is seen or what it has counted.
	trying sync.Mutex

	mu      sync.Mutex
	niks    map[string]map[*Lease]time.Time // by NIK; when they expire
	clients map[string]map[*Lease]time.Time // by client
}

// preparedReader reads by prepared statements.
type preparedReader map[string]*sql.Stmt

// QueryContext implements sqldb.Querier.
func (p preparedReader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p[query].QueryContext(ctx, args...)
}

// QueryRowContext implements sqldb.Querier.
func (p preparedReader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return p[query].QueryRowContext(ctx, args...)
}

func newMemoryLeases(ctx context.Context, s *Store) (*memoryLeases, error) {
	m := &memoryLeases{
		store: s, reader: make(preparedReader),
		niks: make(map[string]map[*Lease]time.Time), clients: make(map[string]map[*Lease]time.Time),
	}
	for _, query := range []string{selectMisses, selectClient, selectNIK} {
		stmt, err := s.o.DB.PrepareRead(ctx, query)
		if err != nil {
			return nil, err
		}
		m.reader[query] = stmt
	}
	return m, nil
}

// try implements leases.
func (m *memoryLeases) try(ctx context.Context, l *Lease) (decision, error) {
	m.trying.Lock()
	defer m.trying.Unlock()
	now := m.store.o.Now()
	// What is in progress is read first: what is completed meanwhile counts twice, for
	// this moment, and never not at all.
	leases, own := m.inProgress(l, now)
	about := query{clients: []string{l.client}, now: now, limit: maxRead}
	if l.nik != "" && m.store.o.Config.NIK.on() {
		about.niks = []string{l.nik}
	}
	got, err := m.store.read(ctx, sqldb.SQLite, m.reader, about)
	if err != nil {
		return decision{}, err
	}
	fresh := false
	if l.nik != "" && l.limits.NIKsPerDay > 0 {
		if fresh, err = isNew(ctx, m.reader, l, now); err != nil {
			return decision{}, err
		}
	}
	got.niks[l.nik] = append(got.niks[l.nik], leases...)
	client := got.clients[l.client]
	client.leases, client.newNIKs = own.leases, own.newNIKs
	d := got.decide(m.store.o.Config.NIK, l, now, fresh)
	if d.granted() {
		m.add(l, now.Add(m.store.o.LeaseAge))
	}
	return d, nil
}

// inProgress returns the requests in progress on the NIK of a request, and those of its
// client. It drops those that have expired.
func (m *memoryLeases) inProgress(l *Lease, now time.Time) (onNIK nikState, own clientState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fresh := make(map[string]bool)
	for o, expires := range m.clients[l.client] {
		switch {
		case !now.Before(expires):
			m.drop(o)
		case o.fresh:
			fresh[o.nik] = true
			fallthrough
		default:
			own.leases++
		}
	}
	own.newNIKs = len(fresh)
	for o, expires := range m.niks[l.nik] {
		if now.Before(expires) {
			onNIK = append(onNIK, counted{client: o.client, kind: leased})
		} else {
			m.drop(o)
		}
	}
	return onNIK, own
}

// add adds a request.
func (m *memoryLeases) add(l *Lease, expires time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	put := func(all map[string]map[*Lease]time.Time, key string) {
		if all[key] == nil {
			all[key] = make(map[*Lease]time.Time)
		}
		all[key][l] = expires
	}
	put(m.clients, l.client)
	if l.nik != "" {
		put(m.niks, l.nik)
	}
}

// remove implements leases.
func (m *memoryLeases) remove(l *Lease, _ bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(l)
}

// drop is remove for a caller that holds m.mu.
func (m *memoryLeases) drop(l *Lease) {
	take := func(all map[string]map[*Lease]time.Time, key string) {
		if delete(all[key], l); len(all[key]) == 0 {
			delete(all, key)
		}
	}
	take(m.clients, l.client)
	take(m.niks, l.nik)
}

// close implements leases.
func (*memoryLeases) close() {}
