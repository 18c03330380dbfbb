//go:build !race

package synthetic_test

const underRace = false
