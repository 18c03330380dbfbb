package httpapi_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/verify"
)

// TestRelease: an unfavourable answer, and a refusal of credentials, take a multiple of
// 10 ms, however long the work takes. A favourable answer and an error do not wait.
func TestRelease(t *testing.T) {
	for name, test := range map[string]struct {
		verdict sesuai.Verdict
		err     error
		refused bool // the credentials are
		takes   time.Duration
		want    time.Duration
	}{
		"not verified":             {takes: 3 * time.Millisecond, want: 10 * time.Millisecond},
		"not verified, slowly":     {takes: 12 * time.Millisecond, want: 20 * time.Millisecond},
		"verified":                 {verdict: verified, takes: 3 * time.Millisecond, want: 3 * time.Millisecond},
		"unavailable":              {err: &sesuai.Error{Kind: sesuai.KindUnavailable}, takes: 3 * time.Millisecond, want: 3 * time.Millisecond},
		"refused credentials":      {refused: true, takes: 3 * time.Millisecond, want: 10 * time.Millisecond},
		"refused, on the boundary": {refused: true, takes: 10 * time.Millisecond, want: 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService()
				s.options.Verifier = verifierFunc(func(context.Context, verify.Request) (sesuai.Verdict, error) {
					time.Sleep(test.takes)
					return test.verdict, test.err
				})
				if test.refused {
					s.options.Authenticator = authenticate(func(access.Attempt) (access.Client, error) {
						time.Sleep(test.takes)
						return access.Client{}, &sesuai.Error{Kind: sesuai.KindUnauthenticated}
					})
				}
				server := httpapi.New(s.options)
				start := time.Now()
				serve(server, postParts(everyPart()...))
				if took := time.Since(start); took != test.want {
					t.Errorf("it took %v, not %v", took, test.want)
				}
			})
		})
	}
}
