package approval

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	insertRow   = `INSERT INTO approvals (id, proposed_at, sealed) VALUES ($1, $2, $3)`
	updateRow   = `UPDATE approvals SET sealed = $2 WHERE id = $1`
	selectRow   = `SELECT id, proposed_at, sealed FROM approvals WHERE id = $1`
	selectRows  = `SELECT id, proposed_at, sealed FROM approvals WHERE proposed_at > $1 ORDER BY proposed_at DESC LIMIT 100`
	selectEnded = `SELECT id, proposed_at, sealed FROM approvals WHERE proposed_at <= $1`
	deleteRows  = `DELETE FROM approvals WHERE proposed_at < $1`
)

// row is a proposal as it is sealed.
type row struct {
	id         string
	proposedAt int64 // Unix microseconds

	Kind        string `json:"kind"`
	Description Text   `json:"description"`
	// Parameters are nil once the act is decided.
	Parameters []byte `json:"parameters,omitempty"`
	// ProposedBy is the id of an operator, and Proposer its name.
	ProposedBy string `json:"proposed_by"`
	Proposer   string `json:"proposer"`
	// State is none of Ended and Void, which are found out when the row is read.
	State     State     `json:"state"`
	DecidedBy string    `json:"decided_by,omitempty"`
	DecidedAt time.Time `json:"decided_at,omitzero"`
}

func (r row) bind() []byte {
	return keyring.Bind("approvals.sealed", []byte(r.id), binary.BigEndian.AppendUint64(nil, uint64(r.proposedAt)))
}

// store writes the row by a statement that takes the id, then args, then what is sealed.
func (s *Store) store(ctx context.Context, tx *sqldb.Tx, statement string, r row, args ...any) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, statement, append(append([]any{r.id}, args...), s.o.Secret.Seal(0, b, r.bind()))...)
	return err
}

// scan reads a row. An error of kind sesuai.KindUnavailable with a detail is about one that
// the program has not written like that.
func (s *Store) scan(from interface{ Scan(dest ...any) error }) (r row, err error) {
	var sealed []byte
	if err := from.Scan(&r.id, &r.proposedAt, &sealed); err != nil {
		return r, err
	}
	b, err := s.o.Secret.Open(0, sealed, r.bind())
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		s.o.Alert("approvals")
		err = &sesuai.Error{Kind: sesuai.KindUnavailable, Detail: fmt.Sprintf("the proposal %q is not stored as it was made, and is refused", r.id), Err: err}
	}
	return r, err
}

// find returns the proposal of that id, or ErrNone.
func (s *Store) find(ctx context.Context, q sqldb.Querier, id string) (row, error) {
	r, err := s.scan(q.QueryRowContext(ctx, selectRow, id))
	if errors.Is(err, sql.ErrNoRows) {
		return row{}, ErrNone
	}
	return r, err
}

// shown returns the row as it is at that time. admins are the ids of operators that are
// admins then.
func (r row) shown(now time.Time, admins map[string]bool) Proposal {
	p := Proposal{
		ID: r.id, Kind: r.Kind, State: r.State, Description: r.Description, ProposedBy: r.Proposer, ProposedByID: r.ProposedBy,
		ProposedAt: time.UnixMicro(r.proposedAt).UTC(), DecidedBy: r.DecidedBy, DecidedAt: r.DecidedAt,
	}
	switch {
	case r.State != Proposed:
	case !now.Before(p.EndsAt()):
		p.State = Ended
	case !admins[r.ProposedBy]:
		p.State = Void
	}
	return p
}
