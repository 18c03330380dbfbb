package sandbox_test

import (
	"context"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/sandbox"
)

// started are the requests that were started.
type started []limit.Request

func (s *started) Start(_ context.Context, r limit.Request) (*limit.Lease, error) {
	*s = append(*s, r)
	return nil, nil
}

// TestLimits: a request about a fixed outcome counts for its client, and for no NIK.
func TestLimits(t *testing.T) {
	var s started
	limits := sandbox.NewLimits(&s)
	for nik, want := range map[string]sesuai.NIK{
		sandbox.Outcomes[0].NIK: {},
		"9901015203900001":      parse(t, "9901015203900001"),
	} {
		s = nil
		if _, err := limits.Start(t.Context(), limit.Request{Client: "client-1", NIK: parse(t, nik)}); err != nil {
			t.Fatal(err)
		}
		if len(s) != 1 || s[0].Client != "client-1" || !s[0].NIK.Equal(want) {
			t.Errorf("%s: started %+v", nik, s)
		}
	}
}
