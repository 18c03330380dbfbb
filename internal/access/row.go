package access

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
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
	// The rest is from schema 13 on.
	networks            string // and certificates: see originsText
	expiresAt, disabled int64
	note                string
	previous            [3][]byte // username, password and key; nil: none
	previousUntil       int64
	// The rest is from schema 14 on.
	percentage string // "": exact
	consent    string // "": optional
	limits     string // "": as configured
}

// clientColumns are the columns of a clientRow, and clientPlaceholders those of a
// statement that writes them.
const (
	clientColumns = `id, name, scopes, threshold, name_threshold, rate, burst, added_at, replay, liveness,
		username, password, api_key, mac,
		networks, expires_at, disabled, note, previous_username, previous_password, previous_api_key, previous_until,
		percentage, consent, limits`
	clientPlaceholders = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25`
)

// newClientRow returns the row of a client, without the MAC.
func newClientRow(s Stored) clientRow {
	c, h := s.Client, s.Hashes
	var scopes []string
	for _, scope := range c.Scopes {
		scopes = append(scopes, string(scope))
	}
	r := clientRow{
		id: c.ID, name: c.Name, scopes: strings.Join(scopes, " "),
		threshold: int64(math.Round(c.Threshold.Value() * 100)), nameThreshold: int64(c.NameThreshold),
		rate:  c.Rate + 0, // not -0, of which SQLite makes 0
		burst: int64(c.Burst), addedAt: c.AddedAt.UnixMicro(),
		replay: c.Replay.String(), liveness: c.Liveness.String(),
		username: h.Username[:], password: h.Password[:], apiKey: h.APIKey[:],
		networks: originsText(c.Networks, c.Certificates), expiresAt: micros(c.ExpiresAt), disabled: sqldb.Int(c.Disabled), note: c.Note,
	}
	if c.Precision != sesuai.PrecisionExact {
		r.percentage = c.Precision.String()
	}
	if c.Consent != ConsentOptional {
		r.consent = c.Consent.String()
	}
	r.limits = c.Limits.String()
	if p := s.Previous; !p.Until.IsZero() {
		r.previous, r.previousUntil = [3][]byte{p.Username[:], p.Password[:], p.APIKey[:]}, micros(p.Until)
	}
	return r
}

// micros returns a time as it is stored: 0 for the zero one.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// timeOf returns the time that micros stored.
func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// args are the values of the clientColumns.
func (r *clientRow) args() []any {
	return []any{
		r.id, r.name, r.scopes, r.threshold, r.nameThreshold, r.rate, r.burst, r.addedAt, r.replay, r.liveness,
		r.username, r.password, r.apiKey, r.mac,
		r.networks, r.expiresAt, r.disabled, r.note, r.previous[0], r.previous[1], r.previous[2], r.previousUntil,
		r.percentage, r.consent, r.limits,
	}
}

// scanClientRow reads the clientColumns.
func scanClientRow(row interface{ Scan(dest ...any) error }) (r clientRow, err error) {
	return r, row.Scan(
		&r.id, &r.name, &r.scopes, &r.threshold, &r.nameThreshold, &r.rate, &r.burst, &r.addedAt, &r.replay, &r.liveness,
		&r.username, &r.password, &r.apiKey, &r.mac,
		&r.networks, &r.expiresAt, &r.disabled, &r.note, &r.previous[0], &r.previous[1], &r.previous[2], &r.previousUntil,
		&r.percentage, &r.consent, &r.limits,
	)
}

const (
	macColumn = "clients.mac"
	// The version of a row's form. A change of what macValues returns needs another
	// one. Schema 13 has brought the second form, and schema 14 the third. A row in
	// which nothing is set that a schema has brought keeps the form from before it, so
	// that earlier rows are valid as they are.
	macVersion1, macVersion2, macVersion3 = 1, 2, 3
)

// macValues are what the MAC covers: every other column.
func (r *clientRow) macValues() [][]byte {
	number := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	form := r.form()
	values := [][]byte{
		{form},
		[]byte(r.id), []byte(r.name), []byte(r.scopes), number(uint64(r.threshold)), number(uint64(r.nameThreshold)),
		number(math.Float64bits(r.rate)), number(uint64(r.burst)), number(uint64(r.addedAt)),
		[]byte(r.replay), []byte(r.liveness), r.username, r.password, r.apiKey,
	}
	if form >= macVersion2 {
		values = append(values,
			[]byte(r.networks), number(uint64(r.expiresAt)), number(uint64(r.disabled)), []byte(r.note),
			r.previous[0], r.previous[1], r.previous[2], number(uint64(r.previousUntil)))
	}
	if form >= macVersion3 {
		values = append(values, []byte(r.percentage), []byte(r.consent), []byte(r.limits))
	}
	return values
}

// form returns the version of the row's form: see macVersion1.
func (r *clientRow) form() byte {
	switch {
	case r.percentage != "", r.consent != "", r.limits != "":
		return macVersion3
	case r.networks != "", r.expiresAt != 0, r.disabled != 0, r.note != "", r.previousUntil != 0,
		len(r.previous[0])+len(r.previous[1])+len(r.previous[2]) > 0:
		return macVersion2
	default:
		return macVersion1
	}
}

// has reports whether a username is one of the client's.
func (r *clientRow) has(username [32]byte) bool {
	return bytes.Equal(r.username, username[:]) || bytes.Equal(r.previous[0], username[:])
}

// sign sets the MAC.
func (r *clientRow) sign(key *keyring.Secret) { r.mac = key.MAC(macColumn, r.macValues()...) }

// errAltered is the error about a row that the program has not written like this.
var errAltered = errors.New("a stored client is not as it was added")

// open returns the client of a row. The error is errAltered if the MAC is not that
// of the row, or kind sesuai.KindConfiguration if a value is out of its range,
// whoever wrote it.
func (r *clientRow) open(key *keyring.Secret) (Stored, error) {
	if !key.VerifyMAC(r.mac, macColumn, r.macValues()...) {
		return Stored{}, errAltered
	}
	return r.parse()
}

// parse is open without the MAC.
func (r *clientRow) parse() (s Stored, err error) {
	c := Client{
		ID: r.id, Name: r.name, Threshold: sesuai.PercentageOf(float64(r.threshold) / 100), NameThreshold: int(r.nameThreshold),
		Rate: r.rate, Burst: int(r.burst), AddedAt: time.UnixMicro(r.addedAt).UTC(),
		ExpiresAt: timeOf(r.expiresAt), Disabled: r.disabled != 0, Note: r.note, PreviousUntil: timeOf(r.previousUntil),
	}
	for _, scope := range strings.Fields(r.scopes) {
		c.Scopes = append(c.Scopes, Scope(scope))
	}
	if c.Replay, err = ParsePolicy(r.replay); err != nil {
		return Stored{}, err
	}
	if c.Liveness, err = ParsePolicy(r.liveness); err != nil {
		return Stored{}, err
	}
	if c.Consent, err = ParseConsentPolicy(cmp.Or(r.consent, ConsentOptional.String())); err != nil {
		return Stored{}, err
	}
	if c.Limits, err = limit.ParseSettings(r.limits); err != nil {
		return Stored{}, err
	}
	if c.Networks, c.Certificates, err = parseOrigins(r.networks); err != nil {
		return Stored{}, err
	}
	if r.percentage != "" {
		if c.Precision, err = sesuai.ParsePrecision(r.percentage); err != nil {
			return Stored{}, err
		}
	}
	s.Client = c
	if r.threshold > maxThreshold || !setHashes(&s.Hashes, r.username, r.password, r.apiKey) {
		return Stored{}, errAltered
	}
	if r.previousUntil != 0 {
		s.Previous.Until = c.PreviousUntil
		if !setHashes(&s.Previous, r.previous[0], r.previous[1], r.previous[2]) {
			return Stored{}, errAltered
		}
	}
	return s, c.Validate()
}

// maxThreshold is 100 percent, as it is stored.
const maxThreshold = 100 * 100

// setHashes sets the hashes to stored ones. It reports whether they have the right
// lengths.
func setHashes(h *Hashes, username, password, apiKey []byte) bool {
	if len(username) != len(h.Username) || len(password) != len(h.Password) || len(apiKey) != len(h.APIKey) {
		return false
	}
	h.Username, h.Password, h.APIKey = [32]byte(username), [32]byte(password), [32]byte(apiKey)
	return true
}
