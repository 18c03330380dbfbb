package enrol_test

import (
	"os"
	"reflect"
	"strconv"
	"testing"

	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/synthetic"
	"github.com/sesuai/sesuai/test/process"
)

// TestMove moves a registry from SQLite to PostgreSQL: both have as many
// people and one digest, and give the same verdicts. SESUAI_TEST_MOVE says how
// many people; make test moves some, to be quick.
func TestMove(t *testing.T) {
	process.Slow(t)
	people := 3000
	if text := os.Getenv("SESUAI_TEST_MOVE"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		people = n
	}
	from, to := openPeople(t, engines.SQLite(t)), openPeople(t, engines.PostgreSQL(t))

	country := synthetic.New(1)
	var batch []registry.Enrolment
	for n := range people {
		e := registry.Enrolment{Person: country.Person(n)}
		if n%50 != 0 { // one in fifty has no portrait
			e.Portrait = &registry.Portrait{
				Template: country.Reference(n, registrytest.Model), Source: [32]byte{byte(n), 1}, Signature: registrytest.Signature(n),
			}
		}
		if batch = append(batch, e); len(batch) == 1000 || n == people-1 {
			if _, err := from.EnrolBatch(t.Context(), batch, true); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	before, err := enrol.DigestOf(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	done, err := (&enrol.Copy{From: from, To: to}).Run(t.Context())
	if err != nil || done.Added != people || done.From != done.To || done.From != before || before.People != people {
		t.Fatalf("%+v, %v; was %+v", done, err, before)
	}
	t.Logf("%d people moved, digest %v", done.Added, done.To)

	const sampled = 500
	for i := range sampled {
		n := i * people / sampled
		p := country.Person(n)
		claim := registrytest.Claim(p)
		if i%10 == 0 {
			claim.Name = country.Person(n + 1).Name
		}
		probe := registrytest.ProbeAt(t, country.Probe(n, registrytest.Model), 1)
		probe.Signature = registrytest.Signature(n)
		var answers [2]registry.Answer
		for j, r := range []registry.Registry{from, to} {
			if answers[j], err = r.Ask(t.Context(), registry.Question{Claim: claim, Probe: probe}); err != nil {
				t.Fatal(err)
			}
		}
		if !answers[0].Found || !reflect.DeepEqual(answers[0], answers[1]) {
			t.Errorf("person %d: %+v and %+v", n, answers[0], answers[1])
		}
	}
}
