package operator_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/operator"
	"github.com/sesuai/sesuai/internal/operator/operatortest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// oidcConfig is that of a provider.
func oidcConfig(t *testing.T, issuer string) operator.OIDCConfig {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(operatortest.ClientSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return operator.OIDCConfig{Issuer: issuer, ClientID: operatortest.ClientID, ClientSecretFile: secret}
}

// provider returns what a node knows of a provider.
func (w *world) provider(t *testing.T, s *operator.Store, c operator.OIDCConfig) *operator.Provider {
	t.Helper()
	p, err := s.ProviderOf(c, consoleOrigin+operator.Callback)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// start returns where a browser is sent, and its ticket.
func start(t *testing.T, p *operator.Provider) (at, ticket string) {
	t.Helper()
	at, text, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at, text.Reveal()
}

// TestProvider: an operator signs in at a provider, on another node than that it was sent
// from, once for each answer; and has no other way to sign in.
func TestProvider(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := open(t, d)
		bank := operatortest.StartProvider(t, w.clock)
		c := oidcConfig(t, bank.URL)
		p, other := w.provider(t, w.Store, c), w.provider(t, w.other, c)
		if o, err := w.AddSubject(t.Context(), "sari", operator.Auditor, bank.URL, "00u1"); err != nil || !o.Enrolled || o.Subject != "00u1" {
			t.Fatalf("added %+v, %v", o, err)
		}
		at, ticket := start(t, p)
		answer := bank.Authorize(t, at, "00u1")
		id, o, err := other.SignIn(t.Context(), office, ticket, answer)
		if err != nil || o.Name != "sari" || o.Role != operator.Auditor || !w.active(t, id.Reveal()) {
			t.Fatalf("signed in as %+v, %v", o, err)
		}
		again := bank.Authorize(t, at, "00u1") // a further code for the same request
		for what, answer := range map[string]url.Values{"the answer": answer, "the ticket": again} {
			if _, _, err := p.SignIn(t.Context(), office, ticket, answer); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
				t.Errorf("%s once more: %v", what, err)
			}
		}
		w.pass(time.Minute)
		if _, _, err := w.SignIn(t.Context(), operator.Attempt{From: office, Name: "sari"}); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
			t.Errorf("signed in without a password: %v", err)
		}
		if _, _, _, err := w.Reset(t.Context(), "sari"); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("reset: %v", err)
		}
		keys := w.passkeys(t, w.Store)
		options, made, err := keys.ChallengeOf(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		err = keys.Add(t.Context(), o, operator.NewPasskey{Name: "phone", Ticket: made.Reveal(), Made: newDevice().Make(t, options)})
		if sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("a passkey: %v", err)
		}
		want := []string{"operator.add by root", "operator.signin by operator:sari", "operator.refused by operator?, of nobody", "operator.refused by operator?", "operator.refused by operator?"}
		got := w.events(t)
		slices.Sort(got[2:4]) // the order of the map
		if slices.Sort(want[2:4]); !slices.Equal(got, want) {
			t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for what, add := range map[string]func() error{
			"the subject": func() error {
				_, err := w.AddSubject(t.Context(), "other", operator.Admin, bank.URL, "00u1")
				return err
			},
			"the name": func() error {
				_, err := w.AddSubject(t.Context(), "sari", operator.Admin, bank.URL, "00u2")
				return err
			},
		} {
			if err := add(); sesuai.KindOf(err) != sesuai.KindConflict {
				t.Errorf("%s once more: %v", what, err)
			}
		}
	})
}

// TestProviderRefused: an answer or a token that is not for this browser, this console and
// now is refused, and so is who is no operator.
func TestProviderRefused(t *testing.T) {
	w := open(t, engines.SQLite(t))
	bank := operatortest.StartProvider(t, w.clock)
	p := w.provider(t, w.Store, oidcConfig(t, bank.URL))
	for name, subject := range map[string]string{"sari": "00u1", "budi": "00u3"} {
		if _, err := w.AddSubject(t.Context(), name, operator.Admin, bank.URL, subject); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.AddSubject(t.Context(), "elsewhere", operator.Admin, "https://other.example", "00u2"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.SetDisabled(t.Context(), "budi", true); err != nil {
		t.Fatal(err)
	}
	right := bank.Key
	for what, test := range map[string]struct {
		subject string
		claims  func(map[string]any)
		forge   func(ticket *string, answer url.Values)
	}{
		"no operator":                 {subject: "00u9"},
		"a subject of another issuer": {subject: "00u2"},
		"who is disabled":             {subject: "00u3"},
		"no subject":                  {claims: func(c map[string]any) { delete(c, "sub") }},
		"another nonce":               {claims: func(c map[string]any) { c["nonce"] = "AAAA" }},
		"no nonce":                    {claims: func(c map[string]any) { delete(c, "nonce") }},
		"another audience":            {claims: func(c map[string]any) { c["aud"] = "another" }},
		"two audiences":               {claims: func(c map[string]any) { c["aud"] = []string{"another", operatortest.ClientID} }},
		"another party":               {claims: func(c map[string]any) { c["azp"] = "another" }},
		"another issuer":              {claims: func(c map[string]any) { c["iss"] = "https://other.example" }},
		"an expired token":            {claims: func(c map[string]any) { c["exp"] = w.now.Add(-time.Minute).Unix() }},
		"another key":                 {claims: func(map[string]any) { bank.Key = operatortest.NewKey(t) }},
		"the state of another browser": {forge: func(_ *string, a url.Values) {
			at, _ := start(t, p)
			a.Set("state", bank.Authorize(t, at, "00u1").Get("state"))
		}},
		"the answer of another browser": {forge: func(ticket *string, _ url.Values) { _, *ticket = start(t, p) }},
		"the code of another browser": {forge: func(_ *string, a url.Values) {
			at, _ := start(t, p)
			a.Set("code", bank.Authorize(t, at, "00u1").Get("code"))
		}},
		"no state":                     {forge: func(_ *string, a url.Values) { a.Del("state") }},
		"no ticket":                    {forge: func(ticket *string, _ url.Values) { *ticket = "" }},
		"a ticket for something else":  {forge: func(ticket *string, _ url.Values) { *ticket, _ = w.sign(t, newDevice()) }},
		"too late":                     {forge: func(*string, url.Values) { w.pass(operator.TicketLife) }},
		"no code":                      {forge: func(_ *string, a url.Values) { a.Del("code") }},
		"an error":                     {forge: func(_ *string, a url.Values) { a.Set("error", "access_denied") }},
		"the answer of another issuer": {forge: func(_ *string, a url.Values) { a.Set("iss", "https://other.example") }},
	} {
		w.pass(time.Hour) // no address has to wait
		bank.Key, bank.Change = right, test.claims
		at, ticket := start(t, p)
		subject := test.subject
		if subject == "" {
			subject = "00u1"
		}
		answer := bank.Authorize(t, at, subject)
		if test.forge != nil {
			test.forge(&ticket, answer)
		}
		if _, _, err := p.SignIn(t.Context(), office, ticket, answer); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.pass(time.Hour)
	bank.Key, bank.Change = right, nil
	at, ticket := start(t, p)
	if _, _, err := p.SignIn(t.Context(), office, ticket, bank.Authorize(t, at, "00u1")); err != nil {
		t.Errorf("the right answer: %v", err)
	}
	attacker, tries := netip.MustParseAddr("203.0.113.9"), 0
	for ; tries < 100; tries++ {
		if _, _, err := p.SignIn(t.Context(), attacker, "", url.Values{}); sesuai.KindOf(err) == sesuai.KindRateLimited {
			break
		}
	}
	if tries > 25 {
		t.Errorf("%d attempts from one address", tries)
	}
}

// TestProviderDown: a provider that does not answer, or not as one, is waited for for some
// time, counts as no failure, and is used once it is back.
func TestProviderDown(t *testing.T) {
	w := open(t, engines.SQLite(t))
	for what, answer := range map[string]http.HandlerFunc{
		"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"fails": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"is another one": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"https://other.example"}`))
		},
	} {
		down := httptest.NewServer(answer)
		p := w.provider(t, w.Store, oidcConfig(t, down.URL))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, _, err := p.Start(ctx)
		if cancel(); !errors.Is(err, operator.ErrProvider) || sesuai.KindOf(err) != sesuai.KindUnavailable {
			t.Errorf("a provider that %s: %v", what, err)
		}
		down.Close()
	}
	bank := operatortest.StartProvider(t, w.clock)
	if _, err := w.AddSubject(t.Context(), "sari", operator.Admin, bank.URL, "00u1"); err != nil {
		t.Fatal(err)
	}
	c := oidcConfig(t, bank.URL)
	p := w.provider(t, w.Store, c)
	at, ticket := start(t, p)
	answer := bank.Authorize(t, at, "00u1")
	if err := os.WriteFile(c.ClientSecretFile, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if _, _, err := p.SignIn(t.Context(), office, ticket, answer); !errors.Is(err, operator.ErrProvider) {
			t.Fatalf("with another secret: %v", err)
		}
	}
	if err := os.WriteFile(c.ClientSecretFile, []byte(operatortest.ClientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.SignIn(t.Context(), office, ticket, answer); err != nil {
		t.Errorf("with the right one: %v", err)
	}
}

// TestOIDCConfig: what of the section is refused.
func TestOIDCConfig(t *testing.T) {
	right := oidcConfig(t, "https://login.bank.example/realms/staff")
	for what, change := range map[string]func(*operator.OIDCConfig){
		"no issuer":        func(c *operator.OIDCConfig) { c.Issuer = "" },
		"plain text":       func(c *operator.OIDCConfig) { c.Issuer = "http://login.bank.example" },
		"a password in it": func(c *operator.OIDCConfig) { c.Issuer = "https://a:b@login.bank.example" },
		"no URL":           func(c *operator.OIDCConfig) { c.Issuer = "login.bank.example" },
		"no client":        func(c *operator.OIDCConfig) { c.ClientID = "" },
		"no secret":        func(c *operator.OIDCConfig) { c.ClientSecretFile = "" },
	} {
		c := right
		change(&c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	if err := errors.Join(right.Validate(), right.CheckFiles(), operator.OIDCConfig{}.Validate(), operator.OIDCConfig{}.CheckFiles()); err != nil {
		t.Error(err)
	}
	for _, spoil := range []struct {
		what string
		do   func() error
	}{
		{"a file that everybody may read", func() error { return os.Chmod(right.ClientSecretFile, 0o644) }},
		{"an empty file", func() error {
			return errors.Join(os.Chmod(right.ClientSecretFile, 0o600), os.Truncate(right.ClientSecretFile, 0))
		}},
		{"no file", func() error { return os.Remove(right.ClientSecretFile) }},
	} {
		if err := errors.Join(spoil.do(), right.CheckFiles()); err == nil {
			t.Errorf("%s is accepted", spoil.what)
		}
	}
}
