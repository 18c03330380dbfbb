package ledger

import (
	"database/sql"
	"encoding/binary"

	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// row is a row of upstream_calls, in the types of its columns.
type row struct {
	id                int64
	at                int64
	day               Day
	client, requestID string
	service           Service
	price             int64
	class             sql.NullString // not valid: there is no completion
	billable          int64          // 1 or 0
	duration          int64          // microseconds
	mac               []byte         // nil: of a schema before 6
}

const rowColumns = `id, at, day, client, request_id, service, price, class, billable, duration, mac`

func newRow(c Call) row {
	return row{
		at: c.At.UnixMicro(), day: DayOf(c.At), client: c.Client, requestID: c.RequestID, service: c.Service, price: c.Price,
	}
}

func (r row) completed(id int64, c Completion) row {
	r.id, r.class = id, sql.NullString{String: c.Class, Valid: true}
	r.billable, r.duration = sqldb.Int(c.Billable), c.Duration.Microseconds()
	return r
}

// scanRow reads the rowColumns.
func scanRow(rows *sql.Rows) (r row, err error) {
	return r, rows.Scan(&r.id, &r.at, &r.day, &r.client, &r.requestID, &r.service, &r.price, &r.class, &r.billable, &r.duration, &r.mac)
}

const (
	macColumn = "upstream_calls.mac"
	// macVersion is the version of what macValues returns.
	macVersion = 1
)

// macValues are what the MAC covers: every other column. Only that of a completed
// call covers the id, because the database makes it while it inserts the row.
func (r row) macValues() [][]byte {
	number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	values := [][]byte{
		{macVersion},
		number(r.at), number(int64(r.day)), []byte(r.client), []byte(r.requestID), []byte(r.service), number(r.price),
		number(r.billable), number(r.duration),
	}
	if r.class.Valid {
		values = append(values, number(r.id), []byte(r.class.String))
	}
	return values
}

func (r row) sum(key *keyring.Secret) []byte { return key.MAC(macColumn, r.macValues()...) }

// altered reports whether the row has no MAC, or another one.
func (r row) altered(key *keyring.Secret) bool {
	return !key.VerifyMAC(r.mac, macColumn, r.macValues()...)
}

// counts are the row in numbers.
func (r row) counts() Counts {
	switch {
	case !r.class.Valid:
		return Counts{Calls: 1, Unknown: 1, RupiahAtMost: r.price}
	case r.billable == 1:
		return Counts{Calls: 1, Billed: 1, Rupiah: r.price, RupiahAtMost: r.price}
	default:
		return Counts{Calls: 1, Failed: 1}
	}
}
