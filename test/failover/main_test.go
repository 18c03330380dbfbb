// Package failover_test tests two nodes behind HAProxy on two PostgreSQL servers
// under Patroni, with three etcd. It runs verifications and enrolments against the
// built program while it kills machines, cuts off their network and fills disks. It
// checks that nothing acknowledged is lost and that no verdict is wrong. make
// failover runs it. The configuration files are those of docs/operate/ha.md.
package failover_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

const (
	root      = "../.."
	photosDir = root + "/build/demo/photos"
	// enable is the environment variable that enables these tests, which take
	// minutes and both cores. It lacks the prefix SESUAI_, since Sesuai refuses
	// unknown variables with it.
	enable = "FAILOVER"
	// patience is how long these tests wait for an event.
	patience = 2 * time.Minute
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(enrollerOf) != "":
		os.Exit(m.Run()) // the parent process checks for leaks
	case os.Getenv(enable) != "" && os.Getenv(inside) == "":
		os.Exit(isolate())
	case os.Getenv(enable) != "":
		if err := startNetwork(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(pgtest.Main{M: m}, goleak.Cleanup(func(code int) {
		results.print()
		for _, child := range children() {
			fmt.Println("still running:", child)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

// children returns the processes that this one has started and not waited for, in
// the format of proc(5): number, name, state, parent.
func children() (found []string) {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return []string{err.Error()}
	}
	for _, path := range all {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name is in parentheses and may contain any character.
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(fields) > 1 && fields[1] == fmt.Sprint(os.Getpid()) {
			found = append(found, string(b))
		}
	}
	return found
}

// need skips the test unless it is enabled.
func need(t *testing.T) {
	t.Helper()
	if os.Getenv(enable) == "" {
		t.Skipf("this test takes minutes: it needs %s=1, which make failover sets", enable)
	}
	for _, path := range []string{
		filepath.Join(root, "bin/sesuai"), filepath.Join(root, "models/libonnxruntime.so.1"),
		filepath.Join(photosDir, "ayu-selfie.jpg"), filepath.Join(pgtest.Binaries, "postgres"),
	} {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("make failover builds or installs this: %v", err)
		}
	}
	for _, name := range []string{"patroni", "etcd", "haproxy"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("make failover installs this as root on Debian: %v", err)
		}
	}
}

// result is a row of the table that is printed at the end.
type result struct {
	what                                 string
	verdicts, unavailable, cutOff, wrong int
	enrolled                             []int // people
	refused, lost                        int
	pause, enrolmentPause                time.Duration
	note                                 string
}

// table is the table that is printed at the end.
type table struct {
	mu   sync.Mutex
	rows []result
}

var results table

func (r *table) add(row result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
}

func (r *table) print() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rows) == 0 {
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "\nscenario\tlongest without\twithout\tverdicts\tR8\tcut off\twrong\tenrolled\trefused\tlost\t")
	fmt.Fprintln(w, "\ta verdict, ms\tan enrolment, ms\t\t\t\t\t\t\t\t")
	for _, row := range r.rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", row.what, row.pause.Milliseconds(), row.enrolmentPause.Milliseconds(),
			row.verdicts, row.unavailable, row.cutOff, row.wrong, len(row.enrolled), row.refused, row.lost, row.note)
	}
	_ = w.Flush() // standard output
}
