package console_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/console"
	"github.com/sesuai/sesuai/internal/operator"
	"github.com/sesuai/sesuai/internal/operator/operatortest"
)

// withProvider has operators sign in at a provider, where an auditor is 00u1.
func (w *world) withProvider(t *testing.T, issuer string) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(operatortest.ClientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	w.options.Provider, err = w.operators.ProviderOf(operator.OIDCConfig{Issuer: issuer, ClientID: operatortest.ClientID, ClientSecretFile: secret}, origin+operator.Callback)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.options.Provider.Close)
	if w.Console, err = console.New(w.options); err != nil {
		t.Fatal(err)
	}
	if _, err := w.operators.AddSubject(t.Context(), "sari", operator.Auditor, issuer, "00u1"); err != nil {
		t.Fatal(err)
	}
}

// TestProviderPages: who has signed in at the provider gets a page that loads the first
// one, as the operator that the subject is.
func TestProviderPages(t *testing.T) {
	w := open(t)
	bank := operatortest.StartProvider(t, w.options.Now)
	w.withProvider(t, bank.URL)
	b := w.browser()
	host := strings.TrimPrefix(bank.URL, "http://")
	if page := b.get("/signin"); !strings.Contains(page.text, `<a href="/signin/oidc">Sign in at `+host+`</a>`) {
		t.Errorf("no link: %s", page.text)
	}
	// The provider sends browsers to the origin, so that is where they have to start.
	elsewhere := w.browser()
	if elsewhere.host = "127.0.0.1:8081"; !strings.Contains(elsewhere.get("/signin").text, `<a href="http://localhost:8081/signin/oidc">`) {
		t.Error("at an IP address the link does not lead to the origin")
	}
	sent := b.get("/signin/oidc")
	assertHeaders(t, "starting", answer{header: sent.header})
	answer := bank.Authorize(t, sent.header.Get("Location"), "00u1")
	if sent.status != 303 || b.oidc == "" {
		t.Fatalf("starting: %d", sent.status)
	}
	b.cookie = "AAAAAAAAAAAAAAAAAAAAAAAAAA" // set by another
	page := b.get(operator.Callback + "?" + answer.Encode())
	assertHeaders(t, "the callback", page)
	if page.status != 200 || !strings.Contains(page.text, `http-equiv="refresh" content="0; url=/"`) || b.oidc != "" || strings.HasPrefix(b.cookie, "AAAA") {
		t.Fatalf("the callback: %d %s", page.status, page.text)
	}
	if page := b.get("/clients"); page.status != 200 || !strings.Contains(page.text, "Signed in as sari (auditor)") {
		t.Errorf("signed in: %d", page.status)
	}
	if page := b.get("/passkeys"); page.status != 200 || !strings.Contains(page.text, "You need no passkey here.") {
		t.Errorf("passkeys: %d", page.status)
	}

	// Whoever has the URL of the callback has nothing.
	thief := w.browser()
	if page := thief.get(operator.Callback + "?" + answer.Encode()); page.status != 401 || thief.cookie != "" || !strings.Contains(page.text, "You are no operator of this console") {
		t.Errorf("the URL of another browser: %d", page.status)
	}
	// An attacker's own answer does not sign the victim in as the attacker.
	attackers := bank.Authorize(t, thief.get("/signin/oidc").header.Get("Location"), "00u1")
	victim := w.browser()
	if page := victim.get(operator.Callback + "?" + attackers.Encode()); page.status != 401 || victim.cookie != "" {
		t.Errorf("the answer of an attacker: %d", page.status)
	}
}

// TestProviderDownPage: the page says that the provider is down, and the others still sign in.
func TestProviderDownPage(t *testing.T) {
	w := open(t)
	down := httptest.NewServer(nil)
	down.Close()
	w.withProvider(t, down.URL)
	page := w.browser().get("/signin/oidc")
	if page.status != 503 || !strings.Contains(page.text, "cannot be used at the moment") || !strings.Contains(page.text, `name="password"`) {
		t.Errorf("%d %s", page.status, page.text)
	}
	w.signIn(t, "admin")
}
