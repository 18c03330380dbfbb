package audit

import (
	"context"
	"database/sql"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

// selectVerdicts counts events by day: the number of whole days, of $5
// microseconds each, since $3.
const selectVerdicts = `
	SELECT (at - $3) / $5 AS day, count(*), sum(CASE WHEN result = $1 THEN 1 ELSE 0 END)
	FROM audit_events WHERE result IN ($1, $2) AND at >= $3 AND at < $4 GROUP BY day ORDER BY day`

// Verdicts counts the verdicts of one day.
type Verdicts struct {
	// From is the start of the day, which has 24 hours.
	From time.Time
	// Given is the number of verdicts, Verified the number of those that
	// verified the person.
	Given, Verified int64
}

// Verdicts counts the verdicts from one time to another, which it excludes. Days
// start at the time of day of from. Days without verdicts are left out. Verdicts
// reads the whole trail.
func (t *Trail) Verdicts(ctx context.Context, from, to time.Time) ([]Verdicts, error) {
	const day = 24 * time.Hour
	verdicts, err := sqldb.Collect(ctx, t.o.DB.Read(), func(rows *sql.Rows) (v Verdicts, err error) {
		var n int64
		err = rows.Scan(&n, &v.Given, &v.Verified)
		v.From = from.Add(time.Duration(n) * day)
		return v, err
	}, selectVerdicts, string(Verified), string(NotVerified), from.UnixMicro(), to.UnixMicro(), day.Microseconds())
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "counting verdicts", err)
	}
	return verdicts, nil
}
