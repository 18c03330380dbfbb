package policy

import "github.com/sesuai/sesuai"

// DecideMatch gives the outcome of comparing two faces. A percentage or a threshold
// that is not known matches nobody.
func DecideMatch(percentage, threshold sesuai.Percentage) sesuai.MatchCode {
	if threshold.Known() && percentage.AtLeast(threshold) {
		return sesuai.CodeMatch
	}
	return sesuai.CodeNotMatch
}
