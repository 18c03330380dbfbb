package timing_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestCompare: differences are found, and none where there is none, although the machine
// becomes slower meanwhile, does other work in between, and stops now and then.
func TestCompare(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	run := func(n int, effect func(time.Duration) time.Duration) (a, b []time.Duration) {
		slow := 1.0
		for range n {
			slow *= math.Exp(0.01 * rng.NormFloat64())
			one := func() time.Duration {
				took := slow * 300 * math.Exp(0.1*rng.NormFloat64())
				if rng.IntN(50) == 0 {
					took += 5000 * rng.ExpFloat64()
				}
				return time.Duration(took * float64(time.Microsecond))
			}
			a, b = append(a, effect(one())), append(b, one())
		}
		return a, b
	}
	const runs = 40
	for _, test := range []struct {
		name     string
		n        int
		effect   func(time.Duration) time.Duration
		min, max int // of runs in which it is found
	}{
		{"none", short, func(d time.Duration) time.Duration { return d }, 0, 0},
		{"none", 2000, func(d time.Duration) time.Duration { return d }, 0, 0},
		{"25 µs", short, func(d time.Duration) time.Duration { return d + 25*time.Microsecond }, 38, runs},
		{"15 µs", 2000, func(d time.Duration) time.Duration { return d + 15*time.Microsecond }, 38, runs},
		{"less than the bound", 2000, func(d time.Duration) time.Duration { return d + 5*time.Microsecond }, 0, 2},
		{"one of eight takes twice as long", 2000, func(d time.Duration) time.Duration {
			if rng.IntN(8) == 0 {
				return 2 * d
			}
			return d
		}, 38, runs},
	} {
		found := 0
		for range runs {
			if compare(run(test.n, test.effect)).found() {
				found++
			}
		}
		if found < test.min || found > test.max {
			t.Errorf("%s: found in %d of %d runs of %d samples, want %d to %d", test.name, found, runs, test.n, test.min, test.max)
		}
	}
}

// TestSignedRank compares with an example that is computed by hand.
func TestSignedRank(t *testing.T) {
	// Of 1, -2, 2, 5 the ranks are 1, 2.5, 2.5 and 4.
	sum, variance := signedRank([]time.Duration{1, -2, 2, 0, 5}, 0)
	if sum != 1-2.5+2.5+4 || variance != 1+2*2.5*2.5+16 {
		t.Errorf("signedRank = %v, %v", sum, variance)
	}
	if p := twoSided(1.959964, 1); math.Abs(p-0.05) > 1e-6 {
		t.Errorf("the p-value is %v", p)
	}
}
