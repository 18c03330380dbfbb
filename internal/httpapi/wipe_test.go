package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/verify"
)

// TestPhotographIsWiped: nothing of a photograph is left in the buffer of its
// request once that is answered, whatever the answer.
func TestPhotographIsWiped(t *testing.T) {
	photo := testPhoto + strings.Repeat("selfie", 50_000) // more than the first buffer holds
	encoded := base64.StdEncoding.EncodeToString([]byte(photo))
	body := `{"nik":"` + testNIK + `","name":"` + testName + `","date_of_birth":"` + testDate + `","face_image":"` + encoded + `"}`
	for name, request := range map[string]func() *http.Request{
		"file":   func() *http.Request { return postParts(with("face_image", photo)...) },
		"base64": func() *http.Request { return postParts(with("face_image", encoded)...) },
		"JSON": func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/identity/v1/face-verification", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.SetBasicAuth(testUser, testPassword)
			r.Header.Set("X-Api-Key", testKey)
			return r
		},
	} {
		for outcome, fails := range map[string]error{"verdict": nil, "error": errors.New("a defect")} {
			t.Run(name+" "+outcome, func(t *testing.T) {
				var kept []byte
				s := newService()
				s.options.Verifier = verifierFunc(func(_ context.Context, req verify.Request) (sesuai.Verdict, error) {
					if string(req.Photo) != photo {
						t.Error("another photograph arrived")
					}
					kept = req.Photo
					return verified, fails
				})
				checkEnvelope(t, s.do(request()))
				if kept = kept[:cap(kept)]; len(kept) < len(photo) || len(bytes.Trim(kept, "\x00")) > 0 {
					t.Errorf("of %d bytes, %d are left", len(kept), len(bytes.Trim(kept, "\x00")))
				}
			})
		}
	}
}
