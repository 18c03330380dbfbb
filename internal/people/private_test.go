package people_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/test/process"
)

// needles are texts that must not be found, by their first eight bytes.
type needles struct {
	starts map[uint64][]string
	pairs  [1 << 16]bool // of first two bytes: most of a file begins no text
	count  int
}

func (n *needles) add(texts ...string) {
	if n.starts == nil {
		n.starts = make(map[uint64][]string)
	}
	for _, text := range texts {
		start := binary.BigEndian.Uint64([]byte(text))
		n.starts[start] = append(n.starts[start], text)
		n.pairs[start>>48] = true
		n.count++
	}
}

// in counts those in b.
func (n *needles) in(b []byte) (hits int) {
	var window uint64
	for i, c := range b {
		window = window<<8 | uint64(c)
		if !n.pairs[window>>48] {
			continue
		}
		for _, text := range n.starts[window] {
			if i >= 7 && strings.HasPrefix(string(b[i-7:min(len(b), i-7+len(text))]), text) {
				hits++
			}
		}
	}
	return hits
}

// TestNothingPersonalOnDisk looks for what was enrolled and sent in every file of
// the data folder: after enrolling, after removing people, and after closing.
func TestNothingPersonalOnDisk(t *testing.T) {
	t.Parallel()
	process.Slow(t)
	d := engines.SQLite(t)
	n, err := tryOpen(t.Context(), d, d.Dir, unenrolled)
	if err != nil {
		t.Fatal(err)
	}
	const count = 150
	var secrets needles
	addNIK := func(nik string) {
		plain := sha256.Sum256([]byte(nik))
		secrets.add(nik, string(plain[:]), hex.EncodeToString(plain[:]))
	}
	addWord := func(words []uint64) { secrets.add(string(binary.BigEndian.AppendUint64(nil, words[0]))) }
	for i := range count {
		p := registrytest.Person(t, i)
		p.Name = registrytest.Name(t, fmt.Sprintf("Wirasaba Ke-%d Tembalang", i))
		p.Attributes[sesuai.Address] = sesuai.NewText(fmt.Sprintf("Jalan Karangan Nomor %d", i))
		portrait := registrytest.Portrait(t, i)
		if _, err := n.Enrol(t.Context(), p, portrait); err != nil {
			t.Fatal(err)
		}
		sent := replaytest.Probe(i, "request", 0)
		seen(t, n, i, sent, false)
		addNIK(p.NIK.Reveal())
		addWord(portrait.Signature.Look[:])
		addWord(portrait.Signature.Sketch[:])
		secrets.add(string(portrait.Signature.File[:]), string(sent.Request[:]), p.Name.Reveal(), p.DateOfBirth.Reveal(),
			p.Attributes[sesuai.Address].Reveal(), string(portrait.Source[:]))
		template, err := portrait.Template.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var vector []byte
		for _, x := range portrait.Template.Vector[:4] {
			vector = binary.LittleEndian.AppendUint32(vector, math.Float32bits(x))
		}
		secrets.add(string(vector), string(template[1:17]))
	}
	// As many more are on record elsewhere.
	for i := count; i < 2*count; i++ {
		sent := replaytest.Probe(i, fmt.Sprintf("request-%d", i), 0)
		seen(t, n, i, sent, false)
		addNIK(registrytest.NIK(t, i).Reveal())
		addWord(sent.Signature.Look[:])
		secrets.add(string(sent.Signature.File[:]), string(sent.Request[:]))
	}
	// Parts of names and keys of the sealed form.
	secrets.add("Wirasaba", "Tembalang", "Karangan", "PEREMPUAN", "date_of_birth")
	assertAbsent(t, d.Dir, "after enrolling", &secrets)

	// The sealed values of people who are removed are overwritten, too.
	for _, column := range []string{"attributes FROM people", "template FROM templates", "probes FROM probes", "sealed FROM person_keys", "probes FROM unenrolled_probes"} {
		for _, row := range []int{0, 75, count - 1} {
			var b []byte
			d.QueryRow(t, fmt.Sprintf(`SELECT %s ORDER BY 1 LIMIT 1 OFFSET %d`, column, row), &b)
			secrets.add(string(b[:64]))
		}
	}
	for i := range 2 * count {
		assertRemoved(t, n, i, i < count)
	}
	assertAbsent(t, d.Dir, "after removing", &secrets)
	n.close(t)
	assertAbsent(t, d.Dir, "after closing", &secrets)
}

// assertAbsent reports how many of the secrets are in each file of dir.
func assertAbsent(t *testing.T, dir, when string, secrets *needles) {
	t.Helper()
	searched := 0
	for _, path := range filesIn(t, dir) {
		if filepath.Base(path) == keyring.FileName {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		searched += len(b)
		if hits := secrets.in(b); hits > 0 {
			t.Errorf("%s: %d secrets are in %s", when, hits, filepath.Base(path))
		}
	}
	if searched < 100_000 {
		t.Errorf("%s: only %d bytes were searched", when, searched)
	}
}

// TestSealedLengthsTellLittle: the length of a sealed record does not tell the
// length of the name.
func TestSealedLengthsTellLittle(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		for i, length := range []int{2, 10, 30, 60} {
			p := registrytest.Person(t, i)
			p.Name = registrytest.Name(t, strings.Repeat("A", length))
			if _, err := n.Enrol(t.Context(), p, nil); err != nil {
				t.Fatal(err)
			}
		}
		var lengths int
		d.QueryRow(t, `SELECT count(DISTINCT length(attributes)) FROM people`, &lengths)
		if lengths != 1 {
			t.Errorf("four names of four lengths give %d lengths", lengths)
		}
	})
}

// TestDamage: a row that was changed, moved or lost in part is "cannot answer".
// It is never "not found", "no portrait" or a score.
func TestDamage(t *testing.T) {
	process.Slow(t)
	const swap = `UPDATE %[1]s SET %[2]s = (SELECT b.%[2]s FROM %[1]s b WHERE b.%[3]s <> %[1]s.%[3]s LIMIT 1)`
	tests := []struct {
		name, statement string
		person          bool // whether a question without a probe fails, too
	}{
		{"a bit of a person", `UPDATE people SET attributes = CAST(substr(attributes, 1, 40) || x'0000000000000000' || substr(attributes, 49) AS BLOB)`, true},
		{"a person cut short", `UPDATE people SET attributes = substr(attributes, 1, 20)`, true},
		{"a person emptied", `UPDATE people SET attributes = x''`, true},
		{"two people swapped", fmt.Sprintf(swap, "people", "attributes", "nik"), true},
		{"a person lost", `DELETE FROM people`, true},
		{"a person under another hash", `UPDATE people SET nik = CAST(x'01' || substr(nik, 2) AS BLOB)`, true},
		{"a data key lost", `DELETE FROM person_keys`, true},
		{"a data key emptied", `UPDATE person_keys SET sealed = x''`, true},
		{"a bit of a template", `UPDATE templates SET template = CAST(substr(template, 1, 40) || x'0000000000000000' || substr(template, 49) AS BLOB)`, false},
		{"two templates swapped", fmt.Sprintf(swap, "templates", "template", "link"), false},
		{"a template lost", `DELETE FROM templates`, false},
		{"another model claimed", `UPDATE templates SET model = 'other@111111111111'`, false},
		{"a template under another key id", `UPDATE templates SET template = CAST(x'02' || substr(template, 2) AS BLOB)`, false},
	}
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				alerts := 0
				n := open(t, emptied(t, d), func(o *people.Options) { o.Alert = func(string) { alerts++ } })
				enrol(t, n, 1)
				enrol(t, n, 2)
				d.Exec(t, test.statement)

				a, err := ask(t, n, 1)
				if test.person != (alerts == 1) {
					t.Errorf("%d alerts", alerts)
				}
				if test.person {
					assertUnanswered(t, "Ask without a probe", err)
				} else if err != nil || !a.Found {
					t.Errorf("Ask without a probe = %+v, %v", a, err)
				}
				p, portrait := registrytest.Person(t, 1), registrytest.Portrait(t, 1)
				alerts = 0
				_, err = askFace(t, n, 1)
				assertUnanswered(t, "Ask", err)
				if alerts != 1 {
					t.Errorf("%d alerts", alerts)
				}
				_, err = n.Holds(t.Context(), p, portrait)
				assertUnanswered(t, "Holds", err)
				_, err = n.Enrol(t.Context(), p, portrait)
				assertUnanswered(t, "Enrol", err)

				// The operator can remove the person and enrol again.
				assertRemoved(t, n, 1, true)
				enrol(t, n, 1)
			})
		}
	})
}

// TestOldTemplateDoesNotFitANewRecord: a template put back from before a
// replacement does not open.
func TestOldTemplateDoesNotFitANewRecord(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		enrol(t, n, 1)
		var old []byte
		d.QueryRow(t, `SELECT template FROM templates`, &old)
		if _, err := n.Enrol(t.Context(), registrytest.Person(t, 1), registrytest.Portrait(t, 2)); err != nil {
			t.Fatal(err)
		}
		d.Exec(t, `UPDATE templates SET template = $1`, old)
		_, err := askFace(t, n, 1)
		assertUnanswered(t, "Ask", err)
	})
}

// TestErrorsShowNothing: errors about a damaged database hold nothing personal,
// and nothing at all for the client.
func TestErrorsShowNothing(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		p := registrytest.Person(t, 1)
		enrol(t, n, 1)
		d.Exec(t, `UPDATE people SET attributes = x'01'`)
		_, askErr := ask(t, n, 1)
		d.Exec(t, `DROP TABLE templates`)
		_, enrolErr := n.Enrol(t.Context(), p, registrytest.Portrait(t, 1))
		_, removeErr := n.Remove(t.Context(), p.NIK)
		for _, err := range []error{askErr, enrolErr, removeErr} {
			assertUnanswered(t, "call", err)
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			for _, secret := range []string{p.NIK.Reveal(), p.Name.Reveal(), p.DateOfBirth.Reveal()} {
				if strings.Contains(text, secret) {
					t.Error("an error holds what was asked")
				}
			}
		}
	})
}

// TestShredding: if the row of the data key is lost, and the other rows are put
// back from a copy, nothing about the person opens with any key.
func TestShredding(t *testing.T) {
	process.Slow(t)
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		enrol(t, n, 1)
		enrol(t, n, 2)
		for _, table := range []string{"people", "templates"} {
			d.Exec(t, `CREATE TABLE copy_of_`+table+` AS SELECT * FROM `+table)
		}
		assertRemoved(t, n, 1, true)
		for _, table := range []string{"people", "templates"} {
			d.Exec(t, `DELETE FROM `+table)
			d.Exec(t, `INSERT INTO `+table+` SELECT * FROM copy_of_`+table)
		}
		for _, asked := range []func(testing.TB, registry.Registry, int) (registry.Answer, error){ask, askFace} {
			if _, err := asked(t, n, 1); !errors.Is(err, registry.ErrDamaged) {
				t.Errorf("Ask = %v", err)
			}
		}
		assertOnRecord(t, n, 2)
	})
}
