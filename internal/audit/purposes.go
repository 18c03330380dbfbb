package audit

import (
	"context"
	"database/sql"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	selectAsked = `
		SELECT client, endpoint, purpose, count(*), sum(CASE WHEN consent_id <> '' THEN 1 ELSE 0 END)
		FROM audit_events WHERE at >= $1 AND at < $2 AND result <> $3 AND endpoint <> $4
		GROUP BY client, endpoint, purpose ORDER BY client, endpoint, purpose`
	selectActions = `
		SELECT action, count(*) FROM audit_events WHERE at >= $1 AND at < $2 AND result = $3 GROUP BY action ORDER BY action`
)

// Asked is how often a client asked through one endpoint for one purpose.
type Asked struct {
	Client   string
	Endpoint Endpoint
	// Purpose is "" if it was not stated.
	Purpose  string
	Requests int64
	// Consents is how many of the requests stated a consent.
	Consents int64
}

// Asked counts the requests from one time to another, which it excludes, by client,
// endpoint and purpose. It reads the whole trail.
func (t *Trail) Asked(ctx context.Context, from, to time.Time) ([]Asked, error) {
	all, err := sqldb.Collect(ctx, t.o.DB.Read(), func(rows *sql.Rows) (a Asked, err error) {
		return a, rows.Scan(&a.Client, &a.Endpoint, &a.Purpose, &a.Requests, &a.Consents)
	}, selectAsked, from.UnixMicro(), to.UnixMicro(), string(Changed), string(Access))
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "counting requests", err)
	}
	return all, nil
}

// Actions counts what operators did, from one time to another, which it excludes. It
// reads the whole trail.
func (t *Trail) Actions(ctx context.Context, from, to time.Time) (map[Action]int64, error) {
	counts := make(map[Action]int64)
	_, err := sqldb.Collect(ctx, t.o.DB.Read(), func(rows *sql.Rows) (struct{}, error) {
		var a Action
		var n int64
		err := rows.Scan(&a, &n)
		counts[a] = n
		return struct{}{}, err
	}, selectActions, from.UnixMicro(), to.UnixMicro(), string(Changed))
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "counting changes", err)
	}
	return counts, nil
}
