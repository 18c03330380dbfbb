package console

import (
	"errors"
	"maps"
	"mime"
	"net/http"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/operator"
)

// policy is the content security policy of every response. Scripts are files of the
// console itself, and nothing is inline.
const policy = "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func (c *Console) setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
	maps.Copy(h, c.o.Header)
}

// The names of cookies have the prefix with which a browser accepts a cookie only from this very
// host, for all of its paths, and by TLS (or on a loopback address): RFC 6265bis, 4.1.3.2.
const (
	sessionName = "__Host-session"
	ticketName  = "__Host-ticket"
	// oidcName is that of a ticket for signing in at a provider.
	oidcName = "__Host-oidc"
)

func setSession(w http.ResponseWriter, id sesuai.Text) {
	setCookie(w, sessionName, id.Reveal(), int(operator.MaxAge/time.Second), http.SameSiteStrictMode)
}

func clearSession(w http.ResponseWriter) { setCookie(w, sessionName, "", -1, http.SameSiteStrictMode) }

// setTicket has the browser keep a ticket of operator.Store until it has signed.
func setTicket(w http.ResponseWriter, ticket sesuai.Text) {
	setCookie(w, ticketName, ticket.Reveal(), int(operator.TicketLife/time.Second), http.SameSiteStrictMode)
}

func clearTicket(w http.ResponseWriter) { setCookie(w, ticketName, "", -1, http.SameSiteStrictMode) }

// setOIDC is setTicket for a provider. Browsers send a strict cookie not when another site sends
// them here.
func setOIDC(w http.ResponseWriter, ticket sesuai.Text) {
	setCookie(w, oidcName, ticket.Reveal(), int(operator.TicketLife/time.Second), http.SameSiteLaxMode)
}

func clearOIDC(w http.ResponseWriter) { setCookie(w, oidcName, "", -1, http.SameSiteLaxMode) }

func setCookie(w http.ResponseWriter, name, value string, maxAge int, sites http.SameSite) {
	http.SetCookie(w, &http.Cookie{ // #nosec G124 -- sites is strict or lax
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: sites,
	})
}

// sessionOf returns the id of the session that a request names; "" if it names none.
func sessionOf(r *http.Request) string { return cookieOf(r, sessionName) }

// ticketOf returns the ticket that a request has; "" if it has none.
func ticketOf(r *http.Request) string { return cookieOf(r, ticketName) }

func cookieOf(r *http.Request, name string) string {
	cookie, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// maxForm is the largest size of a form, in bytes.
const maxForm = 16 << 10

// checkOrigin refuses a form that no page of the console has sent. Every browser says with a
// POST where it comes from; one that does not is refused, too.
func (c *Console) checkOrigin(r *http.Request) error {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return &sesuai.Error{Kind: sesuai.KindForbidden, Err: errors.New("neither Sec-Fetch-Site nor Origin")}
	}
	if err := c.origin.Check(r); err != nil {
		return &sesuai.Error{Kind: sesuai.KindForbidden, Err: err}
	}
	return nil
}

// readForm reads a form without files.
func (c *Console) readForm(w http.ResponseWriter, r *http.Request) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return &sesuai.Error{Kind: sesuai.KindUnsupportedContent, Err: err}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return &sesuai.Error{Kind: sesuai.KindMalformed, Err: err}
	}
	return nil
}
