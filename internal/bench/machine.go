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

// CPUTime returns the CPU time, of user and system, that all threads of the process
// have taken.
func CPUTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // it fails only for other arguments
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// use is how much of the machine's CPU time was used until a moment.
type use struct {
	own  time.Duration // by this process
	busy time.Duration // by all, and by what a hypervisor has taken
	all  time.Duration // that the machine's cores had
}

// useNow returns the use until now. busy and all are 0 where /proc/stat cannot be
// read.
func useNow() use {
	u := use{own: CPUTime()}
	if b, err := os.ReadFile("/proc/stat"); err == nil {
		u.busy, u.all = parseStat(string(b))
	}
	return u
}

// parseStat reads the first line of /proc/stat: proc_stat(5).
func parseStat(stat string) (busy, all time.Duration) {
	const tick = time.Second / 100
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0
	}
	// user, nice, system, idle, iowait, irq, softirq and steal. What follows is
	// part of user and nice.
	for i, field := range fields[1:9] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, 0
		}
		all += time.Duration(n) * tick
		if i != 3 && i != 4 {
			busy += time.Duration(n) * tick
		}
	}
	return busy, all
}

// others returns the share of the machine's CPU time, 0 to 1, that other processes
// used from one moment to another.
func others(from, to use) float64 {
	if to.all <= from.all {
		return 0
	}
	used := to.busy - from.busy - (to.own - from.own)
	return rounded(max(float64(used)/float64(to.all-from.all), 0))
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
