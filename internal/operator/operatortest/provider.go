package operatortest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What the console is at the Provider.
const (
	ClientID     = "sesuai"
	ClientSecret = "the secret of the console"
)

// Provider is an OpenID provider at which everybody is signed in. A test can have it issue what a
// real one would not.
type Provider struct {
	*httptest.Server
	// Now is its clock.
	Now func() time.Time
	// Key signs tokens; the discovered one is that of the start.
	Key *ecdsa.PrivateKey
	// Change changes the claims of a token. It may be nil.
	Change func(claims map[string]any)

	mu    sync.Mutex
	codes map[string]issued
}

// issued is what a code stands for.
type issued struct{ subject, nonce, challenge, redirect string }

// NewKey returns a key that signs tokens.
func NewKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// StartProvider starts a provider, which stops at the end of the test.
func StartProvider(t *testing.T, now func() time.Time) *Provider {
	t.Helper()
	p := &Provider{Now: now, Key: NewKey(t), codes: make(map[string]issued)}
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.Key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, keys) })
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// Authorize is what the provider sends a browser back with that came to at: the query of
// the callback.
func (p *Provider) Authorize(t *testing.T, at, subject string) url.Values {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Path != "/authorize" || q.Get("client_id") != ClientID || q.Get("response_type") != "code" || q.Get("scope") != "openid" || q.Get("code_challenge_method") != "S256" {
		t.Fatalf("sent to %s", at)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := rand.Text()
	p.codes[code] = issued{subject, q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")}
	return url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}
}

// token issues a token for a code, once.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if id != ClientID || secret != url.QueryEscape(ClientSecret) {
		w.WriteHeader(http.StatusUnauthorized)
		writeJSON(w, map[string]string{"error": "invalid_client"})
		return
	}
	p.mu.Lock()
	code, ok := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	p.mu.Unlock()
	verifier := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(verifier[:]) != code.challenge || r.FormValue("redirect_uri") != code.redirect {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		writeJSON(w, map[string]string{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{
		"iss": p.URL, "sub": code.subject, "aud": ClientID, "nonce": code.nonce, "iat": p.Now().Unix(), "exp": p.Now().Add(time.Minute).Unix(),
	}
	if p.Change != nil {
		p.Change(claims)
	}
	writeJSON(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.sign(claims)})
}

func (p *Provider) sign(claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.Key, KeyID: "1"}}, nil)
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		panic(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return compact
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller has gone
}
