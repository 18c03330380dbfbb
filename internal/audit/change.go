package audit

import (
	"context"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Action is what an operator did. The zero Action is that of a verification.
type Action string

// The actions. Those of people begin with "person.", those of clients with
// "client.".
const (
	ClientAdded   Action = "client.add"
	ClientChanged Action = "client.set"
	ClientRemoved Action = "client.remove"
	// ClientDisabled and ClientEnabled: other settings may have changed, too.
	ClientDisabled Action = "client.disable"
	ClientEnabled  Action = "client.enable"
	// ClientRotated: it has new credentials.
	ClientRotated Action = "client.rotate"

	PersonAdded    Action = "person.add"
	PersonReplaced Action = "person.replace"
	// PortraitReplaced: only the portrait was replaced, added or removed.
	PortraitReplaced Action = "person.portrait"
	PersonRemoved    Action = "person.remove"
	// PeopleImported: several people were added or replaced in one transaction.
	PeopleImported Action = "person.import"
	// PeopleRecounted: the sum over the people was made again from what is on
	// record. This accepts changes that the trail does not describe.
	PeopleRecounted Action = "person.recount"

	// LimitsReset: what a client has used today, or the misses on a NIK, no longer count.
	LimitsReset Action = "limits.reset"

	OperatorAdded    Action = "operator.add"
	OperatorRemoved  Action = "operator.remove"
	OperatorDisabled Action = "operator.disable"
	OperatorEnabled  Action = "operator.enable"
	// OperatorReset: the operator has a new invitation, and the password, the
	// authenticator and the passkeys are removed.
	OperatorReset Action = "operator.reset"
	// OperatorEnrolled: the operator has used the invitation.
	OperatorEnrolled  Action = "operator.enrol"
	OperatorSignedIn  Action = "operator.signin"
	OperatorSignedOut Action = "operator.signout"
	// OperatorRefused: somebody tried to sign in, or to use an invitation, and was not
	// accepted. Client is empty if there is no operator of that name.
	OperatorRefused Action = "operator.refused"
	PasskeyAdded    Action = "operator.passkey.add"
	PasskeyRemoved  Action = "operator.passkey.remove"
	// PasskeyCloned: a passkey was refused whose counter of signatures had not increased,
	// so that there may be a copy of it.
	PasskeyCloned Action = "operator.passkey.cloned"
	// EventsSearched: an operator searched the trail in the console. After is of what
	// selected the events.
	EventsSearched Action = "audit.search"
	// TrailVerified: an operator had the trail verified in the console.
	TrailVerified Action = "audit.verify"

	// ApprovalProposed: an admin proposed an act to another one. Client is the id of the
	// proposal, and After is of the act and its parameters.
	ApprovalProposed Action = "approval.propose"
	// ApprovalGiven: another admin approved it, after which it is carried out, and
	// ApprovalRefused: an admin refused it.
	ApprovalGiven   Action = "approval.approve"
	ApprovalRefused Action = "approval.refuse"
	// ApprovalDone: it was carried out, and ApprovalFailed: it could not be.
	ApprovalDone   Action = "approval.done"
	ApprovalFailed Action = "approval.fail"

	WebhookSet     Action = "webhook.set"
	WebhookRotated Action = "webhook.rotate"
	WebhookRemoved Action = "webhook.remove"

	KeyAdded        Action = "keys.add"
	RotationStarted Action = "keys.rotate"
	KeyRetired      Action = "keys.retire"
	// KeySealed and KeyUnsealed: the KMS has sealed a key file, or a key is in plain
	// in its file again. The key is the same.
	KeySealed   Action = "keys.seal"
	KeyUnsealed Action = "keys.unseal"

	// EventsRemoved: the events up to the number Count were removed because of their
	// age. After is of the signed checkpoint that the trail starts with since.
	EventsRemoved Action = "audit.prune"
	// TrailExported: events were exported, or are about to be. After is of what
	// selected them.
	TrailExported Action = "audit.export"
	// PeopleExported: all records were written to an export or a copy, or are about to be. It is no
	// change of people, so it does not start with "person.".
	PeopleExported Action = "people.export"
	// PersonSought: an operator looked in the console whether a person is on record. It is
	// no change of people, so it does not start with "person.".
	PersonSought Action = "people.find"
	// BackedUp: a backup of the database was made. Before that it had no name.
	BackedUp Action = "backup.create"
	// ConfigurationChanged: the service started with another configuration than the
	// one that was recorded last. After is of all its settings.
	ConfigurationChanged Action = "config.set"

	// SubjectReported: what is stored of a person was reported to the person, and
	// SubjectErased: it was erased. Count is the number of rows.
	SubjectReported Action = "subject.report"
	SubjectErased   Action = "subject.erase"
)

// retention starts the actions of RetentionOf.
const retention = "retention."

// RetentionOf is the action of a day on which rows of a table were removed because they
// were kept for long enough. Count is the number of rows, which may be 0.
func RetentionOf(table string) Action { return Action(retention + table) }

// Change is something that an operator changed.
type Change struct {
	Action Action
	// Client is the ID of the client that was changed, or whose webhook was, or of the
	// operator, and NIK the person; zero for other changes.
	Client string
	NIK    sesuai.NIK
	// Count is the number of people that were changed, or the number of the
	// master key, or that of the last event that was removed.
	Count int64
	// Before and After describe what was changed, in any form that differs if it
	// differs. Nil means that it was not there. Only keyed hashes are stored.
	Before, After []byte
	// State is the digest of all people after a change of people, and of all
	// clients after a change of clients.
	State [32]byte
}

// ChangeTx appends the event of a change in the transaction that makes the
// change. Call it last: other transactions that append wait from then on. Errors
// are those of AppendTx.
func (t *Trail) ChangeTx(ctx context.Context, tx *sqldb.Tx, c Change) error {
	_, err := t.AppendTx(ctx, tx, []Event{t.eventOf(ctx, c)})
	return err
}

// Record is ChangeTx in a transaction of its own. The error is a *BrokenError or has kind
// sesuai.KindUnavailable.
func (t *Trail) Record(ctx context.Context, c Change) error {
	err := t.o.DB.InTx(ctx, func(tx *sqldb.Tx) error { return t.ChangeTx(ctx, tx, c) })
	return Broken(ctx, "recording a change", err)
}

// ChangeLockedTx is ChangeTx for a change that depends on what the trail's lock protects.
// It calls change once no other transaction appends until this one ends. An error of
// change is returned as it is.
func (t *Trail) ChangeLockedTx(ctx context.Context, tx *sqldb.Tx, c Change, change func() error) error {
	_, err := t.AppendLockedTx(ctx, tx, func() ([]Event, error) { return []Event{t.eventOf(ctx, c)}, change() })
	return err
}

// eventOf returns the event of a change.
func (t *Trail) eventOf(ctx context.Context, c Change) Event {
	actor, ok := ctx.Value(actorKey{}).(string)
	if !ok {
		actor = t.o.Actor
	}
	e := Event{
		Time: time.Now(), Client: c.Client, NIK: c.NIK, Result: Changed, NameScore: -1,
		Action: c.Action, Actor: actor, Count: c.Count, State: c.State,
	}
	if c.Before != nil {
		e.Before = t.Digest("change", c.Before)
	}
	if c.After != nil {
		e.After = t.Digest("change", c.After)
	}
	return e
}

// actorKey is the key of a context's actor.
type actorKey struct{}

// WithActor returns a context in which changes are recorded as those of an actor, instead
// of Options.Actor.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// Digest returns a keyed hash of b. Digests of different uses are independent,
// and so are the hashes of the chain: what they hash begins with a hash, which
// nobody can make begin with this text.
func (t *Trail) Digest(use string, b []byte) [32]byte {
	return t.o.Chain.Hash(append(appendText(appendText(nil, "sesuai audit digest 1"), use), b...))
}
