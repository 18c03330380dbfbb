// Package cgroup reads the limits that the kernel sets the cgroups of this process, v2 or
// v1. It must not know what is done about them.
package cgroup

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// MemoryLimit returns the smallest limit of memory, in bytes, of the cgroups that this
// process is in, and whether there is one.
func MemoryLimit() (limit uint64, ok bool) { return memoryLimit("/") }

// memoryLimit is MemoryLimit below a root of the file system.
func memoryLimit(root string) (limit uint64, ok bool) {
	b, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0, false
	}
	var limits []uint64
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		folder, file := "sys/fs/cgroup", "memory.max"
		if parts[1] != "" {
			if !slices.Contains(strings.Split(parts[1], ","), "memory") {
				continue
			}
			folder, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			text, err := os.ReadFile(filepath.Join(root, folder, at, file))
			n, bad := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64) // "max" is no number
			if cmp.Or(err, bad) == nil {
				limits = append(limits, n)
			}
			if at == "/" {
				break
			}
		}
	}
	if len(limits) == 0 {
		return 0, false
	}
	return slices.Min(limits), true
}
