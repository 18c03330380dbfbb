package policy_test

import (
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/policy"
)

// TestDecideMatch: a face matches from the threshold on, and never without one.
func TestDecideMatch(t *testing.T) {
	of := sesuai.PercentageOf
	for _, tt := range []struct {
		percentage, threshold sesuai.Percentage
		want                  sesuai.MatchCode
	}{
		{of(75), of(75), "MATCH"},
		{of(74.99), of(75), "NOT_MATCH"},
		{of(100), of(100), "MATCH"},
		{sesuai.Percentage{}, of(75), "NOT_MATCH"},
		{of(100), sesuai.Percentage{}, "NOT_MATCH"},
	} {
		if got := policy.DecideMatch(tt.percentage, tt.threshold); got != tt.want {
			t.Errorf("%v of %v is %s", tt.percentage, tt.threshold, got)
		}
	}
}
