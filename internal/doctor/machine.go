package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sesuai/sesuai/internal/cgroup"
)

// maxBehind is how much earlier than what is stored the clock may be: the clocks of two
// nodes differ by less.
const maxBehind = 5 * time.Second

// Clock checks the clock against the latest time that is stored, zero if none is, and
// then whether the kernel says that something keeps it synchronised.
func Clock(now, latest time.Time) Finding {
	var t unix.Timex // Modes is 0: nothing is set
	state, err := unix.Adjtimex(&t)
	return clock(now, latest, err == nil, state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0)
}

func clock(now, latest time.Time, known, synchronised bool) Finding {
	const keep = "run chrony or systemd-timesyncd on this machine, or on its host"
	switch behind := latest.Sub(now); {
	case !latest.IsZero() && behind > maxBehind:
		return Fail("set the clock, and "+keep+"; if the clock was ahead before, limits and expiries are wrong until it has caught up",
			"the clock is %s behind the audit trail", behind.Round(time.Second))
	case !known:
		return Warn(keep, "the kernel does not say whether the clock is synchronised")
	case !synchronised:
		return Warn(keep, "the clock is not synchronised")
	default:
		return Good("the clock is synchronised, and not behind the audit trail")
	}
}

// What a file system has free at least.
const (
	warnFree, failFree     = 2 << 30, 256 << 20 // bytes
	warnInodes, failInodes = 10_000, 1000
)

// Free returns how many bytes may be written to the file system where a folder is, or is
// to be made.
func Free(folder string) (uint64, error) {
	s, err := fileSystem(folder)
	if err != nil || s.Flags&unix.ST_RDONLY != 0 {
		return 0, err
	}
	return freeBytes(s), nil
}

func freeBytes(s unix.Statfs_t) uint64 { return s.Bavail * uint64(max(s.Bsize, 0)) }

// fileSystem describes that of a folder, or of the nearest one above that exists.
func fileSystem(folder string) (s unix.Statfs_t, err error) {
	at, err := filepath.Abs(folder)
	for err == nil {
		err = unix.Statfs(at, &s)
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		at, err = filepath.Dir(at), nil
	}
	return s, err
}

// Disk checks the free space and inodes where a folder is, or is to be made.
func Disk(folder string) Finding {
	s, err := fileSystem(folder)
	if err == nil && s.Flags&unix.ST_RDONLY != 0 {
		return Fail("see the kernel's log why it is read-only, and mount it for writing", "%s is on a file system that is read-only", folder)
	}
	if err != nil {
		return Fail("see that the folder can be reached", "%s: %v", folder, err)
	}
	return disk(folder, freeBytes(s), s.Files, s.Ffree)
}

// disk judges a file system. One that counts no inodes has none that could be missing.
func disk(folder string, free, inodes, freeInodes uint64) Finding {
	const do = "free some space or enlarge the file system: verifications are refused once it is full"
	seen := fmt.Sprintf("%s has %s free", folder, size(free))
	if inodes > 0 {
		seen += fmt.Sprintf(" and %d inodes", freeInodes)
	}
	switch {
	case free < failFree || inodes > 0 && freeInodes < failInodes:
		return Fail(do, "%s", seen)
	case free < warnFree || inodes > 0 && freeInodes < warnInodes:
		return Warn(do, "%s", seen)
	default:
		return Good("%s", seen)
	}
}

func size(n uint64) string {
	if n >= 10<<30 {
		return strconv.FormatUint(n>>30, 10) + " GiB"
	}
	return strconv.FormatUint(n>>20, 10) + " MiB"
}

// Files checks whether as many connections can be open as are configured.
func Files(configured, possible int) Finding {
	if possible < configured {
		return Warn("raise the limit of open files to 256 more than limits.connections (LimitNOFILE of the unit, or ulimit -n)",
			"the limit of open files of this process allows %d connections; limits.connections is %d", possible, configured)
	}
	return Good("the limit of open files of this process allows limits.connections (%d)", configured)
}

// Memory checks whether need bytes fit into the machine and the cgroup of this process,
// and heap bytes into GOMEMLIMIT.
func Memory(need, heap int64) Finding {
	var s unix.Sysinfo_t
	if err := unix.Sysinfo(&s); err != nil {
		return Warn("see that the machine has enough memory", "the memory of the machine: %v", err)
	}
	all := s.Totalram * uint64(s.Unit)
	if limit, ok := cgroup.MemoryLimit(); ok {
		all = min(all, limit)
	}
	return memory(need, heap, all, debug.SetMemoryLimit(-1))
}

func memory(need, heap int64, all uint64, limit int64) Finding {
	seen := fmt.Sprintf("this process may use %s; limits.memory and the program need %s", size(all), size(uint64(max(need, 0))))
	switch {
	case uint64(max(need, 0)) > all:
		return Warn("give the machine, container or unit (MemoryMax) more memory, or make limits.memory smaller", "%s", seen)
	case limit < heap:
		return Warn("unset GOMEMLIMIT: the service sets it by limits.memory",
			"GOMEMLIMIT is %s, and limits.memory needs %s", size(uint64(max(limit, 0))), size(uint64(max(heap, 0))))
	default:
		return Good("%s", seen)
	}
}
