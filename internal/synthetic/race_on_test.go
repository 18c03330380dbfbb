//go:build race

package synthetic_test

// underRace reduces the number of comparisons, which take ten times as long
// under the race detector and run in one goroutine.
const underRace = true
