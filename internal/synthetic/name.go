package synthetic

import "math/rand/v2"

// The parts of names. They are common parts, put together by chance: nobody in
// particular is meant.
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

// nameOf draws a name: one part for one person in ten, three for three.
func nameOf(female bool, chance *rand.Rand) string {
	first := menFirst
	if female {
		first = womenFirst
	}
	name := pick(first, chance)
	switch parts := chance.IntN(10); {
	case parts == 0:
		return name
	case parts <= 3:
		return name + " " + pick(middle, chance) + " " + pick(last, chance)
	default:
		return name + " " + pick(last, chance)
	}
}

func pick(from []string, chance *rand.Rand) string { return from[chance.IntN(len(from))] }
