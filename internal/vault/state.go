package vault

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// state is the rows of key_epoch and master_keys.
type state struct {
	epoch int64
	// mac covers the rest. It is nil in a database that was not established.
	mac  []byte
	rows []keyRow // oldest first
}

// keyRow is a row of master_keys.
type keyRow struct {
	id      byte
	check   []byte
	state   string
	addedAt int64
}

// readState reads the state by one statement, so that the MAC is that of the rows.
func readState(ctx context.Context, q sqldb.Querier) (s state, err error) {
	found := false
	_, err = sqldb.Collect(ctx, q, func(r *sql.Rows) (struct{}, error) {
		found = true
		var id sql.Null[byte]
		var check []byte
		var name sql.NullString
		var addedAt sql.NullInt64
		err := r.Scan(&s.epoch, &s.mac, &id, &check, &name, &addedAt)
		if err == nil && id.Valid {
			s.rows = append(s.rows, keyRow{id.V, check, name.String, addedAt.Int64})
		}
		return struct{}{}, err
	}, `SELECT e.epoch, e.mac, k.id, k.check_value, k.state, k.added_at
		FROM key_epoch AS e LEFT JOIN master_keys AS k ON true WHERE e.id = 1 ORDER BY k.id`)
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return s, err
}

const (
	macColumn = "key_epoch.mac"
	// macVersion is the version of what macValues returns.
	macVersion = 1
)

func (s state) macValues() [][]byte {
	number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	values := [][]byte{{macVersion}, number(s.epoch)}
	for _, k := range s.rows {
		values = append(values, []byte{k.id}, k.check, []byte(k.state), number(k.addedAt))
	}
	return values
}

// verify returns an error of kind sesuai.KindConfiguration if the state is not as
// the program wrote it.
func (v *Vault) verify(s state) error {
	if v.secrets[keyring.Rows].VerifyMAC(s.mac, macColumn, s.macValues()...) {
		return nil
	}
	v.alert("master_keys")
	return v.altered("the master keys are not as they were recorded")
}

func (v *Vault) altered(what string) error {
	return &sesuai.Error{
		Kind:   sesuai.KindConfiguration,
		Detail: fmt.Sprintf("%s was changed by something else: %s; restore the tables master_keys, key_epoch and secrets", v.db.Name(), what),
	}
}

// sign writes the MAC of the state.
func sign(ctx context.Context, tx *sqldb.Tx, rows *keyring.Secret) error {
	s, err := readState(ctx, tx)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE key_epoch SET mac = $1 WHERE id = 1`, rows.MAC(macColumn, s.macValues()...))
	return err
}
