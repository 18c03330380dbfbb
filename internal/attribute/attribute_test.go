package attribute_test

import (
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/attribute"
)

// TestNotCompared: a record that holds only signs holds no value, and neither does
// a claim.
func TestNotCompared(t *testing.T) {
	for _, a := range sesuai.Attributes {
		for _, nothing := range []string{"", " ", "-", "...", "\u0301"} {
			if got := attribute.Compare(a, "12", nothing); got != sesuai.NotCompared {
				t.Errorf("%s: %q on record: %s", a, nothing, got)
			}
			if got := attribute.Compare(a, nothing, "12"); got != sesuai.NotCompared {
				t.Errorf("%s: %q claimed: %s", a, nothing, got)
			}
		}
	}
}

// TestScores: values that only agree or differ have no score in between, and no
// score is between a misspelling's and another value's.
func TestScores(t *testing.T) {
	for _, a := range sesuai.Attributes {
		for _, pair := range [][2]string{
			{"JL MELATI NO 12", "JL MELATTI NO 12"},
			{"KOTA SURABAYA", "SURABYA"},
			{"JAWA BARAT", "JAWA TENGAH"},
			{"9999010101900001", "9999010101900002"},
			{"KAWIN", "BELUM KAWIN"},
		} {
			score := attribute.Score(a, pair[0], pair[1])
			if score < 0 || score > 100 || !attribute.Graded(a) && score != 0 && score != 100 {
				t.Errorf("%s: %s | %s: %d", a, pair[0], pair[1], score)
			}
			if a != sesuai.MotherMaidenName && score > 79 && score < 90 {
				t.Errorf("%s: %s | %s: %d", a, pair[0], pair[1], score)
			}
		}
	}
}

// TestCanonical: a value is sent to a registry as the registry writes it.
func TestCanonical(t *testing.T) {
	for _, tt := range []struct {
		attribute     sesuai.Attribute
		claimed, want string
	}{
		{sesuai.FamilyCardNumber, "9999 0101.0190-0001", "9999010101900001"},
		{sesuai.RT, "RT. 003", "3"},
		{sesuai.RW, "010", "10"},
		{sesuai.RT, "rw 3", "RW 3"},
		{sesuai.Gender, "female", "PEREMPUAN"},
		{sesuai.MaritalStatus, "married", "KAWIN"},
		{sesuai.JobType, "petani", "PETANI/PEKEBUN"},
		{sesuai.JobType, "Buruh Tani / Perkebunan", "BURUH TANI/PERKEBUNAN"},
		{sesuai.JobType, "Tukang Kayu", "TUKANG KAYU"},
		{sesuai.Address, " Jl. Melati 12 ", "JL. MELATI 12"},
	} {
		if got := attribute.Canonical(tt.attribute, tt.claimed); got != tt.want {
			t.Errorf("%s: %q is sent as %q, want %q", tt.attribute, tt.claimed, got, tt.want)
		}
	}
}

// TestEffort: no text of the greatest length that is claimed makes Compare do much. It
// is counted in allocations, which every reading of a place and every pair of words
// that is looked at closely makes.
func TestEffort(t *testing.T) {
	filled := func(start, part string) string { return start + strings.Repeat(part, (500-len(start))/len(part)) }
	for _, tt := range []struct {
		attribute         sesuai.Attribute
		claimed, recorded string
		max               float64
	}{
		{sesuai.City, "KOTA SURABYA", "SURABAYA", 200}, // a slip is compared with all regions
		{sesuai.City, filled("", "A "), filled("B ", "A "), 10_000},
		{sesuai.Address, "JL MELATI 12 KOTA SURABYA", "JL MELATI 12 KOTA SURABAYA", 500},
		{sesuai.Address, filled("J 1 KOTA ", "A "), filled("J 1 KOTA B ", "A "), 10_000},
		{sesuai.Address, filled("J 1 ", "KEL A "), filled("J 1 ", "KEL B "), 10_000},
		{sesuai.Address, filled("", "AB "), filled("", "BA "), 10_000},
		{sesuai.MotherMaidenName, filled("", "ABCDE "), filled("", "ABDCE "), 10_000},
		{sesuai.JobType, filled("", "A/"), filled("", "B/"), 10_000},
	} {
		if n := testing.AllocsPerRun(1, func() { attribute.Compare(tt.attribute, tt.claimed, tt.recorded) }); n > tt.max {
			t.Errorf("%s: %.20s and %.20s took %.0f allocations, more than %.0f", tt.attribute, tt.claimed, tt.recorded, n, tt.max)
		}
	}
}

// FuzzScore: every text has a score, in both directions the same; a text agrees
// with itself, in lower case too.
func FuzzScore(f *testing.F) {
	f.Add(uint8(3), "JL. MELATI NO 12A RT 001/002", "GG MAWAR III")
	f.Add(uint8(8), "D.I. YOGYAKARTA", "32.73")
	f.Add(uint8(6), "PELAJAR/MAHASISWA", "/")
	f.Add(uint8(11), "RT", "RT 0")
	f.Fuzz(func(t *testing.T, n uint8, claimed, recorded string) {
		if len(claimed) > 200 || len(recorded) > 200 {
			return
		}
		a := sesuai.Attributes[int(n)%len(sesuai.Attributes)]
		score := attribute.Score(a, claimed, recorded)
		if score < 0 || score > 100 {
			t.Errorf("%s: %d", a, score)
		}
		if back := attribute.Score(a, recorded, claimed); back != score {
			t.Errorf("%s: %d, and %d in the other direction", a, score, back)
		}
		if a == sesuai.MotherMaidenName || attribute.Compare(a, claimed, claimed) == sesuai.NotCompared {
			return
		}
		if got := attribute.Score(a, claimed, strings.Clone(claimed)); got != 100 {
			t.Errorf("%s: a text scores %d with itself", a, got)
		}
	})
}
