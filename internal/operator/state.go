package operator

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	selectOperator  = `SELECT id, name, sealed FROM operators WHERE name = $1`
	selectByID      = `SELECT id, name, sealed FROM operators WHERE id = $1`
	selectOperators = `SELECT id, name, sealed FROM operators ORDER BY name`
	insertOperator  = `INSERT INTO operators (id, name, sealed) VALUES ($1, $2, $3)`
	updateOperator  = `UPDATE operators SET sealed = $2 WHERE id = $1`
	deleteOperator  = `DELETE FROM operators WHERE name = $1 RETURNING id`
)

// state is an operator as it is sealed.
type state struct {
	id, name string

	Role     Role      `json:"role"`
	AddedAt  time.Time `json:"added_at"`
	Disabled bool      `json:"disabled,omitempty"`
	// Invitation is the keyed hash of the invitation; nil if there is none.
	Invitation   []byte    `json:"invitation,omitempty"`
	InvitedUntil time.Time `json:"invited_until,omitzero"`
	// Password is nil until the operator is enrolled, and if there are passkeys alone.
	Password *hashed `json:"password,omitempty"`
	// Key is that of the authenticator, in base32. Period is that of the last code that
	// was accepted.
	Key    string `json:"key"`
	Period int64  `json:"period,omitempty"`
	// Subject is who the operator is at the provider Issuer; "" for one who signs in here.
	Issuer   string    `json:"issuer,omitempty"`
	Subject  string    `json:"subject,omitempty"`
	Passkeys []passkey `json:"passkeys,omitempty"`
	// Ticket is when the last ticket was issued that the operator has signed in with, in
	// microseconds.
	Ticket int64 `json:"ticket,omitempty"`
	// Failures is the number of failed attempts since the last that succeeded, and
	// FailedAt when the last of them was.
	Failures int       `json:"failures,omitempty"`
	FailedAt time.Time `json:"failed_at,omitzero"`
}

func (s state) operator() Operator {
	return Operator{
		ID: s.id, Name: s.name, Role: s.Role, AddedAt: s.AddedAt, Disabled: s.Disabled,
		Subject: s.Subject, Enrolled: s.Password != nil || len(s.Passkeys) > 0 || s.Subject != "", InvitedUntil: s.InvitedUntil,
	}
}

const (
	// freeFailures is how many attempts may fail in a row before the next one has to
	// wait: a second, and twice as long after each further failure, up to maxWait.
	freeFailures = 5
	maxWait      = time.Hour
)

// wait returns how long the operator has to wait until the next attempt. Unlike a
// Throttle it holds on all nodes, and after a restart. Who knows the password gets 24
// guesses a day at a code, each of which is right once in 333,333.
func (s state) wait(now time.Time) time.Duration {
	if s.Failures < freeFailures {
		return 0
	}
	wait := maxWait
	if doublings := s.Failures - freeFailures; doublings < 12 { // 2^12 s are more than maxWait
		wait = time.Second << doublings
	}
	return max(0, min(wait, maxWait)-now.Sub(s.FailedAt))
}

func bind(id, name string) []byte {
	return keyring.Bind("operators.sealed", []byte(id), []byte(name))
}

func (s *Store) seal(v state) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.o.Secret.Seal(0, b, bind(v.id, v.name)), nil
}

// scan reads a row of operators. An error of kind sesuai.KindUnavailable with a detail
// is about one that the program has not written like that.
func (s *Store) scan(row interface{ Scan(dest ...any) error }) (v state, err error) {
	var sealed []byte
	if err := row.Scan(&v.id, &v.name, &sealed); err != nil {
		return v, err
	}
	b, err := s.o.Secret.Open(0, sealed, bind(v.id, v.name))
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		s.o.Alert("operators")
		return v, &sesuai.Error{
			Kind:   sesuai.KindUnavailable,
			Detail: fmt.Sprintf("the operator %q is not stored as it was added, and is refused: remove it, and add it again", v.name),
			Err:    err,
		}
	}
	return v, nil
}

// find returns the operator that a query selects; false if there is none.
func (s *Store) find(ctx context.Context, q sqldb.Querier, query, by string) (state, bool, error) {
	v, err := s.scan(q.QueryRowContext(ctx, query, by))
	if errors.Is(err, sql.ErrNoRows) {
		return state{}, false, nil
	}
	return v, err == nil, err
}
