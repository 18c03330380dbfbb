package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/approval"
	"github.com/sesuai/sesuai/internal/operator"
)

// registerKinds registers the acts that need a second admin. Another one takes a line here.
func registerKinds(o Options) {
	o.Approvals.Register(clientKind(o.Clients))
	o.Approvals.Register(erasureKind(o.Erase))
}

// clientChange is a change of a client, as it is proposed.
type clientChange struct {
	// Client is the id, and Name the name.
	Client string          `json:"client"`
	Name   string          `json:"name"`
	Before access.Settings `json:"before"`
	After  access.Settings `json:"after"`
}

// changeOfClient is the name of the kind of acts.
const changeOfClient = "client.set"

// clientKind changes the settings of a client.
func clientKind(clients access.Clients) approval.Kind {
	return approval.Kind{
		Name: changeOfClient,
		Describe: func(parameters []byte) (approval.Text, error) {
			var one clientChange
			err := json.Unmarshal(parameters, &one)
			return approval.Text{English: one.describe(english), Indonesian: one.describe(indonesian)}, err
		},
		CarryOut: func(ctx context.Context, parameters []byte) error {
			var one clientChange
			if err := json.Unmarshal(parameters, &one); err != nil {
				return err
			}
			now, found, err := access.ChangeSettings(ctx, clients, one.Name, one.Before, one.After)
			if errors.Is(err, access.ErrChanged) || err == nil && (!found || now.ID != one.Client) {
				return approval.ErrChanged
			}
			return err
		},
	}
}

// shownProposal is a proposal as it is shown.
type shownProposal struct {
	approval.Proposal
	Text string
	// MayApprove and MayRefuse are which forms there are.
	MayApprove, MayRefuse bool
}

func (c *call) approvals() error { return c.showApprovals(http.StatusOK, page{}) }

// showApprovals shows the proposals, on a page that has a notice or a problem.
func (c *call) showApprovals(status int, p page) error {
	all, err := c.o.Approvals.List(c.ctx)
	if err != nil {
		return err
	}
	var shown []shownProposal
	for _, one := range all {
		text := one.Description.English
		if c.language == indonesian {
			text = one.Description.Indonesian
		}
		decides := one.State == approval.Proposed && c.operator.Role == operator.Admin
		shown = append(shown, shownProposal{one, text, decides && one.ProposedByID != c.operator.ID, decides})
	}
	p.Data = shown
	return c.renderWith(status, "approvals", p)
}

// problemsOfApproval are the keys of the texts about what can be wrong with a decision.
var problemsOfApproval = map[error]string{
	approval.ErrOwn: "approvals.own", approval.ErrDecided: "approvals.decided", approval.ErrEnded: "approvals.late",
	approval.ErrVoid: "approvals.voided", approval.ErrChanged: "approvals.differs",
}

func (c *call) approve() error { return c.decided((*approval.Store).Approve, "approvals.carriedout") }
func (c *call) refuse() error  { return c.decided((*approval.Store).Refuse, "approvals.isrefused") }

func (c *call) decided(decide func(*approval.Store, context.Context, operator.Operator, string) error, notice string) error {
	err := decide(c.o.Approvals, c.ctx, c.operator, c.r.PathValue("id"))
	if err == nil {
		return c.showApprovals(http.StatusOK, page{Notice: c.language.text(notice)})
	}
	for which, key := range problemsOfApproval {
		if errors.Is(err, which) {
			return c.showApprovals(http.StatusConflict, page{Problem: c.language.text(key)})
		}
	}
	return err
}
