package approval

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/operator"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Options are what a Store is made of. All but Alert and Now are required.
type Options struct {
	// DB has the tables of Migrations.
	DB *sqldb.DB
	// Trail records each step.
	Trail *audit.Trail
	// Operators are asked who is an admin.
	Operators *operator.Store
	// Secret seals what is stored. No rotation of the master key changes it.
	Secret *keyring.Secret
	// Alert is called with the name of the table when a row is not as the program wrote it.
	Alert func(table string)
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Store is the proposals in a database. Once the kinds are registered it is safe for
// concurrent use, by several processes too. Errors have kind sesuai.KindUnavailable
// unless stated otherwise.
type Store struct {
	o     Options
	kinds map[string]Kind
}

// NewStore returns the proposals of a database.
func NewStore(o Options) *Store {
	if o.Alert == nil {
		o.Alert = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{o: o, kinds: make(map[string]Kind)}
}

// Register adds a kind of acts, before the store is used.
func (s *Store) Register(k Kind) { s.kinds[k.Name] = k }

// idPrefix starts the ids of proposals.
const idPrefix = "apr_"

// Propose stores an act that an admin proposes, until another one decides. The error is
// ErrNotAdmin if the operator is none any more.
func (s *Store) Propose(ctx context.Context, by operator.Operator, kind string, parameters any) (Proposal, error) {
	k, ok := s.kinds[kind]
	if !ok {
		return Proposal{}, fmt.Errorf("there is no kind %q of acts", kind)
	}
	b, err := json.Marshal(parameters)
	if err != nil {
		return Proposal{}, err
	}
	description, err := k.Describe(b)
	if err != nil {
		return Proposal{}, err
	}
	now := s.o.Now()
	r := row{
		id: idPrefix + rand.Text(), proposedAt: now.UnixMicro(), Kind: kind, Description: description, Parameters: b,
		ProposedBy: by.ID, Proposer: by.Name, State: Proposed,
	}
	err = s.inTx(ctx, func(tx *sqldb.Tx) error {
		if err := s.assertAdmin(ctx, tx, by.ID); err != nil {
			return err
		}
		if err := s.store(ctx, tx, insertRow, r, r.proposedAt); err != nil {
			return err
		}
		return s.record(audit.WithActor(ctx, by.Actor()), tx, audit.ApprovalProposed, r)
	})
	return r.shown(now, map[string]bool{by.ID: true}), unavailable(ctx, "proposing an act", err)
}

// List returns the last 100 proposals of KeptFor, the newest first.
func (s *Store) List(ctx context.Context) ([]Proposal, error) {
	operators, err := s.o.Operators.List(ctx)
	if err != nil {
		return nil, err
	}
	admins := make(map[string]bool)
	for _, o := range operators {
		admins[o.ID] = isAdmin(o)
	}
	now := s.o.Now()
	all, err := sqldb.Collect(ctx, s.o.DB.Read(), func(from *sql.Rows) (Proposal, error) {
		r, err := s.scan(from)
		return r.shown(now, admins), err
	}, selectRows, now.Add(-KeptFor).UnixMicro())
	return all, unavailable(ctx, "listing proposals", err)
}

// Refuse ends a proposal for good. Its proposer may, which cancels it. The error is
// ErrNotAdmin, ErrNone or ErrDecided.
func (s *Store) Refuse(ctx context.Context, by operator.Operator, id string) error {
	err := s.inTx(ctx, func(tx *sqldb.Tx) error {
		if err := s.assertAdmin(ctx, tx, by.ID); err != nil {
			return err
		}
		r, err := s.find(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.State != Proposed {
			return ErrDecided
		}
		return s.decide(ctx, tx, by, r, Refused, audit.ApprovalRefused)
	})
	return unavailable(ctx, "refusing a proposal", err)
}

// carryOutTimeout is the time for an act, which goes on when the browser has gone.
const carryOutTimeout = time.Minute

// Approve carries out an act that another admin has proposed. That is stored first, in a
// transaction of its own, so that neither two who approve it at once nor a process that
// is killed carry it out twice. The error is one of those above, or that of carrying it
// out.
func (s *Store) Approve(ctx context.Context, by operator.Operator, id string) error {
	r, err := s.start(ctx, by, id)
	if err != nil {
		return unavailable(ctx, "approving a proposal", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(audit.WithActor(ctx, by.Actor())), carryOutTimeout)
	defer cancel()
	failed := s.kinds[r.Kind].CarryOut(ctx, r.Parameters)
	state, action := Done, audit.ApprovalDone
	switch {
	case errors.Is(failed, ErrChanged):
		state, action = Changed, audit.ApprovalFailed
	case failed != nil:
		state, action = Failed, audit.ApprovalFailed
	}
	err = s.inTx(ctx, func(tx *sqldb.Tx) error { return s.decide(ctx, tx, by, r, state, action) })
	return errors.Join(failed, unavailable(ctx, "recording what was carried out", err))
}

// start approves a proposal, and returns it with its parameters, which are no longer
// stored then.
func (s *Store) start(ctx context.Context, by operator.Operator, id string) (r row, err error) {
	if err := s.assertNew(ctx, id); err != nil {
		return r, err
	}
	err = s.inTx(ctx, func(tx *sqldb.Tx) error {
		if r, err = s.find(ctx, tx, id); err != nil {
			return err
		}
		if err := s.assertAdmin(ctx, tx, by.ID); err != nil {
			return err
		}
		if r.ProposedBy == by.ID {
			return ErrOwn
		}
		proposer := s.assertAdmin(ctx, tx, r.ProposedBy)
		if proposer != nil && !errors.Is(proposer, ErrNotAdmin) {
			return proposer
		}
		switch p := r.shown(s.o.Now(), map[string]bool{r.ProposedBy: proposer == nil}); p.State {
		case Proposed:
		case Ended:
			return ErrEnded
		case Void:
			return ErrVoid
		default:
			return ErrDecided
		}
		if _, ok := s.kinds[r.Kind]; !ok {
			return fmt.Errorf("there is no kind %q of acts", r.Kind)
		}
		return s.decide(ctx, tx, by, r, Approved, audit.ApprovalGiven)
	})
	return r, err
}

// assertNew returns ErrDecided if the trail has a decision about the proposal. Who can
// write to the database can put back the row from before a decision, and it opens.
func (s *Store) assertNew(ctx context.Context, id string) error {
	r, err := s.find(ctx, s.o.DB.Read(), id)
	if err != nil || r.State != Proposed {
		return err // start says what is wrong
	}
	for _, action := range []audit.Action{audit.ApprovalGiven, audit.ApprovalRefused} {
		events, err := s.o.Trail.Events(ctx, audit.Filter{
			Client: id, Reason: string(action), Since: time.UnixMicro(r.proposedAt).Add(-time.Minute), Limit: 1,
		})
		if err != nil {
			return err
		}
		if len(events) == 0 {
			continue
		}
		if r, err = s.find(ctx, s.o.DB.Read(), id); err == nil && r.State == Proposed { // it was not decided just now
			s.o.Alert("approvals")
		}
		return ErrDecided
	}
	return nil
}

// decide stores what has become of a proposal, without its parameters.
func (s *Store) decide(ctx context.Context, tx *sqldb.Tx, by operator.Operator, r row, state State, action audit.Action) error {
	recorded := r
	r.State, r.DecidedBy, r.DecidedAt, r.Parameters = state, by.Name, s.o.Now().UTC().Truncate(time.Second), nil
	if err := s.store(ctx, tx, updateRow, r); err != nil {
		return err
	}
	return s.record(audit.WithActor(ctx, by.Actor()), tx, action, recorded)
}

// record records a step. The trail has a keyed hash of kind and parameters.
func (s *Store) record(ctx context.Context, tx *sqldb.Tx, action audit.Action, r row) error {
	return s.o.Trail.ChangeTx(ctx, tx, audit.Change{Action: action, Client: r.id, After: append([]byte(r.Kind+"\x00"), r.Parameters...)})
}

func isAdmin(o operator.Operator) bool { return o.Role == operator.Admin && !o.Disabled }

// assertAdmin returns ErrNotAdmin unless an operator is an admin now.
func (s *Store) assertAdmin(ctx context.Context, tx *sqldb.Tx, id string) error {
	o, found, err := s.o.Operators.FindTx(ctx, tx, id)
	if err != nil {
		return err
	}
	if !found || !isAdmin(o) {
		return ErrNotAdmin
	}
	return nil
}

// approvalsLock is the advisory lock of transactions that change proposals. The number is
// taken from no standard: "sesu" and a count.
const approvalsLock = 0x73657375_0017

// inTx runs f in a transaction that excludes other changes of proposals.
func (s *Store) inTx(ctx context.Context, f func(*sqldb.Tx) error) error {
	return s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := tx.Lock(ctx, approvalsLock); err != nil {
			return err
		}
		return f(tx)
	})
}

// unavailable returns err, which may be nil, with kind sesuai.KindUnavailable unless it is
// one of the errors of deciding.
func unavailable(ctx context.Context, doing string, err error) error {
	switch sesuai.KindOf(err) {
	case sesuai.KindForbidden, sesuai.KindNotFound, sesuai.KindConflict:
		return err
	}
	if err == nil {
		return nil
	}
	return sqldb.Unavailable(ctx, doing, err)
}
