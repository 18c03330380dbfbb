package audit

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const selectBackup = `SELECT at FROM audit_events WHERE reason || action = 'backup.create' ORDER BY seq DESC LIMIT 1`

// LastBackup returns when the last backup that the trail has was made; the start of
// Unix time if it has none. It reads one event and does not verify it. Errors have kind
// sesuai.KindUnavailable.
func (t *Trail) LastBackup(ctx context.Context) (at time.Time, err error) {
	var micro int64
	err = t.o.DB.Read().QueryRowContext(ctx, selectBackup).Scan(&micro)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Unix(0, 0), nil
	}
	if err != nil {
		return time.Time{}, sqldb.Unavailable(ctx, "reading the last backup", err)
	}
	return time.UnixMicro(micro), nil
}
