package kms

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/fileperm"
)

// Transit encrypts by the transit secrets engine of Vault or OpenBao. It is safe
// for concurrent use. It sends nothing before the first call.
type Transit struct {
	c         Config
	transport *http.Transport
}

// tries is how often a request is sent that is not answered, or answered 5xx.
const tries = 3

// maxToken is the largest size of a token, in bytes.
const maxToken = 64 << 10

// New returns a KMS for a section that is enabled and valid. Errors have kind
// sesuai.KindConfiguration.
//
// What the environment says of Vault (VAULT_ADDR and others) and of proxies does
// not count: the configuration says where the keys are sent.
func New(c Config) (*Transit, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:               nil,
		DialContext:         (&net.Dialer{}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: c.Timeout,
		DisableKeepAlives:   true, // there is a request now and then
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, refuse("ca_file", err.Error())
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, refuse("ca_file", c.CAFile+" has no certificate in PEM")
		}
	}
	t := &Transit{c: c, transport: transport}
	if _, err := t.client(""); err != nil {
		return nil, refuse("address", err.Error())
	}
	return t, nil
}

// client returns a client for one call.
func (t *Transit) client(token string) (*api.Client, error) {
	client, err := api.NewClient(&api.Config{
		Address: t.c.Address,
		HttpClient: &http.Client{
			Transport:     t.transport.Clone(), // for a unix socket NewClient changes it
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Timeout:      t.c.Timeout,
		MaxRetries:   tries - 1,
		MinRetryWait: 50 * time.Millisecond,
		MaxRetryWait: 250 * time.Millisecond,
		// A redirect would take a key to another server.
		DisableRedirects: true,
	})
	if err != nil {
		return nil, err
	}
	// NewClient has taken these from the environment.
	client.SetHeaders(http.Header{api.RequestHeaderName: {"true"}})
	if t.c.Namespace != "" {
		client.SetNamespace(t.c.Namespace)
	}
	client.SetToken(token)
	return client, nil
}

// Encrypt returns the ciphertext of plaintext, which is a line of ASCII such as
// vault:v1:…. The error says what the server answered; it does not have the
// plaintext or the token.
func (t *Transit) Encrypt(ctx context.Context, plaintext []byte) (ciphertext string, err error) {
	return t.call(ctx, "encrypt", "plaintext", base64.StdEncoding.EncodeToString(plaintext), "ciphertext")
}

// Decrypt returns the plaintext of what Encrypt returned, under the same key, in
// whichever of its versions. Errors are like those of Encrypt.
func (t *Transit) Decrypt(ctx context.Context, ciphertext string) (plaintext []byte, err error) {
	encoded, err := t.call(ctx, "decrypt", "ciphertext", ciphertext, "plaintext")
	if err != nil {
		return nil, err
	}
	plaintext, err = base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("the answer of the KMS has a plaintext that is not base64") // err has a part of it
	}
	return plaintext, nil
}

// call sends one value, and returns another one from the answer.
func (t *Transit) call(ctx context.Context, operation, name, value, wanted string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, t.c.Timeout, fmt.Errorf("no answer within kms.timeout (%s)", t.c.Timeout))
	defer cancel()
	token, err := t.token()
	if err != nil {
		return "", err
	}
	client, err := t.client(token)
	if err != nil {
		return "", err
	}
	secret, err := client.Logical().WriteWithContext(ctx, t.c.Mount+"/"+operation+"/"+t.c.Key, map[string]any{name: value})
	if ctx.Err() != nil {
		return "", fmt.Errorf("the KMS at %s: %w", t.c.Address, context.Cause(ctx))
	}
	if err != nil {
		return "", fmt.Errorf("the KMS at %s: %w", t.c.Address, answered(err))
	}
	if secret != nil {
		if text, ok := secret.Data[wanted].(string); ok && text != "" {
			return text, nil
		}
	}
	return "", fmt.Errorf("the answer of the KMS at %s has no %s", t.c.Address, wanted)
}

// answered returns a shorter form of an error of the client.
func answered(err error) error {
	if e, ok := errors.AsType[*api.ResponseError](err); ok {
		return fmt.Errorf("it answers %d %s", e.StatusCode, strings.Join(e.Errors, "; "))
	}
	return err
}

// token reads the token. It is read each time, since it may be replaced while the
// service runs.
func (t *Transit) token() (string, error) {
	if t.c.TokenFile == "" {
		return "", nil
	}
	// Stat comes first, since opening a pipe would block.
	if info, err := os.Stat(t.c.TokenFile); err == nil && !info.Mode().IsRegular() {
		return "", refuse("token_file", t.c.TokenFile+" is not a file")
	}
	f, err := os.Open(t.c.TokenFile)
	if err != nil {
		return "", refuse("token_file", err.Error())
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err == nil {
		err = fileperm.Private(info)
	}
	if err != nil {
		return "", refuse("token_file", fmt.Sprintf("%s %v", t.c.TokenFile, err))
	}
	b, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", refuse("token_file", err.Error())
	}
	token := strings.TrimSpace(string(b))
	if token == "" || len(b) > maxToken || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", refuse("token_file", t.c.TokenFile+" has no token: one line of ASCII is needed")
	}
	return token, nil
}

func refuse(key, why string) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "kms." + key + ": " + why}
}
