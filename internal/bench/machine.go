package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// syncTime returns the median time, in milliseconds, of writing 4 KiB to a file in
// the folder and waiting until they are on the disk.
func syncTime(folder string) (float64, error) {
	f, err := os.Create(filepath.Join(folder, "sync"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	times := make([]time.Duration, 30)
	for i := range times {
		start := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times[i] = time.Since(start)
	}
	return ms(Quantile(times, 0.5)), nil
}

// cpuTime returns the CPU time, of user and system, that all threads of the process
// have taken.
func cpuTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // it fails only for other arguments
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// resetPeak makes the present resident set the process's peak. Where that is not
// allowed the peak is that of the process's whole life.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peakMiB returns the peak of the process's resident set, in MiB.
func peakMiB() (int, error) { return StatusMiB(os.Getpid(), "VmHWM") }

// StatusMiB returns a memory figure of /proc/PID/status, in MiB, rounded down.
func StatusMiB(pid int, key string) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if rest, ok := strings.CutPrefix(string(line), key+":"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s in the process's status", key)
}
