package policy_test

import (
	"math"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/policy"
)

// TestDecideLiveness: the boundaries of the statuses.
func TestDecideLiveness(t *testing.T) {
	for _, tt := range []struct {
		liveness, threshold float64
		want                sesuai.LivenessStatus
	}{
		{1, 0.5, "LOW"},
		{0.76, 0.5, "LOW"},
		{0.75, 0.5, "MODERATE"},
		{0.5, 0.5, "MODERATE"},
		{0.499, 0.5, "HIGH"},
		{0, 0.5, "HIGH"},
		{1, 1, "MODERATE"},
		{0.999, 1, "HIGH"},
		{math.NaN(), 0.5, "HIGH"},
	} {
		if got := policy.DecideLiveness(tt.liveness, tt.threshold); got != tt.want {
			t.Errorf("%v of %v is %s, want %s", tt.liveness, tt.threshold, got, tt.want)
		}
	}
}
