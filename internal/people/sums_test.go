package people_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/test/process"
)

// recordedEngines are those of a registry whose changes are recorded.
var recordedEngines = sqltest.New(append(slices.Clone(migrations), audit.Migrations)...)

// recorded is a registry whose changes are recorded.
type recorded struct {
	node
	trail *audit.Trail
	d     sqltest.Database
}

// openRecorded opens a registry in a database of recordedEngines.
func openRecorded(t testing.TB, d sqltest.Database) recorded {
	t.Helper()
	r := recorded{d: d}
	r.node = open(t, d, func(o *people.Options) {
		var err error
		r.trail, err = audit.NewTrail(t.Context(), audit.Options{
			DB: o.DB, NIK: o.Vault.Secret(keyring.AuditNIK), Chain: o.Vault.Secret(keyring.AuditChain), Actor: "somebody",
		})
		if err != nil {
			t.Fatal(err)
		}
		o.Trail = r.trail
		o.Start = func(ctx context.Context, tx *sqldb.Tx, digest [32]byte) error {
			return r.trail.StartTx(ctx, tx, digest, [32]byte{})
		}
	})
	return r
}

// broken returns those of the parts that are not as the trail records.
func (r recorded) broken(t testing.TB, parts []int) (broken []int) {
	t.Helper()
	for _, part := range parts {
		err := r.CheckPart(t.Context(), part)
		if isBroken(err) {
			broken = append(broken, part)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return broken
}

func isBroken(err error) bool {
	_, broken := errors.AsType[*audit.BrokenError](err)
	return broken
}

// parts returns the parts of the people in tables that have the columns of
// person_keys, and part 0.
func (r recorded) parts(t testing.TB, tables ...string) []int {
	t.Helper()
	parts := []int{0}
	for _, table := range tables {
		of, err := sqldb.Collect(t.Context(), r.db.Read(), func(rows *sql.Rows) (int, error) {
			var person []byte
			err := rows.Scan(&person)
			return int(person[0]), err
		}, `SELECT person FROM `+table)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, of...)
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}

// assertWhole reports if the people or the trail are not as recorded.
func (r recorded) assertWhole(t testing.TB) {
	t.Helper()
	if broken := r.broken(t, r.parts(t, "person_keys")); broken != nil {
		t.Errorf("parts %v are not as recorded", broken)
	}
	if _, err := r.trail.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// actions returns the actions in the trail, with the numbers of people.
func (r recorded) actions(t testing.TB) []string {
	t.Helper()
	all, err := sqldb.Collect(t.Context(), r.db.Read(), func(rows *sql.Rows) (text string, err error) {
		var action, actor string
		var n, nik, before, after int
		err = rows.Scan(&action, &actor, &n, &nik, &before, &after)
		if actor != "somebody" {
			t.Errorf("%s was done by %q", action, actor)
		}
		return fmt.Sprintf("%s %d %v %v %v", action, n, nik == 1, before == 32, after == 32), err
	}, r.d.Dialect(`SELECT action, actor, item_count, CASE WHEN nik = zeroblob(32) THEN 0 ELSE 1 END,
		length(digest_before), length(digest_after) FROM audit_events ORDER BY seq`))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestChangesOfPeopleAreRecorded: each transaction that changes people is an
// event, the state in the trail follows it, and a rotation does not change it.
func TestChangesOfPeopleAreRecorded(t *testing.T) {
	process.Slow(t)
	recordedEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		r := openRecorded(t, d)
		r.assertWhole(t)
		enrol(t, r, 1)
		r.assertWhole(t)
		enrolBatch(t, r, 1, 40) // the first is unchanged
		r.assertWhole(t)
		if _, err := r.Enrol(t.Context(), registrytest.Person(t, 1), registrytest.Portrait(t, 99)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Enrol(t.Context(), secondVersion(t, 2), registrytest.Portrait(t, 2)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Enrol(t.Context(), secondVersion(t, 2), registrytest.Portrait(t, 2)); err != nil {
			t.Fatal(err)
		}
		r.assertWhole(t)
		assertRemoved(t, r, 3, true)
		assertRemoved(t, r, 3, false)
		r.assertWhole(t)
		before, err := r.trail.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.vault.AddKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Rotate(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		r.assertWhole(t)
		if after, err := r.trail.Head(t.Context()); err != nil || after != before {
			t.Errorf("the rotation of people has changed the head from %v to %v, %v", before, after, err)
		}
		if n, err := r.Recount(t.Context()); err != nil || n != 38 {
			t.Errorf("Recount = %d, %v, want 38", n, err)
		}
		if after, err := r.trail.Head(t.Context()); err != nil || after.People != before.People {
			t.Errorf("another sum over the same people differs: %v", err)
		}
		want := []string{
			"person.add 1 true false true", "person.import 38 false true true", "person.portrait 1 true true true",
			"person.replace 1 true true true", "person.remove 1 true true false", "person.recount 38 false true true",
		}
		if diff := cmp.Diff(want, r.actions(t)); diff != "" {
			t.Errorf("recorded (-want +got): %s", diff)
		}
	})
}

// copyRows are the rows of the registry's tables, in tables of their own.
const copyRows = `CREATE TABLE %[1]s_people AS SELECT * FROM people; CREATE TABLE %[1]s_person_keys AS SELECT * FROM person_keys;
	CREATE TABLE %[1]s_templates AS SELECT * FROM templates; CREATE TABLE %[1]s_sums AS SELECT * FROM people_sums`

// putBack puts rows back that copyRows has copied.
const putBack = `DELETE FROM people; DELETE FROM person_keys; DELETE FROM templates;
	INSERT INTO people SELECT * FROM %[1]s_people; INSERT INTO person_keys SELECT * FROM %[1]s_person_keys;
	INSERT INTO templates SELECT * FROM %[1]s_templates`

// exec runs statements behind the registry's back.
func (r recorded) exec(t testing.TB, statements string) {
	t.Helper()
	for _, statement := range strings.Split(statements, ";") {
		r.d.Exec(t, statement)
	}
}

// TestOldRowsPutBack: whatever somebody does to the people with the rows of
// another time, one pass over the parts shows it, and Recount accepts it.
func TestOldRowsPutBack(t *testing.T) {
	process.Slow(t)
	recordedEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		r := openRecorded(t, d)
		enrolBatch(t, r, 1, 20)
		r.exec(t, fmt.Sprintf(copyRows, "old"))
		if _, err := r.Enrol(t.Context(), registrytest.Person(t, 1), registrytest.Portrait(t, 99)); err != nil {
			t.Fatal(err)
		}
		assertRemoved(t, r, 2, true)
		enrol(t, r, 50)
		r.assertWhole(t)
		r.exec(t, fmt.Sprintf(copyRows, "new"))
		const oldSums = `; DELETE FROM people_sums; INSERT INTO people_sums SELECT * FROM old_sums`
		const newSums = `; DELETE FROM people_sums; INSERT INTO people_sums SELECT * FROM new_sums`
		parts := r.parts(t, "old_person_keys", "new_person_keys")
		all := len(parts)
		for _, test := range []struct {
			name, statements string
			broken           int // at most: several people may be in one part
		}{
			{"everything as it was", fmt.Sprintf(putBack, "old"), 3},
			{"and the sums", fmt.Sprintf(putBack, "old") + oldSums, all},
			{"a person removed", `DELETE FROM person_keys WHERE person = (SELECT person FROM person_keys ORDER BY person LIMIT 1)`, 1},
			{"a record removed", `DELETE FROM people WHERE nik = (SELECT nik FROM people ORDER BY nik LIMIT 1)`, 1},
			{"a template removed", `DELETE FROM templates WHERE link = (SELECT link FROM templates ORDER BY link LIMIT 1)`, 1},
			{"a record damaged", `UPDATE people SET attributes = x'00' WHERE nik = (SELECT nik FROM people ORDER BY nik LIMIT 1)`, 1},
			{"a key's number changed", `UPDATE person_keys SET key_id = 7 WHERE person = (SELECT person FROM person_keys ORDER BY person LIMIT 1)`, 1},
			{"a sum changed", `UPDATE people_sums SET sealed = x'00' WHERE bucket = 7`, all},
			{"the sums reset", `UPDATE people_sums SET sealed = x''`, all},
			{"sums removed", `DELETE FROM people_sums WHERE bucket = 256`, all},
		} {
			r.exec(t, test.statements)
			if broken := r.broken(t, parts); len(broken) == 0 || len(broken) > test.broken || test.broken == all && len(broken) < all {
				t.Errorf("%s: %d parts are not as recorded, want %d", test.name, len(broken), test.broken)
			}
			r.exec(t, fmt.Sprintf(putBack, "new")+newSums)
			r.assertWhole(t)
		}
		r.exec(t, fmt.Sprintf(putBack, "old"))
		if _, err := r.Recount(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.assertWhole(t)
	})
}

// TestSumsReset: a database whose sums were reset, as if it were from before
// there were any, is not taken for such a one while the trail is signed.
func TestSumsReset(t *testing.T) {
	process.Slow(t)
	recordedEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		r := openRecorded(t, d)
		enrol(t, r, 1)
		r.exec(t, `UPDATE people_sums SET sealed = x''`)
		again := openRecorded(t, d)
		if broken := again.broken(t, []int{0, 100, 255}); len(broken) != 3 {
			t.Errorf("the parts %v are not as recorded", broken)
		}
		// Signed again together with the head, as from an older schema, they are.
		r.exec(t, `UPDATE audit_head SET mac = x'', people = x'', clients = x''`)
		openRecorded(t, d).assertWhole(t)
	})
}

// TestNothingWithoutItsEvent: where the trail cannot be continued, nothing is
// changed.
func TestNothingWithoutItsEvent(t *testing.T) {
	recordedEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		r := openRecorded(t, d)
		enrol(t, r, 1)
		r.exec(t, `UPDATE audit_head SET mac = people`)
		if _, err := r.Enrol(t.Context(), secondVersion(t, 1), nil); sesuai.KindOf(err) != sesuai.KindUnavailable {
			t.Errorf("replacing: %v", err)
		}
		if _, err := r.Enrol(t.Context(), registrytest.Person(t, 2), nil); sesuai.KindOf(err) != sesuai.KindUnavailable {
			t.Errorf("adding: %v", err)
		}
		if _, err := r.Remove(t.Context(), registrytest.NIK(t, 1)); sesuai.KindOf(err) != sesuai.KindUnavailable {
			t.Errorf("removing: %v", err)
		}
		if n, err := r.Count(t.Context()); err != nil || n != 1 {
			t.Errorf("%d people are on record, %v", n, err)
		}
		assertOnRecord(t, r, 1)
		if n := len(r.actions(t)); n != 1 {
			t.Errorf("%d events are recorded", n)
		}
	})
}

// TestCheckDuringChanges: a check sees the people and their sums of one moment,
// whatever is changed meanwhile, also by a rotation.
func TestCheckDuringChanges(t *testing.T) {
	recordedEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		r := openRecorded(t, d)
		enrolBatch(t, r, 1, 60)
		var group sync.WaitGroup
		done := make(chan struct{})
		group.Go(func() {
			defer close(done)
			for n := range 8 {
				enrolBatch(t, r, 100+n, 103+n)
				assertRemoved(t, r, 1+n, true)
			}
		})
		group.Go(func() {
			if _, err := r.vault.AddKey(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := r.Rotate(t.Context(), nil); err != nil {
				t.Error(err)
			}
		})
		for changing := true; changing; {
			select {
			case <-done:
				changing = false
			default:
			}
			for part := 0; part < r.Parts(); part += 5 {
				if err := r.CheckPart(t.Context(), part); err != nil {
					t.Error(err)
				}
			}
		}
		group.Wait()
		r.assertWhole(t)
	})
}
