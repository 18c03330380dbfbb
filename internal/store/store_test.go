package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/store"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

func TestStorePassesTheRegistryExam(t *testing.T) {
	registrytest.TestRegistry(t, func(t *testing.T) registry.Enroller { return open(t, t.TempDir()) })
}

// ring opens the keyring of a data folder.
func ring(dir string) func(isNew bool) (*keyring.Ring, error) {
	return func(isNew bool) (*keyring.Ring, error) {
		return keyring.Open(keyring.Options{Path: filepath.Join(dir, keyring.FileName), Create: isNew})
	}
}

func options(t testing.TB, dir string) store.Options {
	t.Helper()
	o := store.Options{
		Dir: dir, OpenRing: ring(dir), Scale: registrytest.Scale{}, Calibration: registrytest.Calibration,
	}
	if postgres != nil {
		o.Dir, o.URL, o.Migrate = "", databaseOf(t, dir), true
	}
	return o
}

// open opens the store in dir until the test ends.
func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestOpenMakesAPrivateFolder(t *testing.T) {
	// A name that means something to URLs.
	dir := filepath.Join(t.TempDir(), "a ?mode=memory&#%41;b", "data")
	s := open(t, dir)
	enrol(t, s, 1)
	assertMode(t, dir, 0o700)
	files := filesIn(t, dir)
	if len(files) != 4 { // key, database, -wal, -shm
		t.Errorf("%d files in the folder, want 4: %v", len(files), files)
	}
	for _, path := range files {
		assertMode(t, path, 0o600)
	}
}

func TestOpenAgain(t *testing.T) {
	dir := t.TempDir()
	for n := range 3 {
		s, err := store.Open(t.Context(), options(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		enrol(t, s, n)
		if got, err := s.Count(t.Context()); err != nil || got != n+1 {
			t.Errorf("%d people on record, %v", got, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSettings(t *testing.T) {
	s := open(t, t.TempDir())
	// page_size is the file's and must have come before the first table.
	for pragma, want := range map[string][2]int{
		"page_size":     {8192, 8192},
		"synchronous":   {2, 2}, // FULL
		"foreign_keys":  {1, 1},
		"query_only":    {0, 1},
		"secure_delete": {1, 0},
		"busy_timeout":  {5000, 5000},
	} {
		writing, reading := s.PragmaForTest(t, pragma)
		if writing != want[0] || reading != want[1] {
			t.Errorf("%s is %d for writing and %d for reading, want %v", pragma, writing, reading, want)
		}
	}
}

func TestOpenRefusesAnotherKey(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	enrol(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o := options(t, dir)
	other := t.TempDir()
	if _, err := ring(other)(true); err != nil {
		t.Fatal(err)
	}
	o.OpenRing = ring(other)
	_, err = store.Open(t.Context(), o)
	assertConfiguration(t, err, "another master key")

	open(t, dir) // the refusal has changed nothing
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.ExecForTest(t, `INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, true)`)
	_, err := store.Open(t.Context(), options(t, dir))
	assertConfiguration(t, err, "newer version")
}

func TestOpenRefusesASchemaFromBeforeTheFirstRelease(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.ExecForTest(t, inEngine(`UPDATE schema_versions SET version_id = 2 WHERE version_id > 0`))
	_, err := store.Open(t.Context(), options(t, dir))
	assertConfiguration(t, err, "cannot be taken over")
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, store.FileName)
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), options(t, dir))
	assertConfiguration(t, err, "not a database")
}

func TestOpenRefusesAFolderThatIsAFile(t *testing.T) {
	dir := t.TempDir()
	o := options(t, dir)
	o.Dir = filepath.Join(dir, "file")
	if err := os.WriteFile(o.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), o)
	assertConfiguration(t, err, "cannot be made")
}

func TestOpenGivesUpWithItsContext(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Open(ctx, options(t, dir)); !errors.Is(err, context.Canceled) {
		t.Errorf("Open = %v", err)
	}
}

// TestLocked: another process that does not let go of the database is an error
// in time, and harms nothing.
func TestLocked(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, dir), open(t, dir)
	enrol(t, s, 1)
	release := other.LockForTest(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := s.Enrol(ctx, registrytest.Person(t, 2), nil)
	if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Enrol = %v", err)
	}
	if waited := time.Since(start); waited > 2*time.Second {
		t.Errorf("Enrol took %v to give up", waited)
	}
	// Reading goes on meanwhile.
	if record, err := s.Check(t.Context(), registrytest.Claim(registrytest.Person(t, 1))); err != nil || !record.Found {
		t.Errorf("Check = %v, %v", record, err)
	}
	release()
	enrol(t, s, 2)
}

func enrol(t testing.TB, s *store.Store, n int) {
	t.Helper()
	change, err := s.Enrol(t.Context(), registrytest.Person(t, n), registrytest.Portrait(t, n))
	if err != nil || change != registry.Added {
		t.Fatalf("Enrol = %v, %v", change, err)
	}
}

func assertConfiguration(t *testing.T, err error, want string) {
	t.Helper()
	if sesuai.KindOf(err) != sesuai.KindConfiguration || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one of kind %s that says %q", err, sesuai.KindConfiguration, want)
	}
}

// equal reports how got is not what is wanted.
func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func assertMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %04o, want %04o", filepath.Base(path), got, want)
	}
}

func filesIn(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, e := range entries {
		paths = append(paths, filepath.Join(dir, e.Name()))
	}
	return paths
}
