package store_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/store"
)

// The environment of a child process: see TestChild.
const (
	childDir   = "SESUAI_TEST_DIR"
	childFirst = "SESUAI_TEST_FIRST" // the number of its first person
	childURL   = "SESUAI_TEST_URL"   // of the database, unless it is in the folder
	childCount = "SESUAI_TEST_COUNT" // how many people it enrols
)

// secondVersion is what a person is replaced by.
func secondVersion(t testing.TB, n int) registry.Person {
	p := registrytest.Person(t, n)
	p.Status = sesuai.Deceased
	p.Attributes = nil
	return p
}

// TestChild is no test: it is what the tests below run as another process. It
// enrols people, replaces every other one by its second version without a
// portrait, and appends two events for each, and says so line by line once the
// store has acknowledged it.
func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("run by other tests")
	}
	first, _ := strconv.Atoi(os.Getenv(childFirst))
	count, _ := strconv.Atoi(os.Getenv(childCount))
	if url := os.Getenv(childURL); url != "" {
		databases[dir], postgres = url, new(pgtest.Server)
	}
	s := open(t, dir)
	const workers = 4
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for n := first + w; n < first+count; n += workers {
				if _, err := s.Enrol(t.Context(), registrytest.Person(t, n), registrytest.Portrait(t, n)); err != nil {
					t.Error(err)
				}
				fmt.Printf("enrolled %d\n", n)
				for i := range 2 {
					id := fmt.Sprintf("%d.%d", n, i)
					if err := s.Append(t.Context(), event(t, n, id)); err != nil {
						t.Error(err)
					}
					fmt.Printf("appended %s\n", id)
				}
				if n%2 == 1 {
					if _, err := s.Enrol(t.Context(), secondVersion(t, n), nil); err != nil {
						t.Error(err)
					}
					fmt.Printf("replaced %d\n", n)
				}
			}
		})
	}
	group.Wait()
}

// startChild runs TestChild in another process. wait returns what it has said,
// once it has ended.
func startChild(t *testing.T, dir string, first, count int) (cmd *exec.Cmd, wait func() []string) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprintf("%s=%d", childFirst, first),
		fmt.Sprintf("%s=%d", childCount, count))
	if postgres != nil {
		cmd.Env = append(cmd.Env, childURL+"="+databaseOf(t, dir))
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan []string, 1)
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
		said <- lines
	}()
	return cmd, func() []string {
		lines := <-said
		_ = cmd.Wait() // killed, or its lines say what is missing
		return lines
	}
}

// TestKill kills a process with SIGKILL in the midst of enrolments and events,
// again and again on one folder.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	rounds, perRound := 6, 100_000
	if testing.Short() {
		rounds = 2
	}
	acknowledged := 0
	for round := range rounds {
		cmd, wait := startChild(t, dir, round*perRound, perRound)
		time.Sleep(time.Duration(400+130*round) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		lines := wait()
		acknowledged += len(lines)

		s, err := store.Open(t.Context(), options(t, dir))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		assertSound(t, s)
		assertKept(t, s, lines)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged writes outlived %d kills", acknowledged, rounds)
	if acknowledged == 0 {
		t.Error("the processes were killed before they wrote anything")
	}
}

// assertSound reports any damage to the file and to the audit trail.
func assertSound(t *testing.T, s *store.Store) {
	t.Helper()
	if postgres == nil {
		var check string
		s.QueryForTest(t, `PRAGMA integrity_check`, &check)
		if check != "ok" {
			t.Errorf("integrity_check: %s", check)
		}
	}
	if _, err := s.VerifyTrail(t.Context()); err != nil {
		t.Error(err)
	}
	// A template without its person cannot be told by its row: that is the
	// point. But there must not be more of them than people.
	var people, templates int
	s.QueryForTest(t, `SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM templates)`, &people, &templates)
	if templates > people {
		t.Errorf("%d templates of %d people", templates, people)
	}
}

// assertKept reports what was acknowledged and is not there, and what is there
// by half.
func assertKept(t *testing.T, s *store.Store, lines []string) {
	t.Helper()
	enrolled, replaced := map[int]bool{}, map[int]bool{}
	for _, line := range lines {
		what, id, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(id)
		switch {
		case what == "enrolled" && err == nil:
			enrolled[n] = true
		case what == "replaced" && err == nil:
			replaced[n] = true
		case what == "appended":
			var found int
			s.QueryForTest(t, fmt.Sprintf(`SELECT count(*) FROM audit_events WHERE request_id = '%s'`, id), &found)
			if found != 1 {
				t.Errorf("acknowledged event %s is there %d times", id, found)
			}
		}
	}
	for n := range enrolled {
		first := holds(t, s, registrytest.Person(t, n), registrytest.Portrait(t, n))
		second := holds(t, s, secondVersion(t, n), nil)
		if first == second {
			t.Errorf("person %d: the first version is held: %v, the second: %v", n, first, second)
		}
		if replaced[n] && !second {
			t.Errorf("person %d: the acknowledged second version is not there", n)
		}
	}
}

func holds(t *testing.T, s *store.Store, p registry.Person, portrait *registry.Portrait) bool {
	t.Helper()
	var source [32]byte
	var model string
	if portrait != nil {
		source, model = portrait.Source, portrait.Template.Model
	}
	held, err := s.Holds(t.Context(), p, source, model)
	if err != nil {
		t.Errorf("Holds: %v", err)
	}
	return held
}

// TestProcessesTogether: two processes find an empty folder and write, while a
// third adds and removes clients.
func TestProcessesTogether(t *testing.T) {
	dir := t.TempDir()
	const each = 40
	_, waitA := startChild(t, dir, 0, each)
	_, waitB := startChild(t, dir, each, each)
	s := open(t, dir)
	for i := range 10 {
		c, _, err := access.Add(t.Context(), s, testHash, client(fmt.Sprintf("client %d", i)))
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			if removed, err := s.RemoveClient(t.Context(), c.Name); err != nil || !removed {
				t.Errorf("RemoveClient = %v, %v", removed, err)
			}
		}
	}
	lines := append(waitA(), waitB()...)
	assertSound(t, s)
	assertKept(t, s, lines)
	if n, err := s.Count(t.Context()); err != nil || n != 2*each {
		t.Errorf("%d people on record, want %d (%v)", n, 2*each, err)
	}
	head, err := s.Head(t.Context())
	if err != nil || head.Seq != 2*2*each {
		t.Errorf("%d events, want %d (%v)", head.Seq, 4*each, err)
	}
	clients, err := s.ListClients(t.Context())
	if err != nil || len(clients) != 5 {
		t.Errorf("%d clients, want 5 (%v)", len(clients), err)
	}
}

// TestSeesWhatOthersWrite: what another process has written is there at the
// next call.
func TestSeesWhatOthersWrite(t *testing.T) {
	dir := t.TempDir()
	serve, cli := open(t, dir), open(t, dir)
	auth := access.NewAuthenticator(access.AuthenticatorOptions{Clients: serve, Hash: testHash})
	added, credentials, err := access.Add(t.Context(), cli, testHash, client("bank"))
	if err != nil {
		t.Fatal(err)
	}
	r := credentials.Reveal()
	if got, err := auth.Authenticate(context.Background(), r.Username, r.Password, r.APIKey); err != nil || got.ID != added.ID {
		t.Errorf("Authenticate = %v, %v", got, err)
	}
	if _, err := cli.RemoveClient(t.Context(), "bank"); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.Authenticate(context.Background(), r.Username, r.Password, r.APIKey); sesuai.KindOf(err) != sesuai.KindUnauthenticated {
		t.Errorf("Authenticate of a removed client = %v", err)
	}
	enrol(t, cli, 7)
	if record, err := serve.Check(t.Context(), registrytest.Claim(registrytest.Person(t, 7))); err != nil || !record.Found {
		t.Errorf("Check = %v, %v", record, err)
	}
}
