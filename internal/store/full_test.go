package store_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/store"
)

// fill enrols people and appends events until both fail, and returns how many
// were acknowledged.
func fill(t *testing.T, s *store.Store) (people, events int) {
	t.Helper()
	for n := range 100_000 {
		if _, err := s.Enrol(t.Context(), registrytest.Person(t, n), registrytest.Portrait(t, n)); err != nil {
			assertUnanswered(t, "Enrol", err)
			break
		}
		people++
	}
	for n := range 100_000 {
		if err := s.Append(t.Context(), event(t, n, "request")); err != nil {
			assertUnanswered(t, "Append", err)
			break
		}
		events++
	}
	if people < 10 {
		t.Fatalf("full after %d people", people)
	}
	return people, events
}

// assertHolds reports whether not exactly what was acknowledged is there.
func assertHolds(t *testing.T, s *store.Store, people, events int) {
	t.Helper()
	assertSound(t, s)
	if n, err := s.Count(t.Context()); err != nil || n != people {
		t.Errorf("%d people on record, %d were acknowledged (%v)", n, people, err)
	}
	if head, err := s.Head(t.Context()); err != nil || head.Seq != int64(events) {
		t.Errorf("%d events, %d were acknowledged (%v)", head.Seq, events, err)
	}
	for n := range people {
		if !holds(t, s, registrytest.Person(t, n), registrytest.Portrait(t, n)) {
			t.Errorf("person %d is not held as enrolled", n)
		}
	}
}

// TestFullDatabase: SQLite's own limit stands for the full disk.
func TestFullDatabase(t *testing.T) {
	s := open(t, t.TempDir())
	s.ExecForTest(t, inEngine(`PRAGMA max_page_count = 80`))
	people, events := fill(t, s)
	assertHolds(t, s, people, events)
	// A replacement that does not fit leaves the first version.
	large := registrytest.Person(t, 0)
	large.Attributes[sesuai.Address] = sesuai.NewText(string(make([]byte, 100_000)))
	_, err := s.Enrol(t.Context(), large, nil)
	assertUnanswered(t, "Enrol", err)
	assertHolds(t, s, people, events)

	s.ExecForTest(t, inEngine(`PRAGMA max_page_count = 1000000`))
	enrol(t, s, people)
	if err := s.Append(t.Context(), event(t, 1, "request")); err != nil {
		t.Error(err)
	}
	assertHolds(t, s, people+1, events+1)
}

// tmpfs mounts a file system of that size, where this process may.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("a file system of its own cannot be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// TestFullDisk fills a real, small file system.
func TestFullDisk(t *testing.T) {
	dir := filepath.Join(tmpfs(t, "2m"), "data")
	s := open(t, dir)
	people, events := fill(t, s)
	assertHolds(t, s, people, events)
	if removed, err := s.Remove(t.Context(), registrytest.NIK(t, people-1)); err == nil && removed {
		people--
	}
	if err := s.Close(); err != nil {
		t.Logf("Close: %v", err)
	}
	again := open(t, dir)
	assertHolds(t, again, people, events)
}

// TestReadOnlyDisk: a file system that has become read-only is "cannot answer"
// for whoever writes, and for the operator to mend at the next start.
func TestReadOnlyDisk(t *testing.T) {
	mount := tmpfs(t, "8m")
	dir := filepath.Join(mount, "data")
	s, err := store.Open(t.Context(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	enrol(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o := options(t, dir)
	if out, err := exec.Command("mount", "-o", "remount,ro", mount).CombinedOutput(); err != nil {
		t.Skipf("a file system cannot be made read-only here: %v: %s", err, out)
	}
	_, err = store.Open(t.Context(), o)
	assertConfiguration(t, err, "cannot be written to")
}

// TestReadOnlyDatabase: writing fails while reading goes on.
func TestReadOnlyDatabase(t *testing.T) {
	s := open(t, t.TempDir())
	enrol(t, s, 0)
	s.ExecForTest(t, inEngine(`PRAGMA query_only = 1`))
	_, err := s.Enrol(t.Context(), registrytest.Person(t, 2), nil)
	assertUnanswered(t, "Enrol", err)
	_, err = s.Enrol(t.Context(), registrytest.Person(t, 0), nil)
	assertUnanswered(t, "Enrol", err)
	_, err = s.Remove(t.Context(), registrytest.NIK(t, 0))
	assertUnanswered(t, "Remove", err)
	assertUnanswered(t, "Append", s.Append(t.Context(), event(t, 1, "request")))
	err = s.AddClient(t.Context(), client("bank"), access.NewCredentials().Hashes(testHash))
	assertUnanswered(t, "AddClient", err)
	s.ExecForTest(t, inEngine(`PRAGMA query_only = 0`))
	assertHolds(t, s, 1, 0)
}
