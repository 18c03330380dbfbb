//go:build race

package face_test

// underRace makes tests use a sample, since the race detector makes the pipeline
// ten times slower, and a sample is enough to find a race.
const underRace = true
