package kms_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/kms"
	"github.com/sesuai/sesuai/internal/kms/kmstest"
)

func transit(t *testing.T, c kms.Config) *kms.Transit {
	t.Helper()
	k, err := kms.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// TestEncryptAndDecrypt: what was encrypted is decrypted, whichever version the key
// has meanwhile. Another ciphertext is refused.
func TestEncryptAndDecrypt(t *testing.T) {
	server := kmstest.New(t)
	k := transit(t, server.Config(t))
	secret := random(32)
	ciphertext, err := k.Encrypt(t.Context(), secret)
	if err != nil || strings.Contains(ciphertext, "\n") || !strings.HasPrefix(ciphertext, "vault:v1:") {
		t.Fatalf("Encrypt = %q, %v", ciphertext, err)
	}
	server.Rotate()
	if opened, err := k.Decrypt(t.Context(), ciphertext); err != nil || !bytes.Equal(opened, secret) {
		t.Errorf("Decrypt = another plaintext, %v", err)
	}
	if again, err := k.Encrypt(t.Context(), secret); err != nil || !strings.HasPrefix(again, "vault:v2:") {
		t.Errorf("Encrypt under the second version = %q, %v", again, err)
	}
	changed := ciphertext[:len(ciphertext)-8] + "AAAAAAA="
	if _, err := k.Decrypt(t.Context(), changed); err == nil || !strings.Contains(err.Error(), "400 cipher: message authentication failed") {
		t.Errorf("Decrypt of a changed ciphertext = %v", err)
	}
}

// TestEnvironment: the variables that Vault's own client reads, and those of
// proxies, change nothing.
func TestEnvironment(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the environment has sent %s elsewhere", r.URL.Path)
	}))
	defer elsewhere.Close()
	for _, name := range []string{"VAULT_ADDR", "VAULT_AGENT_ADDR", "VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy"} {
		t.Setenv(name, elsewhere.URL)
	}
	t.Setenv("VAULT_TOKEN", "hvs.other")
	t.Setenv("VAULT_NAMESPACE", "other")
	t.Setenv("VAULT_HEADERS", `{"X-Other": "other"}`)
	server := kmstest.New(t)
	server.Answer(func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get("X-Vault-Token"); token != kmstest.Token {
			t.Errorf("the token is %q", token)
		}
		if r.Header.Get("X-Other") != "" || r.Header.Get("X-Vault-Namespace") != "" {
			t.Error("headers come from the environment")
		}
		_, _ = w.Write([]byte(`{"data":{"ciphertext":"vault:v1:AA=="}}`))
	})
	if _, err := transit(t, server.Config(t)).Encrypt(t.Context(), random(32)); err != nil {
		t.Error(err)
	}
}

// TestWrongAnswers: whatever a server answers, the error says so in a line, and has
// neither the plaintext nor the token.
func TestWrongAnswers(t *testing.T) {
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"forbidden": {text(http.StatusForbidden, `{"errors":["permission denied"]}`), "403 permission denied"},
		"sealed":    {text(http.StatusServiceUnavailable, `{"errors":["Vault is sealed"]}`), "503 Vault is sealed"},
		"no body":   {text(http.StatusNoContent, ""), "has no ciphertext"},
		"no data":   {text(http.StatusOK, `{}`), "has no ciphertext"},
		"null":      {text(http.StatusOK, `null`), "has no ciphertext"},
		"a number":  {text(http.StatusOK, `{"data":{"ciphertext":7}}`), "has no ciphertext"},
		"not JSON":  {text(http.StatusOK, `<html>`), "invalid character"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "has no ciphertext"},
		"broken":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"not found":   {text(http.StatusNotFound, `{"errors":[]}`), "404"},
		"a long text": {text(http.StatusOK, `{"data":{"ciphertext":"`+strings.Repeat("x", 1<<20)+`"}}`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := kmstest.New(t)
			server.Answer(test.answer)
			secret := random(32)
			_, err := transit(t, server.Config(t)).Encrypt(t.Context(), secret)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), kmstest.Token) {
				t.Errorf("Encrypt = %v, want %q", err, test.want)
			}
		})
	}
}

// TestBounded: a server that does not answer, or is not there, is an error in the
// configured time, or when the context ends.
func TestBounded(t *testing.T) {
	server := kmstest.New(t)
	server.Hang()
	c := server.Config(t)
	c.Timeout = 100 * time.Millisecond
	if _, err := transit(t, c).Decrypt(t.Context(), "vault:v1:AA=="); err == nil || !strings.Contains(err.Error(), "kms.timeout (100ms)") {
		t.Errorf("of a server that hangs: %v", err)
	}
	c.Timeout = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := transit(t, c).Decrypt(ctx, "vault:v1:AA=="); !errors.Is(err, context.Canceled) {
		t.Errorf("of a cancelled call: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Address = "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := transit(t, c).Decrypt(t.Context(), "vault:v1:AA=="); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("of no server: %v", err)
	}
}

// TestAFewFailures: a server that fails twice is asked again.
func TestAFewFailures(t *testing.T) {
	server := kmstest.New(t)
	k := transit(t, server.Config(t))
	ciphertext, err := k.Encrypt(t.Context(), random(32))
	if err != nil {
		t.Fatal(err)
	}
	failures := 0
	server.Answer(func(w http.ResponseWriter, _ *http.Request) {
		if failures++; failures == 2 {
			server.Answer(nil)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	if _, err := k.Decrypt(t.Context(), ciphertext); err != nil {
		t.Error(err)
	}
}

// TestTLS: the certificate must be signed by an authority that the configuration
// names.
func TestTLS(t *testing.T) {
	server := kmstest.New(t)
	encrypted := httptest.NewUnstartedServer(server)
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0) // of refused certificates
	encrypted.StartTLS()
	defer encrypted.Close()
	c := server.Config(t)
	c.Address = encrypted.URL
	if _, err := transit(t, c).Encrypt(t.Context(), random(32)); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with a certificate that nobody knows: %v", err)
	}
	c.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(c.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encrypted.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := transit(t, c).Encrypt(t.Context(), random(32)); err != nil {
		t.Error(err)
	}
}

// TestUnixSocket: an agent may listen on a socket.
func TestUnixSocket(t *testing.T) {
	server := kmstest.New(t)
	path := filepath.Join(t.TempDir(), "agent.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	agent := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Vault-Token", kmstest.Token) // as an agent does
		server.ServeHTTP(w, r)
	})}
	go agent.Serve(l) //nolint:errcheck // it is closed
	defer agent.Close()
	c := server.Config(t)
	c.Address, c.TokenFile = (&url.URL{Scheme: "unix", Path: path}).String(), ""
	if _, err := transit(t, c).Encrypt(t.Context(), random(32)); err != nil {
		t.Error(err)
	}
}

// TestToken: the file is read for each request, and must be private.
func TestToken(t *testing.T) {
	server := kmstest.New(t)
	c := server.Config(t)
	k := transit(t, c)
	for content, want := range map[string]string{
		"hvs.other": "403 permission denied", "": "has no token", "two lines\n": "has no token", kmstest.Token: "",
	} {
		if err := os.WriteFile(c.TokenFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := k.Encrypt(t.Context(), random(32))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("with %q: %v, want %q", content, err, want)
		}
	}
	if err := os.Chmod(c.TokenFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Encrypt(t.Context(), random(32)); sesuai.KindOf(err) != sesuai.KindConfiguration || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("with a token that others may read: %v", err)
	}
	if err := errors.Join(os.Remove(c.TokenFile), syscall.Mkfifo(c.TokenFile, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Encrypt(t.Context(), random(32)); sesuai.KindOf(err) != sesuai.KindConfiguration || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("with a pipe that nobody writes to: %v", err)
	}
}

func TestValidate(t *testing.T) {
	valid := kms.Config{Address: "https://vault.example.com:8200", Key: "sesuai", Mount: "transit", Timeout: time.Second}
	for _, test := range []struct {
		change func(*kms.Config)
		want   string
	}{
		{func(*kms.Config) {}, ""},
		{func(c *kms.Config) { c.Address = "http://127.0.0.1:8100" }, ""},
		{func(c *kms.Config) { c.Address = "http://[::1]:8100" }, ""},
		{func(c *kms.Config) { c.Address = "unix:///run/vault/agent.sock" }, ""},
		{func(c *kms.Config) { *c = kms.DefaultConfig() }, ""},
		{func(c *kms.Config) { c.Mount = "team/transit" }, ""},
		{func(c *kms.Config) { c.Address = "" }, "kms.address"},
		{func(c *kms.Config) { c.Address = "http://vault.example.com:8200" }, "http would send keys in plain"},
		{func(c *kms.Config) { c.Address = "https://root:s3cret@vault.example.com" }, "it must hold no password"},
		{func(c *kms.Config) { c.Address = "https://vault.example.com/v1" }, "and nothing else"},
		{func(c *kms.Config) { c.Address = "vault.example.com:8200" }, "it must start with https://"},
		{func(c *kms.Config) { c.Address = "://s3cret" }, "it is not a URL"},
		{func(c *kms.Config) { c.Key = "" }, "kms.key"},
		{func(c *kms.Config) { c.Key = "../sys/seal" }, "kms.key"},
		{func(c *kms.Config) { c.Mount = "/transit" }, "kms.mount"},
		{func(c *kms.Config) { c.Mount = "transit/../sys" }, "kms.mount"},
	} {
		c := valid
		test.change(&c)
		err := c.Validate()
		if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%+v: %v, want %q", c, err, test.want)
		}
	}
}
