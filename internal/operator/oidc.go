package operator

import (
	"context"
	"crypto/hmac"
	"crypto/tls"
	"database/sql"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Provider signs operators in who have signed in at an OpenID provider. Errors are those
// of Passkeys; one of kind sesuai.KindUnavailable that is ErrProvider is about the provider.
type Provider struct {
	s        *Store
	c        OIDCConfig
	callback string
	client   *http.Client
	// found has what the provider says of itself, or nil as long as nobody has asked.
	found chan *oidc.Provider
}

// Callback is the path to which the provider sends browsers back.
const Callback = "/signin/oidc/callback"

// ErrProvider means that the provider did not answer, or not as OpenID Connect asks for.
var ErrProvider = errors.New("the OpenID provider cannot be used")

// providerTimeout is the time for one request to the provider. A sign-in takes three.
const providerTimeout = 4 * time.Second

// ProviderOf returns the provider of a section that is enabled and valid, which sends
// browsers back to callback, a URL. Nothing is sent.
func (s *Store) ProviderOf(c OIDCConfig, callback string) (*Provider, error) {
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	p := &Provider{s: s, c: c, callback: callback, found: make(chan *oidc.Provider, 1)}
	p.client = &http.Client{
		Timeout: providerTimeout,
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: providerTimeout, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
	}
	p.found <- nil
	return p, nil
}

// Close closes the connections to the provider.
func (p *Provider) Close() { p.client.CloseIdleConnections() }

// Host is that of the issuer.
func (p *Provider) Host() string {
	u, err := url.Parse(p.c.Issuer)
	if err != nil {
		return ""
	}
	return u.Host
}

// discover asks the provider for its settings, once.
func (p *Provider) discover(ctx context.Context) (found *oidc.Provider, err error) {
	select {
	case found = <-p.found:
	case <-ctx.Done():
		return nil, providerError(ctx.Err())
	}
	defer func() { p.found <- found }()
	if found == nil {
		if found, err = oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.c.Issuer); err != nil {
			return nil, providerError(err)
		}
	}
	return found, nil
}

func providerError(err error) error {
	return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.Join(ErrProvider, err)}
}

// oauth returns the client of the provider.
func (p *Provider) oauth(found *oidc.Provider) (*oauth2.Config, error) {
	secret, err := p.c.secret()
	if err != nil {
		return nil, providerError(err)
	}
	var said struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&said); err != nil {
		return nil, providerError(err)
	}
	endpoint := found.Endpoint()
	// Without a list it is this one: OpenID Connect Discovery 1.0, 3. Trying both would use the code twice.
	if endpoint.AuthStyle = oauth2.AuthStyleInHeader; len(said.Methods) > 0 && !slices.Contains(said.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: p.c.ClientID, ClientSecret: secret, Endpoint: endpoint, RedirectURL: p.callback, Scopes: []string{oidc.ScopeOpenID}}, nil
}

// What a ticket is for, and what is derived from it.
const (
	forProvider = "signing in at a provider"
	ofState     = "state"
	ofNonce     = "nonce"
	ofVerifier  = "verifier"
)

func (p *Provider) derive(use string, t ticket) string {
	return base64.RawURLEncoding.EncodeToString(p.s.derive(forProvider+" "+use, t))
}

// Start returns the URL at which a browser signs in, and the ticket that SignIn needs.
func (p *Provider) Start(ctx context.Context) (at string, ticket sesuai.Text, err error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", ticket, err
	}
	c, err := p.oauth(found)
	if err != nil {
		return "", ticket, err
	}
	t := p.s.newTicket(forProvider, "")
	return c.AuthCodeURL(p.derive(ofState, t), oidc.Nonce(p.derive(ofNonce, t)), oauth2.S256ChallengeOption(p.derive(ofVerifier, t))), t.Text(), nil
}

// SignIn makes a session for a browser that the provider has sent back with an answer.
func (p *Provider) SignIn(ctx context.Context, from netip.Addr, ticket string, answer url.Values) (id sesuai.Text, o Operator, err error) {
	if wait := p.s.throttle.DelayOfAddress(from, p.s.o.Now()); wait > 0 {
		return id, o, tooOften(wait)
	}
	t, valid := p.s.openTicket(forProvider, "", ticket)
	subject, why := "", errors.New("there is no ticket, or it is too old")
	if valid {
		subject, why = p.subject(ctx, t, answer)
	}
	if errors.Is(why, ErrProvider) {
		return id, o, why
	}
	find := func(tx *sqldb.Tx) (state, bool, error) {
		if why != nil {
			return state{}, false, nil
		}
		v, found, err := p.s.findSubject(ctx, tx, p.c.Issuer, subject)
		if !found {
			why = errors.New("the subject is no operator")
		}
		return v, found, err
	}
	err = p.s.decideSigned(ctx, from, find, func(tx *sqldb.Tx, v *state, now time.Time) (refused audit.Action, err error) {
		if v.Disabled || !v.use(t) {
			why = errors.New("the operator is disabled, or the answer was used before")
			return audit.OperatorRefused, nil
		}
		id, o, err = p.s.enter(ctx, tx, *v, now)
		return "", err
	})
	if sesuai.KindOf(err) == sesuai.KindUnauthenticated {
		err = &sesuai.Error{Kind: sesuai.KindUnauthenticated, Err: why}
	}
	if err != nil {
		return sesuai.Text{}, Operator{}, unavailable(ctx, "signing in at a provider", err)
	}
	return id, o, nil
}

// subject returns who has signed in at the provider. An error that is not ErrProvider says why the answer is refused.
func (p *Provider) subject(ctx context.Context, t ticket, answer url.Values) (string, error) {
	if !hmac.Equal([]byte(answer.Get("state")), []byte(p.derive(ofState, t))) {
		return "", errors.New("the state is that of another browser")
	}
	if iss := answer.Get("iss"); iss != "" && iss != p.c.Issuer { // RFC 9207
		return "", errors.New("the answer is that of another issuer")
	}
	if answer.Get("error") != "" {
		return "", errors.New("the provider has refused")
	}
	found, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	c, err := p.oauth(found)
	if err != nil {
		return "", err
	}
	token, err := c.Exchange(oidc.ClientContext(ctx, p.client), answer.Get("code"), oauth2.VerifierOption(p.derive(ofVerifier, t)))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode == "invalid_grant" {
		return "", errors.New("the provider does not accept the code")
	}
	if err != nil {
		return "", providerError(err)
	}
	raw, _ := token.Extra("id_token").(string)
	signed, err := found.Verifier(&oidc.Config{ClientID: p.c.ClientID, Now: p.s.o.Now}).Verify(ctx, raw)
	if err != nil {
		return "", err
	}
	var claims struct {
		Party string `json:"azp"`
	}
	if err := signed.Claims(&claims); err != nil {
		return "", err
	}
	switch {
	case !hmac.Equal([]byte(signed.Nonce), []byte(p.derive(ofNonce, t))):
		return "", errors.New("the nonce is another one")
	case claims.Party != "" && claims.Party != p.c.ClientID, len(signed.Audience) > 1 && claims.Party == "": // OpenID Connect Core 1.0, 3.1.3.7
		return "", errors.New("the token was issued to another party")
	case signed.Subject == "":
		return "", errors.New("the token has no subject")
	default:
		return signed.Subject, nil
	}
}

// findSubject returns the operator who is a subject of an issuer; false if there is none.
// There are few operators, and what they are called elsewhere is sealed.
func (s *Store) findSubject(ctx context.Context, q sqldb.Querier, issuer, subject string) (state, bool, error) {
	all, err := sqldb.Collect(ctx, q, func(rows *sql.Rows) (state, error) {
		v, err := s.scan(rows)
		if sesuai.KindOf(err) == sesuai.KindUnavailable { // an altered row keeps no other operator out
			return state{}, nil
		}
		return v, err
	}, selectOperators)
	if err != nil {
		return state{}, false, err
	}
	for _, v := range all {
		if v.Subject != "" && v.Issuer == issuer && v.Subject == subject {
			return v, true, nil
		}
	}
	return state{}, false, nil
}

// AddSubject adds an operator who signs in at a provider as that subject, and in no other
// way. Errors are those of Add; sesuai.KindConflict also means that the subject is an operator.
func (s *Store) AddSubject(ctx context.Context, name string, r Role, issuer, subject string) (Operator, error) {
	if subject == "" || len(subject) > maxSubject {
		return Operator{}, mistake("a subject has 1 to 255 characters")
	}
	v, err := s.newState(name, r)
	if err != nil {
		return Operator{}, err
	}
	v.Issuer, v.Subject = issuer, subject
	return v.operator(), s.insert(ctx, v, func(tx *sqldb.Tx) error {
		_, taken, err := s.findSubject(ctx, tx, issuer, subject)
		if taken {
			return &sesuai.Error{Kind: sesuai.KindConflict, Detail: "there is an operator with that subject"}
		}
		return err
	})
}

// maxSubject is the maximum size of a subject: OpenID Connect Core 1.0, 2.
const maxSubject = 255
