package kill_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/registry"
	_ "modernc.org/sqlite"
)

// summary is what person import prints.
type summary struct{ Rows, Added, Replaced, Unchanged, Kept, Rejected int }

// references are the demo people's photographs of reference.
var references = []string{
	"ayu-reference.jpg", "rani-reference.jpg", "dewi.jpg", "sari.jpg", "lestari.jpg", "wulan.jpg",
	"melati.jpg", "kartika.jpg", "puspita.jpg", "anggraini.jpg", "safitri.jpg",
}

func nik(n int) string { return fmt.Sprintf("9999%012d", n) }

func name(n int) string { return fmt.Sprintf("WIRASABA KE-%d", n) }

// peopleFile is a file of n invented people, who share the demo people's faces.
func peopleFile(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("nik,name,date_of_birth,photo,city\n")
	for i := range n {
		fmt.Fprintf(&b, "%s,%s,%02d-03-1990,%s,CONTOH\n", nik(i), name(i), 1+i%28, references[i%len(references)])
	}
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func importing(t *testing.T, file, data string) *exec.Cmd {
	t.Helper()
	return command(t, "person", "import", file, "--photos", photosDir, "--data", data)
}

// digest is what is on record in a data folder.
func digest(t *testing.T, data string) (d string) {
	t.Helper()
	var printed struct{ Digest string }
	sesuai(t, &printed, "person", "digest", "--data", data)
	return printed.Digest
}

// assertSound reports damage to the database's file and to the audit trail. It
// looks at the file first as the killed process has left it.
func assertSound(t *testing.T, data string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "sesuai.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	var result string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&result); err != nil || result != "ok" {
		t.Errorf("integrity_check: %q, %v", result, err)
	}
	var halves int
	if err := db.QueryRowContext(t.Context(), "SELECT abs((SELECT count(*) FROM people) - (SELECT count(*) FROM templates))").Scan(&halves); err != nil || halves != 0 {
		t.Errorf("%d people without a template, or templates without a person: %v", halves, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	storage := openStorage(t, data)
	_, err = storage.Trail.Verify(t.Context())
	if err := errors.Join(err, storage.Close()); err != nil {
		t.Error(err)
	}
}

// onRecord counts the people of a peopleFile who are on record, each of whom must
// be there wholly.
func onRecord(t *testing.T, data string) (found int) {
	t.Helper()
	storage := openStorage(t, data)
	err := storage.People.Export(t.Context(), func(e registry.Enrolment) error {
		n, err := strconv.Atoi(e.Person.NIK.Reveal()[4:])
		city := e.Person.Attributes["city"]
		if err != nil || e.Portrait == nil || e.Portrait.Template.Model == "" ||
			e.Person.Name.Reveal() != name(n) || city.Reveal() != "CONTOH" || len(e.Person.Attributes) != 1 {
			t.Errorf("person %d is not there wholly: %v", n, err)
		}
		found++
		return nil
	})
	if err := errors.Join(err, storage.Close()); err != nil {
		t.Error(err)
	}
	return found
}

// openStorage opens what is stored in a data folder, as a command does.
func openStorage(t *testing.T, data string) *app.Storage {
	t.Helper()
	c := app.DefaultConfig()
	c.Data = data
	storage, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return storage
}

// TestKillImport kills person import at random moments. Whoever is on record then
// is there wholly, the next run puts the others on record, and the final registry
// equals that of a run that was not killed.
func TestKillImport(t *testing.T) {
	program(t)
	const kills = 4
	n := 120 * runtime.NumCPU() // enough to be under way four times
	file, data := peopleFile(t, n), filepath.Join(t.TempDir(), "data")
	makeRegistry(t, data)
	before := 0
	for round := range kills {
		cmd := importing(t, file, data)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		deadline := time.Now().Add(patience)
		for count(t, data) <= before {
			if time.Now().After(deadline) {
				t.Fatal("the import does not get on")
			}
		}
		// Somewhere within the next photographs; the moment is the point.
		select {
		case <-time.After(time.Duration(rand.IntN(250)) * time.Millisecond):
		case err := <-ended:
			t.Fatalf("the import was through before it could be killed: %v", err)
		}
		kill(t, cmd)
		<-ended
		assertSound(t, data)
		after := count(t, data)
		t.Logf("kill %d: %d people on record", round+1, after)
		if after <= before || after >= n {
			t.Errorf("%d people on record, %d before: the kill tests nothing", after, before)
		}
		before = after
	}
	if found := onRecord(t, data); found != before {
		t.Errorf("%d people can be read, %d are counted", found, before)
	}
	var s summary
	sesuai(t, &s, "person", "import", file, "--photos", photosDir, "--data", data)
	if s != (summary{Rows: n, Added: n - before, Unchanged: before}) {
		t.Errorf("the last run: %+v of %d, %d of them before", s, n, before)
	}
	undisturbed := filepath.Join(t.TempDir(), "data")
	sesuai(t, nil, "person", "import", file, "--photos", photosDir, "--data", undisturbed)
	if killed, whole := digest(t, data), digest(t, undisturbed); killed != whole || killed == "" {
		t.Errorf("the digest is %s, and %s after a run that was not killed", killed, whole)
	}
	assertSound(t, data)
	if c := count(t, data); c != n {
		t.Errorf("%d people on record in the end", c)
	}
}

// TestTwoImportsAtOnce: two processes with one file end with everybody on
// record once, each added by one of the two.
func TestTwoImportsAtOnce(t *testing.T) {
	program(t)
	const n = 60
	file, data := peopleFile(t, n), filepath.Join(t.TempDir(), "data")
	type outcome struct {
		summary summary
		err     error
	}
	outcomes := make(chan outcome, 2)
	for range cap(outcomes) {
		cmd := importing(t, file, data)
		go func() {
			var o outcome
			out, err := cmd.Output()
			if o.err = err; err == nil {
				o.err = json.Unmarshal(out, &o.summary)
			}
			outcomes <- o
		}()
	}
	added := 0
	for range cap(outcomes) {
		o := <-outcomes
		if o.err != nil {
			t.Fatal(o.err)
		}
		t.Logf("%+v", o.summary)
		added += o.summary.Added
		if o.summary.Rows != n || o.summary.Added+o.summary.Unchanged != n {
			t.Errorf("%+v", o.summary)
		}
	}
	if added != n || count(t, data) != n {
		t.Errorf("%d added, %d on record", added, count(t, data))
	}
	assertSound(t, data)
}
