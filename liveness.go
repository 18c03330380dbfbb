package sesuai

// LivenessStatus says how likely a photograph is an attack, spelled as on the wire.
type LivenessStatus string

// The statuses. The last two mean that nothing was measured.
const (
	SpoofLow      LivenessStatus = "LOW"
	SpoofModerate LivenessStatus = "MODERATE"
	SpoofHigh     LivenessStatus = "HIGH"
	SpoofNoFace   LivenessStatus = "face not detected"
	SpoofFaces    LivenessStatus = "too many faces detected"
)

// LivenessVerdict is the answer about whether a photograph looks like one of a living
// person.
type LivenessVerdict struct {
	Status LivenessStatus
	// Spoof is from 0 to 1, higher if the photograph looks more like an attack. It
	// has a meaning if Measured.
	Spoof    float64
	Measured bool
	// Threshold is the minimum liveness of a photograph, 0 to 1; 0 if that is not known.
	Threshold float64
}
