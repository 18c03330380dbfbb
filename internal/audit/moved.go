package audit

import (
	"context"
	"database/sql"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// selectMoved counts face verifications from a time on that were verified, or failed by the
// face alone. Trials are left out. The group is an expression, since SQLite would read the
// whole table in the order of audit_by_client otherwise.
const selectMoved = `
	SELECT client || '' AS id,
		count(CASE WHEN result = $2 THEN 1 END),
		count(CASE WHEN result <> $2 THEN 1 END),
		count(CASE WHEN result = $2 AND percentage < $4 THEN 1 END),
		count(CASE WHEN result <> $2 AND percentage >= $4 THEN 1 END)
	FROM audit_events
	WHERE at >= $1 AND compared = 1 AND (result = $2 OR reason = $3) AND flags NOT LIKE '%TRIAL%'
	GROUP BY client || '' ORDER BY id`

// Moved counts face verifications of a client by what another threshold would have made of
// them.
type Moved struct {
	Client string
	// Verified is the number of those that were verified, and Below of those that failed
	// since the face was under the threshold, while everything else matched.
	Verified, Below int64
	// ToBelow is how many of Verified are under the other threshold, and ToVerified how many of
	// Below reach it.
	ToBelow, ToVerified int64
}

// Moved compares the percentages that were recorded since a time with another threshold, by
// client. Verifications that failed by something else as well stay what they are and are not
// counted. It reads all events since then. Errors have kind sesuai.KindUnavailable.
func (t *Trail) Moved(ctx context.Context, since time.Time, threshold sesuai.Percentage) ([]Moved, error) {
	all, err := sqldb.Collect(ctx, t.o.DB.Read(), func(rows *sql.Rows) (m Moved, err error) {
		return m, rows.Scan(&m.Client, &m.Verified, &m.Below, &m.ToBelow, &m.ToVerified)
	}, selectMoved, since.UnixMicro(), string(Verified), string(sesuai.ReasonFaceBelowThreshold), hundredths(threshold))
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "counting events", err)
	}
	return all, nil
}
