package limit

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// maxRead is the maximum number of rows that are read about a NIK, the latest ones:
	// so many that every limit is among them. maxReadPrior is that for Prior.
	maxRead      = 10_000
	maxReadPrior = MaxPrior + FreeRefusals

	insertMiss = `INSERT INTO limit_misses (nik, at, id, client, kind) VALUES ($1, $2, $3, $4, $5)`

	selectMisses = `SELECT client, at, kind FROM limit_misses WHERE nik = $1 AND at > $2 AND kind <> $3 ORDER BY at DESC LIMIT $4`

	clientCounters = `requests, answers, non_matches, niks, flagged, stopped`

	selectClient = `SELECT ` + clientCounters + ` FROM limit_clients WHERE client = $1 AND day = $2`

	upsertClient = `
		INSERT INTO limit_clients (client, day, ` + clientCounters + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (client, day) DO UPDATE SET requests = excluded.requests, answers = excluded.answers,
			non_matches = excluded.non_matches, niks = excluded.niks, flagged = excluded.flagged, stopped = excluded.stopped`

	selectNIK = `SELECT 1 FROM limit_niks WHERE client = $1 AND day = $2 AND nik = $3`
	insertNIK = `INSERT INTO limit_niks (client, day, nik) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
)

// states are what is stored about NIKs and clients.
type states struct {
	niks    map[string]nikState
	clients map[string]*clientState
}

// query is what is to be read.
type query struct {
	niks, clients []string
	now           time.Time
	// limit is the maximum number of rows about a NIK, without those that are
	// omitted.
	limit   int
	without kind
}

// read reads states. q reads as the transaction that they are for does.
func (s *Store) read(ctx context.Context, engine sqldb.Engine, q sqldb.Querier, about query) (states, error) {
	if engine == sqldb.PostgreSQL {
		return readStates(ctx, q, about, selectStates)
	}
	got := states{make(map[string]nikState), make(map[string]*clientState)}
	for _, nik := range about.niks {
		rows, err := q.QueryContext(ctx, selectMisses, []byte(nik), about.now.Add(-Day).UnixMicro(), about.without, about.limit)
		if err == nil {
			got.niks[nik], err = sqldb.CollectRows(rows, scanMiss)
		}
		if err != nil {
			return states{}, err
		}
	}
	for _, client := range about.clients {
		state := new(clientState)
		err := scanCounters(q.QueryRowContext(ctx, selectClient, client, dayOf(about.now)), &state.day)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return states{}, err
		}
		got.clients[client] = state
	}
	return got, nil
}

// scanMiss reads a row of selectMisses.
func scanMiss(rows *sql.Rows) (c counted, err error) {
	var at int64
	err = rows.Scan(&c.client, &at, &c.kind)
	c.at = time.UnixMicro(at)
	return c, err
}

// scanCounters reads a row of clientCounters.
func scanCounters(row *sql.Row, c *counters) error {
	return row.Scan(&c.requests, &c.answers, &c.nonMatches, &c.niks, &c.flagged, &c.stopped)
}

// isNew reports whether a NIK is not one of the client's of the day.
func isNew(ctx context.Context, q sqldb.Querier, l *Lease, now time.Time) (bool, error) {
	var one int
	err := q.QueryRowContext(ctx, selectNIK, l.client, dayOf(now), []byte(l.nik)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	return false, err
}

// decide decides about a request, given the states with the requests in progress. fresh is
// whether its NIK is not counted among the client's of the day.
//
// A request that is granted is then one of those in progress.
func (s states) decide(c NIKConfig, l *Lease, now time.Time, fresh bool) decision {
	var d decision
	if l.nik != "" {
		d = c.decide(now, l.client, s.niks[l.nik])
	}
	for _, other := range s.niks[l.nik] {
		if other.kind == leased && other.client == l.client {
			fresh = false // it is counted with that one
		}
	}
	client := s.clients[l.client]
	d = d.worse(l.limits.decide(now, *client, fresh))
	if !d.granted() {
		return d
	}
	l.fresh = fresh
	if l.nik != "" {
		s.niks[l.nik] = append(s.niks[l.nik], counted{client: l.client, kind: leased})
	}
	client.leases++
	if fresh {
		client.newNIKs++
	}
	return d
}
