package app

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ProtectMemory keeps the memory of this process out of core dumps, and from
// debuggers and other processes of the same user, unless c allows core dumps. It
// holds photographs, credentials and keys. Root can still read it. ProtectMemory
// must be called before anything of that is read.
func ProtectMemory(c Config) error {
	if c.CoreDumps {
		return nil
	}
	// The limit also holds where core_pattern(5) would write a file for a process
	// that is not dumpable (fs.suid_dumpable = 1).
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("turning core dumps off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("turning core dumps off: %w", err)
	}
	return nil
}
