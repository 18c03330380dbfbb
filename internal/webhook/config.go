package webhook

import (
	"cmp"
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/config"
)

// Config is about webhooks, which "sesuai webhook" registers.
type Config struct {
	// AllowNetworks are the networks that webhooks may reach although they are
	// not public: prefixes such as 10.20.0.0/16, separated by commas. Without
	// them no loopback, private, link-local or otherwise special address is
	// dialled, whatever a name resolves to.
	AllowNetworks string `yaml:"allow_networks"`
	// AllowHTTP allows URLs that begin with http://. What is sent there can be
	// read on the way: it is for receivers in your own network.
	AllowHTTP bool `yaml:"allow_http"`
	// PerClient is the number of messages that one node sends to one client at
	// the same time. A receiver that answers slowly delays nobody else.
	PerClient int `yaml:"per_client" range:"1,64"`
	// KeepLog is how long deliveries are listed, from their event on. The body of
	// one that is given up is kept as long. One that is still pending then, since
	// the receiver takes fewer than there are, is given up and removed.
	KeepLog time.Duration `yaml:"keep_log" range:"48h,8760h"`
}

// DefaultConfig reaches public addresses by https.
func DefaultConfig() Config { return Config{PerClient: 8, KeepLog: 7 * 24 * time.Hour} }

// Validate reports every key that is not valid, as an error of kind
// sesuai.KindConfiguration.
func (c Config) Validate() error {
	_, err := NewPolicy(c)
	return err
}

// Policy says what may be dialled. The zero Policy is that of DefaultConfig.
type Policy struct {
	http    bool
	allowed []netip.Prefix
}

// NewPolicy returns the policy of a configuration. The error has kind
// sesuai.KindConfiguration.
func NewPolicy(c Config) (Policy, error) {
	p := Policy{http: c.AllowHTTP}
	var errs []error
	for text := range strings.SplitSeq(c.AllowNetworks, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil || prefix != prefix.Masked() {
			errs = append(errs, config.Mistakef("webhooks.allow_networks", "%s is not a network such as 10.20.0.0/16", config.Quote(text)))
			continue
		}
		p.allowed = append(p.allowed, prefix)
	}
	return p, config.Refuse(errors.Join(errs...))
}

// maxURL is the maximum length of a URL in bytes.
const maxURL = 2000

// CheckURL returns an error of kind sesuai.KindConfiguration if a URL cannot be that
// of a webhook. It asks no name server. The error does not repeat the URL, which may
// hold a secret.
func (p Policy) CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || len(text) > maxURL:
		return mistake("a URL of at most 2000 bytes such as https://bank.example/webhooks is needed")
	case u.Scheme != "https" && !(p.http && u.Scheme == "http"):
		return mistake("a URL that begins with https:// is needed; webhooks.allow_http allows http://")
	case u.User != nil || u.Fragment != "":
		return mistake("a URL without a user and without a # is needed")
	}
	if port, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16); err != nil || port == 0 {
		return mistake("a URL with a port from 1 to 65535, or none, is needed")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !p.Allows(a) {
		return mistake("the address is not public; webhooks.allow_networks allows others")
	}
	return nil
}
