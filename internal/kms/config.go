// Package kms encrypts and decrypts by a key management service: the transit
// secrets engine of Vault or OpenBao. What is encrypted, and where the ciphertext
// is kept, it leaves to its callers.
package kms

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/config"
)

// Config is the section kms of the configuration.
type Config struct {
	// Address is the URL of a Vault or OpenBao server or of its agent, such as
	// https://vault.example.com:8200, http://127.0.0.1:8100 or
	// unix:///run/vault/agent.sock. http is accepted for this machine only. Master
	// key files are then made sealed, and sealed ones can be opened
	// (docs/operate/keys.md). Empty means that master key files are plain.
	Address string `yaml:"address"`
	// Key is the name of the key in the transit secrets engine.
	Key string `yaml:"key"`
	// Mount is the path of the transit secrets engine.
	Mount string `yaml:"mount"`
	// Namespace is the namespace of the secrets engine. Empty means the root
	// namespace.
	Namespace string `yaml:"namespace"`
	// TokenFile is the path of a file with the token, readable only by its owner.
	// It is read for each request. Empty means that none is sent: the agent adds
	// one.
	TokenFile string `yaml:"token_file"`
	// CAFile is the path of the certificates (PEM) of the authorities that may
	// have signed the server's. Empty means those of the system.
	CAFile string `yaml:"ca_file"`
	// Timeout is the time for opening or sealing one key, all tries together.
	Timeout time.Duration `yaml:"timeout" range:"100ms,1m"`
}

// DefaultConfig is the section where nothing is set.
func DefaultConfig() Config {
	return Config{Mount: "transit", Timeout: 10 * time.Second}
}

// Enabled reports whether there is a KMS.
func (c Config) Enabled() bool { return c.Address != "" }

// Validate returns what is not valid, as mistakes of package config. It opens no
// file.
func (c Config) Validate() error {
	if !c.Enabled() {
		if c.Key != "" || c.TokenFile != "" {
			return config.Mistakef("kms.address", "the section kms is set without the URL of a server")
		}
		return nil
	}
	if err := checkAddress(c.Address); err != nil {
		return config.Mistakef("kms.address", "%v", err)
	}
	if !isPath(c.Key) || strings.Contains(c.Key, "/") {
		return config.Mistakef("kms.key", "the name of a key in the transit secrets engine is needed: letters, digits, - and _")
	}
	if !isPath(c.Mount) {
		return config.Mistakef("kms.mount", "the path of a transit secrets engine is needed, such as transit")
	}
	return nil
}

func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("it is not a URL, such as https://vault.example.com:8200") // err repeats it, which may hold a password
	}
	switch {
	case u.User != nil:
		return fmt.Errorf("it must hold no password: name a token_file")
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		return nil
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("it must start with https://, http:// or unix://")
	case u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("a scheme, a host and a port are needed, such as https://vault.example.com:8200, and nothing else")
	case u.Scheme == "http" && !isThisMachine(u.Hostname()):
		return fmt.Errorf("http would send keys in plain: use https, or an agent on this machine")
	default:
		return nil
	}
}

func isThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// isPath reports whether s can be in the path of a request as it is.
func isPath(s string) bool {
	return s != "" && !strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/") && !strings.Contains(s, "//") &&
		!strings.ContainsFunc(s, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_/", c)
		})
}
