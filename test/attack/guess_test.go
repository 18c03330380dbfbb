package attack_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sesuai/sesuai/internal/synthetic"
)

// someone returns the n-th synthetic person who is active, with a name of two words.
func someone(n int) person {
	p := synthetic.New(17).Person(n)
	return person{p.NIK.Reveal(), p.Name.Reveal(), p.DateOfBirth.Reveal()}
}

// enumerate asks about NIKs, of which every second one is on record, and sorts them into
// known and unknown, until the attacker has to stop. Before each it asks about a person
// whom the attacker knows, unless that is nil. It returns how many it has sorted, and how
// many of them rightly.
func (a *attacker) enumerate(niks []string, known *person) (sorted, right int) {
	a.t.Helper()
	for i, nik := range niks {
		if known != nil {
			a.ask(*known, nil)
		}
		got, ok := a.ask(person{nik: nik, name: "Nobody Of That Name"}, nil)
		if !ok {
			return sorted, right
		}
		if found := got.Result.NIK; found != nil {
			sorted++
			if *found == (i%2 == 0) {
				right++
			}
		}
	}
	return sorted, right
}

// find asks for one value of a field after the other, and reports whether it has found
// the right one. right returns the outcome of the field. With a photograph it is asked by
// face verification. Without one it is asked by data verification, for the field alone.
func (a *attacker) find(p person, values []string, set func(*person, string), right func(answer) *bool, photo []byte) bool {
	a.t.Helper()
	if photo == nil {
		p = person{nik: p.nik}
	}
	for _, value := range values {
		set(&p, value)
		got, ok := a.ask(p, photo)
		if !ok {
			return false
		}
		if is := right(got); got.Verified || is != nil && *is {
			return true
		}
	}
	return false
}

// plausibleDates returns the days of that many years, in a random order.
func plausibleDates(years int, seed uint64) (all []string) {
	first := time.Date(1962, time.January, 1, 0, 0, 0, 0, time.UTC)
	for day := first; day.Before(first.AddDate(years, 0, 0)); day = day.AddDate(0, 0, 1) {
		all = append(all, day.Format("02-01-2006"))
	}
	shuffle(all, seed)
	return all
}

// The parts of names that an attacker tries.
var (
	firstParts = []string{
		"Agus", "Ahmad", "Bambang", "Bayu", "Dedi", "Dewi", "Dimas", "Eko", "Fitri", "Hadi", "Hendra", "Indah", "Indra", "Joko", "Kartika",
		"Lestari", "Maya", "Melati", "Nadia", "Nur", "Putri", "Rani", "Ratna", "Retno", "Rina", "Rizki", "Sari", "Siti", "Slamet", "Sri",
		"Teguh", "Wahyu", "Wulan", "Yanti", "Yusuf",
	}
	lastParts = []string{
		"Darmawan", "Fauzi", "Gunadi", "Hakim", "Halim", "Handoko", "Hartanto", "Hidayat", "Irawan", "Iskandar", "Kurniawan", "Kusuma",
		"Maulana", "Mulyadi", "Nugraha", "Nugroho", "Permadi", "Prabowo", "Prasetyo", "Pratama", "Purnomo", "Ramadhan", "Santosa",
		"Saputra", "Setiawan", "Siregar", "Situmorang", "Sulaiman", "Suryana", "Sutanto", "Wibowo", "Widodo", "Wijaya", "Yulianto",
	}
)

// plausibleNames returns the parts alone, and then each two together, in a random order.
func plausibleNames(firsts, lasts []string, seed uint64) []string {
	alone := slices.Concat(firsts, lasts)
	var pairs []string
	for _, first := range firsts {
		for _, last := range lasts {
			pairs = append(pairs, fmt.Sprintf("%s %s", first, last))
		}
	}
	shuffle(pairs, seed)
	return append(alone, pairs...)
}

func shuffle(all []string, seed uint64) {
	rand.New(rand.NewPCG(seed, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}

// unusedNIK returns a NIK that nobody has: of another synthetic country than someone's.
func unusedNIK(n int) string { return synthetic.New(18).Person(n).NIK.Reveal() }
