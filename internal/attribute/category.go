package attribute

import "strings"

// A category is compared by what it means, in Indonesian or English. A text that
// stands in no list agrees only with itself.

// sameGender reports whether two texts name one gender.
func sameGender(a, b string) bool { return meaning(genders, a) == meaning(genders, b) }

// sameMaritalStatus reports whether two texts name one marital status. The card
// says KAWIN, and newer records whether the marriage is registered; KAWIN
// agrees with both.
func sameMaritalStatus(a, b string) bool {
	x, y := meaning(maritalStatuses, a), meaning(maritalStatuses, b)
	return x == y || x == "married" && strings.HasPrefix(y, x) || y == "married" && strings.HasPrefix(x, y)
}

// sameJob reports whether two texts name one type of job. The types of the
// registry have alternatives in them (PELAJAR/MAHASISWA): each agrees with the
// whole.
func sameJob(a, b string) bool {
	x, y := jobs(a), jobs(b)
	for job := range x {
		if y[job] {
			return true
		}
	}
	return false
}

// jobs returns what a text says about a job: the whole, and its alternatives.
func jobs(text string) map[string]bool {
	all := map[string]bool{meaning(jobTypes, text): true}
	// BELUM/TIDAK BEKERJA is no list of two jobs.
	if meaning(jobTypes, text) != jobless {
		for part := range strings.SplitSeq(text, "/") {
			if hasContent(part) {
				all[meaning(jobTypes, part)] = true
			}
		}
	}
	return all
}

// meaning returns what a text stands for in a list, or its words.
func meaning(list map[string]string, text string) string {
	folded := strings.Join(words(text), " ")
	if m, ok := list[folded]; ok {
		return m
	}
	return folded
}

// listOf makes a list of meanings: each key is a meaning, and its value the texts
// for it, separated by commas.
func listOf(meanings map[string]string) map[string]string {
	list := make(map[string]string)
	for m, texts := range meanings {
		for text := range strings.SplitSeq(texts, ",") {
			list[strings.Join(words(text), " ")] = m
		}
	}
	return list
}

var genders = listOf(map[string]string{
	"male":   "LAKI-LAKI,LAKI LAKI,LAKILAKI,LAKI,L,LK,PRIA,MALE,M,MAN",
	"female": "PEREMPUAN,P,PR,WANITA,FEMALE,F,WOMAN",
})

// Without JANDA and DUDA (widow, widower, and divorced people too) and CERAI,
// which leave open which of two is meant.
var maritalStatuses = listOf(map[string]string{
	"single":               "BELUM KAWIN,BELUM MENIKAH,TIDAK KAWIN,TIDAK MENIKAH,LAJANG,SINGLE,UNMARRIED,NOT MARRIED,NEVER MARRIED",
	"married":              "KAWIN,MENIKAH,NIKAH,MARRIED,SUDAH KAWIN,SUDAH MENIKAH",
	"married, registered":  "KAWIN TERCATAT",
	"married, not on file": "KAWIN BELUM TERCATAT,KAWIN TIDAK TERCATAT",
	"divorced":             "CERAI HIDUP,DIVORCED",
	"widowed":              "CERAI MATI,WIDOWED,WIDOW,WIDOWER",
})

// jobless is the meaning of BELUM/TIDAK BEKERJA.
const jobless = "jobless"

// jobTypes are other names of the registry's most frequent types of job
// (Permendagri 109/2019 on its forms).
var jobTypes = listOf(map[string]string{
	jobless:          "BELUM/TIDAK BEKERJA,BELUM BEKERJA,TIDAK BEKERJA,UNEMPLOYED,NOT WORKING",
	"housewife":      "MENGURUS RUMAH TANGGA,IBU RUMAH TANGGA,IRT,HOUSEWIFE,HOMEMAKER",
	"student":        "PELAJAR/MAHASISWA,STUDENT",
	"pupil":          "PELAJAR,SISWA",
	"undergraduate":  "MAHASISWA,MAHASISWI",
	"retired":        "PENSIUNAN,PENSIUN,RETIRED",
	"civil servant":  "PEGAWAI NEGERI SIPIL,PEGAWAI NEGERI SIPIL (PNS),PNS,PEGAWAI NEGERI,ASN,CIVIL SERVANT",
	"soldier":        "TENTARA NASIONAL INDONESIA,TENTARA NASIONAL INDONESIA (TNI),TNI,TENTARA",
	"police officer": "KEPOLISIAN RI,KEPOLISIAN RI (POLRI),POLRI,POLISI,KEPOLISIAN,KEPOLISIAN REPUBLIK INDONESIA",
	"employee":       "KARYAWAN SWASTA,PEGAWAI SWASTA,KARYAWATI SWASTA,PRIVATE EMPLOYEE",
	"state company":  "KARYAWAN BUMN,PEGAWAI BUMN",
	"region company": "KARYAWAN BUMD,PEGAWAI BUMD",
	"self-employed":  "WIRASWASTA,WIRAUSAHA,PENGUSAHA,ENTREPRENEUR,SELF EMPLOYED",
	"trader":         "PERDAGANGAN,PEDAGANG,TRADER",
	"farmer":         "PETANI,FARMER",
	"day labourer":   "BURUH HARIAN LEPAS,BHL",
	"teacher":        "GURU,TEACHER",
	"lecturer":       "DOSEN,LECTURER",
	"physician":      "DOKTER,DOCTOR,PHYSICIAN",
	"driver":         "SOPIR,SUPIR,PENGEMUDI,DRIVER",
	"fisher":         "NELAYAN,FISHERMAN",
})
