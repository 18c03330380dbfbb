package operator

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Passkey is a key of an operator that signs in without a password: a device asks its
// owner for a finger, a face or a PIN, and signs (WebAuthn).
type Passkey struct {
	// ID is that of the credential, in base64url.
	ID, Name string
	// UsedAt is when the operator has signed in with it; zero if never.
	AddedAt, UsedAt time.Time
}

const (
	// MaxPasskeys is the maximum number of passkeys of an operator.
	MaxPasskeys = 10
	// MaxPasskeyName is the maximum number of characters of a passkey's name.
	MaxPasskeyName = 40
)

// passkey is a Passkey as it is stored.
type passkey struct {
	ID      []byte    `json:"id"`
	Name    string    `json:"name"`
	AddedAt time.Time `json:"added_at"`
	UsedAt  time.Time `json:"used_at,omitzero"`
	// Key is the public key, as RFC 9052 encodes it.
	Key []byte `json:"key"`
	// Signatures is the counter of signatures; 0 for a device that does not count.
	Signatures uint32 `json:"signatures,omitempty"`
	// Synced means that the key may be on several devices. It never changes.
	Synced bool `json:"synced,omitempty"`
}

// Passkeys signs operators in at one origin. Errors are those of Store.SignIn, with these
// differences. The failures of an operator are not counted, and no operator has to wait for them:
// a signature cannot be guessed. Those of the address are.
type Passkeys struct {
	s      *Store
	rp     *webauthn.WebAuthn
	origin string
}

// PasskeysAt returns the passkeys of an origin, such as https://console.bank.example. Its
// host must be a name.
func (s *Store) PasskeysAt(origin string) (*Passkeys, error) {
	u, err := url.Parse(origin)
	if err != nil {
		return nil, err
	}
	required := true
	rp, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: issuer, RPOrigins: []string{origin}, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &required, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		// Some add results that nobody has asked for. None is looked at.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, err
	}
	return &Passkeys{s, rp, origin}, nil
}

// Origin is that at which the passkeys work.
func (p *Passkeys) Origin() string { return p.origin }

// What a ticket is for.
const (
	forPasskey    = "signing in with a passkey"
	forNewPasskey = "a new passkey"
)

// Challenge returns the options for a browser that asks for a signature, as JSON, and the
// ticket that SignIn needs.
func (p *Passkeys) Challenge() (options []byte, ticket sesuai.Text, err error) {
	t := p.s.newTicket(forPasskey, "")
	assertion, _, err := p.rp.BeginDiscoverableLogin(webauthn.WithChallenge(p.s.derive(forPasskey, t)))
	if err != nil {
		return nil, ticket, err
	}
	options, err = json.Marshal(assertion.Response)
	return options, t.Text(), err
}

// SignIn makes a session for what a browser has signed, as JSON. An error of kind
// sesuai.KindMalformed means that it is no signature.
func (p *Passkeys) SignIn(ctx context.Context, from netip.Addr, ticket, signed string) (id sesuai.Text, o Operator, err error) {
	answer, err := protocol.ParseCredentialRequestResponseBytes([]byte(signed))
	if err != nil {
		return id, o, &sesuai.Error{Kind: sesuai.KindMalformed, Err: err}
	}
	t, valid := p.s.openTicket(forPasskey, "", ticket)
	owner := string(answer.Response.UserHandle)
	find := func(tx *sqldb.Tx) (state, bool, error) {
		if !strings.HasPrefix(owner, idPrefix) || !utf8.ValidString(owner) {
			return state{}, false, nil
		}
		return p.s.find(ctx, tx, selectByID, owner)
	}
	err = p.s.decideSigned(ctx, from, find, func(tx *sqldb.Tx, v *state, now time.Time) (refused audit.Action, err error) {
		if !valid || v.Disabled || !v.use(t) {
			return audit.OperatorRefused, nil
		}
		credential, err := p.rp.ValidateLogin(user{*v}, p.session(forPasskey, t, *v), answer)
		if err != nil {
			return audit.OperatorRefused, nil
		}
		if credential.Authenticator.CloneWarning {
			return audit.PasskeyCloned, nil
		}
		used := &v.Passkeys[v.indexOf(credential.ID)]
		used.Signatures, used.UsedAt = credential.Authenticator.SignCount, now.UTC().Truncate(time.Second)
		id, o, err = p.s.enter(ctx, tx, *v, now)
		return "", err
	})
	if err != nil {
		return sesuai.Text{}, Operator{}, unavailable(ctx, "signing in with a passkey", err)
	}
	return id, o, nil
}

// decideSigned has accept look at the operator that find returns, and stores what it has changed. If it
// returns an action the attempt has failed, which is recorded as that.
func (s *Store) decideSigned(ctx context.Context, from netip.Addr, find func(*sqldb.Tx) (state, bool, error),
	accept func(*sqldb.Tx, *state, time.Time) (refused audit.Action, err error),
) error {
	now := s.o.Now()
	if wait := s.throttle.DelayOfAddress(from, now); wait > 0 {
		return tooOften(wait)
	}
	var refused audit.Action
	err := s.inTx(ctx, func(tx *sqldb.Tx) error {
		v, found, err := find(tx)
		if err != nil {
			return err
		}
		changed := v
		if refused = audit.OperatorRefused; found {
			if refused, err = accept(tx, &changed, now); err != nil {
				return err
			}
		}
		if refused != "" {
			return s.record(audit.WithActor(ctx, nobodysActor), tx, refused, v)
		}
		return s.store(ctx, tx, changed)
	})
	if err != nil || refused == "" {
		return err
	}
	s.throttle.CountAddress(from, now)
	return &sesuai.Error{Kind: sesuai.KindUnauthenticated}
}

// session is what the library has to know of a ticket.
func (p *Passkeys) session(purpose string, t ticket, v state) webauthn.SessionData {
	return webauthn.SessionData{
		Challenge: base64.RawURLEncoding.EncodeToString(p.s.derive(purpose, t)), RelyingPartyID: p.rp.Config.RPID, UserID: []byte(v.id),
		UserVerification: protocol.VerificationRequired, CredParams: algorithms,
	}
}

// algorithms are those that every device has one of: ES256, EdDSA and RS256.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// user is an operator as the library needs it.
type user struct{ state }

func (u user) WebAuthnID() []byte          { return []byte(u.id) }
func (u user) WebAuthnName() string        { return u.name }
func (u user) WebAuthnDisplayName() string { return u.name }

func (u user) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, 0, len(u.Passkeys))
	for _, k := range u.Passkeys {
		all = append(all, webauthn.Credential{
			ID: k.ID, PublicKey: k.Key, Flags: webauthn.CredentialFlags{BackupEligible: k.Synced},
			Authenticator: webauthn.Authenticator{SignCount: k.Signatures},
		})
	}
	return all
}

func (s state) indexOf(id []byte) int {
	return slices.IndexFunc(s.Passkeys, func(k passkey) bool { return bytes.Equal(k.ID, id) })
}
