//go:build race

package face_test

// underRace: the race detector makes the pipeline ten times slower, and what it
// looks for shows in a sample.
const underRace = true
