package doctor

import (
	"testing"
	"time"
)

// TestClock: a clock behind what is stored fails, whatever the kernel says of it.
func TestClock(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, test := range []struct {
		latest              time.Time
		known, synchronised bool
		want                State
	}{
		{time.Time{}, true, true, OK},
		{now.Add(-time.Hour), true, true, OK},
		{now.Add(maxBehind), true, true, OK},
		{now.Add(maxBehind + time.Second), true, true, Failed},
		{now.Add(time.Hour), false, false, Failed},
		{now, true, false, Warning},
		{now, false, true, Warning},
	} {
		if got := clock(now, test.latest, test.known, test.synchronised); got.State != test.want {
			t.Errorf("%+v: %+v", test, got)
		}
	}
}

// TestDiskLimits: space and inodes count, but not inodes where none are counted.
func TestDiskLimits(t *testing.T) {
	for _, test := range []struct {
		free, inodes, freeInodes uint64
		want                     State
	}{
		{warnFree, 1_000_000, warnInodes, OK},
		{warnFree, 0, 0, OK},
		{warnFree - 1, 0, 0, Warning},
		{failFree, 1_000_000, warnInodes, Warning},
		{failFree - 1, 1_000_000, warnInodes, Failed},
		{warnFree, 1_000_000, warnInodes - 1, Warning},
		{warnFree, 1_000_000, failInodes - 1, Failed},
	} {
		if got := disk("data", test.free, test.inodes, test.freeInodes); got.State != test.want {
			t.Errorf("%+v: %+v", test, got)
		}
	}
}

// TestMemory: what is needed must be there, and fit into GOMEMLIMIT.
func TestMemory(t *testing.T) {
	for _, test := range []struct {
		all   uint64
		limit int64
		want  State
	}{
		{1000, 700, OK}, {999, 700, Warning}, {1000, 699, Warning},
	} {
		if got := memory(1000, 700, test.all, test.limit); got.State != test.want {
			t.Errorf("%+v: %+v", test, got)
		}
	}
}
