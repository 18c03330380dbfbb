// Package client calls a Sesuai service over HTTP. It knows the requests and the
// answers on the wire, and leaves what they mean to package sesuai. Besides that it
// imports only the standard library.
//
// An unfavourable answer is a value: a name that differs, a face below the threshold,
// a NIK that is not registered. An error means that there is no answer, and says
// nothing about a person. Every error of a call is an [*Error].
//
// A call that may succeed at another attempt is sent again, with growing pauses and
// not before the service asks for it (Retry-After). All attempts have one
// Idempotency-Key, so that the service answers a call once and pays for it once,
// also when an answer was lost on its way.
//
// Requests, options and clients print as "[redacted]", also in JSON and in logs. This
// does not reach a request in an unexported field of another struct.
package client

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sesuai/sesuai"
)

// The defaults of Options.
const (
	DefaultMaxAttempts = 4
	DefaultTimeout     = 90 * time.Second
	DefaultMaxPause    = 30 * time.Second
)

// KeyMaxAge is how long a service knows an IdempotencyKey.
const KeyMaxAge = 24 * time.Hour

// Options configures a Client. BaseURL and the credentials are required.
type Options struct {
	private
	// BaseURL is where the service is: https://sesuai.bank.example, perhaps with
	// a path that a proxy takes off.
	BaseURL string
	// Username, Password and APIKey are those that sesuai client add prints.
	Username, Password, APIKey string
	// AllowHTTP is whether a BaseURL may have the scheme http and a host that is not
	// this machine. Credentials and photographs are then readable on the network.
	AllowHTTP bool
	// HTTPClient sends the requests. It may be nil. Its CheckRedirect and Jar are
	// not used: no redirect is followed, since it would carry the credentials on.
	HTTPClient *http.Client
	// MaxAttempts is how often a call is sent; DefaultMaxAttempts if 0, and 1 for
	// once.
	MaxAttempts int
	// Timeout is how long one attempt may take, the answer included;
	// DefaultTimeout if 0. The context bounds all attempts together.
	Timeout time.Duration
	// SigningKeys are the keys that sign the service's answers. If not nil, each
	// verification asks for a signature, and a verdict without a valid one, for this
	// request and its images, is an error. See Response.Signed.
	SigningKeys *SigningKeys
	// MaxPause is the longest pause between two attempts; DefaultMaxPause if 0. If
	// the service asks for a longer one, the call ends with its error.
	MaxPause time.Duration
}

// Client calls a service. It is safe for concurrent use.
type Client struct {
	private
	o    Options
	base *url.URL
	http http.Client
}

// New returns a Client. It is an error if an option is missing or not valid. The error
// holds no option.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("client: BaseURL must be a URL with a scheme, a host and perhaps a path")
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !o.AllowHTTP && !loopback(base.Hostname())) {
		return nil, errors.New("client: BaseURL must have the scheme https; on this machine, or with AllowHTTP, it may be http")
	}
	if o.Username == "" || o.Password == "" || o.APIKey == "" {
		return nil, errors.New("client: Username, Password and APIKey are required")
	}
	if o.MaxAttempts < 0 || o.Timeout < 0 || o.MaxPause < 0 {
		return nil, errors.New("client: MaxAttempts, Timeout and MaxPause must not be negative")
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = DefaultMaxAttempts
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxPause == 0 {
		o.MaxPause = DefaultMaxPause
	}
	c := &Client{o: o, base: base}
	if o.HTTPClient != nil {
		c.http = *o.HTTPClient
	} else if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		// The default keeps two connections to a host: more calls at once would
		// connect anew each time.
		transport := standard.Clone()
		transport.MaxIdleConnsPerHost = transport.MaxIdleConns
		c.http.Transport = transport
	}
	c.http.Jar = nil
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// CloseIdleConnections closes the connections that no call uses.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// CallOptions are part of every request. All are optional.
type CallOptions struct {
	private
	// ReferenceID is an id of the caller's own, such as that of an application: 1 to
	// 128 visible ASCII characters. The service keeps it with the answer, which
	// Answers finds by it.
	ReferenceID string
	// Consent states the ground for the call, which the service records in its audit
	// trail. An operator may require it of a client. It has nothing about the person.
	Consent sesuai.Consent
	// IdempotencyKey is the same for all attempts of a call: 1 to 255 visible ASCII
	// characters. Give one that outlives the process if a call is to be repeated
	// after a crash. A random one is made if it is empty.
	IdempotencyKey string
	// RequestID is the id by which the service's log and audit trail know the call:
	// 1 to 128 visible ASCII characters. If it is empty, it is the IdempotencyKey,
	// so that a call that is repeated is no replay of its photograph.
	RequestID string
}

// Response is part of every verdict.
type Response struct {
	// RequestID is the id by which the service's log and audit trail know the call.
	RequestID string
	// Repeated is whether the answer is that of an earlier attempt with the same
	// IdempotencyKey.
	Repeated bool
	// Signed is the evidence of the answer; nil without Options.SigningKeys.
	Signed *Signed
}
