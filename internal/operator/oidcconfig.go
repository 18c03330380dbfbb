package operator

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/fileperm"
)

// OIDCConfig is the section console.oidc of the configuration.
type OIDCConfig struct {
	// Issuer is the URL of the OpenID provider at which operators may sign in, such as
	// https://login.bank.example/realms/staff. http is accepted for this machine only.
	// Empty means that there is none. It is asked for its settings when somebody signs in.
	Issuer string `yaml:"issuer"`
	// ClientID is what the provider calls the console. The redirect URI to register there
	// is console.origin with /signin/oidc/callback.
	ClientID string `yaml:"client_id"`
	// ClientSecretFile is the path of a file with the secret that the provider has given
	// the console, readable only by its owner. It is read for each sign-in.
	ClientSecretFile string `yaml:"client_secret_file"`
	// CAFile is the path of the certificates (PEM) of the authorities that may have signed
	// the provider's. Empty means those of the system.
	CAFile string `yaml:"ca_file"`
}

// Enabled reports whether there is a provider.
func (c OIDCConfig) Enabled() bool { return c.Issuer != "" }

// Validate returns what is not valid, as a mistake of package config. It opens no file.
func (c OIDCConfig) Validate() error {
	if !c.Enabled() {
		if c != (OIDCConfig{}) {
			return config.Mistakef("console.oidc.issuer", "the section console.oidc is set without the URL of a provider")
		}
		return nil
	}
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return config.Mistakef("console.oidc.issuer", "it is not the URL of a provider, such as https://login.bank.example")
	case u.Scheme != "https" && (u.Scheme != "http" || !isThisMachine(u.Hostname())):
		return config.Mistakef("console.oidc.issuer", "it must start with https://, or be on this machine")
	case c.ClientID == "":
		return config.Mistakef("console.oidc.client_id", "what the provider calls the console is needed")
	case c.ClientSecretFile == "":
		return config.Mistakef("console.oidc.client_secret_file", "the path of a file with the client's secret is needed")
	default:
		return nil
	}
}

// CheckFiles returns what a sign-in would refuse of the files, as mistakes of package config.
func (c OIDCConfig) CheckFiles() error {
	if !c.Enabled() {
		return nil
	}
	_, err1 := c.secret()
	_, err2 := c.roots()
	return errors.Join(err1, err2)
}

func isThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// maxSecret is the maximum size of a client's secret, in bytes.
const maxSecret = 4 << 10

// secret reads the client's secret.
func (c OIDCConfig) secret() (string, error) {
	text, err := fileperm.ReadPrivate(c.ClientSecretFile, maxSecret)
	if err != nil {
		return "", config.Mistakef("console.oidc.client_secret_file", "%v", err)
	}
	secret := strings.TrimSpace(text)
	if secret == "" || strings.ContainsAny(secret, "\r\n") {
		return "", config.Mistakef("console.oidc.client_secret_file", "%s has no secret: one line is needed", c.ClientSecretFile)
	}
	return secret, nil
}

// roots reads the authorities; nil for those of the system.
func (c OIDCConfig) roots() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, config.Mistakef("console.oidc.ca_file", "%v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, config.Mistakef("console.oidc.ca_file", "%s has no certificate in PEM", c.CAFile)
	}
	return pool, nil
}
