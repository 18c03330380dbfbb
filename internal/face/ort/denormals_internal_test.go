//go:build cgo && amd64

package ort

import (
	"errors"
	"math"
	"testing"
)

// TestWithoutDenormals: products that are too small for a normal number are zero while
// a network runs, and numbers again afterwards. The error is f's.
func TestWithoutDenormals(t *testing.T) {
	small, tenth := math.Float32frombits(0x00800000), float32(0.1) // the smallest normal number
	want := errors.New("f's")
	err := withoutDenormals(func() error {
		if got := small * tenth; got != 0 {
			t.Errorf("%g meanwhile", got)
		}
		return want
	})
	if err != want { //nolint:errorlint // it must be the same
		t.Errorf("error %v", err)
	}
	if got := small * tenth; got == 0 {
		t.Errorf("%g afterwards", got)
	}
}
