package httpapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/client"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/answer/answertest"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/signature"
)

// prefers adds a Prefer header to a request.
func prefers(r *http.Request, preference string) *http.Request {
	r.Header.Add("Prefer", preference)
	return r
}

// signingKeys returns the keys that the service shows.
func (s *service) signingKeys(t *testing.T) *client.SigningKeys {
	t.Helper()
	resp := s.do(httptest.NewRequest(http.MethodGet, httpapi.KeySetPath, nil))
	keys, err := client.ParseSigningKeys([]byte(checkDescribed(t, resp)))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// statement is what is signed of an answer of this endpoint to a client without a
// threshold.
func (e endpointOf) statement(id string, status int) sesuai.Statement {
	s := sesuai.Statement{RequestID: id, Endpoint: e.name(), Status: status, Time: today, Client: "client-1"}
	for _, image := range e.basis().Images {
		if s.Images == nil {
			s.Images = make(map[string]string)
		}
		s.Images[image.Field] = hex.EncodeToString(image.SHA256[:])
	}
	return s
}

// name is the endpoint's in look-ups.
func (e endpointOf) name() string {
	return map[string]string{
		httpapi.FaceVerificationPath: "face_verification", httpapi.DataVerificationPath: "data_verification",
		httpapi.FaceMatchPath: "face_match", httpapi.PassiveLivenessPath: "passive_liveness",
	}[e.path]
}

// assertSigned checks that a response has the signature of its body and of a statement.
func assertSigned(t *testing.T, about string, keys *client.SigningKeys, resp *http.Response, body string, want sesuai.Statement) {
	t.Helper()
	signed, err := keys.Verify(resp.Header.Get("X-Jws-Signature"), []byte(body))
	if err != nil {
		t.Errorf("%s: %v", about, err)
		return
	}
	if diff := cmp.Diff(want, signed.Statement); diff != "" {
		t.Errorf("%s: signed is (-want +got):\n%s", about, diff)
	}
	if got := resp.Header.Get("Preference-Applied"); got != "return=signed" {
		t.Errorf("%s: Preference-Applied is %q", about, got)
	}
}

// TestSigned: on every endpoint a verdict and a refusal of a photograph are signed if that
// is preferred. Nothing else of the response differs.
func TestSigned(t *testing.T) {
	for _, e := range everyEndpoint() {
		for _, refusal := range []error{nil, &sesuai.Error{Kind: sesuai.KindFaceQuality, Measures: []string{"sharpness"}, Image: e.fields[0].name}} {
			if refusal != nil && e.path == httpapi.DataVerificationPath {
				continue // there is nothing to refuse
			}
			if e.path == httpapi.FaceVerificationPath && refusal != nil {
				refusal = &sesuai.Error{Kind: sesuai.KindSuspectedReplay}
			}
			a := newAnswering()
			a.err = refusal
			for form, make := range map[string]func() *http.Request{
				"multipart": func() *http.Request { return e.inMultipart("-") }, "JSON": func() *http.Request { return e.inJSON("null") },
			} {
				about := e.path + " in " + form
				plain, signed := a.do(make()), a.do(prefers(make(), "return=signed"))
				body := checkEnvelope(t, signed)
				if plainBody := checkEnvelope(t, plain); plainBody != body || plain.StatusCode != signed.StatusCode {
					t.Errorf("%s: signed is %d %s, plain %d %s", about, signed.StatusCode, body, plain.StatusCode, plainBody)
				}
				assertSigned(t, about, a.signingKeys(t), signed, body, e.statement(signed.Header.Get("Request-Id"), signed.StatusCode))
				more := append(slices.Sorted(maps.Keys(plain.Header)), "Preference-Applied", "X-Jws-Signature")
				if diff := cmp.Diff(slices.Sorted(slices.Values(more)), slices.Sorted(maps.Keys(signed.Header))); diff != "" {
					t.Errorf("%s: the headers are (-want +got):\n%s", about, diff)
				}
			}
		}
	}
}

// TestSignedBasis: the statement has the threshold, the model and the calibration, as they
// are stored with the answer.
func TestSignedBasis(t *testing.T) {
	w := newWhole(t)
	r := prefers(postParts(with("face_image", pngStart+"0.8204")...), "return=signed")
	resp := w.do(r)
	body := checkEnvelope(t, resp)
	event := w.trail.Recorded()[0]
	if !event.Time.Equal(today) || event.Model == "" || event.Calibration == "" {
		t.Fatalf("recorded %+v", event)
	}
	sum := sha256.Sum256([]byte(pngStart + "0.8204"))
	assertSigned(t, "a verification", w.signingKeys(t), resp, body, sesuai.Statement{
		RequestID: resp.Header.Get("Request-Id"), Endpoint: "face_verification", Status: 200, Time: today, Client: "client-1",
		Threshold: 75, Model: event.Model, Calibration: event.Calibration, Images: map[string]string{"face_image": hex.EncodeToString(sum[:])},
	})
}

// TestNotSigned: without the preference, and where there is no answer, nothing is signed.
func TestNotSigned(t *testing.T) {
	signed := []string{
		"return=signed", "RETURN = signed", `return="signed"`, "respond-async, return=signed", "return=signed; x=y", "return=signed, return=minimal",
		`x="a,return=minimal", return=signed`, `x="\", return=minimal", return=signed`, "return=signed,",
	}
	plain := []string{
		"", ",", "=", "signed", "return", "return=", "return=minimal", "return=Signed", "return=minimal, return=signed", `x="return=signed"`,
		`x=", return=signed`, "returns=signed", "x; return=signed", `"return=signed"`,
	}
	for _, preference := range append(signed, plain...) {
		resp := newAnswering().do(prefers(everyEndpoint()[0].inMultipart("-"), preference))
		checkEnvelope(t, resp)
		if got, want := resp.Header.Get("X-Jws-Signature") != "", slices.Contains(signed, preference); got != want {
			t.Errorf("Prefer: %s: signed is %t", preference, got)
		}
	}
	if resp := newAnswering().do(prefers(prefers(everyEndpoint()[0].inMultipart("-"), "wait=5"), "return=signed")); resp.Header.Get("X-Jws-Signature") == "" {
		t.Error("two Prefer headers: it is not signed")
	}

	for about, change := range map[string]func(*answering, *http.Request){
		"no credentials":  func(_ *answering, r *http.Request) { r.Header.Del("Authorization") },
		"another scope":   func(a *answering, _ *http.Request) { a.mayAsk(access.FaceMatch) },
		"no key for it":   func(a *answering, _ *http.Request) { a.options.Signer = nil },
		"a bad key":       func(_ *answering, r *http.Request) { r.Header.Set("Idempotency-Key", "a b") },
		"another type":    func(_ *answering, r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"unavailable":     func(a *answering, _ *http.Request) { a.err = &sesuai.Error{Kind: sesuai.KindUnavailable} },
		"overloaded":      func(a *answering, _ *http.Request) { a.err = &sesuai.Error{Kind: sesuai.KindOverloaded} },
		"rate limited":    func(a *answering, _ *http.Request) { a.err = &sesuai.Error{Kind: sesuai.KindRateLimited} },
		"a defect":        func(a *answering, _ *http.Request) { a.err = &sesuai.Error{Kind: sesuai.KindInternal} },
		"an invalid form": func(_ *answering, r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") },
	} {
		a, r := newAnswering(), prefers(everyEndpoint()[0].inMultipart("-"), "return=signed")
		change(a, r)
		resp := a.do(r)
		checkEnvelope(t, resp)
		if resp.Header.Get("X-Jws-Signature") != "" || resp.Header.Get("Preference-Applied") != "" {
			t.Errorf("%s: %d is signed", about, resp.StatusCode)
		}
	}
}

// TestSignedRepeated: an answer that is given again has the signature of the first one,
// whether or not that was signed.
func TestSignedRepeated(t *testing.T) {
	for _, e := range everyEndpoint() {
		for _, first := range []string{"return=signed", "return=minimal"} {
			k := newKeeping(t)
			keys := k.signingKeys(t)
			given := k.do(prefers(withKey(e.inMultipart("order-7"), "key-1"), first))
			body, id := checkEnvelope(t, given), given.Header.Get("Request-Id")
			again := k.do(prefers(withKey(e.inMultipart("order-7"), "key-1"), "return=signed"))
			if got := checkEnvelope(t, again); got != body || again.Header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("%s: %s, want %s", e.path, got, body)
			}
			assertSigned(t, e.path, keys, again, body, e.statement(id, 200))
			if was := given.Header.Get("X-Jws-Signature"); was != "" && was != again.Header.Get("X-Jws-Signature") {
				t.Errorf("%s: the signature is another one", e.path)
			}
		}
	}
}

// TestSignedLookUp: answers that are looked up have their signatures, with what the
// statement of the first one said. One that has no basis has none.
func TestSignedLookUp(t *testing.T) {
	s := newService()
	stored := &answertest.Memory{}
	s.options.Answers = stored
	signable, old := row(1, "request-1", "order-7"), row(2, "request-2", "order-7")
	old.Basis = answer.Basis{}
	if err := stored.Add(t.Context(), signable, old); err != nil {
		t.Fatal(err)
	}
	plain := checkEnvelope(t, s.do(get(httpapi.VerificationsPath+"?reference_id=order-7")))
	if strings.Contains(plain, `"signature"`) {
		t.Errorf("signed without being asked: %s", plain)
	}
	resp := s.do(prefers(get(httpapi.VerificationsPath+"?reference_id=order-7"), "return=signed"))
	var found struct {
		Verifications []struct {
			Answer    json.RawMessage
			Signature string
		}
	}
	if err := json.Unmarshal([]byte(checkEnvelope(t, resp)), &found); err != nil || len(found.Verifications) != 2 {
		t.Fatalf("%v, %+v", err, found)
	}
	if resp.Header.Get("Preference-Applied") != "return=signed" || resp.Header.Get("X-Jws-Signature") != "" || found.Verifications[0].Signature != "" {
		t.Errorf("headers %v, the old one %+v", resp.Header, found.Verifications[0])
	}
	keys := s.signingKeys(t)
	signed, err := keys.Verify(found.Verifications[1].Signature, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum, other := hex.EncodeToString(signable.Basis.Images[0].SHA256[:]), strings.Repeat("0", 64)
	want := sesuai.Statement{
		RequestID: "request-1", Endpoint: "face_verification", Status: 200, Time: signable.Basis.Time, Client: "client-1", Threshold: 75.5,
		Model: "model", Calibration: "calibration", Images: map[string]string{"captured_image": sum, "stored_image": other},
	}
	if diff := cmp.Diff(want, signed.Statement); diff != "" {
		t.Errorf("signed is (-want +got):\n%s", diff)
	}
	if string(signed.Body) != string(signable.Body) || string(found.Verifications[1].Answer) != string(signable.Body) {
		t.Errorf("signed is %s, shown %s", signed.Body, found.Verifications[1].Answer)
	}
	none := s.do(prefers(get(httpapi.VerificationsPath+"/request-2"), "return=signed"))
	if checkEnvelope(t, none); none.Header.Get("Preference-Applied") != "" {
		t.Error("the preference is applied to an answer that cannot be signed")
	}
}

// TestSignedInASandbox: the answers of a sandbox say so.
func TestSignedInASandbox(t *testing.T) {
	a := newAnswering()
	var err error
	if a.options.Signer, err = signature.New(signature.Options{Key: keyring.NewSecret().Signer(keyring.SignedAnswers), Sandbox: true}); err != nil {
		t.Fatal(err)
	}
	resp := a.do(prefers(everyEndpoint()[1].inMultipart("-"), "return=signed"))
	body := checkEnvelope(t, resp)
	want := everyEndpoint()[1].statement(resp.Header.Get("Request-Id"), 200)
	want.Sandbox = true
	assertSigned(t, "a sandbox", a.signingKeys(t), resp, body, want)
}
