package registrytest

import (
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

// attributeCases are, for each attribute, a value on record, claims that match it
// and claims that differ. Each is a kind of claim that package attribute has rules
// for.
var attributeCases = []struct {
	attribute       sesuai.Attribute
	recorded        string
	match, nonMatch []string
}{
	{sesuai.FamilyCardNumber, "9999010101900001", []string{"9999010101900001"}, []string{"9999010101900002"}},
	{sesuai.MotherMaidenName, "HJ. SITI ROMLAH", []string{"Siti Romlah"}, []string{"SITI AMINAH"}},
	{sesuai.PlaceOfBirth, "BANDUNG", []string{"Kota Bandung"}, []string{"BANDAR LAMPUNG"}},
	{sesuai.Address, "JALAN MELATI NO 12", []string{"Jl. Melati No. 12", "MELATI 12 RT 001/002"}, []string{"JL MELATI NO 21", "GG MELATI NO 12"}},
	{sesuai.Gender, "PEREMPUAN", []string{"P", "female"}, []string{"LAKI-LAKI"}},
	{sesuai.MaritalStatus, "BELUM KAWIN", []string{"single", "Belum Menikah"}, []string{"KAWIN"}},
	{sesuai.JobType, "PELAJAR/MAHASISWA", []string{"MAHASISWA", "student"}, []string{"KARYAWAN SWASTA"}},
	{sesuai.Province, "JAWA BARAT", []string{"Jabar", "32", "PROV. JAWA BARAT"}, []string{"JAWA TENGAH", "33"}},
	{sesuai.City, "KOTA BANDUNG", []string{"BANDUNG", "32.73", "3273"}, []string{"KAB. BANDUNG", "32.04"}},
	{sesuai.District, "SUKAJADI", []string{"KEC. SUKAJADI", "Suka Jadi"}, []string{"SUKASARI"}},
	{sesuai.Subdistrict, "SUKAGALIH", []string{"KEL. SUKAGALIH"}, []string{"SUKAWARNA"}},
	{sesuai.RT, "003", []string{"3", "RT 03"}, []string{"30"}},
	{sesuai.RW, "12", []string{"012"}, []string{"21"}},
}

// TestAttributes: every attribute is compared by its rule, alone and together with
// others, and what the record does not hold is not compared.
func (s suite) TestAttributes(t *testing.T) {
	r := s.open(t)
	p := Person(t, 1)
	p.Attributes = make(map[sesuai.Attribute]sesuai.Text)
	everything := Claim(p)
	everything.Attributes = make(map[sesuai.Attribute]sesuai.Text)
	for _, c := range attributeCases {
		p.Attributes[c.attribute] = sesuai.NewText(c.recorded)
		everything.Attributes[c.attribute] = sesuai.NewText(c.match[0])
	}
	enrol(t, r, p, nil, registry.Added)
	bare := Person(t, 2)
	bare.Attributes = nil
	enrol(t, r, bare, nil, registry.Added)

	claim := func(p registry.Person, a sesuai.Attribute, claimed string) sesuai.Claim {
		return sesuai.Claim{NIK: p.NIK, Attributes: map[sesuai.Attribute]sesuai.Text{a: sesuai.NewText(claimed)}}
	}
	outcome := func(about string, c sesuai.Claim, a sesuai.Attribute, want sesuai.Outcome) {
		t.Helper()
		answer := ask(t, r, c, nil)
		got := answer.Attributes[a]
		if !answer.Found || got.Outcome != want || len(answer.Attributes) != len(c.Attributes) {
			t.Errorf("%s %s: %s among %d attributes, want %s", a, about, got.Outcome, len(answer.Attributes), want)
		}
		if got.Score < registry.NotScored || got.Score > 100 || want == sesuai.NotCompared && got.Score != registry.NotScored {
			t.Errorf("%s %s: a score of %d", a, about, got.Score)
		}
	}
	for _, c := range attributeCases {
		for _, claimed := range c.match {
			outcome("claimed as "+claimed, claim(p, c.attribute, claimed), c.attribute, sesuai.Match)
		}
		for _, claimed := range c.nonMatch {
			outcome("claimed as "+claimed, claim(p, c.attribute, claimed), c.attribute, sesuai.NonMatch)
		}
		outcome("not on record", claim(bare, c.attribute, c.match[0]), c.attribute, sesuai.NotCompared)
		outcome("with all others", everything, c.attribute, sesuai.Match)
	}
	if answer := ask(t, r, claim(Person(t, 3), sesuai.Gender, "P"), nil); answer.Found || answer.Attributes != nil {
		t.Errorf("of a person who is not on record: %+v", answer)
	}
}
