package client_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/sesuai/sesuai/client"
)

// The key and the signature of RFC 8037, appendix A.
const (
	rfcPrivate    = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
	rfcPublic     = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	rfcThumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
	rfcSignature  = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." +
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	rfcSet = `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"OKP","crv":"X25519","x":"AA"},{"kty":"OKP","crv":"Ed25519","x":"` + rfcPublic + `"}]}`
)

// signedBody and signature are of an answer, by the key of RFC 8037.
const signedBody = `{"verification_status":true}`

// header is the protected header of a signature of an answer.
func header(change map[string]any) map[string]any {
	h := map[string]any{
		"alg": "EdDSA", "kid": rfcThumbprint, "typ": "sesuai-answer+jws", "request_id": "request-1", "endpoint": "face_verification",
		"status": 200, "time": "2026-11-29T05:00:00.123456Z", "client": "cli_a",
	}
	for name, value := range change {
		if h[name] = value; value == nil {
			delete(h, name)
		}
	}
	return h
}

// rfcKeys are the keys of rfcSet.
func rfcKeys(t testing.TB) *client.SigningKeys {
	t.Helper()
	keys, err := client.ParseSigningKeys([]byte(rfcSet))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// decode decodes base64url.
func decode(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sign returns the signature of signedBody with a header, by the key of RFC 8037.
func sign(t testing.TB, header map[string]any) (attached, detached string) {
	t.Helper()
	return signBody(t, header, signedBody)
}

// signBody is sign for another body.
func signBody(t testing.TB, header map[string]any, body string) (attached, detached string) {
	t.Helper()
	encoded, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	input := encode(encoded) + "." + encode([]byte(body))
	sum := encode(ed25519.Sign(ed25519.NewKeyFromSeed(decode(t, rfcPrivate)), []byte(input)))
	return input + "." + sum, encode(encoded) + ".." + sum
}

// TestSignatureVectors: RFC 8037, A.3 (the thumbprint) and A.4 and A.5 (a signature, which
// has no kid).
func TestSignatureVectors(t *testing.T) {
	if got := client.Thumbprint(decode(t, rfcPublic)); got != rfcThumbprint {
		t.Errorf("the thumbprint is %s", got)
	}
	if ok := client.VerifyBy(decode(t, rfcPublic), rfcSignature); !ok {
		t.Error("the signature of RFC 8037, A.4, is not valid")
	}
	first := "A"
	if strings.HasPrefix(rfcSignature[len(rfcSignature)-86:], first) {
		first = "B"
	}
	if ok := client.VerifyBy(decode(t, rfcPublic), rfcSignature[:len(rfcSignature)-86]+first+rfcSignature[len(rfcSignature)-85:]); ok {
		t.Error("a changed signature is valid")
	}
}

// TestVerifySignature: what is signed is returned, and every fault has its error.
func TestVerifySignature(t *testing.T) {
	attached, detached := sign(t, header(nil))
	for about, tt := range map[string]struct{ signature, body string }{
		"attached": {attached, "-"}, "attached, with its body": {attached, signedBody}, "detached": {detached, signedBody},
	} {
		var body []byte
		if tt.body != "-" {
			body = []byte(tt.body)
		}
		got, err := rfcKeys(t).Verify(tt.signature, body)
		if err != nil || string(got.Body) != signedBody || got.Signature != detached || got.KeyID != rfcThumbprint ||
			got.RequestID != "request-1" || got.Client != "cli_a" || got.Status != 200 || got.Time.Nanosecond() != 123456000 {
			t.Errorf("%s: %+v, %v", about, got, err)
		}
	}

	of := func(change map[string]any) string { _, detached := sign(t, header(change)); return detached }
	parts := strings.Split(attached, ".")
	none := encode([]byte(`{"alg":"none","kid":"` + rfcThumbprint + `"}`))
	for about, tt := range map[string]struct {
		signature, body string
		want            error
	}{
		"another body":               {detached, signedBody + "\n", client.ErrSignatureInvalid},
		"no body":                    {detached, "", client.ErrSignatureInvalid},
		"none given":                 {detached, "-", client.ErrSignatureMalformed},
		"attached to another body":   {attached, "{}", client.ErrSignatureInvalid},
		"its body was changed":       {parts[0] + "." + encode([]byte("{}")) + "." + parts[2], "-", client.ErrSignatureInvalid},
		"its header was changed":     {encode([]byte(`{"alg":"EdDSA","kid":"`+rfcThumbprint+`"}`)) + ".." + parts[2], signedBody, client.ErrSignatureInvalid},
		"another key":                {of(map[string]any{"kid": strings.Repeat("A", 43)}), signedBody, client.ErrSignatureKey},
		"no key":                     {of(map[string]any{"kid": nil}), signedBody, client.ErrSignatureKey},
		"alg none":                   {none + "." + encode([]byte(signedBody)) + ".", "-", client.ErrSignatureAlgorithm},
		"alg none, detached":         {none + "..", signedBody, client.ErrSignatureAlgorithm},
		"alg HS256":                  {of(map[string]any{"alg": "HS256"}), signedBody, client.ErrSignatureAlgorithm},
		"alg eddsa":                  {of(map[string]any{"alg": "eddsa"}), signedBody, client.ErrSignatureAlgorithm},
		"no alg":                     {of(map[string]any{"alg": nil}), signedBody, client.ErrSignatureAlgorithm},
		"alg is a number":            {of(map[string]any{"alg": 1}), signedBody, client.ErrSignatureMalformed},
		"crit":                       {of(map[string]any{"crit": []string{"b64"}, "b64": false}), signedBody, client.ErrSignatureMalformed},
		"another type":               {of(map[string]any{"typ": "JWT"}), signedBody, client.ErrSignatureMalformed},
		"no time":                    {of(map[string]any{"time": nil}), signedBody, client.ErrSignatureMalformed},
		"no request":                 {of(map[string]any{"request_id": nil}), signedBody, client.ErrSignatureMalformed},
		"time is none":               {of(map[string]any{"time": "yesterday"}), signedBody, client.ErrSignatureMalformed},
		"empty":                      {"", signedBody, client.ErrSignatureMalformed},
		"two parts":                  {parts[0] + "." + parts[2], signedBody, client.ErrSignatureMalformed},
		"four parts":                 {attached + ".", signedBody, client.ErrSignatureMalformed},
		"dots":                       {"..", signedBody, client.ErrSignatureMalformed},
		"cut off":                    {detached[:len(detached)-1], signedBody, client.ErrSignatureMalformed},
		"a line break":               {detached + "\n", signedBody, client.ErrSignatureMalformed},
		"padding":                    {detached + "==", signedBody, client.ErrSignatureMalformed},
		"bits behind the last byte":  {detached[:len(detached)-1] + "h", signedBody, client.ErrSignatureMalformed},
		"a header that is no object": {encode([]byte(`[]`)) + ".." + parts[2], signedBody, client.ErrSignatureMalformed},
		"the header of the response": {"X-Jws-Signature: " + detached, signedBody, client.ErrSignatureMalformed},
	} {
		var body []byte
		if tt.body != "-" {
			body = []byte(tt.body)
		}
		if got, err := rfcKeys(t).Verify(tt.signature, body); !errors.Is(err, tt.want) || got.Body != nil || got.RequestID != "" {
			t.Errorf("%s: %+v, %v, want %v", about, got, err, tt.want)
		}
	}
}

// TestParseSigningKeys: a set without a key that can be used is an error.
func TestParseSigningKeys(t *testing.T) {
	for _, set := range []string{
		"", "null", "[]", "{}", `{"keys":[]}`, `{"keys":{}}`, `{"keys":[{"kty":"OKP","crv":"X25519","x":"` + rfcPublic + `"}]}`,
		`{"keys":[{"kty":"RSA","crv":"Ed25519","x":"` + rfcPublic + `"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":""}]}`,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"` + rfcPublic + `="}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"` + rfcPublic[1:] + `"}]}`,
	} {
		if _, err := client.ParseSigningKeys([]byte(set)); err == nil {
			t.Errorf("%s is accepted", set)
		}
	}
}

// FuzzVerifySignature: whatever is given, Verify returns. What it accepts go-jose
// accepts, with the same body.
func FuzzVerifySignature(f *testing.F) {
	attached, detached := sign(f, header(nil))
	f.Add(attached, "", false)
	f.Add(detached, signedBody, true)
	f.Add(rfcSignature, "", false)
	f.Add("..", "", true)
	keys := rfcKeys(f)
	f.Fuzz(func(t *testing.T, signature, body string, given bool) {
		var payload []byte
		if given {
			payload = []byte(body)
		}
		got, err := keys.Verify(signature, payload)
		if err != nil {
			return
		}
		parsed, err := jose.ParseDetached(got.Signature, got.Body, []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			t.Fatalf("go-jose does not read %s: %v", signature, err)
		}
		if err := parsed.DetachedVerify(got.Body, ed25519.PublicKey(decode(t, rfcPublic))); err != nil {
			t.Fatalf("go-jose does not accept %s: %v", signature, err)
		}
	})
}
