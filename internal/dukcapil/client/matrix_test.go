package client_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// proxied is this client in front of a sandbox with a proxy between the two that
// does to the connections what it is told to.
type proxied struct {
	*sandboxed
	proxy *toxiproxy.Proxy
}

func newProxied(t *testing.T, change func(*sandbox.Options), configure func(*client.Config)) *proxied {
	t.Helper()
	p := &proxied{}
	p.sandboxed = newSandboxed(t, change, func(c *client.Config) {
		u, err := url.Parse(c.Data.URL)
		if err != nil {
			t.Fatal(err)
		}
		server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
		p.proxy = toxiproxy.NewProxy(server, "upstream", "127.0.0.1:0", u.Host)
		if err := p.proxy.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.proxy.Stop)
		c.Data.URL = "https://" + p.proxy.Listen
		c.Face.URL = c.Data.URL
		c.Data.Timeout, c.Face.Timeout = 300*time.Millisecond, 300*time.Millisecond
		if configure != nil {
			configure(c)
		}
	})
	return p
}

// poison puts a toxic on what comes from the upstream.
func (p *proxied) poison(t *testing.T, toxic string) {
	t.Helper()
	if _, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		t.Fatal(err)
	}
}

// refuse closes the proxy: nobody listens there any more.
func (p *proxied) refuse(*testing.T) { p.proxy.Stop() }

// TestFaultMatrix: whatever happens between here and the upstream, to either
// service, at the first call or on a connection that has served before: no
// verdict is made of it, and the caller is told within the deadline.
func TestFaultMatrix(t *testing.T) {
	// A stall lasts as long as anybody waits, as one of 30 s does.
	const deadline, patience = 2 * time.Second, 10 * time.Second
	elsewhere := func(host string) func(*client.Config) {
		return func(c *client.Config) { c.Data.URL, c.Face.URL = "https://"+host, "https://"+host }
	}
	toxic := func(json string) func(*proxied, *testing.T) {
		return func(p *proxied, t *testing.T) { p.poison(t, json) }
	}
	none := func(*proxied, *testing.T) {}
	for _, tt := range []struct {
		name      string
		configure func(*client.Config)
		inject    func(*proxied, *testing.T)
		magic     string // the last three digits of a magic NIK: 1 before them is the data check, 2 the face check
		want      []client.Class
	}{
		{"refused", nil, (*proxied).refuse, "", []client.Class{client.Refused, client.Broken}},
		{"reset", nil, toxic(`{"type": "reset_peer", "attributes": {"timeout": 0}}`), "", []client.Class{client.Refused, client.Broken}},
		{"reset in the body", nil, none, "112", []client.Class{client.Broken}},
		{"cut in the answer", nil, toxic(`{"type": "limit_data", "attributes": {"bytes": 60}}`), "", []client.Class{client.Refused, client.Broken}},
		{"cut in the body", nil, none, "101", []client.Class{client.Broken}},
		{"half a JSON", nil, none, "102", []client.Class{client.Unexpected}},
		{"no JSON", nil, none, "103", []client.Class{client.Unexpected}},
		{"slow headers", nil, none, "113", []client.Class{client.TimedOut}},
		{"slow body", nil, none, "114", []client.Class{client.TimedOut}},
		{"slow connection", nil, toxic(`{"type": "latency", "attributes": {"latency": 5000}}`), "", []client.Class{client.TimedOut, client.Refused}},
		{"in drops", nil, toxic(`{"type": "slicer", "attributes": {"average_size": 8, "size_variation": 4, "delay": 100000}}`), "", []client.Class{client.TimedOut, client.Refused}},
		{"stall", nil, toxic(`{"type": "timeout", "attributes": {"timeout": 0}}`), "", []client.Class{client.TimedOut, client.Refused}},
		{"stall of the service", nil, none, "100", []client.Class{client.TimedOut}},
		{"wrong certificate", func(c *client.Config) { c.TLS.Pins = strings.Repeat("0f", 32) }, none, "", []client.Class{client.Untrusted}},
		{"no such name", elsewhere("dukcapil.invalid"), none, "", []client.Class{client.Refused, client.TimedOut}},
		{"nobody there", elsewhere("127.0.0.1:1"), none, "", []client.Class{client.Refused}},
	} {
		for _, warm := range []bool{false, true} {
			if warm && tt.configure != nil {
				continue // there is no connection before it
			}
			name := tt.name
			if warm {
				name += " on a connection that was used"
			}
			t.Run(name, func(t *testing.T) {
				p := newProxied(t, func(o *sandbox.Options) { o.Stall, o.Slow = time.Minute, 5*time.Second }, tt.configure)
				person := registrytest.Person(t, 1)
				if _, err := p.Enrol(t.Context(), person, registrytest.Portrait(t, 1)); err != nil {
					t.Fatal(err)
				}
				probe := registrytest.ProbeAt(t, registrytest.Template(t, registrytest.Model, 1), 0.9)
				if warm {
					if r, err := p.Ask(t.Context(), registry.Question{Claim: registrytest.Claim(person)}); err != nil || !r.Found {
						t.Fatal(r, err)
					}
				}
				before := len(p.calls.classes(t))
				tt.inject(p, t)
				for service, digit := range map[ledger.Service]string{ledger.DataCheck: "1", ledger.FaceCheck: "2"} {
					asked := person
					if tt.magic != "" {
						asked.NIK = magicNIK(t, digit+tt.magic)
					}
					ctx, cancel := context.WithTimeout(t.Context(), deadline)
					start := time.Now()
					var err error
					if service == ledger.DataCheck {
						var a registry.Answer
						if a, err = p.Ask(ctx, registry.Question{Claim: registrytest.Claim(asked)}); !isZero(a) {
							t.Errorf("an answer in spite of the fault: %+v", a)
						}
					} else {
						var c registry.Comparison
						q := registry.Question{Claim: registrytest.Claim(asked), Probe: probe}
						if c, err = client.CompareFace(ctx, p.client, q); c != (registry.Comparison{}) {
							t.Errorf("a comparison in spite of the fault: %+v", c)
						}
					}
					took := time.Since(start)
					cancel()
					if e, ok := errors.AsType[*sesuai.Error](err); !ok || e.Kind != sesuai.KindUnavailable || e.RetryAfter <= 0 {
						t.Errorf("%s: %v", service, err)
					}
					if took > deadline+patience {
						t.Errorf("%s: told after %v", service, took)
					}
				}
				for _, class := range p.calls.classes(t)[before:] {
					_, class, _ = strings.Cut(class, " ")
					if !slices.Contains(tt.want, client.Class(class)) {
						t.Errorf("in the call log as %q, want one of %v", class, tt.want)
					}
				}
			})
		}
	}
}

func magicNIK(t *testing.T, suffix string) sesuai.NIK {
	t.Helper()
	nik, err := sesuai.ParseNIK(sandbox.MagicPrefix + suffix)
	if err != nil {
		t.Fatal(err)
	}
	return nik
}

// TestBreakerThroughAnOutage: it opens when the upstream is gone, keeps calls
// away from it, lets some through after its delay and closes when they succeed.
func TestBreakerThroughAnOutage(t *testing.T) {
	p := newProxied(t, nil, func(c *client.Config) {
		c.Retry.Tries = 1
		c.Breaker = client.BreakerConfig{Rate: 0.5, Window: time.Minute, Minimum: 4, Delay: 200 * time.Millisecond, Trials: 2}
	})
	person := registrytest.Person(t, 1)
	if _, err := p.Enrol(t.Context(), person, nil); err != nil {
		t.Fatal(err)
	}
	check := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r, err := p.Ask(ctx, registry.Question{Claim: registrytest.Claim(person)})
		if err == nil && !r.Found {
			t.Errorf("a wrong answer: %+v", r)
		}
		return err
	}
	state := func() string { return p.client.States()[ledger.DataCheck].Breaker }
	if err := check(); err != nil || state() != "closed" {
		t.Fatal(err, state())
	}
	p.proxy.Stop()
	for range 3 {
		if err := check(); err == nil {
			t.Fatal("answered through a closed proxy")
		}
	}
	if state() != "open" {
		t.Fatalf("after three failures of four calls it is %s", state())
	}
	calls := len(p.calls.classes(t))
	if after := retryAfter(t, check()); after <= 0 || len(p.calls.classes(t)) != calls {
		t.Errorf("while it is open: %d calls, Retry-After %v", len(p.calls.classes(t))-calls, after)
	}

	// The upstream comes back where it was.
	l, err := net.Listen("tcp", p.proxy.Listen)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	successes := 0
	for end := time.Now().Add(30 * time.Second); state() != "closed"; time.Sleep(10 * time.Millisecond) {
		if check() == nil {
			successes++
		}
		if time.Now().After(end) {
			t.Fatalf("it is %s after %d successes", state(), successes)
		}
	}
	if successes != 2 {
		t.Errorf("it closed after %d successes, want 2", successes)
	}
}
