package audit

import (
	"context"

	"github.com/sesuai/sesuai/internal/sqldb"
)

// CheckWritable returns nil if an event could be appended: it locks the head of
// the trail as AppendTx does, and commits a write that changes nothing. The error
// has kind sesuai.KindUnavailable.
func (t *Trail) CheckWritable(ctx context.Context) error {
	err := t.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if _, err := scanHead(tx.QueryRowContext(ctx, takeHead)); err != nil {
			return err
		}
		return tx.Touch(ctx)
	})
	if err != nil {
		return sqldb.Unavailable(ctx, "writing to the audit trail", err)
	}
	return nil
}
