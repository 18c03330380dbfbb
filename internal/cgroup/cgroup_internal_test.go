package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMemoryLimit: the smallest limit from the process's cgroup up to the root counts.
func TestMemoryLimit(t *testing.T) {
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
		if got, ok := memoryLimit(root); got != test.want || ok != (test.want != 0) {
			t.Errorf("%s: %d, %v, want %d", test.name, got, ok, test.want)
		}
	}
}
