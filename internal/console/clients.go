package console

import (
	"net/http"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/operator"
)

// shownClient is a client as it is shown.
type shownClient struct {
	access.Client
	State    string
	LastUsed time.Time
}

func (c *call) shown(client access.Client, uses map[string]time.Time) shownClient {
	state := "enabled"
	switch {
	case client.Disabled:
		state = "disabled"
	case !client.ActiveAt(c.o.Now()):
		state = "expired"
	}
	return shownClient{client, state, uses[client.ID]}
}

func (c *call) clients() error {
	all, err := c.o.Clients.ListClients(c.ctx)
	if err != nil {
		return err
	}
	uses, err := c.o.Clients.LastUses(c.ctx)
	if err != nil {
		return err
	}
	var shown []shownClient
	for _, one := range all {
		shown = append(shown, c.shown(one, uses))
	}
	return c.render("clients", shown)
}

// clientPage is the page of one client.
type clientPage struct {
	shownClient
	Usage limit.ClientUsage
	// MayChange reports whether there are forms.
	MayChange bool
	// ValidFor are the times for which earlier credentials may stay valid.
	ValidFor []string
	// Form is that of the settings.
	Form settingsForm
}

// named returns the client that the path names.
func (c *call) named() (access.Client, error) {
	all, err := c.o.Clients.ListClients(c.ctx)
	if err != nil {
		return access.Client{}, err
	}
	for _, one := range all {
		if one.ID == c.r.PathValue("id") {
			return one, nil
		}
	}
	return access.Client{}, notFound(c)
}

func (c *call) client() error {
	one, err := c.named()
	if err != nil {
		return err
	}
	return c.showClient(one, http.StatusOK, page{})
}

// showClient shows a client, on a page that has a notice or a problem.
func (c *call) showClient(one access.Client, status int, p page) error {
	uses, err := c.o.Clients.LastUses(c.ctx)
	if err != nil {
		return err
	}
	usage, err := c.o.Usage.ClientUsage(c.ctx, one.ID, one.Limits)
	if err != nil {
		return err
	}
	p.Data = clientPage{c.shown(one, uses), usage, c.operator.Role == operator.Admin, validFor, formOf(one.Settings())}
	return c.renderWith(status, "client", p)
}

func (c *call) disableClient() error { return c.setDisabled(true, "clients.disabled") }
func (c *call) enableClient() error  { return c.setDisabled(false, "clients.enabled") }

func (c *call) setDisabled(disabled bool, notice string) error {
	one, err := c.named()
	if err != nil {
		return err
	}
	one, found, err := c.o.Clients.ChangeClient(c.ctx, one.Name, func(client *access.Client) error {
		client.Disabled = disabled
		return nil
	})
	if err != nil {
		return err
	}
	if !found { // it was removed meanwhile
		return notFound(c)
	}
	return c.showClient(one, http.StatusOK, page{Notice: c.language.text(notice)})
}

// validFor are durations, and keys of messages behind "validfor.".
var validFor = []string{"24h", "168h", "0s"}

// rotated is the page of new credentials.
type rotated struct {
	Name        string
	Credentials access.Revealed
	Until       time.Time
}

// rotateClient shows the new credentials in its answer, and nowhere else.
func (c *call) rotateClient() error {
	one, err := c.named()
	if err != nil {
		return err
	}
	keep, err := time.ParseDuration(c.input("validfor"))
	if err != nil {
		return &sesuai.Error{Kind: sesuai.KindMalformed, Err: err}
	}
	next, credentials, found, err := access.Rotate(c.ctx, c.o.Clients, c.o.Hash, one.Name, access.RotateOptions{
		ValidFor: keep, EndOlder: c.input("endolder") != "", Now: c.o.Now(),
	})
	if sesuai.KindOf(err) == sesuai.KindConflict {
		return c.showClient(one, http.StatusConflict, page{Problem: c.language.text("problem.conflict")})
	}
	if err != nil {
		return err
	}
	if !found {
		return notFound(c)
	}
	return c.render("rotated", rotated{one.Name, credentials.Reveal(), next.PreviousUntil})
}
