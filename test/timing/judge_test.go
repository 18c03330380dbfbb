package timing_test

import (
	"slices"
	"testing"
	"time"
)

// bound is the smallest difference that counts, however significant it is: between two
// hosts in one building a time varies by more.
const bound = 10 * time.Microsecond

// withControls appends the controls of judge: the first class again, and with delays. The
// longest delay must be found on any machine.
func withControls(classes []class, longest time.Duration) []class {
	again := classes[0]
	again.name = "again"
	all := append(slices.Clone(classes), again)
	for _, d := range []time.Duration{20 * time.Microsecond, 100 * time.Microsecond, longest} {
		delayed := classes[0]
		delayed.name, delayed.delay = "delayed by "+d.String(), d
		all = append(all, delayed)
	}
	return all
}

// judge compares each pair of the classes but for those with delays, and logs the
// figures. It is an error if two are told apart, or if the longest delay is not.
func judge(t *testing.T, classes []class, times [][]time.Duration) {
	t.Helper()
	equal := slices.IndexFunc(classes, func(c class) bool { return c.delay > 0 })
	for i, c := range classes {
		t.Logf("%-20s median %.1f µs", c.name, micros(median(times[i])))
	}
	for i := range equal {
		for j := range i {
			c := compare(times[i], times[j])
			t.Logf("%-20s against %-16s %v", classes[i].name, classes[j].name, c)
			if c.found() {
				t.Errorf("%s takes another time than %s: %v", classes[i].name, classes[j].name, c)
			}
		}
	}
	for i := equal; i < len(classes); i++ {
		c := compare(times[i], times[0])
		t.Logf("%-20s against %-16s %v, found: %t", classes[i].name, classes[0].name, c, c.found())
		if i == len(classes)-1 && !c.found() {
			t.Errorf("%s is not found: %v", classes[i].name, c)
		}
	}
	t.Logf("the smallest delay that would be found: %v", smallest(times[equal-1], times[0]))
}
