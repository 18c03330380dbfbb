package people_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// The environment of a child process: see TestChild.
const (
	childDir   = "SESUAI_TEST_DIR"   // of the keys, and of an SQLite database
	childURL   = "SESUAI_TEST_URL"   // of a PostgreSQL database
	childFirst = "SESUAI_TEST_FIRST" // the number of its first person
	childCount = "SESUAI_TEST_COUNT" // how many people it enrols
)

// TestChild is no test: the tests below run it in another process. It enrols
// people and replaces every other one by its second version. It prints a line for
// each change once that is acknowledged.
func TestChild(t *testing.T) {
	dir, url := os.Getenv(childDir), os.Getenv(childURL)
	if dir == "" {
		return // not started by another test
	}
	first, _ := strconv.Atoi(os.Getenv(childFirst))
	count, _ := strconv.Atoi(os.Getenv(childCount))
	d := in(dir)
	if url != "" {
		d.Options = sqldb.Options{URL: url, Migrations: migrations}
	}
	n := open(t, d)
	const workers = 4
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := first + w; i < first+count; i += workers {
				if _, err := n.Enrol(t.Context(), registrytest.Person(t, i), registrytest.Portrait(t, i)); err != nil {
					t.Error(err)
				}
				fmt.Printf("enrolled %d\n", i)
				if i%2 == 1 {
					if _, err := n.Enrol(t.Context(), secondVersion(t, i), nil); err != nil {
						t.Error(err)
					}
					fmt.Printf("replaced %d\n", i)
				}
			}
		})
	}
	group.Wait()
}

// startChild runs TestChild in another process. wait returns what it has printed
// once it has ended.
func startChild(t *testing.T, d sqltest.Database, first, count int) (cmd *exec.Cmd, wait func() []string) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childDir+"="+d.Dir, childURL+"="+d.Options.URL,
		fmt.Sprintf("%s=%d", childFirst, first), fmt.Sprintf("%s=%d", childCount, count))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	printed := make(chan []string, 1)
	go func() {
		var lines []string
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			if err == io.EOF { // a line without its end was not finished
				break
			}
			lines = append(lines, strings.TrimSpace(line))
		}
		printed <- lines
	}()
	return cmd, func() []string {
		lines := <-printed
		_ = cmd.Wait() // it was killed, or its lines show what is missing
		return lines
	}
}

// TestKill kills a process with SIGKILL while it enrols, again and again on one
// database.
func TestKill(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		rounds, perRound := 6, 100_000
		if testing.Short() {
			rounds = 2
		}
		acknowledged := 0
		for round := range rounds {
			cmd, wait := startChild(t, d, round*perRound, perRound)
			time.Sleep(time.Duration(400+130*round) * time.Millisecond)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			lines := wait()
			acknowledged += len(lines)

			n, err := tryOpen(t.Context(), d, d.Dir)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			assertSound(t, d)
			assertKept(t, n, lines)
			n.close(t)
		}
		t.Logf("%d acknowledged changes outlived %d kills", acknowledged, rounds)
		if acknowledged == 0 {
			t.Error("the processes were killed before they wrote anything")
		}
	})
}

// assertSound reports damage to the database.
func assertSound(t *testing.T, d sqltest.Database) {
	t.Helper()
	if d.Engine == sqldb.SQLite {
		var check string
		d.QueryRow(t, `PRAGMA integrity_check`, &check)
		if check != "ok" {
			t.Errorf("integrity_check: %s", check)
		}
	}
	// A template whose person is missing cannot be told by its row: that is the
	// point. But there must not be more templates than people.
	if people, templates := rowsOf(t, d, "people"), rowsOf(t, d, "templates"); templates > people {
		t.Errorf("%d templates of %d people", templates, people)
	}
}

// assertKept reports people who were acknowledged and are not on record, or only
// in part.
func assertKept(t *testing.T, n node, lines []string) {
	t.Helper()
	enrolled, replaced := map[int]bool{}, map[int]bool{}
	for _, line := range lines {
		what, number, _ := strings.Cut(line, " ")
		i, err := strconv.Atoi(number)
		switch {
		case what == "enrolled" && err == nil:
			enrolled[i] = true
		case what == "replaced" && err == nil:
			replaced[i] = true
		}
	}
	for i := range enrolled {
		first := holds(t, n, registrytest.Person(t, i), registrytest.Portrait(t, i))
		second := holds(t, n, secondVersion(t, i), nil)
		if first == second {
			t.Errorf("person %d: the first version is on record: %v, the second: %v", i, first, second)
		}
		if replaced[i] && !second {
			t.Errorf("person %d: the acknowledged second version is not on record", i)
		}
	}
}

// TestProcessesTogether: two processes find an empty database and write.
func TestProcessesTogether(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		const each = 40
		_, waitA := startChild(t, d, 0, each)
		_, waitB := startChild(t, d, each, each)
		lines := append(waitA(), waitB()...)
		assertSound(t, d)
		n := open(t, d)
		assertKept(t, n, lines)
		if got, err := n.Count(t.Context()); err != nil || got != 2*each {
			t.Errorf("%d people on record, want %d (%v)", got, 2*each, err)
		}
	})
}
