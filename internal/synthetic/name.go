package synthetic

import "math/rand/v2"

// The parts of names. They are common and combined at random, so no name refers
// to a particular person.
var (
	menFirst = []string{
		"Muhammad", "Ahmad", "Agus", "Bagas", "Bambang", "Bayu", "Cahyo", "Damar", "Danang", "Dedi", "Dimas", "Eko", "Fajar",
		"Galih", "Gilang", "Guntur", "Hadi", "Hendra", "Ilham", "Indra", "Irfan", "Jaka", "Joko", "Kurnia", "Lukman", "Made",
		"Mulya", "Nanang", "Nyoman", "Panji", "Putra", "Raden", "Rangga", "Rizki", "Rudi", "Satria", "Slamet", "Sigit",
		"Teguh", "Tirta", "Umar", "Wahyu", "Wayan", "Wira", "Yoga", "Yusuf", "Zainal", "Ketut", "Lalu", "Ucok",
	}
	womenFirst = []string{
		"Siti", "Ayu", "Anisa", "Bunga", "Cahya", "Citra", "Dewi", "Diah", "Dwi", "Eka", "Endang", "Fitri", "Gita", "Hana",
		"Indah", "Intan", "Kartika", "Kinanti", "Laras", "Lestari", "Lia", "Luh", "Maya", "Mega", "Melati", "Mutiara", "Nadia",
		"Nia", "Ningsih", "Novi", "Nur", "Puspa", "Putri", "Rani", "Ratna", "Retno", "Rina", "Sari", "Sekar", "Sinta", "Sri",
		"Tari", "Tuti", "Utami", "Wahyuni", "Wulan", "Yanti", "Yuli", "Zahra", "Ni Made",
	}
	middle = []string{
		"Adi", "Agung", "Arif", "Asih", "Budi", "Candra", "Darma", "Daya", "Guna", "Hari", "Ika", "Jati", "Jaya", "Kirana",
		"Kencana", "Laksana", "Lintang", "Mahendra", "Nata", "Nirmala", "Permata", "Praba", "Purnama", "Rahayu", "Rahma",
		"Rahmat", "Sakti", "Samudra", "Sasmita", "Seta", "Tri", "Utama", "Waskita", "Widya", "Wisnu", "Yudha",
	}
	last = []string{
		"Adiputra", "Anggara", "Ardana", "Baskara", "Darmawan", "Fauzi", "Ginanjar", "Gunadi", "Hakim", "Halim", "Handoko",
		"Hartanto", "Hidayat", "Irawan", "Iskandar", "Kurniawan", "Kusnadi", "Kusuma", "Lazuardi", "Mahardika", "Maulana",
		"Mulyadi", "Nugraha", "Nugroho", "Pamungkas", "Pangestu", "Permadi", "Prabowo", "Prakoso", "Pranata", "Prasetyo",
		"Pratama", "Purnomo", "Ramadhan", "Santosa", "Saputra", "Sasongko", "Setiawan", "Siregar", "Situmorang", "Subagyo",
		"Sudirja", "Suganda", "Suhendra", "Sulaiman", "Supriyadi", "Suryana", "Sutanto", "Suwarna", "Syahputra", "Tanuwijaya",
		"Wardana", "Wibisana", "Wibowo", "Wicaksono", "Widodo", "Wijaya", "Winata", "Wirawan", "Yulianto",
	}
)

// nameOf draws a name. It has one word for 10 % of people, three words for 30 %,
// and two for the others.
func nameOf(female bool, rng *rand.Rand) string {
	first := menFirst
	if female {
		first = womenFirst
	}
	name := pick(first, rng)
	switch parts := rng.IntN(10); {
	case parts == 0:
		return name
	case parts <= 3:
		return name + " " + pick(middle, rng) + " " + pick(last, rng)
	default:
		return name + " " + pick(last, rng)
	}
}

func pick(from []string, rng *rand.Rand) string { return from[rng.IntN(len(from))] }
