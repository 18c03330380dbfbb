package app

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/cgroup"
	"github.com/sesuai/sesuai/internal/config"
)

// bodyMemory is how many times max_body must fit into memory. Half of memory is for
// bodies, of which one client has at most three quarters, and a body needs up to
// three times its size: 2 × 4/3 × 3, and something to round up.
const bodyMemory = 9

func (c *LimitsConfig) check() error {
	if c.Memory/bodyMemory < c.MaxBody {
		return config.Mistakef("limits.memory", "%d is less than %d times limits.max_body; at least %d is needed",
			c.Memory, bodyMemory, bodyMemory*c.MaxBody)
	}
	return nil
}

// bodies and pixels are the two halves of the memory.
func (c *LimitsConfig) bodies() int64 { return c.Memory / 2 }
func (c *LimitsConfig) pixels() int64 { return c.Memory - c.bodies() }

// programMemory is what the program needs besides limits.memory.
const programMemory = 150 << 20

// fit returns the limits with as much memory as a cgroup with a limit has beside the
// program, so that the kernel does not kill the process. There is always enough for the
// largest body.
func (c LimitsConfig) fit(limit uint64) LimitsConfig {
	beside := int64(min(limit, math.MaxInt64)) - programMemory
	c.Memory = min(c.Memory, max(beside, bodyMemory*c.MaxBody))
	return c
}

// fitCgroup is fit for the cgroups of this process. The log says if memory is less than
// is configured.
func (c LimitsConfig) fitCgroup(log *slog.Logger) LimitsConfig {
	limit, ok := cgroup.MemoryLimit()
	if !ok {
		return c
	}
	fitted := c.fit(limit)
	if fitted.Memory < c.Memory {
		log.Warn("the cgroup has less memory than limits.memory and the program need: less is used",
			"cgroup", limit, "limits.memory", c.Memory, "used", fitted.Memory)
	}
	return fitted
}

// heap is how large the heap may become: an eighth of the memory is for libjpeg-turbo.
func (c *LimitsConfig) heap() int64 { return c.Memory - c.Memory/8 }

// otherFiles is how many open files are kept for other uses than the API's
// connections: the database, its connections, models, metrics, calls to Dukcapil.
const otherFiles = 256

// connections returns how many connections may be open, and how many from one
// address. They fit into the number of files that the process may open.
func (c *LimitsConfig) connections() (all, each int) {
	all = c.Connections
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
		allowed := min(files.Cur, 1<<30)
		all = min(all, int(allowed-min(otherFiles, allowed/2)))
	}
	if each = c.ConnectionsPerAddress; each == 0 {
		each = (all + 1) / 2
	}
	return all, each
}

// leaseAge is longer than any request takes: it may have to wait for its recording, and for
// that of a failure.
func leaseAge(t TimeoutsConfig) time.Duration { return max(limit.DefaultLeaseAge, t.Request+3*t.Audit) }

// limitHeap makes the garbage collector run before the heap is larger than
// limits.memory needs. Otherwise it lets the heap grow to twice what is in use. An
// eighth is left for what libjpeg-turbo needs, which is not on the heap, but is
// part of limits.memory. A limit that the operator has set by GOMEMLIMIT stays.
// Call restore at the end.
func limitHeap(c LimitsConfig) (restore func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(c.heap())
	return func() { debug.SetMemoryLimit(before) }
}
