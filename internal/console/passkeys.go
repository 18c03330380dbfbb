package console

import (
	"net/http"
	"net/url"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/operator"
)

// passkeyUse says where passkeys work: the zero one if there are none.
type passkeyUse struct {
	Origin string
	// Here means that the page was opened at that origin.
	Here bool
}

func (c *call) passkeyUse() passkeyUse {
	if c.o.Passkeys == nil {
		return passkeyUse{}
	}
	origin := c.o.Passkeys.Origin()
	u, err := url.Parse(origin)
	return passkeyUse{origin, err == nil && u.Host == c.r.Host}
}

// passkeys returns those of the console. The error has kind sesuai.KindNotFound if it has
// none.
func (c *call) passkeys() (*operator.Passkeys, error) {
	if c.o.Passkeys == nil {
		return nil, &sesuai.Error{Kind: sesuai.KindNotFound}
	}
	return c.o.Passkeys, nil
}

// challenge answers with the options of a challenge, and has the browser keep its ticket.
func (c *call) challenge(options []byte, ticket sesuai.Text, err error) error {
	if err != nil {
		return err
	}
	setTicket(c.w, ticket)
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write(options) // the browser has gone
	return nil
}

func (c *call) challengeSignIn() error {
	p, err := c.passkeys()
	if err != nil {
		return err
	}
	return c.challenge(p.Challenge())
}

// signInPasskey is signIn for what a passkey has signed.
func (c *call) signInPasskey() error {
	p, err := c.passkeys()
	if err != nil {
		return err
	}
	id, o, err := p.SignIn(c.ctx, c.from(), ticketOf(c.r), c.input("credential"))
	switch sesuai.KindOf(err) {
	case "":
		clearTicket(c.w)
		return c.enter(id, o)
	case sesuai.KindMalformed, sesuai.KindUnauthenticated:
		return c.failPasskey(err, "signin", "passkey.refused")
	default:
		return c.failForm(err, "signin", nil)
	}
}

// failPasskey shows a page again, with what is wrong with a passkey.
func (c *call) failPasskey(err error, name, text string) error {
	status, _ := c.problem(err)
	c.failWith(err, status, name, page{Problem: c.language.text(text)})
	return nil
}

func (c *call) challengeEnrol() error {
	p, err := c.passkeys()
	if err != nil {
		return err
	}
	return c.challenge(p.InvitedChallenge(c.ctx, c.attempt()))
}

// newPasskey is what the browser has made.
func (c *call) newPasskey() operator.NewPasskey {
	return operator.NewPasskey{Name: c.input("passkey"), Ticket: ticketOf(c.r), Made: c.input("credential")}
}

// enrolPasskey gives the operator a passkey instead of a password.
func (c *call) enrolPasskey() error {
	p, err := c.passkeys()
	if err != nil {
		return err
	}
	a := c.attempt()
	switch err := p.Enrol(c.ctx, a, c.newPasskey()); sesuai.KindOf(err) {
	case "":
		clearTicket(c.w)
		return c.renderWith(http.StatusOK, "signin", page{Notice: c.language.text("enrolled.passkey")})
	case sesuai.KindConfiguration, sesuai.KindMalformed:
		return c.enrolAgain(a, err, "passkey.unmade")
	default:
		return c.failForm(err, "enrol", nil)
	}
}

func (c *call) passkeyPage() error { return c.showPasskeys(http.StatusOK, page{}) }

// showPasskeys shows the operator's own passkeys.
func (c *call) showPasskeys(status int, p page) error {
	all, err := c.o.Operators.ListPasskeys(c.ctx, c.operator)
	if err != nil {
		return err
	}
	p.Data = all
	return c.renderWith(status, "passkeys", p)
}

func (c *call) challengePasskey() error {
	p, err := c.passkeys()
	if err != nil {
		return err
	}
	return c.challenge(p.ChallengeOf(c.ctx, c.operator))
}

func (c *call) addPasskey() error {
	p, err := c.passkeys()
	if err != nil {
		return err
	}
	switch err := p.Add(c.ctx, c.operator, c.newPasskey()); sesuai.KindOf(err) {
	case "":
		clearTicket(c.w)
		return c.showPasskeys(http.StatusOK, page{Notice: c.language.text("passkey.added")})
	case sesuai.KindConfiguration, sesuai.KindMalformed:
		status, _ := c.problem(err)
		return c.showPasskeys(status, page{Problem: c.language.text("passkey.unmade")})
	default:
		return err
	}
}

func (c *call) removePasskey() error {
	found, err := c.o.Operators.RemovePasskey(c.ctx, c.operator, c.input("id"), c.session)
	switch {
	case sesuai.KindOf(err) == sesuai.KindConflict:
		return c.showPasskeys(http.StatusConflict, page{Problem: c.language.text("passkey.last")})
	case err != nil:
		return err
	case !found:
		return &sesuai.Error{Kind: sesuai.KindNotFound}
	default:
		return c.showPasskeys(http.StatusOK, page{Notice: c.language.text("passkey.removed")})
	}
}
