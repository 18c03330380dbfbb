package face

// Liveness is how much a photograph looks like one of a living person, rather
// than of a print, a screen or a mask. It is a measure of its own and never
// part of a comparison score.
type Liveness struct {
	// Known is whether it was measured: only for ForLiveProbe, and only where
	// there is a model for it.
	Known bool
	// Score is 0 to 1, higher is more like a living person.
	Score float64
}
