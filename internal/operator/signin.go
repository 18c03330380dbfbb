package operator

import (
	"context"
	"crypto/hmac"
	"net/netip"
	"time"

	"github.com/pquerna/otp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Attempt is what somebody gives to sign in, or to enrol.
type Attempt struct {
	// From is the address of the caller.
	From netip.Addr
	Name string
	// Invitation is needed to enrol alone.
	Invitation string
	Password   string
	// Code is that which the authenticator shows.
	Code string
}

// SignIn makes a session. If anything of the attempt is wrong, or the operator is
// disabled or not enrolled, the error has kind sesuai.KindUnauthenticated and no detail.
// After too many failures of the name or the address it has kind sesuai.KindRateLimited
// and says when the next attempt makes sense; the attempt is then not looked at.
// Neither the error nor the hashing says what was wrong. Names are no secret: that of an
// operator has to wait for longer than another one. Each attempt that was looked at is
// recorded.
func (s *Store) SignIn(ctx context.Context, a Attempt) (id sesuai.Text, o Operator, err error) {
	known, found, err := s.look(ctx, a)
	if err != nil {
		return id, o, err
	}
	right, err := s.compare(ctx, known.Password, a.Password)
	if err != nil {
		return id, o, err
	}
	err = s.decide(ctx, a, known, func(tx *sqldb.Tx, v *state, now time.Time) (bool, error) {
		period, ok := matchCode(v.Key, a.Code, v.Period, now)
		if !found || !right || !ok || !v.samePassword(known) || v.Disabled {
			return false, nil
		}
		v.Period = period
		id, o, err = s.enter(ctx, tx, *v, now)
		return true, err
	})
	if err != nil {
		return sesuai.Text{}, Operator{}, unavailable(ctx, "signing in", err)
	}
	return id, o, nil
}

// enter makes the session of an operator who is accepted, however that was found out.
func (s *Store) enter(ctx context.Context, tx *sqldb.Tx, v state, now time.Time) (id sesuai.Text, o Operator, err error) {
	o = v.operator()
	if id, err = s.startSession(ctx, tx, v.id, now); err != nil {
		return id, o, err
	}
	return id, o, s.record(audit.WithActor(ctx, o.Actor()), tx, audit.OperatorSignedIn, v)
}

// samePassword reports whether the operator has a password, and it is that which was read
// before.
func (s state) samePassword(before state) bool {
	return s.Password != nil && before.Password != nil && hmac.Equal(s.Password.Hash, before.Password.Hash)
}

// AuthenticatorKey returns the key that an invited operator's authenticator is to have.
// Errors are those of SignIn.
func (s *Store) AuthenticatorKey(ctx context.Context, a Attempt) (key *otp.Key, err error) {
	known, _, err := s.look(ctx, a)
	if err != nil {
		return nil, err
	}
	err = s.decide(ctx, a, known, func(_ *sqldb.Tx, v *state, now time.Time) (bool, error) {
		if !s.invited(*v, a.Invitation, now) {
			return false, nil
		}
		key, err = keyOf(v.name, v.Key)
		return err == nil, err
	})
	return key, unavailable(ctx, "reading an invitation", err)
}

// Enrol gives an invited operator a password, and ends the invitation. The error has kind
// sesuai.KindConfiguration, with a detail, if the password is not accepted. Other errors
// are those of SignIn.
func (s *Store) Enrol(ctx context.Context, a Attempt) error {
	if err := checkPassword(a.Name, a.Password); err != nil {
		return err
	}
	known, _, err := s.look(ctx, a)
	if err != nil {
		return err
	}
	// It is hashed for a wrong invitation as well, outside the transaction.
	chosen, err := s.choose(ctx, a.Password)
	if err != nil {
		return err
	}
	err = s.decide(ctx, a, known, func(tx *sqldb.Tx, v *state, now time.Time) (bool, error) {
		period, ok := matchCode(v.Key, a.Code, v.Period, now)
		if !s.invited(*v, a.Invitation, now) || !ok {
			return false, nil
		}
		v.Period, v.Password, v.Invitation, v.InvitedUntil = period, chosen, nil, time.Time{}
		return true, s.record(audit.WithActor(ctx, v.operator().Actor()), tx, audit.OperatorEnrolled, *v)
	})
	return unavailable(ctx, "enrolling an operator", err)
}

// invited reports whether it is the invitation of the operator.
func (s *Store) invited(v state, invitation string, now time.Time) bool {
	return hmac.Equal(v.Invitation, s.hash("invitation", invitation)) && now.Before(v.InvitedUntil) && !v.Disabled
}

// look returns the operator of an attempt, unless the attempt has to wait.
func (s *Store) look(ctx context.Context, a Attempt) (state, bool, error) {
	now := s.o.Now()
	if delay := s.throttle.Delay([32]byte(s.hash("name", a.Name)), a.From, now); delay > 0 {
		return state{}, false, tooOften(delay)
	}
	v, found, err := s.find(ctx, s.o.DB.Read(), selectOperator, a.Name)
	if err != nil {
		return v, false, unavailable(ctx, "reading an operator", err)
	}
	if wait := v.wait(now); wait > 0 {
		return v, false, tooOften(wait)
	}
	return v, found, nil
}

func tooOften(wait time.Duration) error {
	return &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: wait}
}

// decide has accept look at the operator as it is now, and store what it has changed. If
// it returns false the attempt has failed, which is counted and recorded. Attempts exclude
// each other, so that a code is accepted once, and none is looked at that has to wait for
// the failure of another.
func (s *Store) decide(ctx context.Context, a Attempt, known state, accept func(*sqldb.Tx, *state, time.Time) (bool, error)) error {
	now := s.o.Now()
	accepted := false
	err := s.inTx(ctx, func(tx *sqldb.Tx) error {
		v, found, err := s.find(ctx, tx, selectByID, known.id)
		if err != nil {
			return err
		}
		if wait := v.wait(now); wait > 0 {
			return tooOften(wait)
		}
		if accepted, err = accept(tx, &v, now); err != nil {
			return err
		}
		if accepted {
			v.Failures, v.FailedAt = 0, time.Time{}
			return s.store(ctx, tx, v)
		}
		if found {
			v.Failures++
			v.FailedAt = now.UTC()
			if err := s.store(ctx, tx, v); err != nil {
				return err
			}
		}
		return s.record(audit.WithActor(ctx, nobodysActor), tx, audit.OperatorRefused, v)
	})
	if err != nil || accepted {
		return err
	}
	s.throttle.Count([32]byte(s.hash("name", a.Name)), a.From, now)
	return &sesuai.Error{Kind: sesuai.KindUnauthenticated}
}

// nobodysActor is who has made a failed attempt.
const nobodysActor = "operator?"

// compare reports whether a password is that of an operator. It takes as long if there is
// no operator.
func (s *Store) compare(ctx context.Context, h *hashed, password string) (right bool, err error) {
	if h == nil {
		h = s.nobody
	}
	err = s.hashOne(ctx, func() { right = h.is(password) })
	return right, err
}

func (s *Store) choose(ctx context.Context, password string) (h *hashed, err error) {
	err = s.hashOne(ctx, func() { h = hashPassword(password, s.o.Cost) })
	return h, err
}

// hashOne runs f, which hashes a password, once no other is being hashed.
func (s *Store) hashOne(ctx context.Context, f func()) error {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
		f()
		return nil
	case <-ctx.Done():
		return unavailable(ctx, "hashing a password", ctx.Err())
	}
}
