package store_test

import (
	"encoding/binary"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/store"
	"github.com/sesuai/sesuai/internal/synthetic"
)

// needles are what must not be found, by their first eight bytes.
type needles struct {
	starts map[uint64][]string
	count  int
}

func (n *needles) add(texts ...string) {
	if n.starts == nil {
		n.starts = make(map[uint64][]string)
	}
	for _, text := range texts {
		start := binary.BigEndian.Uint64([]byte(text))
		n.starts[start] = append(n.starts[start], text)
		n.count++
	}
}

// in is how many there are in b.
func (n *needles) in(b []byte) (hits int) {
	var window uint64
	for i, c := range b {
		window = window<<8 | uint64(c)
		for _, text := range n.starts[window] {
			if i >= 7 && strings.HasPrefix(string(b[i-7:min(len(b), i-7+len(text))]), text) {
				hits++
			}
		}
	}
	return hits
}

// TestNothingPersonalInPostgres looks for the NIKs, names and dates of a
// thousand people, and the NIKs of as many who are on record elsewhere, in every
// file of a server's data folder, its log of writes included, and in a dump:
// before and after a rotation, after they were removed, and after their data
// were returned.
func TestNothingPersonalInPostgres(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{Fast: true, Settings: map[string]string{"wal_compression": "off"}})
	server.Exec(t, "CREATE DATABASE people OWNER "+pgtest.User)
	o := options(t, t.TempDir())
	o.Dir, o.URL, o.Migrate = "", server.URL("people"), true
	o.Returns, o.Strangers = true, true
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // not what is tested

	const people = 1000
	country := synthetic.New(1)
	var secrets needles
	var batch []registry.Enrolment
	for n := range people {
		p := country.Person(n)
		// One half as an import does it, the other one by one, and all are
		// asked about.
		e := registry.Enrolment{Person: p, Portrait: &registry.Portrait{
			Template: country.Reference(n, registrytest.Model), Source: [32]byte{1}, Signature: registrytest.Signature(n),
		}}
		if n < people/2 {
			batch = append(batch, e)
		} else if _, err := s.Enrol(t.Context(), e.Person, e.Portrait); err != nil {
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
	if _, err := s.EnrolBatch(t.Context(), batch, true); err != nil {
		t.Fatal(err)
	}
	for n := range people {
		nik := country.Person(n).NIK
		if _, err := s.Seen(t.Context(), nik, probe(n, "request", 0)); err != nil {
			t.Fatal(err)
		}
		stranger := country.Person(people + n).NIK
		secrets.add(stranger.Reveal())
		if _, err := s.Seen(t.Context(), stranger, probe(n, "request", 0)); err != nil {
			t.Fatal(err)
		}
		for _, nik := range []sesuai.NIK{nik, stranger} {
			e := event(t, n, "request")
			e.NIK, e.Result = nik, audit.Verified
			if err := s.Append(t.Context(), e); err != nil {
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
		if hits := secrets.in(dump); hits > 0 || len(dump) < 1<<20 {
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
	// That it would find what is there: on another server.
	other := pgtest.Shared(t)
	other.Exec(t, "CREATE TABLE leak AS SELECT '"+country.Person(7).NIK.Reveal()+"' AS nik")
	defer other.Exec(t, "DROP TABLE leak")
	if dump, err := exec.Command(filepath.Join(pgtest.Binaries, "pg_dump"), other.AdminURL("postgres")).Output(); err != nil || secrets.in(dump) != 1 {
		t.Fatalf("a NIK in the clear was found %d times, %v", secrets.in(dump), err)
	}

	look("enrolled")
	addKey(t, s, 2)
	if r, err := s.Rotate(t.Context(), nil); err != nil || r.Moved != people {
		t.Fatal(r, err)
	}
	look("rotated")
	for n := range people / 2 {
		if removed, err := s.Remove(t.Context(), country.Person(n).NIK); err != nil || !removed {
			t.Fatal(removed, err)
		}
	}
	look("removed")
	returned := claim(t, s, 2*people, time.Hour)
	for _, o := range returned.Owed {
		if secrets.in([]byte(o.NIK.Reveal())) == 0 {
			t.Fatal("a NIK is returned that was not looked for")
		}
	}
	if err := s.Delivered(t.Context(), idsOf(returned)); err != nil || len(returned.Owed) != 2*people {
		t.Fatal(len(returned.Owed), err)
	}
	var sealed int
	s.QueryForTest(t, `SELECT count(sealed) FROM returns`, &sealed)
	if sealed != 0 {
		t.Errorf("%d NIKs are kept although they were returned", sealed)
	}
	look("returned")
}
