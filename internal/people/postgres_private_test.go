package people_test

import (
	"encoding/binary"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/synthetic"
	"github.com/sesuai/sesuai/test/process"
)

// TestNothingPersonalInPostgres looks for the NIKs, names and dates of a thousand
// people, and for the NIKs of as many who are on record elsewhere, in every file
// of a server's data folder, its write-ahead log included, and in a dump: after
// enrolling, after a rotation, and after removing people.
func TestNothingPersonalInPostgres(t *testing.T) {
	t.Parallel()
	process.Slow(t)
	server := pgtest.Start(t, pgtest.Options{Fast: true, Settings: map[string]string{"wal_compression": "off"}})
	server.Exec(t, "CREATE DATABASE people OWNER "+pgtest.User)
	n := open(t, on(t, server.URL("people")), unenrolled)

	const count = 300
	country := synthetic.New(1)
	var secrets needles
	var batch []registry.Enrolment
	for i := range count {
		p := country.Person(i)
		// One half is enrolled as an import does it, the other one by one.
		e := registry.Enrolment{Person: p, Portrait: &registry.Portrait{
			Template: country.Reference(i, registrytest.Model), Source: [32]byte{1}, Signature: registrytest.Signature(i),
		}}
		if i < count/2 {
			batch = append(batch, e)
		} else if _, err := n.Enrol(t.Context(), e.Person, e.Portrait); err != nil {
			t.Fatal(err)
		}
		nik := p.NIK.Reveal()
		number, err := strconv.ParseUint(nik, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		name := p.Name.Reveal()
		for _, form := range []string{name, strings.ToUpper(name), strings.ToLower(name)} {
			if len(form) >= 8 {
				secrets.add(form)
			}
		}
		secrets.add(nik, p.DateOfBirth.Reveal(),
			string(binary.BigEndian.AppendUint64(nil, number)), string(binary.LittleEndian.AppendUint64(nil, number)))
	}
	if _, err := n.EnrolBatch(t.Context(), batch, true); err != nil {
		t.Fatal(err)
	}
	for i := range count {
		elsewhere := country.Person(count + i).NIK
		secrets.add(elsewhere.Reveal())
		for _, nik := range []sesuai.NIK{country.Person(i).NIK, elsewhere} {
			if _, err := n.memory.Seen(t.Context(), nik, replaytest.Probe(i, "request", 0)); err != nil {
				t.Fatal(err)
			}
		}
	}

	look := func(when string) {
		t.Helper()
		server.Exec(t, "CHECKPOINT")
		dump, err := exec.Command(filepath.Join(pgtest.Binaries, "pg_dump"), server.AdminURL("people")).Output()
		if err != nil {
			t.Fatal(err)
		}
		if hits := secrets.in(dump); hits > 0 || len(dump) < count<<10 {
			t.Errorf("%s: %d hits in a dump of %d bytes", when, hits, len(dump))
		}
		var folder string
		server.QueryRow(t, "SHOW data_directory", &folder)
		searched := 0
		err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			searched += len(b)
			if hits := secrets.in(b); hits > 0 {
				t.Errorf("%s: %d hits in %s", when, hits, strings.TrimPrefix(path, folder))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: looked for %d texts in %d MB of files and %d kB of dump", when, secrets.count, searched>>20, len(dump)>>10)
	}
	// That the search finds a NIK in the clear: on another server.
	other := pgtest.Shared(t)
	other.Exec(t, "CREATE TABLE leak AS SELECT '"+country.Person(7).NIK.Reveal()+"' AS nik")
	defer other.Exec(t, "DROP TABLE leak")
	if dump, err := exec.Command(filepath.Join(pgtest.Binaries, "pg_dump"), other.AdminURL("postgres")).Output(); err != nil || secrets.in(dump) != 1 {
		t.Fatalf("a NIK in the clear was found %d times, %v", secrets.in(dump), err)
	}

	look("enrolled")
	addKey(t, n, 2)
	if r, err := n.Rotate(t.Context(), nil); err != nil || r.Moved != count {
		t.Fatal(r, err)
	}
	look("rotated")
	for i := range count / 2 {
		if removed, err := n.Remove(t.Context(), country.Person(i).NIK); err != nil || !removed {
			t.Fatal(removed, err)
		}
	}
	look("removed")
}
