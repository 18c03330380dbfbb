package answer

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// insertAnswer replaces an answer to an event that has not happened. Somebody else
	// has moved it there, and it would keep every later event from being recorded.
	insertAnswer = `
		INSERT INTO answers (seq, at, request, reference, sealed) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (seq) DO UPDATE SET at = excluded.at, request = excluded.request, reference = excluded.reference, sealed = excluded.sealed`

	// selectAnswers stands before the column that is looked in.
	selectAnswers      = `SELECT seq, at, request, reference, sealed FROM answers WHERE `
	selectAnswersOrder = ` = $1 AND at >= $2 ORDER BY seq DESC LIMIT $3`
	selectByRequest    = selectAnswers + `request` + selectAnswersOrder
	selectByReference  = selectAnswers + `reference` + selectAnswersOrder

	// deleteAnswers1 and deleteAnswers2 delete old answers. Between them stands
	// sqldb.DB.SkipLocked.
	deleteAnswers1 = `DELETE FROM answers WHERE seq IN (SELECT seq FROM answers WHERE at < $1 ORDER BY at LIMIT $2`
	deleteAnswers2 = `)`
)

// StoreOptions are what a Store is made of. DB and Secret are required.
type StoreOptions struct {
	DB *sqldb.DB
	// Secret hashes the ids and seals the rest. No rotation of the master key changes
	// it.
	Secret *keyring.Secret
	// MaxAge is how long an answer can be found. 0 means that none is stored, and
	// none is found.
	MaxAge time.Duration
	// Lease is how long a key is held without being renewed; DefaultLease if 0.
	Lease time.Duration
	// Removed is called in each transaction that removes rows of a table for their age,
	// also if there were none. It may be nil.
	Removed func(ctx context.Context, tx *sqldb.Tx, table string, rows int64) error
	// Alert is called with the name of the table when a row is not as the program
	// wrote it. It may be nil.
	Alert func(table string)
	// Now decides how old an answer is; time.Now if nil.
	Now func() time.Time
}

// commitTimeout bounds a transaction of the Store's own. It keeps a disk that hangs from
// blocking the writing connection for ever.
const commitTimeout = 15 * time.Second

// Store is the Answers in a database, and the keys that clients give their requests.
type Store struct {
	o                             StoreOptions
	byRequest, byReference, byKey *sql.Stmt
	taking, releasing             *sqldb.Batcher[*Reservation]
	replicating                   *sqldb.Batcher[struct{}]
}

var _ Answers = (*Store)(nil)

// NewStore opens the answers of a database. The caller must close them before the
// database. The error has kind sesuai.KindUnavailable.
func NewStore(ctx context.Context, o StoreOptions) (*Store, error) {
	if o.Alert == nil {
		o.Alert = func(string) {}
	}
	if o.Removed == nil {
		o.Removed = func(context.Context, *sqldb.Tx, string, int64) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	s := &Store{o: o}
	if err := o.DB.PrepareHot(ctx, insertAnswer, takeKey, holdKey, answerKey, releaseKey); err != nil {
		return nil, err
	}
	for query, stmt := range map[string]**sql.Stmt{
		selectByRequest: &s.byRequest, selectByReference: &s.byReference, selectKey: &s.byKey,
	} {
		var err error
		if *stmt, err = o.DB.PrepareRead(ctx, query); err != nil {
			return nil, err
		}
	}
	s.taking, s.releasing = sqldb.NewBatcher(s.take), sqldb.NewBatcher(s.release)
	s.replicating = sqldb.NewBatcher(s.awaitReplication)
	return s, nil
}

// Close returns when the keys are taken and released that are being so. No key can be
// taken or answered again from then on.
func (s *Store) Close() {
	s.taking.Close()
	s.releasing.Close()
	s.replicating.Close()
}

// AddTx adds answers in the transaction that appends their events. Those with a key must
// be held in it: see HoldTx. Nothing of them is in the error, which is that of the
// database.
func (s *Store) AddTx(ctx context.Context, tx *sqldb.Tx, rows []Row) error {
	if err := s.answerTx(ctx, tx, rows); err != nil || s.o.MaxAge == 0 {
		return err
	}
	args := make([][]any, len(rows))
	for i, r := range rows {
		request, reference := s.requestHash(r.Client, r.Request), s.referenceHash(r.Client, r.Reference)
		sealed, err := s.sealRow(r, byte(r.Seq), bind(r.Seq, r.At.UnixMicro(), request, reference))
		if err != nil {
			return err
		}
		args[i] = []any{r.Seq, r.At.UnixMicro(), request, reference, sealed}
	}
	return tx.ExecEach(ctx, insertAnswer, args)
}

// hashSize is the number of bytes that are stored of a keyed hash. Two ids with one
// hash would do no harm: the ids are sealed, too, and compared.
const hashSize = 16

// requestHash and referenceHash return what finds answers by an id.
func (s *Store) requestHash(client, id string) []byte { return s.hash("answers.request", client, id) }

// referenceHash returns nil if there is no reference.
func (s *Store) referenceHash(client, reference string) []byte {
	if reference == "" {
		return nil
	}
	return s.hash("answers.reference", client, reference)
}

func (s *Store) hash(column, client, id string) []byte {
	sum := s.o.Secret.Hash(keyring.Bind(column, []byte(client), []byte(id)))
	return sum[:hashSize]
}

// sealedRow is what is sealed of a row.
type sealedRow struct {
	Client    string `json:"client"`
	Endpoint  string `json:"endpoint"`
	Request   string `json:"request"`
	Reference string `json:"reference,omitempty"`
	Status    int    `json:"status"`
	Body      string `json:"body"`
	// The rest is the Basis. An answer of a version without signatures has none of it.
	Time        int64         `json:"time,omitzero"` // Unix microseconds
	Threshold   float64       `json:"threshold,omitzero"`
	Model       string        `json:"model,omitempty"`
	Calibration string        `json:"calibration,omitempty"`
	Images      []sealedImage `json:"images,omitempty"`
}

// sealedImage is what is sealed of an Image.
type sealedImage struct {
	Field  string   `json:"field"`
	SHA256 [32]byte `json:"sha256"`
}

// sealRow seals a row and binds it to everything that is stored in the clear.
func (s *Store) sealRow(r Row, bucket byte, associated []byte) ([]byte, error) {
	v := sealedRow{
		Client: r.Client, Endpoint: r.Endpoint, Request: r.Request, Reference: r.Reference, Status: r.Status, Body: string(r.Body),
		Threshold: r.Basis.Threshold, Model: r.Basis.Model, Calibration: r.Basis.Calibration,
	}
	if !r.Basis.Time.IsZero() {
		v.Time = r.Basis.Time.UnixMicro()
	}
	for _, image := range r.Basis.Images {
		v.Images = append(v.Images, sealedImage(image))
	}
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, errors.New("an answer cannot be encoded") // err may quote it
	}
	return s.o.Secret.Seal(bucket, plain, associated), nil
}

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// bind is the associated data of a row of answers.
func bind(seq, at int64, request, reference []byte) []byte {
	return keyring.Bind("answers.sealed", number(seq), number(at), request, reference)
}

// errAltered is about a row that does not open.
var errAltered = errors.New("a stored answer is not as it was written")

// open reads a row of selectAnswers.
func (s *Store) open(rows *sql.Rows) (r Row, err error) {
	var at int64
	var request, reference, sealed []byte
	if err := rows.Scan(&r.Seq, &at, &request, &reference, &sealed); err != nil {
		return Row{}, err
	}
	seq := r.Seq
	r, err = s.openRow(byte(seq), sealed, bind(seq, at, request, reference))
	r.Seq, r.At = seq, time.UnixMicro(at)
	return r, err
}

// openRow opens what sealRow has sealed.
func (s *Store) openRow(bucket byte, sealed, associated []byte) (Row, error) {
	plain, err := s.o.Secret.Open(bucket, sealed, associated)
	var v sealedRow
	if err == nil {
		err = json.Unmarshal(plain, &v)
	}
	if err != nil {
		return Row{}, errAltered
	}
	basis := Basis{Threshold: v.Threshold, Model: v.Model, Calibration: v.Calibration}
	if v.Time != 0 {
		basis.Time = time.UnixMicro(v.Time).UTC()
	}
	for _, image := range v.Images {
		basis.Images = append(basis.Images, Image(image))
	}
	return Row{
		Client: v.Client, Endpoint: v.Endpoint,
		Answer: Answer{Request: v.Request, Reference: v.Reference, Status: v.Status, Body: []byte(v.Body), Basis: basis},
	}, nil
}

// ByRequest implements Answers.
func (s *Store) ByRequest(ctx context.Context, client, id string) (Found, error) {
	return s.find(ctx, s.byRequest, s.requestHash(client, id), func(r Row) bool { return r.Client == client && r.Request == id })
}

// ByReference implements Answers.
func (s *Store) ByReference(ctx context.Context, client, reference string) (Found, error) {
	return s.find(ctx, s.byReference, s.referenceHash(client, reference), func(r Row) bool { return r.Client == client && r.Reference == reference })
}

// find finds the answers with a hash that are about what was asked.
func (s *Store) find(ctx context.Context, query *sql.Stmt, hash []byte, asked func(Row) bool) (Found, error) {
	if s.o.MaxAge == 0 {
		return Found{}, nil
	}
	rows, err := query.QueryContext(ctx, hash, s.oldest(), MaxFound+1)
	var all []Row
	if err == nil {
		all, err = sqldb.CollectRows(rows, s.open)
	}
	if errors.Is(err, errAltered) {
		s.o.Alert("answers")
	}
	if err != nil {
		return Found{}, sqldb.Unavailable(ctx, "looking up answers", err)
	}
	var found Found
	for _, r := range all {
		switch {
		case !asked(r):
		case len(found.Rows) == MaxFound:
			found.More = true
		default:
			found.Rows = append(found.Rows, r)
		}
	}
	return found, nil
}

// oldest is the earliest time of an answer that can be found.
func (s *Store) oldest() int64 { return s.o.Now().Add(-s.o.MaxAge).UnixMicro() }
