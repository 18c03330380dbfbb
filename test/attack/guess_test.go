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
// known and unknown. It returns how many it has sorted rightly.
func (a *attacker) enumerate(niks []string) (sorted, right int) {
	a.t.Helper()
	for i, nik := range niks {
		got, ok := a.ask(person{nik: nik, name: "Nobody Of That Name"}, nil)
		if !ok {
			return sorted, right
		}
		is, told := known(got.Result.NIK)
		if told {
			sorted++
			if is == (i%2 == 0) {
				right++
			}
		}
	}
	return sorted, right
}

// findDate asks about one date of birth after the other, by data verification without a
// photograph, and else by face verification with the face of somebody else.
func (a *attacker) findDate(p person, dates []string, photo []byte) bool {
	a.t.Helper()
	for _, date := range dates {
		p.born = date
		claim := p
		if photo == nil {
			claim.name = "" // one attribute alone: the answer is about that
		}
		got, ok := a.ask(claim, photo)
		if !ok {
			return false
		}
		if is, told := known(got.Result.Born); got.Verified || is && told {
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

// findName asks about one name after the other, as findDate does about dates.
func (a *attacker) findName(p person, names []string, photo []byte) bool {
	a.t.Helper()
	for _, name := range names {
		p.name = name
		claim := p
		if photo == nil {
			claim.born = ""
		}
		got, ok := a.ask(claim, photo)
		if !ok {
			return false
		}
		if is, told := known(got.Result.Name); got.Verified || is && told {
			return true
		}
	}
	return false
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
