package limit

import (
	"context"
	"database/sql"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	selectTimes = `SELECT at FROM limit_misses WHERE nik = $1 ORDER BY at`
	countDays   = `SELECT count(*) FROM limit_niks WHERE nik = $1`
)

// StoredOf returns when what is counted against a NIK was recorded, and the number of
// clients and days of which it is one of the NIKs. The error has kind
// sesuai.KindUnavailable.
func (s *Store) StoredOf(ctx context.Context, nik sesuai.NIK) (misses []time.Time, days int, err error) {
	hash := []byte(s.hash(nik.Reveal()))
	misses, err = sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (time.Time, error) {
		var at int64
		err := rows.Scan(&at)
		return time.UnixMicro(at).UTC(), err
	}, selectTimes, hash)
	if err == nil {
		err = s.o.DB.Read().QueryRowContext(ctx, countDays, hash).Scan(&days)
	}
	if err != nil {
		return nil, 0, sqldb.Unavailable(ctx, "reading misses", err)
	}
	return misses, days, nil
}
