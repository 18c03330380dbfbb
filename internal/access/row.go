package access

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
)

// clientRow is a row of clients, in the types of its columns.
type clientRow struct {
	id, name, scopes           string
	threshold, nameThreshold   int64 // threshold: in hundredths of a percent
	rate                       float64
	burst, addedAt             int64
	replay, liveness           string
	username, password, apiKey []byte
	mac                        []byte // nil: of a schema before 6
}

// clientColumns are the columns of a clientRow.
const clientColumns = `id, name, scopes, threshold, name_threshold, rate, burst, added_at, replay, liveness,
	username, password, api_key, mac`

// newClientRow returns the row of a client, without the MAC.
func newClientRow(c Client, h Hashes) clientRow {
	var scopes []string
	for _, scope := range c.Scopes {
		scopes = append(scopes, string(scope))
	}
	return clientRow{
		id: c.ID, name: c.Name, scopes: strings.Join(scopes, " "),
		threshold: int64(math.Round(c.Threshold.Value() * 100)), nameThreshold: int64(c.NameThreshold),
		rate:  c.Rate + 0, // not -0, of which SQLite makes 0
		burst: int64(c.Burst), addedAt: c.AddedAt.UnixMicro(),
		replay: c.Replay.String(), liveness: c.Liveness.String(),
		username: h.Username[:], password: h.Password[:], apiKey: h.APIKey[:],
	}
}

// args are the values of the clientColumns.
func (r *clientRow) args() []any {
	return []any{
		r.id, r.name, r.scopes, r.threshold, r.nameThreshold, r.rate, r.burst, r.addedAt, r.replay, r.liveness,
		r.username, r.password, r.apiKey, r.mac,
	}
}

// scanClientRow reads the clientColumns.
func scanClientRow(row interface{ Scan(dest ...any) error }) (r clientRow, err error) {
	return r, row.Scan(
		&r.id, &r.name, &r.scopes, &r.threshold, &r.nameThreshold, &r.rate, &r.burst, &r.addedAt, &r.replay, &r.liveness,
		&r.username, &r.password, &r.apiKey, &r.mac,
	)
}

const (
	macColumn = "clients.mac"
	// macVersion is the version of a row's form. A change of what macValues
	// returns needs another one.
	macVersion = 1
)

// macValues are what the MAC covers: every other column.
func (r *clientRow) macValues() [][]byte {
	number := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	return [][]byte{
		{macVersion},
		[]byte(r.id), []byte(r.name), []byte(r.scopes), number(uint64(r.threshold)), number(uint64(r.nameThreshold)),
		number(math.Float64bits(r.rate)), number(uint64(r.burst)), number(uint64(r.addedAt)),
		[]byte(r.replay), []byte(r.liveness), r.username, r.password, r.apiKey,
	}
}

// sign sets the MAC.
func (r *clientRow) sign(key *keyring.Secret) { r.mac = key.MAC(macColumn, r.macValues()...) }

// errAltered is the error about a row that the program has not written like this.
var errAltered = errors.New("a stored client is not as it was added")

// open returns the client of a row. The error is errAltered if the MAC is not that
// of the row, or kind sesuai.KindConfiguration if a value is out of its range,
// whoever wrote it.
func (r *clientRow) open(key *keyring.Secret) (Client, Hashes, error) {
	if !key.VerifyMAC(r.mac, macColumn, r.macValues()...) {
		return Client{}, Hashes{}, errAltered
	}
	return r.parse()
}

// parse is open without the MAC.
func (r *clientRow) parse() (c Client, h Hashes, err error) {
	c = Client{
		ID: r.id, Name: r.name, Threshold: sesuai.PercentageOf(float64(r.threshold) / 100), NameThreshold: int(r.nameThreshold),
		Rate: r.rate, Burst: int(r.burst), AddedAt: time.UnixMicro(r.addedAt).UTC(),
	}
	for _, scope := range strings.Fields(r.scopes) {
		c.Scopes = append(c.Scopes, Scope(scope))
	}
	if c.Replay, err = ParsePolicy(r.replay); err != nil {
		return Client{}, Hashes{}, err
	}
	if c.Liveness, err = ParsePolicy(r.liveness); err != nil {
		return Client{}, Hashes{}, err
	}
	if r.threshold > maxThreshold || len(r.username) != len(h.Username) || len(r.password) != len(h.Password) || len(r.apiKey) != len(h.APIKey) {
		return Client{}, Hashes{}, errAltered
	}
	if err := c.Validate(); err != nil {
		return Client{}, Hashes{}, err
	}
	return c, Hashes{[32]byte(r.username), [32]byte(r.password), [32]byte(r.apiKey)}, nil
}

// maxThreshold is 100 percent, as it is stored.
const maxThreshold = 100 * 100
