//go:build !race

package face_test

const underRace = false
