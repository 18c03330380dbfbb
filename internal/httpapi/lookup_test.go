package httpapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/answer/answertest"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/verify"
)

// get returns a look-up with valid credentials.
func get(target string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.SetBasicAuth(testUser, testPassword)
	r.Header.Set("X-Api-Key", testKey)
	return r
}

// row is an answer to the client of these tests.
func row(n int, id, reference string) answer.Row { return answertest.Row(n, "client-1", id, reference) }

// TestLookUp: a client is shown the answers that it was given, and nobody else's.
func TestLookUp(t *testing.T) {
	const path = httpapi.VerificationsPath
	odd := `a/b?c=d&e#%41;+` + "`"
	stored := &answertest.Memory{}
	plain, long := row(1, "request-1", ""), row(2, strings.Repeat("x", 128), "order/7")
	refused := row(3, odd, "order/7")
	refused.Endpoint, refused.Status, refused.Body = "passive_liveness", 400, []byte(`{"verification_status":false,"reason":"<Face> & more"}`)
	if err := stored.Add(t.Context(), plain, long, refused, answertest.Row(4, "client-2", "request-4", "order-4")); err != nil {
		t.Fatal(err)
	}
	const (
		at        = `"time":"2026-11-23T05:00:00.123456Z"`
		of1       = `{"request_id":"request-1","reference_id":null,"endpoint":"face_verification",` + at + `,"status":200,"answer":`
		of3       = `{"request_id":"a/b?c=d&e#%41;+` + "`" + `","reference_id":"order/7","endpoint":"passive_liveness",` + at + `,"status":400,"answer":`
		notFound  = `{"error":"Nothing found"}`
		malformed = `{"verification_status":false,"reason":"Malformed request","code":"MALFORMED",`
	)
	of2 := `{"request_id":"` + strings.Repeat("x", 128) + `","reference_id":"order/7","endpoint":"face_verification",` + at + `,"status":200,"answer":`
	for about, tt := range map[string]struct {
		target string
		status int
		body   string // or its start, for one that is malformed
	}{
		"in the path":             {path + "/request-1", 200, `{"verifications":[` + of1 + string(plain.Body) + `}],"more":false}`},
		"in the query":            {path + "?request_id=request-1", 200, `{"verifications":[` + of1 + string(plain.Body) + `}],"more":false}`},
		"an odd id in the path":   {path + "/" + url.PathEscape(odd), 404, `{"error":"Not found"}`}, // its slash makes it another path
		"an odd id in the query":  {path + "?request_id=" + url.QueryEscape(odd), 200, `{"verifications":[` + of3 + string(refused.Body) + `}],"more":false}`},
		"by reference":            {path + "?reference_id=order%2F7", 200, `{"verifications":[` + of3 + string(refused.Body) + `},` + of2 + string(long.Body) + `}],"more":false}`},
		"with slashes":            {"//identity/v1/verifications/?reference_id=order/7", 200, `{"verifications":[` + of3 + string(refused.Body) + `},` + of2 + string(long.Body) + `}],"more":false}`},
		"unknown":                 {path + "/request-9", 404, notFound},
		"unknown reference":       {path + "?reference_id=request-1", 404, notFound},
		"another client's":        {path + "/request-4", 404, notFound},
		"another's reference":     {path + "?reference_id=order-4", 404, notFound},
		"nothing":                 {path, 400, malformed},
		"nothing, with a slash":   {path + "/", 400, malformed},
		"another parameter":       {path + "?reference=order-7", 400, malformed},
		"one too many":            {path + "?reference_id=order/7&limit=1", 400, malformed},
		"both":                    {path + "?reference_id=order/7&request_id=request-1", 400, malformed},
		"twice":                   {path + "?reference_id=order/7&reference_id=order/7", 400, malformed},
		"empty":                   {path + "?reference_id=", 400, malformed},
		"too long":                {path + "/" + strings.Repeat("x", 129), 400, malformed},
		"with a space":            {path + "?request_id=a+b", 400, malformed},
		"not ASCII":               {path + "/%C3%A9", 400, malformed},
		"no query that is one":    {path + "?request_id=%zz", 400, malformed},
		"a path and a query":      {path + "/request-1?request_id=request-1", 400, malformed},
		"a path and a bad query":  {path + "/request-1?a;b", 400, malformed},
		"a parameter in the path": {path + "/request-1?reference_id=order/7", 400, malformed},
	} {
		s := newService()
		s.options.Answers = stored
		resp := s.do(get(tt.target))
		body := checkEnvelope(t, resp)
		if resp.StatusCode != tt.status || !strings.HasPrefix(body, tt.body) || tt.status != 400 && body != tt.body {
			t.Errorf("%s: %d %s, want %d %s", about, resp.StatusCode, body, tt.status, tt.body)
		}
		if strings.Contains(s.log.String(), "order") || strings.Contains(s.log.String(), "request-1") {
			t.Errorf("%s: the log has what was looked up: %s", about, &s.log)
		}
	}
}

// TestLookUpRefused: who may not look up learns nothing of what there is.
func TestLookUpRefused(t *testing.T) {
	for about, tt := range map[string]struct {
		change func(*service, *http.Request)
		status int
	}{
		"no credentials": {func(_ *service, r *http.Request) { r.Header.Del("Authorization") }, 401},
		"too many": {func(s *service, _ *http.Request) {
			s.options.Limiter = limiterFunc(func(access.Client) error { return &sesuai.Error{Kind: sesuai.KindRateLimited} })
		}, 429},
		"another method":  {func(_ *service, r *http.Request) { r.Method = http.MethodPost }, 405},
		"nothing stored":  {func(s *service, _ *http.Request) { s.options.Answers = nil }, 404},
		"the store fails": {func(s *service, _ *http.Request) { s.options.Answers.(*answertest.Memory).Fail(errors.New("down")) }, 503},
		"one that is":     {func(*service, *http.Request) {}, 200},
		"of attributes":   {func(s *service, _ *http.Request) { s.mayAsk("identity.verification:name") }, 200},
		"of liveness":     {func(s *service, _ *http.Request) { s.mayAsk(access.PassiveLiveness) }, 200},
		"head":            {func(_ *service, r *http.Request) { r.Method = http.MethodHead }, 200},
	} {
		s, r := newService(), get(httpapi.VerificationsPath+"/request-1")
		stored := &answertest.Memory{}
		if err := stored.Add(t.Context(), row(1, "request-1", "")); err != nil {
			t.Fatal(err)
		}
		s.options.Answers = stored
		tt.change(s, r)
		if resp := s.do(r); resp.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d", about, resp.StatusCode, tt.status)
		}
	}
}

// mayAsk makes the client one with these scopes.
func (s *service) mayAsk(scopes ...access.Scope) {
	client := s.options.Authenticator.(credentials).client
	client.Scopes = scopes
	s.options.Authenticator = credentials{client}
}

// TestReference: a reference is an optional field of every endpoint, and what is stored
// of an answer is what was sent.
func TestReference(t *testing.T) {
	const bad = `{"verification_status":false,"reason":"Invalid reference_id format","code":"INVALID_REFERENCE_ID",`
	for _, tt := range []struct {
		json string // the value
		text string // in multipart; not sent if it is "-"
		want string
		bad  bool
	}{
		{`"order-7"`, "order-7", "order-7", false},
		{`"!~"`, "!~", "!~", false},
		{`"` + strings.Repeat("x", 128) + `"`, strings.Repeat("x", 128), strings.Repeat("x", 128), false},
		{`null`, "-", "", false},
		{`""`, "", "", false},
		{`"undefined"`, "undefined", "", false},
		{`"` + strings.Repeat("x", 129) + `"`, strings.Repeat("x", 129), "", true},
		{`"` + strings.Repeat("x", 2000) + `"`, strings.Repeat("x", 2000), "", true},
		{`"a b"`, "a b", "", true},
		{`" a"`, " a", "", true},
		{`"\u00e9"`, "é", "", true},
		{`7`, "a\x7f", "", true},
		{`["a"]`, "a\x00", "", true},
	} {
		for _, e := range everyEndpoint() {
			for form, r := range map[string]*http.Request{"JSON": e.inJSON(tt.json), "multipart": e.inMultipart(tt.text)} {
				a := newAnswering()
				resp := a.do(r)
				body := checkEnvelope(t, resp)
				if tt.bad {
					if resp.StatusCode != 400 || !strings.HasPrefix(body, bad) || len(a.given) != 0 {
						t.Errorf("%s of %s in %s: %d %s", tt.json, e.path, form, resp.StatusCode, body)
					}
					continue
				}
				want := answer.Answer{Request: resp.Header.Get("Request-Id"), Reference: tt.want, Status: 200, Body: []byte(body), Basis: e.basis()}
				if diff := cmp.Diff([]answer.Answer{want}, a.given); diff != "" || resp.StatusCode != 200 || a.references[0] != tt.want {
					t.Errorf("%s of %s in %s: %d, recorded %q, answer (-want +got):\n%s", tt.json, e.path, form, resp.StatusCode, a.references, diff)
				}
			}
		}
	}
}

// TestReferenceKeepsNoNIK: the audit trail gets a keyed hash of a reference that may
// hold a NIK. The log has no reference.
func TestReferenceKeepsNoNIK(t *testing.T) {
	for _, e := range everyEndpoint() {
		a := newAnswering()
		resp := a.do(e.inMultipart("order-" + testNIK))
		if want := httpapi.RecordedReference(testHash, "order-"+testNIK); resp.StatusCode != 200 || a.references[0] != want || strings.Contains(want, testNIK) {
			t.Errorf("%s: %d, recorded %q, want %q", e.path, resp.StatusCode, a.references, want)
		}
		if strings.Contains(a.log.String(), "order") {
			t.Errorf("the log has the reference: %s", &a.log)
		}
	}
	if httpapi.RecordedReference(testHash, testNIK) == httpapi.RecordedID(testHash, testNIK) {
		t.Error("a reference is recorded like a request's id")
	}
}

// TestRefusalIsAnAnswer: the stored answer to a refusal is what the client got.
func TestRefusalIsAnAnswer(t *testing.T) {
	named := map[string]string{httpapi.FaceMatchPath: "captured_image", httpapi.PassiveLivenessPath: "image"}
	for _, e := range everyEndpoint() {
		if e.path == httpapi.DataVerificationPath {
			continue // there is nothing to refuse
		}
		a := newAnswering()
		a.err = &sesuai.Error{Kind: sesuai.KindFaceQuality, Measures: []string{"sharpness"}, Image: named[e.path]}
		resp := a.do(e.inMultipart("order-7"))
		body := checkEnvelope(t, resp)
		want := answer.Answer{Request: resp.Header.Get("Request-Id"), Reference: "order-7", Status: 400, Body: []byte(body), Basis: e.basis()}
		if diff := cmp.Diff([]answer.Answer{want}, a.given); diff != "" || resp.StatusCode != 400 {
			t.Errorf("%s: %d, answer (-want +got):\n%s", e.path, resp.StatusCode, diff)
		}
	}
}

// endpointOf is an endpoint with the fields of a valid request.
type endpointOf struct {
	path   string
	fields []part
}

func everyEndpoint() []endpointOf {
	photo := func(name string) part { return part{name: name, body: testPhoto} }
	return []endpointOf{
		{httpapi.FaceVerificationPath, everyPart()},
		{httpapi.DataVerificationPath, everyPart()[:2]},
		{httpapi.FaceMatchPath, []part{photo("captured_image"), photo("stored_image")}},
		{httpapi.PassiveLivenessPath, []part{photo("image")}},
	}
}

// basis is what an answer is given on to a client without a threshold.
func (e endpointOf) basis() answer.Basis {
	b := answer.Basis{Time: today}
	for _, p := range e.fields {
		if strings.Contains(p.name, "image") {
			b.Images = append(b.Images, answer.Image{Field: p.name, SHA256: sha256.Sum256([]byte(p.body))})
		}
	}
	return b
}

// inMultipart returns a request with a reference, unless that is "-", and other texts.
func (e endpointOf) inMultipart(reference string, others ...part) *http.Request {
	fields := append(others, e.fields...)
	if reference != "-" {
		fields = append([]part{{name: "reference_id", body: reference}}, fields...)
	}
	return e.to(postParts(fields...))
}

// inJSON returns a request whose reference is a value in JSON, and that has other
// texts.
func (e endpointOf) inJSON(reference string, others ...part) *http.Request {
	object := map[string]json.RawMessage{"reference_id": json.RawMessage(reference)}
	for _, p := range append(others, e.fields...) {
		value := any(p.body)
		if strings.Contains(p.name, "image") {
			value = []byte(p.body) // in base64
		}
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		object[p.name] = text
	}
	body, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	return e.to(post("application/json", string(body)))
}

func (e endpointOf) to(r *http.Request) *http.Request {
	r.URL.Path, r.RequestURI = e.path, e.path
	return r
}

// answering is a service whose Verifier gives an answer to every request, and notes it.
type answering struct {
	*service
	err        error
	given      []answer.Answer
	references []string // as they are recorded
	consents   []sesuai.Consent
}

func newAnswering() *answering {
	a := &answering{service: newService()}
	a.options.Verifier, a.options.Liveness = a, true
	a.mayAsk(access.Scopes[:]...)
	return a
}

// note notes the answer to a call.
func note[V any](a *answering, c verify.Call[V], verdict V) (V, error) {
	a.references = append(a.references, c.Reference)
	a.consents = append(a.consents, c.Consent)
	a.given = append(a.given, c.Answer(verdict, a.err))
	return verdict, a.err
}

func (a *answering) Verify(_ context.Context, r verify.Request) (sesuai.Verdict, error) {
	return note(a, r.Call, verified)
}

func (a *answering) VerifyData(_ context.Context, r verify.DataRequest) (sesuai.DataVerdict, error) {
	return note(a, r.Call, sesuai.DataVerdict{Verified: true, Reason: sesuai.ReasonVerified, NIK: sesuai.Match})
}

func (a *answering) Match(_ context.Context, r verify.MatchRequest) (sesuai.MatchVerdict, error) {
	return note(a, r.Call, sesuai.MatchVerdict{Code: sesuai.CodeMatch, Percentage: sesuai.PercentageOf(95.77)})
}

func (a *answering) Liveness(_ context.Context, r verify.LivenessRequest) (sesuai.LivenessVerdict, error) {
	return note(a, r.Call, sesuai.LivenessVerdict{Status: sesuai.SpoofLow, Spoof: 0.02, Measured: true})
}
