// Package approval has a second admin look at what weakens the service before it is
// carried out. One admin proposes an act with its parameters, another approves or
// refuses it, and it is carried out as it was proposed, at most once. It knows nothing
// of the acts themselves, nor of pages.
//
// To add a kind of act, register it before the store is used, and propose it:
//
//	store.Register(approval.Kind{
//		Name:     "people.export",
//		Describe: func(parameters []byte) (approval.Text, error) { … },
//		CarryOut: func(ctx context.Context, parameters []byte) error { … },
//	})
//	store.Propose(ctx, admin, "people.export", parameters)
//
// The parameters are any value that encoding/json marshals. They are sealed, and removed
// once the act is decided, or by Run after ValidFor. So they may name a person. The
// description is kept longer and is shown, so it has no personal data.
package approval

import (
	"context"
	"time"

	"github.com/sesuai/sesuai"
)

const (
	// ValidFor is how long a proposal can be approved.
	ValidFor = 24 * time.Hour
	// KeptFor is how long it is shown.
	KeptFor = 30 * 24 * time.Hour
)

// Text is a text in both languages of the console.
type Text struct {
	English    string `json:"en"`
	Indonesian string `json:"id"`
}

// Kind is a kind of acts.
type Kind struct {
	Name string
	// Describe says what the act would do.
	Describe func(parameters []byte) (Text, error)
	// CarryOut carries out the act. It returns ErrChanged if what the act was proposed
	// against, which is among the parameters, is not so any more. It has to check that
	// in the transaction that carries out the act.
	CarryOut func(ctx context.Context, parameters []byte) error
}

// State is what has become of a proposal.
type State string

// The states.
const (
	// Proposed: it waits for another admin.
	Proposed State = "proposed"
	// Ended: nobody has approved it in time.
	Ended State = "ended"
	// Void: who proposed it is no admin any more.
	Void State = "void"
	// Refused: an admin has refused it, or its proposer has cancelled it.
	Refused State = "refused"
	// Approved: it is being carried out. If that lasts, the process
	// was killed meanwhile: it is not known whether the act was carried out, and it
	// will not be once more.
	Approved State = "approved"
	// Done: it was carried out.
	Done State = "done"
	// Changed: it was approved, and not carried out because of ErrChanged.
	Changed State = "changed"
	// Failed: it was approved, and carrying it out returned another error.
	Failed State = "failed"
)

// Proposal is an act that was proposed.
type Proposal struct {
	ID, Kind    string
	State       State
	Description Text
	// ProposedBy is the name of an operator, and ProposedByID its id.
	ProposedBy, ProposedByID string
	ProposedAt               time.Time
	// DecidedBy is who approved or refused it; "" if nobody has.
	DecidedBy string
	DecidedAt time.Time
}

// EndsAt is when the proposal can no longer be approved.
func (p Proposal) EndsAt() time.Time { return p.ProposedAt.Add(ValidFor) }

// The errors of deciding. They may be shown.
var (
	// ErrOwn: nobody approves what they have proposed themselves.
	ErrOwn = refusal(sesuai.KindForbidden, "another admin has to approve this")
	// ErrNotAdmin: who decides is no admin any more.
	ErrNotAdmin = refusal(sesuai.KindForbidden, "only an admin decides about a proposal")
	// ErrNone: there is no such proposal.
	ErrNone = refusal(sesuai.KindNotFound, "there is no such proposal")
	// ErrDecided: it was decided before.
	ErrDecided = refusal(sesuai.KindConflict, "this was decided before")
	// ErrEnded: nobody has approved it in time.
	ErrEnded = refusal(sesuai.KindConflict, "this was proposed more than 24 hours ago")
	// ErrVoid: who proposed it is no admin any more.
	ErrVoid = refusal(sesuai.KindConflict, "who proposed this is no admin any more")
	// ErrChanged: what it was proposed against has changed meanwhile.
	ErrChanged = refusal(sesuai.KindConflict, "what this was proposed against has changed meanwhile")
)

func refusal(kind sesuai.Kind, detail string) error { return &sesuai.Error{Kind: kind, Detail: detail} }
