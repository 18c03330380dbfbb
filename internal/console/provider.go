package console

import (
	"errors"
	"net/http"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/operator"
)

// startProvider sends the browser to the provider. It is a link and no form, since the
// policy lets forms be sent to the console alone.
func (c *call) startProvider() error {
	if c.o.Provider == nil {
		return &sesuai.Error{Kind: sesuai.KindNotFound}
	}
	at, ticket, err := c.o.Provider.Start(c.ctx)
	if err != nil {
		return c.failProvider(err)
	}
	setOIDC(c.w, ticket)
	c.redirect(at)
	return nil
}

// signInProvider is signIn for a browser that the provider has sent back. The page that
// it shows loads the first one: as long as another site has sent the browser, it does not send the
// cookie of the session.
func (c *call) signInProvider() error {
	if c.o.Provider == nil {
		return &sesuai.Error{Kind: sesuai.KindNotFound}
	}
	id, o, err := c.o.Provider.SignIn(c.ctx, c.from(), cookieOf(c.r, oidcName), c.r.URL.Query())
	clearOIDC(c.w)
	if err != nil {
		return c.failProvider(err)
	}
	if err := c.keep(id, o); err != nil {
		return err
	}
	return c.renderWith(http.StatusOK, "signedin", page{})
}

// failProvider shows the page for signing in, with what is wrong at the provider.
func (c *call) failProvider(err error) error {
	text := "oidc.refused"
	switch {
	case errors.Is(err, operator.ErrProvider):
		text = "oidc.down"
	case sesuai.KindOf(err) == sesuai.KindUnauthenticated:
		c.o.Log.Warn("an answer of the OpenID provider is refused", "error", err)
	default:
		return c.failForm(err, "signin", nil)
	}
	status, _ := c.problem(err)
	c.failWith(err, status, "signin", page{Problem: c.language.text(text)})
	return nil
}
