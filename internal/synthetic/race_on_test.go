//go:build race

package synthetic_test

// underRace: comparing each with each takes ten times as long there, and nothing
// in it runs at once.
const underRace = true
