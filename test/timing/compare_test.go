package timing_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"
)

const (
	// alpha is the significance level of one test. A run has fewer than 100 tests, so
	// that it has a false alarm with a probability under 1e-4.
	alpha = 1e-6
	// tail is the share of all times that count as long.
	tail = 0.1
	// minTail is the smallest difference between the shares of long times that counts.
	minTail = 0.03
)

// comparison is the result of comparing the times of two classes of requests.
type comparison struct {
	// Shift is how much longer the first class takes: the estimate of Hodges and
	// Lehmann (1963), to 0.1 µs. ShiftP is the p-value of Wilcoxon's signed-rank test
	// (1945) of the differences within the rounds.
	Shift  time.Duration
	ShiftP float64
	// Tail is how much more of the first class is among the longest tenth of all
	// times, and TailP the p-value of McNemar's test of that.
	Tail  float64
	TailP float64
}

// compare compares two classes by their times, which are in the order of the rounds.
// Each round has one request of each class, in a random order. If the class has no
// effect, the two times of a round could as well be exchanged, whatever the machine
// does meanwhile and however the rounds differ. Both tests need no more than that: they
// ask how likely the differences would be if the sign of each were drawn by a coin. They
// use ranks and counts, so that a few outliers do not matter.
func compare(a, b []time.Duration) comparison {
	var c comparison
	differences := make([]time.Duration, len(a))
	for i := range a {
		differences[i] = a[i] - b[i]
	}
	sum, variance := signedRank(differences, 0)
	c.Shift, c.ShiftP = shift(differences), twoSided(sum, variance)
	c.Tail, c.TailP = tails(a, b)
	return c
}

// found reports whether the classes are told apart: a difference is significant, and
// not smaller than one that matters.
func (c comparison) found() bool {
	return c.ShiftP < alpha && c.Shift.Abs() >= bound || c.TailP < alpha && math.Abs(c.Tail) >= minTail
}

// String returns the figures for a log.
func (c comparison) String() string {
	return fmt.Sprintf("%+.1f µs (p %.1g), %+.1f %% of the longest tenth (p %.1g)", micros(c.Shift), c.ShiftP, 100*c.Tail, c.TailP)
}

// shift returns what has to be subtracted from the differences so that the test sees
// nothing.
func shift(differences []time.Duration) time.Duration {
	low, high := slices.Min(differences), slices.Max(differences)
	for high-low > time.Microsecond/10 {
		middle := low + (high-low)/2
		if sum, _ := signedRank(differences, middle); sum > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// signedRank returns the statistic of the signed-rank test of the differences less an
// amount, which has the mean 0, and its variance.
func signedRank(differences []time.Duration, less time.Duration) (sum, variance float64) {
	var d []time.Duration
	for _, x := range differences {
		if x != less {
			d = append(d, x-less)
		}
	}
	slices.SortFunc(d, func(x, y time.Duration) int { return cmp.Compare(x.Abs(), y.Abs()) })
	for i := 0; i < len(d); {
		end := i + 1
		for end < len(d) && d[end].Abs() == d[i].Abs() {
			end++
		}
		rank := float64(i+1+end) / 2 // equal ones have the mean of their ranks
		for ; i < end; i++ {
			sum += math.Copysign(rank, float64(d[i]))
			variance += rank * rank
		}
	}
	return sum, variance
}

// tails returns how much more of a than of b is among the longest times of both, as a
// share, and the p-value of McNemar's test (1947): among the rounds in which one of the
// two is.
func tails(a, b []time.Duration) (difference, p float64) {
	all := slices.Concat(a, b)
	slices.Sort(all)
	long := all[len(all)-1-int(tail*float64(len(all)))]
	onlyA, onlyB := 0.0, 0.0
	for i := range a {
		switch {
		case a[i] > long && b[i] <= long:
			onlyA++
		case b[i] > long && a[i] <= long:
			onlyB++
		}
	}
	return (onlyA - onlyB) / float64(len(a)), twoSided(onlyA-onlyB, onlyA+onlyB)
}

// twoSided returns the p-value of a sum with the mean 0.
func twoSided(sum, variance float64) float64 {
	if variance == 0 {
		return 1
	}
	return math.Erfc(math.Abs(sum) / math.Sqrt(2*variance))
}

// smallest returns the smallest delay, to a microsecond, that is found if the times of a
// class become longer by it. It looks up to 10 ms.
func smallest(a, b []time.Duration) time.Duration {
	n := sort.Search(10_000, func(n int) bool {
		later := make([]time.Duration, len(a))
		for i := range a {
			later[i] = a[i] + time.Duration(n)*time.Microsecond
		}
		return compare(later, b).found()
	})
	return time.Duration(n) * time.Microsecond
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
