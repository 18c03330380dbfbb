package people_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/test/process"
)

// fill enrols people until that fails, and returns how many were acknowledged.
func fill(t *testing.T, n node) (count int) {
	t.Helper()
	for i := range 100_000 {
		if _, err := n.Enrol(t.Context(), registrytest.Person(t, i), registrytest.Portrait(t, i)); err != nil {
			assertUnanswered(t, "Enrol", err)
			break
		}
		count++
	}
	if count < 10 {
		t.Fatalf("full after %d people", count)
	}
	return count
}

// assertHolds reports whether the people on record differ from those who were
// acknowledged.
func assertHolds(t *testing.T, d sqltest.Database, n node, count int) {
	t.Helper()
	assertSound(t, d)
	if got, err := n.Count(t.Context()); err != nil || got != count {
		t.Errorf("%d people on record, %d were acknowledged (%v)", got, count, err)
	}
	for i := range count {
		if !holds(t, n, registrytest.Person(t, i), registrytest.Portrait(t, i)) {
			t.Errorf("person %d is not on record as enrolled", i)
		}
	}
}

// pragma sets a pragma on the writing connection of a registry.
func pragma(t *testing.T, n node, text string) {
	t.Helper()
	err := n.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.ExecContext(t.Context(), `PRAGMA `+text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFullDatabase: a limit of SQLite stands for a full disk.
func TestFullDatabase(t *testing.T) {
	t.Parallel()
	process.Slow(t)
	d := engines.SQLite(t)
	n := open(t, d)
	pragma(t, n, `max_page_count = 80`)
	count := fill(t, n)
	assertHolds(t, d, n, count)
	// A replacement that does not fit leaves the first version.
	large := registrytest.Person(t, 0)
	large.Attributes[sesuai.Address] = sesuai.NewText(string(make([]byte, 100_000)))
	_, err := n.Enrol(t.Context(), large, nil)
	assertUnanswered(t, "Enrol", err)
	assertHolds(t, d, n, count)

	pragma(t, n, `max_page_count = 1000000`)
	enrol(t, n, count)
	assertHolds(t, d, n, count+1)
}

// in is an SQLite database in a folder.
func in(dir string) sqltest.Database {
	return sqltest.Database{Dir: dir, Options: sqldb.Options{Dir: dir, Migrations: migrations}}
}

// TestFullDisk fills a real, small file system.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d := in(filepath.Join(pgtest.Mount(t, t.TempDir(), "size=2m").Dir, "data"))
	n, err := tryOpen(t.Context(), d, d.Dir)
	if err != nil {
		t.Fatal(err)
	}
	count := fill(t, n)
	assertHolds(t, d, n, count)
	if removed, err := n.Remove(t.Context(), registrytest.NIK(t, count-1)); err == nil && removed {
		count--
	}
	if err := n.db.Close(); err != nil {
		t.Logf("Close: %v", err)
	}
	assertHolds(t, d, open(t, d), count)
}

// TestReadOnlyDisk: a file system that has become read-only is for the operator
// to fix at the next start.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	mount := pgtest.Mount(t, t.TempDir(), "size=8m").Dir
	d := in(filepath.Join(mount, "data"))
	n, err := tryOpen(t.Context(), d, d.Dir)
	if err != nil {
		t.Fatal(err)
	}
	enrol(t, n, 1)
	n.close(t)
	if out, err := exec.Command("mount", "-o", "remount,ro", mount).CombinedOutput(); err != nil {
		t.Fatalf("making the file system read-only: %v: %s", err, out)
	}
	_, err = tryOpen(t.Context(), d, d.Dir)
	if sesuai.KindOf(err) != sesuai.KindConfiguration || !strings.Contains(err.Error(), "cannot be written to") {
		t.Errorf("Open = %v", err)
	}
}

// TestReadOnlyDatabase: writing fails, while reading goes on.
func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	d := engines.SQLite(t)
	n := open(t, d)
	enrol(t, n, 0)
	pragma(t, n, `query_only = 1`)
	_, err := n.Enrol(t.Context(), registrytest.Person(t, 2), nil)
	assertUnanswered(t, "Enrol", err)
	_, err = n.Enrol(t.Context(), registrytest.Person(t, 0), nil)
	assertUnanswered(t, "Enrol", err)
	_, err = n.Remove(t.Context(), registrytest.NIK(t, 0))
	assertUnanswered(t, "Remove", err)
	assertHolds(t, d, n, 1)
}
