package policy

import "github.com/sesuai/sesuai"

// DecideLiveness gives the status of a photograph with that liveness, 0 to 1. One
// that a client's policy would refuse, since its liveness is under the threshold, is
// SpoofHigh. It is SpoofModerate from half of the distance to that on. A liveness
// that is not a number is SpoofHigh.
func DecideLiveness(liveness, threshold float64) sesuai.LivenessStatus {
	switch {
	case !(liveness >= threshold):
		return sesuai.SpoofHigh
	case 1-liveness >= (1-threshold)/2:
		return sesuai.SpoofModerate
	default:
		return sesuai.SpoofLow
	}
}
