package attribute

import (
	"slices"
	"strings"

	"github.com/sesuai/sesuai"
)

// A category is compared by what it means, in Indonesian or English. A text that
// stands in no list agrees only with itself.

// sameGender reports whether two texts name one gender.
func sameGender(a, b string) bool { return meaning(genders, a) == meaning(genders, b) }

// sameMaritalStatus reports whether two texts name one marital status. The card
// says KAWIN, and newer records whether the marriage is registered; KAWIN
// agrees with both.
func sameMaritalStatus(a, b string) bool {
	x, y := meaning(maritalStatuses, a), meaning(maritalStatuses, b)
	return x == y || x == "KAWIN" && strings.HasPrefix(y, x) || y == "KAWIN" && strings.HasPrefix(x, y)
}

// sameJob reports whether two texts name one type of job. A type of the registry with
// alternatives (PELAJAR/MAHASISWA) agrees with each of them. A claim of several types
// (GURU/DOSEN) agrees with none.
func sameJob(a, b string) bool {
	x, y := meaning(jobTypes, a), meaning(jobTypes, b)
	return x == y || slices.Contains(jobAlternatives[x], y) || slices.Contains(jobAlternatives[y], x)
}

// Canonical returns a claimed value as the registry writes it: in upper case, a number
// without what is around its digits, and a category in the registry's own word, if the
// text is one that Compare knows.
func Canonical(a sesuai.Attribute, text string) string {
	switch a {
	case sesuai.FamilyCardNumber:
		return digits(text)
	case sesuai.RT, sesuai.RW:
		return number(a, text)
	case sesuai.Gender:
		return meaning(genders, text)
	case sesuai.MaritalStatus:
		return meaning(maritalStatuses, text)
	case sesuai.JobType:
		job := meaning(jobTypes, text)
		for whole, alternatives := range jobAlternatives {
			if slices.Contains(alternatives, job) {
				return whole
			}
		}
		return job
	default:
		return strings.ToUpper(strings.TrimSpace(text))
	}
}

// meaning returns the registry's word for a text, or its words.
func meaning(list map[string]string, text string) string {
	folded := strings.Join(words(text), " ")
	if m, ok := list[folded]; ok {
		return m
	}
	return folded
}

// listOf makes a list of categories: each key is the registry's word, and its value
// has other texts for it, separated by commas.
func listOf(categories map[string]string) map[string]string {
	list := make(map[string]string)
	for m, texts := range categories {
		for text := range strings.SplitSeq(strings.TrimSuffix(m+","+texts, ","), ",") {
			list[strings.Join(words(text), " ")] = m
		}
	}
	return list
}

var genders = listOf(map[string]string{
	"LAKI-LAKI": "LAKI LAKI,LAKILAKI,LAKI,L,LK,PRIA,MALE,M,MAN",
	"PEREMPUAN": "P,PR,WANITA,FEMALE,F,WOMAN",
})

// Without JANDA and DUDA (widow, widower, and divorced people too) and CERAI,
// which leave open which of two is meant.
var maritalStatuses = listOf(map[string]string{
	"BELUM KAWIN":          "BELUM MENIKAH,TIDAK KAWIN,TIDAK MENIKAH,LAJANG,SINGLE,UNMARRIED,NOT MARRIED,NEVER MARRIED",
	"KAWIN":                "MENIKAH,NIKAH,MARRIED,SUDAH KAWIN,SUDAH MENIKAH",
	"KAWIN TERCATAT":       "",
	"KAWIN BELUM TERCATAT": "KAWIN TIDAK TERCATAT",
	"CERAI HIDUP":          "DIVORCED",
	"CERAI MATI":           "WIDOWED,WIDOW,WIDOWER",
})

// jobTypes are other names of the registry's most frequent types of job
// (Permendagri 109/2019 on its forms).
var jobTypes = listOf(map[string]string{
	"BELUM/TIDAK BEKERJA":        "BELUM BEKERJA,TIDAK BEKERJA,UNEMPLOYED,NOT WORKING",
	"MENGURUS RUMAH TANGGA":      "IBU RUMAH TANGGA,IRT,HOUSEWIFE,HOMEMAKER",
	"PELAJAR/MAHASISWA":          "STUDENT",
	"PELAJAR":                    "SISWA,PUPIL",
	"MAHASISWA":                  "MAHASISWI",
	"PENSIUNAN":                  "PENSIUN,RETIRED",
	"PEGAWAI NEGERI SIPIL":       "PEGAWAI NEGERI SIPIL (PNS),PNS,PEGAWAI NEGERI,ASN,CIVIL SERVANT",
	"TENTARA NASIONAL INDONESIA": "TENTARA NASIONAL INDONESIA (TNI),TNI,TENTARA,SOLDIER",
	"KEPOLISIAN RI":              "KEPOLISIAN RI (POLRI),POLRI,POLISI,KEPOLISIAN,KEPOLISIAN REPUBLIK INDONESIA,POLICE OFFICER",
	"KARYAWAN SWASTA":            "PEGAWAI SWASTA,KARYAWATI SWASTA,PRIVATE EMPLOYEE",
	"KARYAWAN BUMN":              "PEGAWAI BUMN",
	"KARYAWAN BUMD":              "PEGAWAI BUMD",
	"WIRASWASTA":                 "WIRAUSAHA,PENGUSAHA,ENTREPRENEUR,SELF EMPLOYED",
	"PERDAGANGAN":                "PEDAGANG,TRADER",
	"PETANI/PEKEBUN":             "",
	"NELAYAN/PERIKANAN":          "",
	"BURUH TANI/PERKEBUNAN":      "",
	"BURUH NELAYAN/PERIKANAN":    "",
	"PETANI":                     "FARMER",
	"BURUH HARIAN LEPAS":         "BHL",
	"GURU":                       "TEACHER",
	"DOSEN":                      "LECTURER",
	"DOKTER":                     "DOCTOR,PHYSICIAN",
	"SOPIR":                      "SUPIR,PENGEMUDI,DRIVER",
	"NELAYAN":                    "FISHERMAN",
})

// jobAlternatives are the types of job with alternatives. No alternative is one of two
// types: Canonical could not choose.
var jobAlternatives = map[string][]string{
	"PELAJAR/MAHASISWA":       {"PELAJAR", "MAHASISWA"},
	"PETANI/PEKEBUN":          {"PETANI", "PEKEBUN"},
	"NELAYAN/PERIKANAN":       {"NELAYAN", "PERIKANAN"},
	"BURUH TANI/PERKEBUNAN":   {"BURUH TANI", "BURUH PERKEBUNAN"},
	"BURUH NELAYAN/PERIKANAN": {"BURUH NELAYAN", "BURUH PERIKANAN"},
}
