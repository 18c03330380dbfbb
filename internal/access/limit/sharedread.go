package limit

import (
	"context"
	"database/sql"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// selectStates is selectMisses and selectClient for several NIKs and clients, in
	// one round trip.
	selectStates = `
		SELECT asked.nik, m.client, m.at, m.kind, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint
		FROM unnest($1::bytea[]) AS asked(nik) CROSS JOIN LATERAL
			(SELECT client, at, kind FROM limit_misses WHERE nik = asked.nik AND at > $2 AND kind <> $3 ORDER BY at DESC LIMIT $4) AS m
		UNION ALL
		SELECT ''::bytea, client, 0, 0, ` + clientCounters + ` FROM limit_clients WHERE client = ANY($5::text[]) AND day = $6`

	// selectInProgress is selectStates with the requests in progress, each with its NIK,
	// and for each client how many it has, and about how many fresh NIKs. A statement
	// reads one moment: a request in progress that is completed counts once.
	selectInProgress = selectStates + `
		UNION ALL
		SELECT nik, client, 0, 4, 0, 0, 0, 0, 0, 0 FROM limit_leases WHERE nik = ANY($1) AND expires > $7
		UNION ALL
		SELECT ''::bytea, client, 0, 4, count(*), count(DISTINCT nik) FILTER (WHERE fresh = 1), 0, 0, 0, 0 FROM limit_leases
		WHERE client = ANY($5) AND expires > $7 GROUP BY client`
)

// readStates reads states by selectStates, or by selectInProgress, which has further
// parameters.
func readStates(ctx context.Context, q sqldb.Querier, about query, statement string, further ...any) (states, error) {
	got := states{make(map[string]nikState), make(map[string]*clientState)}
	for _, client := range about.clients {
		got.clients[client] = new(clientState)
	}
	niks := make([][]byte, len(about.niks))
	for i, nik := range about.niks {
		niks[i] = []byte(nik)
	}
	args := append([]any{niks, about.now.Add(-Day).UnixMicro(), about.without, about.limit, about.clients, dayOf(about.now)}, further...)
	_, err := sqldb.Collect(ctx, q, func(rows *sql.Rows) (none struct{}, err error) {
		var nik []byte
		var m counted
		var at int64
		var c counters
		err = rows.Scan(&nik, &m.client, &at, &m.kind, &c.requests, &c.answers, &c.nonMatches, &c.niks, &c.flagged, &c.stopped)
		if len(nik) > 0 {
			m.at = time.UnixMicro(at)
			got.niks[string(nik)] = append(got.niks[string(nik)], m)
		} else if state := got.clients[m.client]; state != nil {
			if m.kind == leased {
				state.leases, state.newNIKs = int(c.requests), int(c.answers)
			} else {
				state.day = c
			}
		}
		return none, err
	}, statement, args...)
	return got, err
}
