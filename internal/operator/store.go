package operator

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Options are what a Store is made of. DB, Trail and Secret are required.
type Options struct {
	// DB has the tables of Migrations.
	DB *sqldb.DB
	// Trail records each change, and each attempt to sign in.
	Trail *audit.Trail
	// Secret seals what is stored. No rotation of the master key changes it.
	Secret *keyring.Secret
	// Cost is that of passwords; DefaultCost if zero.
	Cost Cost
	// Alert is called with the name of the table when a row is not as the program
	// wrote it. It may be nil.
	Alert func(table string)
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Store is the operators in a database. It is safe for concurrent use, by several
// processes too. Nothing is cached, so that a change holds on all nodes at once. Errors
// have kind sesuai.KindUnavailable unless stated otherwise.
type Store struct {
	o        Options
	throttle *access.Throttle
	// hashing lets one password be hashed at a time, which takes Cost.Memory.
	hashing chan struct{}
	// nobody is the password of who is not an operator, or has none.
	nobody *hashed
}

// The numbers of failed attempts. They are fewer than those of clients, since a password
// may be guessed, and so may a code.
const (
	failuresOfName    = 0.1 // a second
	failuresOfAddress = 0.2 // a second
	failuresBurst     = 100 * time.Second
)

// NewStore returns the operators of a database.
func NewStore(o Options) *Store {
	if o.Cost == (Cost{}) {
		o.Cost = DefaultCost
	}
	if o.Alert == nil {
		o.Alert = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{
		o: o, throttle: access.NewThrottle(failuresOfName, failuresOfAddress, failuresBurst),
		hashing: make(chan struct{}, 1), nobody: &hashed{Cost: o.Cost, Salt: make([]byte, saltSize), Hash: make([]byte, hashSize)},
	}
}

// InvitedFor is how long an invitation is valid.
const InvitedFor = 24 * time.Hour

// invite gives the operator an invitation and a new authenticator key, and removes the
// password and the passkeys.
func (s *Store) invite(v *state) (sesuai.Text, error) {
	key, err := newKey(v.name)
	if err != nil {
		return sesuai.Text{}, err
	}
	invitation := invitationPrefix + rand.Text()
	v.Invitation, v.InvitedUntil = s.hash("invitation", invitation), s.o.Now().Add(InvitedFor).UTC().Truncate(time.Second)
	v.Key, v.Password, v.Passkeys, v.Period, v.Failures, v.FailedAt = key.Secret(), nil, nil, 0, 0, time.Time{}
	return sesuai.NewText(invitation), nil
}

// hash returns the keyed hash of a text that a caller gives, by what it is.
func (s *Store) hash(of, text string) []byte { return s.o.Secret.MAC(of, []byte(text)) }

// Add adds an operator, and returns the invitation by which a password is chosen. It is
// stored nowhere. The error has kind sesuai.KindConfiguration if the name or the role is
// not valid, or sesuai.KindConflict if the name is taken.
func (s *Store) Add(ctx context.Context, name string, r Role) (Operator, sesuai.Text, error) {
	v, err := s.newState(name, r)
	if err != nil {
		return Operator{}, sesuai.Text{}, err
	}
	invitation, err := s.invite(&v)
	if err != nil {
		return Operator{}, sesuai.Text{}, err
	}
	return v.operator(), invitation, s.insert(ctx, v, func(*sqldb.Tx) error { return nil })
}

// newState returns an operator who is to be added.
func (s *Store) newState(name string, r Role) (state, error) {
	if err := CheckName(name); err != nil {
		return state{}, err
	}
	if r != Admin && r != Auditor && r != Support {
		return state{}, mistake("an operator's role is admin, auditor or support")
	}
	return state{id: idPrefix + rand.Text(), name: name, Role: r, AddedAt: s.o.Now().UTC().Truncate(time.Second)}, nil
}

// insert adds an operator that check accepts, unless the name is taken.
func (s *Store) insert(ctx context.Context, v state, check func(*sqldb.Tx) error) error {
	err := s.inTx(ctx, func(tx *sqldb.Tx) error {
		switch _, taken, err := s.find(ctx, tx, selectOperator, v.name); {
		case err != nil:
			return err
		case taken:
			return &sesuai.Error{Kind: sesuai.KindConflict, Detail: "there is an operator of that name"}
		}
		if err := check(tx); err != nil {
			return err
		}
		sealed, err := s.seal(v)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insertOperator, v.id, v.name, sealed); err != nil {
			return err
		}
		return s.record(ctx, tx, audit.OperatorAdded, v)
	})
	return unavailable(ctx, "adding an operator", err)
}

// List returns all operators in the order of their names. It is an error if one of them
// is not stored as it was added.
func (s *Store) List(ctx context.Context) ([]Operator, error) {
	all, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (Operator, error) {
		v, err := s.scan(rows)
		return v.operator(), err
	}, selectOperators)
	return all, unavailable(ctx, "listing operators", err)
}

// FindTx returns the operator of that id, as it is in the transaction of the caller; false
// if there is none.
func (s *Store) FindTx(ctx context.Context, tx *sqldb.Tx, id string) (Operator, bool, error) {
	v, found, err := s.find(ctx, tx, selectByID, id)
	return v.operator(), found, unavailable(ctx, "reading an operator", err)
}

// SetDisabled disables or enables an operator, and reports whether there is one of that
// name. Who is disabled has no session any more, on any node.
func (s *Store) SetDisabled(ctx context.Context, name string, disabled bool) (found bool, err error) {
	action := audit.OperatorEnabled
	if disabled {
		action = audit.OperatorDisabled
	}
	return s.change(ctx, name, action, func(v *state) (bool, error) {
		changed := v.Disabled != disabled
		v.Disabled = disabled
		return changed, nil
	})
}

// Reset removes the password, the authenticator, the passkeys and the sessions of an operator, and
// returns a new invitation; false if there is none of that name. The error has kind
// sesuai.KindConfiguration for one who signs in at a provider, and has none of these.
func (s *Store) Reset(ctx context.Context, name string) (o Operator, invitation sesuai.Text, found bool, err error) {
	found, err = s.change(ctx, name, audit.OperatorReset, func(v *state) (_ bool, err error) {
		if v.Subject != "" {
			return false, mistake("the operator signs in at the OpenID provider: there is nothing to reset here")
		}
		invitation, err = s.invite(v)
		o = v.operator()
		return true, err
	})
	return o, invitation, found, err
}

// Remove removes an operator with its sessions, and reports whether there was one.
func (s *Store) Remove(ctx context.Context, name string) (found bool, err error) {
	err = s.inTx(ctx, func(tx *sqldb.Tx) error {
		v := state{name: name}
		err := tx.QueryRowContext(ctx, deleteOperator, name).Scan(&v.id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		return errors.Join(endSessions(ctx, tx, v.id), s.record(ctx, tx, audit.OperatorRemoved, v))
	})
	return found, unavailable(ctx, "removing an operator", err)
}

// change has f change the operator of that name, who then has no session any more. If f
// returns false nothing is changed.
func (s *Store) change(ctx context.Context, name string, action audit.Action, f func(*state) (bool, error)) (found bool, err error) {
	err = s.inTx(ctx, func(tx *sqldb.Tx) (err error) {
		var v state
		if v, found, err = s.find(ctx, tx, selectOperator, name); err != nil || !found {
			return err
		}
		if changed, err := f(&v); err != nil || !changed {
			return err
		}
		return errors.Join(s.store(ctx, tx, v), endSessions(ctx, tx, v.id), s.record(ctx, tx, action, v))
	})
	return found, unavailable(ctx, "changing an operator", err)
}

func (s *Store) store(ctx context.Context, tx *sqldb.Tx, v state) error {
	sealed, err := s.seal(v)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, updateOperator, v.id, sealed)
	return err
}

// operatorsLock is the advisory lock of transactions that change operators. The
// number is taken from no standard: "sesu" and a count.
const operatorsLock = 0x73657375_0013

// inTx runs f in a transaction that excludes other changes of operators.
func (s *Store) inTx(ctx context.Context, f func(*sqldb.Tx) error) error {
	return s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := tx.Lock(ctx, operatorsLock); err != nil {
			return err
		}
		return f(tx)
	})
}

// record records a change of an operator.
func (s *Store) record(ctx context.Context, tx *sqldb.Tx, action audit.Action, v state) error {
	return s.o.Trail.ChangeTx(ctx, tx, audit.Change{Action: action, Client: v.id, After: []byte(v.name + "\x00" + string(v.Role))})
}

// unavailable returns err, which may be nil, with kind sesuai.KindUnavailable unless it is one of another
// kind that a method states.
func unavailable(ctx context.Context, doing string, err error) error {
	switch sesuai.KindOf(err) {
	case "", sesuai.KindConflict, sesuai.KindUnauthenticated, sesuai.KindRateLimited, sesuai.KindMalformed, sesuai.KindConfiguration:
		return err
	default:
		return sqldb.Unavailable(ctx, doing, err)
	}
}
