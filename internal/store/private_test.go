package store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/store"
)

// TestNothingPersonalOnDisk looks for what was enrolled, verified and handed
// out in every file of the data folder: while it is open, after people were
// removed, and after it was closed.
func TestNothingPersonalOnDisk(t *testing.T) {
	dir := t.TempDir()
	o := options(t, dir)
	o.Returns, o.Strangers = true, true
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	const people = 150
	var secrets [][]byte
	add := func(texts ...string) {
		for _, text := range texts {
			secrets = append(secrets, []byte(text))
		}
	}
	for n := range people {
		p := registrytest.Person(t, n)
		p.Name = registrytest.Name(t, fmt.Sprintf("Wirasaba Ke-%d Tembalang", n))
		p.Attributes[sesuai.Address] = sesuai.NewText(fmt.Sprintf("Jalan Karangan Nomor %d", n))
		portrait := registrytest.Portrait(t, n)
		if _, err := s.Enrol(t.Context(), p, portrait); err != nil {
			t.Fatal(err)
		}
		if err := s.Append(t.Context(), event(t, n, fmt.Sprintf("request-%d", n))); err != nil {
			t.Fatal(err)
		}
		sent := probe(n, "request", 0)
		if _, err := s.Seen(t.Context(), p.NIK, sent); err != nil {
			t.Fatal(err)
		}
		for _, words := range [][]uint64{portrait.Signature.Look[:], portrait.Signature.Sketch[:]} {
			secrets = append(secrets, binary.BigEndian.AppendUint64(nil, words[0]))
		}
		add(string(portrait.Signature.File[:]), string(sent.Request[:]))
		nik := p.NIK.Reveal()
		plain := sha256.Sum256([]byte(nik))
		add(nik, p.Name.Reveal(), p.DateOfBirth.Reveal(), p.Attributes[sesuai.Address].Reveal(),
			string(plain[:]), hex.EncodeToString(plain[:]), string(portrait.Source[:]))
		template, err := portrait.Template.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var vector []byte
		for _, x := range portrait.Template.Vector[:4] {
			vector = binary.LittleEndian.AppendUint32(vector, math.Float32bits(x))
		}
		secrets = append(secrets, vector, template[1:17])
	}
	// As many more are on record elsewhere.
	strangers := make([][]byte, 0, people)
	for n := people; n < 2*people; n++ {
		nik := registrytest.NIK(t, n)
		verify(t, s, n)
		sent := probe(n, fmt.Sprintf("request-%d", n), 0)
		if _, err := s.Seen(t.Context(), nik, sent); err != nil {
			t.Fatal(err)
		}
		plain := sha256.Sum256([]byte(nik.Reveal()))
		add(nik.Reveal(), string(plain[:]), hex.EncodeToString(plain[:]), string(sent.Signature.File[:]), string(sent.Request[:]))
		strangers = append(strangers, binary.BigEndian.AppendUint64(nil, sent.Signature.Look[0]))
	}
	secrets = append(secrets, strangers...)
	// Parts of names and keys of the sealed form, in whatever case.
	add("Wirasaba", "Tembalang", "Karangan", "PEREMPUAN", "date_of_birth")
	_, credentials, err := access.Add(t.Context(), s, testHash, client("bank"))
	if err != nil {
		t.Fatal(err)
	}
	r := credentials.Reveal()
	add(r.Username, r.Password, r.APIKey)

	assertAbsent(t, dir, "after enrolling", secrets)

	// What was sealed of people who are removed goes, too.
	var sealed [][]byte
	for _, column := range []string{"attributes FROM people", "template FROM templates", "probes FROM probes", "sealed FROM person_keys"} {
		for _, row := range []int{0, 75, people - 1} {
			var b []byte
			s.QueryForTest(t, fmt.Sprintf(`SELECT %s ORDER BY 1 LIMIT 1 OFFSET %d`, column, row), &b)
			sealed = append(sealed, b[:64])
		}
	}
	for _, row := range []string{"sealed FROM returns WHERE seq = 151", "sealed FROM returns WHERE seq = 300", "probes FROM strangers WHERE id = 7"} {
		var b []byte
		s.QueryForTest(t, `SELECT `+row, &b)
		sealed = append(sealed, b[:40])
	}
	returned := claim(t, s, people, time.Hour)
	if len(returned.Owed) != people {
		t.Fatalf("%d are owed", len(returned.Owed))
	}
	if err := s.Delivered(t.Context(), idsOf(returned)); err != nil {
		t.Fatal(err)
	}
	for n := range 2 * people {
		if removed, err := s.Remove(t.Context(), registrytest.NIK(t, n)); err != nil || removed != (n < people) {
			t.Fatalf("Remove = %v, %v", removed, err)
		}
	}
	assertAbsent(t, dir, "after removing", append(secrets, sealed...))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	assertAbsent(t, dir, "after closing", append(secrets, sealed...))
}

// assertAbsent reports which of the secrets are in a file of dir, by their
// number.
func assertAbsent(t *testing.T, dir, when string, secrets [][]byte) {
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
		for i, secret := range secrets {
			if bytes.Contains(b, secret) {
				t.Errorf("%s: secret %d is in %s", when, i, filepath.Base(path))
			}
		}
	}
	if searched < 100_000 {
		t.Errorf("%s: only %d bytes were searched", when, searched)
	}
}

// TestSealedLengthsTellLittle: the name's length is not the sealed length.
func TestSealedLengthsTellLittle(t *testing.T) {
	s := open(t, t.TempDir())
	for n, length := range []int{2, 10, 30, 60} {
		p := registrytest.Person(t, n)
		p.Name = registrytest.Name(t, strings.Repeat("A", length))
		if _, err := s.Enrol(t.Context(), p, nil); err != nil {
			t.Fatal(err)
		}
	}
	var lengths int
	s.QueryForTest(t, `SELECT count(DISTINCT length(attributes)) FROM people`, &lengths)
	if lengths != 1 {
		t.Errorf("four names of four lengths give %d lengths", lengths)
	}
}

// TestDamage: a row that was changed, moved or lost in part is "cannot
// answer", and never "not found", "no portrait" or a score.
func TestDamage(t *testing.T) {
	const swap = `UPDATE %[1]s SET %[2]s = (SELECT b.%[2]s FROM %[1]s b WHERE b.%[3]s <> %[1]s.%[3]s LIMIT 1)`
	tests := []struct {
		name, statement string
		check           bool // whether Check is hit, too
	}{
		{"a bit of a person", `UPDATE people SET attributes = CAST(substr(attributes, 1, 40) || x'0000000000000000' || substr(attributes, 49) AS BLOB)`, true},
		{"a person cut short", `UPDATE people SET attributes = substr(attributes, 1, 20)`, true},
		{"a person emptied", `UPDATE people SET attributes = x''`, true},
		{"two people swapped", fmt.Sprintf(swap, "people", "attributes", "nik"), true},
		{"a bit of a template", `UPDATE templates SET template = CAST(substr(template, 1, 40) || x'0000000000000000' || substr(template, 49) AS BLOB)`, false},
		{"two templates swapped", fmt.Sprintf(swap, "templates", "template", "link"), false},
		{"a template lost", `DELETE FROM templates`, false},
		{"another model claimed", `UPDATE templates SET model = 'other@111111111111'`, false},
		{"a template under another key id", `UPDATE templates SET template = CAST(x'02' || substr(template, 2) AS BLOB)`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			enrol(t, s, 1)
			enrol(t, s, 2)
			s.ExecForTest(t, inEngine(test.statement))

			p, portrait := registrytest.Person(t, 1), registrytest.Portrait(t, 1)
			record, err := s.Check(t.Context(), registrytest.Claim(p))
			if test.check {
				assertUnanswered(t, "Check", err)
			} else if err != nil || !record.Found || !record.Portrait {
				t.Errorf("Check = %+v, %v", record, err)
			}
			_, err = s.Compare(t.Context(), p.NIK, registrytest.ProbeAt(t, portrait.Template, 0.9))
			assertUnanswered(t, "Compare", err)
			_, err = s.Holds(t.Context(), p, portrait.Source, registrytest.Model)
			assertUnanswered(t, "Holds", err)
			_, err = s.Enrol(t.Context(), p, portrait)
			assertUnanswered(t, "Enrol", err)

			// The operator can take the person off the record and start anew.
			if removed, err := s.Remove(t.Context(), p.NIK); err != nil || !removed {
				t.Errorf("Remove = %v, %v", removed, err)
			}
			enrol(t, s, 1)
		})
	}
}

// TestOldTemplateDoesNotFitANewRecord: a template put back from before a
// replacement does not open.
func TestOldTemplateDoesNotFitANewRecord(t *testing.T) {
	s := open(t, t.TempDir())
	enrol(t, s, 1)
	var old []byte
	s.QueryForTest(t, `SELECT template FROM templates`, &old)
	if _, err := s.Enrol(t.Context(), registrytest.Person(t, 1), registrytest.Portrait(t, 2)); err != nil {
		t.Fatal(err)
	}
	s.ExecForTest(t, inEngine(`UPDATE templates SET template = $1`), old)
	_, err := s.Compare(t.Context(), registrytest.NIK(t, 1), registrytest.ProbeAt(t, registrytest.Template(t, registrytest.Model, 1), 1))
	assertUnanswered(t, "Compare", err)
}

// TestErrorsShowNothing: errors of a damaged store hold nothing personal, and
// nothing at all for the caller.
func TestErrorsShowNothing(t *testing.T) {
	s := open(t, t.TempDir())
	p := registrytest.Person(t, 1)
	enrol(t, s, 1)
	s.ExecForTest(t, inEngine(`DROP TABLE templates`))
	s.ExecForTest(t, inEngine(`UPDATE people SET attributes = x'01'`))
	_, checkErr := s.Check(t.Context(), registrytest.Claim(p))
	_, enrolErr := s.Enrol(t.Context(), p, registrytest.Portrait(t, 1))
	_, removeErr := s.Remove(t.Context(), p.NIK)
	for _, err := range []error{checkErr, enrolErr, removeErr} {
		assertUnanswered(t, "call", err)
		text := fmt.Sprintf("%v %+v %#v", err, err, err)
		for _, secret := range []string{p.NIK.Reveal(), p.Name.Reveal(), p.DateOfBirth.Reveal()} {
			if strings.Contains(text, secret) {
				t.Error("an error holds what was asked")
			}
		}
	}
}

func TestCompareWithoutAScale(t *testing.T) {
	dir := t.TempDir()
	o := options(t, dir)
	o.Scale = nil
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // not what is tested
	enrol(t, s, 1)
	_, err = s.Compare(t.Context(), registrytest.NIK(t, 1), registrytest.ProbeAt(t, registrytest.Template(t, registrytest.Model, 1), 1))
	assertUnanswered(t, "Compare", err)
}

func assertUnanswered(t *testing.T, what string, err error) {
	t.Helper()
	e, ok := err.(*sesuai.Error) //nolint:errorlint // the outermost is what callers see
	if !ok || e.Kind != sesuai.KindUnavailable || e.Detail != "" {
		t.Errorf("%s = %v, want an error of kind %s without detail", what, err, sesuai.KindUnavailable)
	}
}

func BenchmarkCheckAndCompare(b *testing.B) {
	s := open(b, b.TempDir())
	const people = 500
	var claims []sesuai.Claim
	for n := range people {
		enrol(b, s, n)
		claims = append(claims, registrytest.Claim(registrytest.Person(b, n)))
	}
	probe := registrytest.ProbeAt(b, registrytest.Template(b, registrytest.Model, 1), 0.9)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n = (n + 1) % people
		record, err := s.Check(b.Context(), claims[n])
		if err != nil || !record.Found {
			b.Fatal(record, err)
		}
		if _, err := s.Compare(b.Context(), claims[n].NIK, probe); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEnrol(b *testing.B) {
	s := open(b, b.TempDir())
	portrait := registrytest.Portrait(b, 1)
	var people []registry.Person
	for n := range b.N {
		people = append(people, registrytest.Person(b, n))
	}
	b.ResetTimer()
	for _, p := range people {
		if _, err := s.Enrol(b.Context(), p, portrait); err != nil {
			b.Fatal(err)
		}
	}
}

// TestReturnedIsOverwritten: what was sealed of a NIK is in no file any more
// once it was returned: at once, or after a minute.
func TestReturnedIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	c := &clock{now: noon}
	s := openReturning(t, dir, c)
	const people = 400
	for n := range people {
		verify(t, s, n)
	}
	sealedOf := func(seq int64) (b []byte) {
		s.QueryForTest(t, fmt.Sprintf(`SELECT sealed FROM returns WHERE seq = %d`, seq), &b)
		return b
	}
	var sealed [][]byte
	for seq := range int64(people) {
		sealed = append(sealed, sealedOf(seq+1))
	}
	for _, n := range []int{1, people - 1} {
		if err := s.Delivered(t.Context(), idsOf(claim(t, s, n, time.Hour))); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			assertAbsent(t, dir, "after the first", sealed[:1])
		}
	}
	c.move(time.Minute)
	claim(t, s, 1, time.Hour)
	assertAbsent(t, dir, "after all", sealed)
}
