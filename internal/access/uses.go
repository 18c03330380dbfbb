package access

import (
	"context"
	"database/sql"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	upsertUse = `
		INSERT INTO client_uses (client, used_at, mac) SELECT $1, $2, $3 FROM clients WHERE id = $1
		ON CONFLICT (client) DO UPDATE SET used_at = excluded.used_at, mac = excluded.mac WHERE client_uses.used_at < excluded.used_at`

	selectUses = `SELECT client, used_at, mac FROM client_uses`

	deleteUses = `DELETE FROM client_uses WHERE client IN (SELECT id FROM clients WHERE name = $1)`

	usesMACColumn = "client_uses.mac"
)

// useMACValues are what the MAC of a use covers.
func useMACValues(client string, usedAt int64) [][]byte {
	return [][]byte{[]byte(client), binary.BigEndian.AppendUint64(nil, uint64(usedAt))}
}

// RecordUses implements Clients.
func (s *Store) RecordUses(ctx context.Context, uses map[string]time.Time) error {
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		for _, client := range slices.Sorted(maps.Keys(uses)) { // in one order on all nodes, so that none waits for another in a circle
			at := uses[client].Truncate(time.Minute).UnixMicro()
			mac := s.o.Rows.MAC(usesMACColumn, useMACValues(client, at)...)
			if _, err := tx.ExecContext(ctx, upsertUse, client, at, mac); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return sqldb.Unavailable(ctx, "recording when clients called", err)
	}
	return nil
}

// LastUses implements Clients.
func (s *Store) LastUses(ctx context.Context) (map[string]time.Time, error) {
	uses := make(map[string]time.Time)
	_, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (_ struct{}, err error) {
		var client string
		var at int64
		var mac []byte
		if err := rows.Scan(&client, &at, &mac); err != nil {
			return struct{}{}, err
		}
		if s.o.Rows.VerifyMAC(mac, usesMACColumn, useMACValues(client, at)...) {
			uses[client] = timeOf(at)
		} else {
			s.o.Alert("client_uses")
		}
		return struct{}{}, nil
	}, selectUses)
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "reading when clients called", err)
	}
	return uses, nil
}
