package app

import "testing"

// TestMemoryFitsCgroup: what a cgroup has beside the program is used, and no more than is
// configured, nor less than the largest body needs.
func TestMemoryFitsCgroup(t *testing.T) {
	c := LimitsConfig{MaxBody: 10 << 20, Memory: 512 << 20}
	for limit, want := range map[uint64]int64{
		1 << 63: 512 << 20, 662 << 20: 512 << 20, 661 << 20: 511 << 20, 384 << 20: 234 << 20, 240 << 20: 90 << 20, 100 << 20: 90 << 20, 0: 90 << 20,
	} {
		fitted := c.fit(limit)
		if fitted.Memory != want {
			t.Errorf("of %d bytes %d are used, want %d", limit, fitted.Memory, want)
		}
		if err := fitted.check(); err != nil {
			t.Error(err)
		}
	}
}
