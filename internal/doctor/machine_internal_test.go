package doctor

import (
	"os"
	"path/filepath"
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

// TestCgroupLimit: the smallest limit from the process's cgroup up to the root counts.
func TestCgroupLimit(t *testing.T) {
	for _, test := range []struct {
		name, cgroup string
		files        map[string]string
		want         uint64 // 0: none
	}{
		{"none", "0::/\n", nil, 0},
		{"v2", "0::/system.slice/sesuai.service\n", map[string]string{
			"sys/fs/cgroup/system.slice/sesuai.service/memory.max": "2000\n", "sys/fs/cgroup/system.slice/memory.max": "1000\n",
		}, 1000},
		{"v2 without a limit", "0::/a\n", map[string]string{"sys/fs/cgroup/a/memory.max": "max\n"}, 0},
		{"v1", "5:cpu:/b\n4:blkio,memory:/a\n", map[string]string{
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "3000\n", "sys/fs/cgroup/memory/b/memory.limit_in_bytes": "1\n",
		}, 3000},
	} {
		root := t.TempDir()
		files := map[string]string{"proc/self/cgroup": test.cgroup}
		for path, text := range test.files {
			files[path] = text
		}
		for path, text := range files {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, ok := cgroupLimit(root); got != test.want || ok != (test.want != 0) {
			t.Errorf("%s: %d, %v, want %d", test.name, got, ok, test.want)
		}
	}
}
