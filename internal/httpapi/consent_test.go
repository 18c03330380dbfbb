package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
)

// TestConsent: every endpoint takes a consent in either form of the body, refuses one
// that is not valid, and refuses a request without one where the client must state it.
func TestConsent(t *testing.T) {
	given := part{name: "consent_given_at", body: "2026-03-10T18:59:00+07:00"}
	id, purpose := part{name: "consent_id", body: "consent-17"}, part{name: "purpose", body: "account_opening"}
	all := sesuai.Consent{ID: id.body, GivenAt: time.Date(2026, 3, 10, 11, 59, 0, 0, time.UTC), Purpose: purpose.body}
	for _, tt := range []struct {
		name   string
		policy access.ConsentPolicy
		fields []part
		want   sesuai.Consent
		refuse string // the code and the field
	}{
		{"nothing", access.ConsentOptional, nil, sesuai.Consent{}, ""},
		{"undefined", access.ConsentOptional, []part{{name: "consent_id", body: "undefined"}, {name: "purpose"}}, sesuai.Consent{}, ""},
		{"all", access.ConsentOptional, []part{id, given, purpose}, all, ""},
		{"all that is required", access.ConsentRequired, []part{id, given, purpose}, all, ""},
		{"the purpose that is required", access.ConsentPurpose, []part{purpose}, sesuai.Consent{Purpose: purpose.body}, ""},
		{"no purpose", access.ConsentPurpose, []part{id, given}, sesuai.Consent{}, "CONSENT_REQUIRED purpose"},
		{"no id", access.ConsentRequired, []part{given, purpose}, sesuai.Consent{}, "CONSENT_REQUIRED consent_id"},
		{"no time", access.ConsentRequired, []part{id, purpose}, sesuai.Consent{}, "CONSENT_REQUIRED consent_given_at"},
		{"none of them", access.ConsentRequired, nil, sesuai.Consent{}, "CONSENT_REQUIRED consent_id"},
		{"a NIK as id", access.ConsentOptional, []part{{name: "consent_id", body: "c-" + testNIK}}, sesuai.Consent{}, "INVALID_CONSENT consent_id"},
		{"a NIK as purpose", access.ConsentOptional, []part{{name: "purpose", body: "for " + testNIK}}, sesuai.Consent{}, "INVALID_CONSENT purpose"},
		{"a long id", access.ConsentOptional, []part{{name: "consent_id", body: strings.Repeat("c", 129)}}, sesuai.Consent{}, "INVALID_CONSENT consent_id"},
		{"a huge purpose", access.ConsentOptional, []part{{name: "purpose", body: strings.Repeat("p", 5000)}}, sesuai.Consent{}, "INVALID_CONSENT purpose"},
		{"a time to come", access.ConsentOptional, []part{{name: "consent_given_at", body: "2026-03-10T19:06:00+07:00"}}, sesuai.Consent{}, "INVALID_CONSENT consent_given_at"},
		{"a day", access.ConsentOptional, []part{{name: "consent_given_at", body: "10-03-2026"}}, sesuai.Consent{}, "INVALID_CONSENT consent_given_at"},
	} {
		for _, e := range everyEndpoint() {
			for form, r := range map[string]*http.Request{"JSON": e.inJSON("null", tt.fields...), "multipart": e.inMultipart("-", tt.fields...)} {
				a := newAnswering()
				client := a.options.Authenticator.(credentials).client
				client.Consent = tt.policy
				a.options.Authenticator = credentials{client}
				resp := a.do(r)
				body := checkEnvelope(t, resp)
				if code, field, refused := strings.Cut(tt.refuse, " "); refused {
					want := fmt.Sprintf(`"code":%q`, code)
					if resp.StatusCode != 400 || !strings.Contains(body, want) || !strings.Contains(body, field) || len(a.given) != 0 {
						t.Errorf("%s, %s in %s: %d %s", tt.name, e.path, form, resp.StatusCode, body)
					}
					continue
				}
				if diff := cmp.Diff([]sesuai.Consent{tt.want}, a.consents); diff != "" || resp.StatusCode != 200 {
					t.Errorf("%s, %s in %s: %d, consent (-want +got):\n%s", tt.name, e.path, form, resp.StatusCode, diff)
				}
			}
		}
	}
}
