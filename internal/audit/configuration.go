package audit

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const selectConfiguration = `SELECT digest_after FROM audit_events WHERE reason || action = 'config.set' ORDER BY seq DESC LIMIT 1`

// RecordConfiguration appends an event with the digest of a configuration, unless it is
// the one that was recorded last. It reports whether it was another one. Errors are
// *BrokenErrors or have kind sesuai.KindUnavailable.
func (t *Trail) RecordConfiguration(ctx context.Context, configuration []byte) (changed bool, err error) {
	err = t.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		// Nodes that start at the same time wait for each other here.
		if _, err := scanHead(tx.QueryRowContext(ctx, takeHead)); err != nil {
			return err
		}
		e := t.eventOf(ctx, Change{Action: ConfigurationChanged, After: configuration})
		err := tx.QueryRowContext(ctx, selectConfiguration).Scan(sqldb.ScanHash(&e.Before))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if changed = e.Before != e.After; !changed {
			return nil
		}
		_, err = t.AppendTx(ctx, tx, []Event{e})
		return err
	})
	return changed && err == nil, Broken(ctx, "recording the configuration", err)
}
