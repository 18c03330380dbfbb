package console

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/operator"
)

// route is a page, or what a form does.
type route struct {
	pattern string
	// roles may use it. None means everybody, also who is not signed in.
	roles  []operator.Role
	handle func(*call) error
}

var (
	everyRole = operator.Roles[:]
	readers   = []operator.Role{operator.Admin, operator.Auditor}
	admins    = []operator.Role{operator.Admin}
)

// routes are all of them. TestRoles has a row for each.
func routes() []route {
	return []route{
		{"GET /signin", nil, (*call).signInPage},
		{"POST /signin", nil, (*call).signIn},
		{"GET /enrol", nil, (*call).enrolPage},
		{"POST /enrol", nil, (*call).invited},
		{"POST /enrol/password", nil, (*call).enrol},
		{"POST /signin/passkey/challenge", nil, (*call).challengeSignIn},
		{"POST /signin/passkey", nil, (*call).signInPasskey},
		{"GET /signin/oidc", nil, (*call).startProvider},
		{"GET " + operator.Callback, nil, (*call).signInProvider},
		{"POST /enrol/passkey/challenge", nil, (*call).challengeEnrol},
		{"POST /enrol/passkey", nil, (*call).enrolPasskey},
		{"GET /passkeys", everyRole, (*call).passkeyPage},
		{"POST /passkeys", everyRole, (*call).addPasskey},
		{"POST /passkeys/challenge", everyRole, (*call).challengePasskey},
		{"POST /passkeys/remove", everyRole, (*call).removePasskey},
		{"GET /{$}", everyRole, (*call).home},
		{"POST /signout", everyRole, (*call).signOut},
		{"GET /verifications", everyRole, (*call).verifications},
		{"POST /verifications", everyRole, (*call).search},
		{"GET /verifications/{seq}", everyRole, (*call).verification},
		{"GET /try", everyRole, (*call).tryPage},
		{"POST /try", everyRole, (*call).try},
		{"GET /accuracy", readers, (*call).accuracy},
		{"GET /people", admins, (*call).people},
		{"POST /people", admins, (*call).findPerson},
		{"POST /people/add", admins, (*call).addPerson},
		{"GET /clients", readers, (*call).clients},
		{"POST /clients", admins, (*call).addClient},
		{"GET /clients/new", admins, (*call).newClient},
		{"POST /clients/{id}/settings", admins, (*call).setClient},
		{"GET /approvals", readers, (*call).approvals},
		{"POST /approvals/erasure", admins, (*call).proposeErasure},
		{"POST /approvals/{id}/approve", admins, (*call).approve},
		{"POST /approvals/{id}/refuse", admins, (*call).refuse},
		{"GET /clients/{id}", readers, (*call).client},
		{"POST /clients/{id}/disable", admins, (*call).disableClient},
		{"POST /clients/{id}/enable", admins, (*call).enableClient},
		{"POST /clients/{id}/rotate", admins, (*call).rotateClient},
		{"GET /audit", readers, (*call).trail},
		{"POST /audit/subject", admins, (*call).reportSubject},
		{"POST /audit/verify", readers, (*call).verifyTrail},
	}
}

// call is a request that is being answered.
type call struct {
	*Console
	w       http.ResponseWriter
	r       *http.Request
	ctx     context.Context
	session string
	// operator is who is signed in; the zero one if nobody is.
	operator operator.Operator
	language locale
	// file is that of the form; nil if it has none.
	file []byte
}

// pageTimeout is the time for a page. Only verifying the trail takes longer.
const pageTimeout = 15 * time.Second

// handler finds out who is calling, and whether that is allowed.
func (c *Console) handler(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeout(req.Context(), pageTimeout)
		defer cancel()
		one := &call{Console: c, w: w, r: req, ctx: ctx, language: localeOf(req.Header.Get("Accept-Language"))}
		if err := one.serve(r); err != nil {
			one.fail(err)
		}
	})
}

func (c *call) serve(r route) error {
	if c.r.Method == http.MethodPost {
		if err := c.checkOrigin(c.r); err != nil {
			return err
		}
	}
	if id := sessionOf(c.r); id != "" {
		o, found, err := c.o.Operators.Session(c.ctx, id)
		if err != nil {
			return err
		}
		if found {
			c.session, c.operator, c.ctx = id, o, audit.WithActor(c.ctx, o.Actor())
		}
	}
	switch {
	case r.roles == nil:
	case c.session == "":
		c.redirect("/signin")
		return nil
	case !slices.Contains(r.roles, c.operator.Role):
		return &sesuai.Error{Kind: sesuai.KindForbidden}
	}
	if c.r.Method != http.MethodPost {
		return r.handle(c)
	}
	if slices.Contains(uploads, r.pattern) { // which only a few may send, who are known by now
		done, err := c.readUpload()
		if err != nil {
			return err
		}
		defer done()
	} else if err := c.readForm(c.w, c.r); err != nil {
		return err
	}
	if r.roles != nil && !c.o.Operators.IsFormToken(c.session, c.r.PostForm.Get("token")) {
		return &sesuai.Error{Kind: sesuai.KindForbidden, Err: errors.New("a form without the token of the session")}
	}
	return r.handle(c)
}

// redirect has the browser load another page.
func (c *call) redirect(path string) { http.Redirect(c.w, c.r, path, http.StatusSeeOther) }

// input is a field of the form, without spaces around it.
func (c *call) input(name string) string { return strings.TrimSpace(c.r.PostForm.Get(name)) }

// from is the address of the caller.
func (c *call) from() netip.Addr {
	from, err := netip.ParseAddrPort(c.r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr()
}

// home shows the page that every role has.
func (c *call) home() error {
	c.redirect("/verifications")
	return nil
}

func notFound(*call) error { return &sesuai.Error{Kind: sesuai.KindNotFound} }
