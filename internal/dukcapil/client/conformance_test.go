package client_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// sandboxed is this client in front of a sandbox, over HTTP and TLS. People are
// enrolled in the registry of the sandbox.
type sandboxed struct {
	registry.Enroller
	client *client.Registry
	server *sandbox.Server
	calls  *callLog
}

// Ask implements registry.Registry.
func (s *sandboxed) Ask(ctx context.Context, q registry.Question) (registry.Answer, error) {
	return s.client.Ask(ctx, q)
}

// Compared implements registrytest.Foreign: by the curve 0:0 5:75 10:100.
func (s *sandboxed) Compared(cosine float64) registry.Comparison {
	percentage := registrytest.Scale{}.Percentage(cosine)
	score := percentage.Value() / 15
	if score > 5 {
		score = 5 + (percentage.Value()-75)/5
	}
	curve, err := client.ParseCurve(client.DefaultConfig().Face.Curve)
	if err != nil {
		panic(err)
	}
	return registry.Comparison{
		Portrait: true, Score: score, Percentage: percentage, Model: "dukcapil-face-call_fr", Calibration: curve.ID(), Suspect: score >= 9.5,
	}
}

// newSandboxed starts a sandbox, changed as wanted, and a client for it.
func newSandboxed(t *testing.T, change func(*sandbox.Options), configure func(*client.Config)) *sandboxed {
	t.Helper()
	people := registrytest.NewMemory()
	o := sandbox.Options{
		Config: sandbox.DefaultConfig(), Registry: people, Extractor: registrytest.PictureReader{}, PrivateKey: rsaKey(),
	}
	o.Accounts = []sandbox.Account{{UserID: userID, Password: password, Customer: "77", Credential: credential}}
	o.Quirks = sandbox.Quirks{
		Shape: sandbox.MixedShape, Unsent: sandbox.MixedUnsent, Scalars: sandbox.MixedScalars, Texts: sandbox.MixedTexts,
	}
	if change != nil {
		change(&o)
	}
	server, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	u := newUpstream(t) // for its files
	front := httptest.NewUnstartedServer(server)
	front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	front.StartTLS()
	t.Cleanup(front.Close)
	pin := sha256.Sum256(front.Certificate().RawSubjectPublicKeyInfo)

	c := u.config()
	c.Data.URL, c.Face.URL, c.Data.Customer = front.URL, front.URL, "77"
	c.TLS = client.TLSConfig{Pins: base64.StdEncoding.EncodeToString(pin[:])}
	if configure != nil {
		configure(&c)
	}
	s := &sandboxed{Enroller: people, server: server, calls: new(callLog)}
	if s.client, err = client.New(client.Options{Config: c, CallLog: s.calls, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
	return s
}

// TestConformance: through real HTTP and TLS, with every quirk that answers may
// have, one check after the other and both at the same time. The sandbox counts as
// many calls as are in the call log, except that it may not have seen one that had no
// answer: that was cancelled or, on a loaded machine, had no connection in time.
func TestConformance(t *testing.T) {
	for _, parallel := range []bool{false, true} {
		t.Run(fmt.Sprintf("parallel=%v", parallel), func(t *testing.T) {
			registrytest.Run(t, func(t *testing.T) registry.Enroller {
				s := newSandboxed(t, nil, func(c *client.Config) { c.Parallel = parallel })
				t.Cleanup(func() {
					counts, logged := s.server.Counts().Calls, s.calls.made()
					unanswered := map[string]int{}
					classes := s.calls.classes(t)
					for _, class := range classes {
						switch service, class, _ := strings.Cut(class, " "); client.Class(class) {
						case client.Cancelled:
							if !parallel {
								t.Errorf("a check was cancelled: %s", service)
							}
							fallthrough
						case client.TimedOut, client.Refused, client.Broken:
							unanswered[service]++
						}
					}
					within := func(service string, seen, logged int) {
						if seen > logged || seen < logged-unanswered[service] {
							t.Errorf("%s: the sandbox saw %d calls, the call log has %d: %v", service, seen, logged, classes)
						}
					}
					within("data", counts[sandbox.DataCheck], logged[ledger.DataCheck])
					within("face", counts[sandbox.FaceCheck], logged[ledger.FaceCheck])
				})
				return s
			})
		})
	}
}
