package failover_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// demoPeople is the number of people in demo/people.csv.
const demoPeople = 11

// finish ends the load and checks that nothing is lost, first by verifications as
// a client makes them, then in the database.
func (l *load) finish() {
	l.t.Helper()
	l.end()
	for len(l.again) > 0 {
		before := len(l.again)
		for range before {
			l.enrol(l.nextPerson())
		}
		if len(l.again) >= before {
			l.t.Fatalf("without a fault, %d enrolments fail", before)
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
	config, err := app.LoadConfig("", append(os.Environ(), l.proxy.service.of("operator").Env...))
	if err != nil {
		l.t.Fatal(err)
	}
	s, err := app.OpenStorage(l.t.Context(), config)
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			l.t.Error(err)
		}
	}()
	l.assertKept(s.People)
	l.assertTrail(s.Trail, config.Registry)
}

// askAboutTheEnrolled verifies, on every node, the people who were enrolled last
// and some of the others.
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
				l.verify(n.endpoint, fmt.Sprintf("load.%d", l.asked), l.about(person))
			}
		}
	}
	for _, a := range l.answers[before:] {
		if a.how != verdict {
			l.t.Errorf("%s: without a fault, node %s gives no answer", a.id, a.node.name)
		}
	}
}

// assertKept fails for every person whose enrolment was acknowledged and who is
// not on record as enrolled.
func (l *load) assertKept(s app.People) {
	l.t.Helper()
	lost := make(map[int]bool)
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
			enrolled := &registry.Portrait{Source: sha256.Sum256(photo), Template: face.Template{Model: entry.Model, Length: 1}}
			if held, err = s.Holds(l.t.Context(), p, enrolled); err != nil {
				l.t.Fatal(err)
			}
		}
		if !held {
			lost[person] = true
			l.t.Errorf("person %d was enrolled; on record: %t, unchanged: %t", person, found, held)
		}
	}
	if n, err := s.Count(l.t.Context()); err != nil || n != demoPeople+l.next {
		l.t.Errorf("%d people are on record, not %d (%v)", n, demoPeople+l.next, err)
	}
	l.t.Logf("%d of %d acknowledged enrolments are lost", len(lost), len(l.enrolled))
	for _, row := range l.rows {
		for _, person := range row.enrolled {
			if lost[person] {
				row.lost++
			}
		}
		results.add(row)
	}
}

// assertTrail fails for every verdict that is not in the audit trail exactly
// once.
func (l *load) assertTrail(s app.Trail, url string) {
	l.t.Helper()
	if _, err := s.Verify(l.t.Context()); err != nil {
		l.t.Error(err)
	}
	conn, err := pgx.Connect(l.t.Context(), url)
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close(l.t.Context())
	rows, err := conn.Query(l.t.Context(), "SELECT request_id, count(*) FROM audit_events WHERE action = '' GROUP BY request_id")
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

// assertFewFiles fails if an idle node has more connections open than those of
// its pool.
func (n *node) assertFewFiles(t *testing.T) {
	t.Helper()
	n.client.CloseIdleConnections()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		files := n.files(t)
		if files <= n.filesAtFirst+sqldb.DefaultConnections {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("node %s has %d files open, %d at first", n.name, files, n.filesAtFirst)
			return
		}
	}
}
