package synthetic_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/synthetic"
)

// revealed returns a person's attributes as text.
func revealed(p registry.Person) []string {
	return []string{p.NIK.Reveal(), p.Name.Reveal(), p.DateOfBirth.Reveal(), p.Status.String()}
}

// assertNIK parses a NIK and checks its structure: region, day with 40 added for
// women, month, year, serial number.
func assertNIK(t rapid.TB, p registry.Person) {
	t.Helper()
	nik, born := p.NIK.Reveal(), p.DateOfBirth.Reveal()
	part := func(from, to int) int {
		v, err := strconv.Atoi(nik[from:to])
		if err != nil {
			t.Fatalf("%s: %v", nik, err)
		}
		return v
	}
	if province := part(0, 2); province < 41 || province > 49 {
		t.Errorf("%s: a province of this number may exist", nik)
	}
	if part(2, 4) < 1 || part(2, 4) > 79 || part(4, 6) < 1 || part(12, 16) < 1 {
		t.Errorf("%s: an invalid regency, district or serial number", nik)
	}
	date, err := time.Parse(sesuai.DateLayout, born)
	if err != nil {
		t.Fatalf("%s: %v", born, err)
	}
	day := part(6, 8)
	if day > 40 {
		day -= 40
	}
	if day != date.Day() || part(8, 10) != int(date.Month()) || part(10, 12) != date.Year()%100 {
		t.Errorf("%s does not fit %s", nik, born)
	}
}

// Every number of every country gives a valid person, and the same one each
// time.
func TestPerson(t *testing.T) {
	countries := make(map[uint64]*synthetic.Country)
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.OneOf(rapid.Uint64Range(0, 3), rapid.Just(uint64(math.MaxUint64))).Draw(t, "seed")
		n := rapid.IntRange(0, synthetic.MaxPeople-1).Draw(t, "number")
		if countries[seed] == nil {
			countries[seed] = synthetic.New(seed)
		}
		p := countries[seed].Person(n)
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		assertNIK(t, p)
	})
	a, b := synthetic.New(4), synthetic.New(4)
	for n := range 100 {
		if diff := cmp.Diff(revealed(a.Person(n)), revealed(b.Person(n))); diff != "" {
			t.Error("the second time: ", diff)
		}
	}
}

// TestPeople: no two people have one NIK, and every attribute has the expected
// distribution.
func TestPeople(t *testing.T) {
	const people = 200_000
	c := synthetic.New(1)
	seen := make(map[string]bool, people)
	regions, names, words, statuses := map[string]int{}, map[string]int{}, map[int]int{}, map[sesuai.Status]int{}
	women := 0
	for n := range people {
		p := c.Person(n)
		nik := p.NIK.Reveal()
		if seen[nik] {
			t.Fatalf("person %d has the NIK of an earlier one", n)
		}
		seen[nik] = true
		regions[nik[:6]]++
		names[p.Name.Reveal()]++
		words[len(strings.Fields(p.Name.Reveal()))]++
		statuses[p.Status]++
		if nik[6] >= '4' {
			women++
		}
	}
	share := func(about string, got int, want, tolerance float64) {
		if s := float64(got) / people; s < want-tolerance || s > want+tolerance {
			t.Errorf("%s: %.4f, want %.3f", about, s, want)
		}
	}
	share("women", women, 0.5, 0.01)
	share("active", statuses[sesuai.Active], 0.98, 0.002)
	share("deceased", statuses[sesuai.Deceased], 0.01, 0.001)
	share("inactive", statuses[sesuai.Inactive], 0.01, 0.001)
	share("of one word", words[1], 0.1, 0.01)
	if len(regions) != 9*40*20 {
		t.Errorf("%d regions", len(regions))
	}
	if len(names) < 50_000 {
		t.Errorf("%d names", len(names))
	}
	if other := synthetic.New(2).Person(7).NIK; other.Equal(c.Person(7).NIK) {
		t.Error("two countries have the same people")
	}
}

// TestNIKsAreUnique shows that no two of the 300 million people share a NIK.
// Every NIK has a position in the order of all NIKs. From one person to the next
// the position grows by a fixed step, modulo the number of NIKs, and the step
// has no divisor in common with that number. The test measures the step at both
// ends of the range and in between.
func TestNIKsAreUnique(t *testing.T) {
	const all = 9 * 40 * 20 * 8 * 2 * 23_011 // days from 1946 to 2008
	c := synthetic.New(5)
	first := time.Date(1946, time.January, 1, 0, 0, 0, 0, time.UTC)
	place := func(n int) int {
		nik := c.Person(n).NIK.Reveal()
		digits := func(from, to int) int {
			v, err := strconv.Atoi(nik[from:to])
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		day, woman := digits(6, 8), 0
		if day > 40 {
			day, woman = day-40, 1
		}
		year := 1900 + digits(10, 12)
		if year < 1946 {
			year += 100
		}
		days := int(time.Date(year, time.Month(digits(8, 10)), day, 0, 0, 0, 0, time.UTC).Sub(first).Hours() / 24)
		at := digits(0, 2) - 41
		at = at*40 + digits(2, 4) - 1
		at = at*20 + digits(4, 6) - 1
		at = at*23_011 + days
		at = at*8 + digits(12, 16) - 1
		return at*2 + woman
	}
	step := (place(1) - place(0) + all) % all
	for a, b := all, step; ; a, b = b, a%b {
		if b == 0 {
			if a != 1 {
				t.Errorf("NIKs and step have the divisor %d", a)
			}
			break
		}
	}
	for _, n := range []int{0, 1, 2, 12_345, 99_999_999, 280_000_000, synthetic.MaxPeople - 2} {
		if got := (place(n+1) - place(n) + all) % all; got != step {
			t.Errorf("the step from person %d to the next is %d, not %d", n, got, step)
		}
	}
	if synthetic.MaxPeople > all {
		t.Error("there are fewer NIKs than people")
	}
}

func TestPersonOfNoNumber(t *testing.T) {
	for _, n := range []int{-1, synthetic.MaxPeople} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Person(%d) did not panic", n)
				}
			}()
			synthetic.New(1).Person(n)
		}()
	}
}
