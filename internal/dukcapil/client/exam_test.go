package client_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/store"
)

// sandboxed is this client in front of a sandbox, over HTTP and TLS: people are
// enrolled in the sandbox's store.
type sandboxed struct {
	registry.Enroller
	client *client.Registry
	server *sandbox.Server
	ledger *account
	ahead  bool // comparisons are prepared
}

// Check implements registry.Registry.
func (s *sandboxed) Check(ctx context.Context, claim sesuai.Claim) (registry.Record, error) {
	return s.client.Check(ctx, claim)
}

// Compare implements registry.Registry.
func (s *sandboxed) Compare(ctx context.Context, nik sesuai.NIK, probe face.Probe) (registry.Comparison, error) {
	if !s.ahead {
		return s.client.Compare(ctx, nik, probe)
	}
	p, err := s.client.Prepare(ctx, nik, probe)
	if err != nil {
		return registry.Comparison{}, err
	}
	return p.Compare(ctx)
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
	dir := t.TempDir()
	there, err := store.Open(t.Context(), store.Options{
		Dir: dir, Scale: registrytest.Scale{}, Calibration: registrytest.Calibration,
		OpenRing: func(isNew bool) (*keyring.Ring, error) {
			return keyring.Open(keyring.Options{Path: filepath.Join(dir, keyring.FileName), Create: isNew})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = there.Close() })
	o := sandbox.Options{
		Registry: there, Extractor: registrytest.PictureReader{}, PrivateKey: rsaKey(),
		Accounts: []sandbox.Account{{UserID: userID, Password: password, Customer: "77", Credential: credential}},
		Quirks: sandbox.Quirks{
			Shape: sandbox.MixedShape, Unsent: sandbox.MixedUnsent, Scalars: sandbox.MixedScalars, Texts: sandbox.MixedTexts,
		},
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
	s := &sandboxed{Enroller: there, server: server, ledger: new(account)}
	if s.client, err = client.New(client.Options{Config: c, Ledger: s.ledger, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
	return s
}

// TestPassesTheExam: through real HTTP and TLS, with every quirk that answers
// may have, whether or not comparisons are prepared. The sandbox counts as many
// calls as are on the account.
func TestPassesTheExam(t *testing.T) {
	for _, ahead := range []bool{false, true} {
		t.Run(fmt.Sprintf("prepared=%v", ahead), func(t *testing.T) {
			registrytest.TestRegistry(t, func(t *testing.T) registry.Enroller {
				s := newSandboxed(t, nil, nil)
				s.ahead = ahead
				t.Cleanup(func() {
					counts := s.server.Counts().Calls
					of := s.ledger.made()
					if of[ledger.DataCheck] != counts[sandbox.DataCheck] || of[ledger.FaceCheck] != counts[sandbox.FaceCheck] {
						t.Errorf("the account has %v, the sandbox %v", of, counts)
					}
				})
				return s
			})
		})
	}
}
