package failover_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/store"
)

// demoPeople is how many there are in demo/people.csv.
const demoPeople = 11

// finish ends the load and holds that nothing is lost: first by asking the
// nodes as their clients do, then by looking into the database.
func (l *load) finish() {
	l.t.Helper()
	l.end()
	for len(l.again) > 0 {
		before := len(l.again)
		for range before {
			l.enrol(l.nextPerson())
		}
		if len(l.again) >= before {
			l.t.Fatalf("with nothing amiss, %d enrolments fail", before)
		}
	}
	l.askAboutTheEnrolled()
	for _, n := range l.nodes {
		if !n.down.Load() {
			n.assertFewFiles(l.t)
			n.stop(l.t)
		}
		n.assertQuiet(l.t)
	}
	c := l.nodes[0].cluster
	config, err := app.LoadConfig("", append(os.Environ(), c.of("operator").Env...))
	if err != nil {
		l.t.Fatal(err)
	}
	s, err := app.OpenStore(l.t.Context(), config)
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			l.t.Error(err)
		}
	}()
	l.assertKept(s.Store)
	l.assertTrail(s.Store, config.Registry)
}

// askAboutTheEnrolled asks every node about the people who were enrolled last
// and about some of the others.
func (l *load) askAboutTheEnrolled() {
	l.t.Helper()
	const last, others = 30, 30
	people := make(map[int]bool)
	for i := range others {
		people[l.enrolled[i*len(l.enrolled)/others]] = true
	}
	for _, person := range l.enrolled[max(0, len(l.enrolled)-last):] {
		people[person] = true
	}
	before := len(l.answers)
	for person := range people {
		for _, n := range l.nodes {
			if !n.down.Load() {
				l.asked++
				l.verify(n, fmt.Sprintf("load.%d", l.asked), l.about(person))
			}
		}
	}
	for _, a := range l.answers[before:] {
		if a.how != verdict {
			l.t.Errorf("%s: with nothing amiss, node %s gives no answer", a.id, a.node.name)
		}
	}
}

// assertKept reports everybody whose enrolment was acknowledged and who is not
// there as enrolled.
func (l *load) assertKept(s *store.Store) {
	l.t.Helper()
	lost := 0
	for _, person := range l.enrolled {
		p := registrytest.Person(l.t, person)
		entry, found, err := s.Lookup(l.t.Context(), p.NIK)
		if err != nil {
			l.t.Fatal(err)
		}
		photo, err := photograph(portraits[person%len(portraits)].reference)
		if err != nil {
			l.t.Fatal(err)
		}
		held := false
		if found {
			if held, err = s.Holds(l.t.Context(), p, sha256.Sum256(photo), entry.Model); err != nil {
				l.t.Fatal(err)
			}
		}
		if !held {
			lost++
			l.t.Errorf("person %d was enrolled; on record: %t, as enrolled: %t", person, found, held)
		}
	}
	if n, err := s.Count(l.t.Context()); err != nil || n != demoPeople+l.next {
		l.t.Errorf("%d people are on record, not %d (%v)", n, demoPeople+l.next, err)
	}
	l.t.Logf("%d of %d acknowledged enrolments are lost", lost, len(l.enrolled))
}

// assertTrail reports every verdict that is not in the audit trail once.
func (l *load) assertTrail(s *store.Store, url string) {
	l.t.Helper()
	if _, err := s.VerifyTrail(l.t.Context()); err != nil {
		l.t.Error(err)
	}
	conn, err := pgx.Connect(l.t.Context(), url)
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close(l.t.Context())
	rows, err := conn.Query(l.t.Context(), "SELECT request_id, count(*) FROM audit_events GROUP BY request_id")
	if err != nil {
		l.t.Fatal(err)
	}
	recorded := make(map[string]int)
	var id string
	var times int
	if _, err := pgx.ForEachRow(rows, []any{&id, &times}, func() error {
		if times > 1 {
			l.t.Errorf("%s is recorded %d times", id, times)
		}
		recorded[id] = times
		return nil
	}); err != nil {
		l.t.Fatal(err)
	}
	for _, a := range l.answers {
		if a.how == verdict && recorded[a.id] != 1 {
			l.t.Errorf("%s was answered and is recorded %d times", a.id, recorded[a.id])
		}
	}
}

// assertFewFiles reports a node that keeps connections which are of no use:
// once nobody asks, it has those of its pool beyond what it began with.
func (n *node) assertFewFiles(t *testing.T) {
	t.Helper()
	n.client.CloseIdleConnections()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		files := n.files(t)
		if files <= n.filesAtFirst+store.DefaultConnections {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("node %s has %d files open, %d at first", n.name, files, n.filesAtFirst)
			return
		}
	}
}
