package signature_test

import (
	"crypto/ed25519"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/client"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/signature"
)

// newSigner returns a Signer with a key that is the same in each run.
func newSigner(t testing.TB, sandbox bool) *signature.Signer {
	t.Helper()
	secret, err := keyring.SecretOf(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	s, err := signature.New(signature.Options{Key: secret.Signer(keyring.SignedAnswers), Sandbox: sandbox})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// statement has every field.
var statement = sesuai.Statement{
	RequestID: `a"<&>`, Endpoint: "face_match", Status: 200, Time: time.Date(2026, 11, 29, 5, 0, 0, 123456000, time.UTC), Client: "cli_a",
	Threshold: 75.25, Model: "model", Calibration: "calibration", Images: map[string]string{"captured_image": "00", "stored_image": "ff"},
}

const body = `{"a":"é\u2028"}`

func sign(t testing.TB, s *signature.Signer, statement sesuai.Statement) string {
	t.Helper()
	signed, err := s.Sign([]byte(body), statement)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// TestSign: the client reads what was signed, with the body in it and detached. The same
// answer has the same signature.
func TestSign(t *testing.T) {
	bare := sesuai.Statement{RequestID: "a", Endpoint: "data_verification", Status: 400, Time: statement.Time, Client: "cli_a"}
	for _, sandbox := range []bool{false, true} {
		s := newSigner(t, sandbox)
		keys, err := client.ParseSigningKeys(s.KeySet())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []sesuai.Statement{statement, bare} {
			signed := sign(t, s, want)
			if again := sign(t, s, want); again != signed {
				t.Errorf("signed again: %s, want %s", again, signed)
			}
			want.Sandbox = sandbox
			for text, given := range map[string][]byte{signed: nil, signature.Detach(signed): []byte(body)} {
				got, err := keys.Verify(text, given)
				if err != nil || string(got.Body) != body || got.Signature != signature.Detach(signed) {
					t.Errorf("Verify = %+v, %v", got, err)
				}
				if diff := cmp.Diff(want, got.Statement); diff != "" {
					t.Errorf("signed is (-want +got):\n%s", diff)
				}
			}
		}
	}
}

// TestParameters: the header has what applies, and the ID of the key in the set.
func TestParameters(t *testing.T) {
	s := newSigner(t, false)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(s.KeySet(), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%s: %v", s.KeySet(), err)
	}
	parsed, err := jose.ParseSignedCompact(sign(t, s, sesuai.Statement{RequestID: "a", Status: 200}), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	if payload, err := parsed.Verify(set.Keys[0].Key.(ed25519.PublicKey)); err != nil || string(payload) != body {
		t.Errorf("go-jose: %s, %v", payload, err)
	}
	header := parsed.Signatures[0].Protected
	want := map[jose.HeaderKey]any{
		"typ": signature.Type, "request_id": "a", "endpoint": "", "status": 200.0, "time": "0001-01-01T00:00:00Z", "client": "",
	}
	if diff := cmp.Diff(want, header.ExtraHeaders); diff != "" || header.KeyID != set.Keys[0].KeyID || header.Algorithm != "EdDSA" {
		t.Errorf("kid %s, alg %s, and (-want +got):\n%s", header.KeyID, header.Algorithm, diff)
	}
}

// BenchmarkSign is the cost of one signature.
func BenchmarkSign(b *testing.B) {
	s := newSigner(b, false)
	for b.Loop() {
		sign(b, s, statement)
	}
}
