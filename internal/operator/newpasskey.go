package operator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// NewPasskey is a passkey that a browser has made.
type NewPasskey struct {
	// Name is what its owner calls it.
	Name string
	// Ticket came with the options, and Made is what the browser has made by them, as JSON.
	Ticket, Made string
}

// checkName returns an error of kind sesuai.KindConfiguration for a name that is not
// accepted.
func (n NewPasskey) checkName() error {
	if n.Name == "" || !utf8.ValidString(n.Name) || utf8.RuneCountInString(n.Name) > MaxPasskeyName {
		return mistake("a passkey's name has 1 to 40 characters")
	}
	return nil
}

// InvitedChallenge returns the options for a browser that makes the passkey of an invited
// operator, as JSON, and the ticket that Enrol needs.
func (p *Passkeys) InvitedChallenge(ctx context.Context, a Attempt) (options []byte, ticket sesuai.Text, err error) {
	known, _, err := p.s.look(ctx, a)
	if err != nil {
		return nil, ticket, err
	}
	err = p.s.decide(ctx, a, known, func(_ *sqldb.Tx, v *state, now time.Time) (bool, error) {
		if !p.s.invited(*v, a.Invitation, now) {
			return false, nil
		}
		options, ticket, err = p.create(*v)
		return err == nil, err
	})
	return options, ticket, unavailable(ctx, "reading an invitation", err)
}

// Enrol gives an invited operator a passkey instead of a password, and ends the
// invitation. The error has kind sesuai.KindConfiguration if the passkey's name is not
// accepted, and sesuai.KindMalformed if the passkey is not. The invitation is then still valid.
func (p *Passkeys) Enrol(ctx context.Context, a Attempt, n NewPasskey) error {
	if err := n.checkName(); err != nil {
		return err
	}
	known, _, err := p.s.look(ctx, a)
	if err != nil {
		return err
	}
	err = p.s.decide(ctx, a, known, func(tx *sqldb.Tx, v *state, now time.Time) (bool, error) {
		if !p.s.invited(*v, a.Invitation, now) {
			return false, nil
		}
		if err := p.add(v, n, now); err != nil {
			return false, err
		}
		v.Key, v.Invitation, v.InvitedUntil = "", nil, time.Time{}
		return true, p.s.record(audit.WithActor(ctx, v.operator().Actor()), tx, audit.OperatorEnrolled, *v)
	})
	return unavailable(ctx, "enrolling an operator", err)
}

// ChallengeOf is InvitedChallenge for an operator who is signed in, for Add.
func (p *Passkeys) ChallengeOf(ctx context.Context, o Operator) (options []byte, ticket sesuai.Text, err error) {
	v, _, err := p.s.find(ctx, p.s.o.DB.Read(), selectByID, o.ID)
	if err != nil {
		return nil, ticket, unavailable(ctx, "reading an operator", err)
	}
	return p.create(v)
}

// Add gives an operator who is signed in a further passkey. The error has kind
// sesuai.KindConfiguration if the name is not accepted, or there are MaxPasskeys, and
// sesuai.KindMalformed if the passkey is not accepted.
func (p *Passkeys) Add(ctx context.Context, o Operator, n NewPasskey) error {
	if err := n.checkName(); err != nil {
		return err
	}
	err := p.s.inTx(ctx, func(tx *sqldb.Tx) error {
		v, _, err := p.s.find(ctx, tx, selectByID, o.ID)
		if err != nil {
			return err
		}
		if err := p.add(&v, n, p.s.o.Now()); err != nil {
			return err
		}
		if err := p.s.store(ctx, tx, v); err != nil {
			return err
		}
		return p.s.record(audit.WithActor(ctx, o.Actor()), tx, audit.PasskeyAdded, v)
	})
	return unavailable(ctx, "adding a passkey", err)
}

// create returns the options of a passkey for an operator. A device that has one of the
// operator makes no second one.
func (p *Passkeys) create(v state) (options []byte, ticket sesuai.Text, err error) {
	t := p.s.newTicket(forNewPasskey, v.id)
	creation, _, err := p.rp.BeginRegistration(user{v},
		webauthn.WithCredentialParameters(algorithms), webauthn.WithExclusions(webauthn.Credentials(user{v}.WebAuthnCredentials()).CredentialDescriptors()),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Challenge = p.s.derive(forNewPasskey, t)
			return nil
		})
	if err != nil {
		return nil, ticket, err
	}
	options, err = json.Marshal(creation.Response)
	return options, t.Text(), err
}

// add adds a passkey that a browser has made to an operator.
func (p *Passkeys) add(v *state, n NewPasskey, now time.Time) error {
	if v.Subject != "" {
		return mistake("the operator signs in at the OpenID provider")
	}
	refused := func(err error) error { return &sesuai.Error{Kind: sesuai.KindMalformed, Err: err} }
	t, valid := p.s.openTicket(forNewPasskey, v.id, n.Ticket)
	if !valid {
		return refused(nil)
	}
	made, err := protocol.ParseCredentialCreationResponseBytes([]byte(n.Made))
	if err != nil {
		return refused(err)
	}
	credential, err := p.rp.CreateCredential(user{*v}, p.session(forNewPasskey, t, *v), made)
	switch {
	case err != nil:
		return refused(err)
	case v.indexOf(credential.ID) >= 0: // what was made for the ticket is sent again
		return refused(nil)
	case len(v.Passkeys) >= MaxPasskeys:
		return mistake("there are 10 passkeys already")
	}
	v.Passkeys = append(slices.Clone(v.Passkeys), passkey{
		ID: credential.ID, Name: n.Name, AddedAt: now.UTC().Truncate(time.Second), Key: credential.PublicKey,
		Signatures: credential.Authenticator.SignCount, Synced: credential.Flags.BackupEligible,
	})
	return nil
}

// ListPasskeys returns the passkeys of an operator, the oldest first.
func (s *Store) ListPasskeys(ctx context.Context, o Operator) ([]Passkey, error) {
	v, _, err := s.find(ctx, s.o.DB.Read(), selectByID, o.ID)
	if err != nil {
		return nil, unavailable(ctx, "reading an operator", err)
	}
	all := make([]Passkey, 0, len(v.Passkeys))
	for _, k := range v.Passkeys {
		all = append(all, Passkey{ID: base64.RawURLEncoding.EncodeToString(k.ID), Name: k.Name, AddedAt: k.AddedAt, UsedAt: k.UsedAt})
	}
	return all, nil
}

// RemovePasskey removes a passkey of an operator, and reports whether there was one of
// that id. All sessions of the operator end but the one that is named, since one of them may have been made with it. The
// error has kind sesuai.KindConflict if there is no other way to sign in.
func (s *Store) RemovePasskey(ctx context.Context, o Operator, id, session string) (found bool, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return false, nil //nolint:nilerr // it is the id of no passkey
	}
	err = s.inTx(ctx, func(tx *sqldb.Tx) error {
		v, _, err := s.find(ctx, tx, selectByID, o.ID)
		if err != nil {
			return err
		}
		i := v.indexOf(raw)
		if i < 0 {
			return nil
		}
		found = true
		v.Passkeys = slices.Delete(slices.Clone(v.Passkeys), i, i+1)
		if !v.operator().Enrolled {
			return &sesuai.Error{Kind: sesuai.KindConflict}
		}
		if err := s.store(ctx, tx, v); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, deleteOthers, v.id, s.hash("session", session)); err != nil {
			return err
		}
		return s.record(audit.WithActor(ctx, o.Actor()), tx, audit.PasskeyRemoved, v)
	})
	return found, unavailable(ctx, "removing a passkey", err)
}
