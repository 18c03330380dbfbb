package attribute_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/attribute"
)

// place is what an address says.
type place struct {
	kind          string // JALAN, GANG …
	name          string
	block, number string // without a block the first is empty
	letter        string // behind the number
	rt, rw        int    // 0 for none
	village, city string // empty for none
}

// The kinds of streets, with their short forms. No two names are one but for a slip.
var (
	kindForms = map[string][]string{
		"JALAN": {"JALAN", "JL", "JL.", "Jln.", "jl"}, "GANG": {"GANG", "GG", "Gg."},
		"PERUMAHAN": {"PERUMAHAN", "PERUM", "Perum.", "KOMPLEK"}, "DUSUN": {"DUSUN", "DSN", "Dsn."}, "KAMPUNG": {"KAMPUNG", "KP", "Kp."},
	}
	streetNames = []string{
		"MELATI", "MAWAR INDAH", "KENANGA RAYA", "JENDERAL SUDIRMAN", "AHMAD YANI", "KOTA BARU", "BATAS KOTA", "INDONESIA MERDEKA", "KECAMATAN LAMA",
		"PASAR MINGGU", "RADEN SALEH", "H. NAWI", "BUKIT KOTA PERMAI", "PROVINSI",
	}
	villages = []string{"", "MEKARSARI", "SUKAJADI", "CIKUPA"}
	cities   = []string{"", "KOTA BANDUNG", "KAB. BANDUNG", "KOTA SURABAYA", "KABUPATEN SLEMAN"}
)

func drawPlace(t *rapid.T) place {
	p := place{
		kind:    rapid.SampledFrom([]string{"JALAN", "GANG", "PERUMAHAN", "DUSUN", "KAMPUNG"}).Draw(t, "kind"),
		name:    rapid.SampledFrom(streetNames).Draw(t, "name"),
		number:  fmt.Sprint(rapid.IntRange(1, 199).Draw(t, "number")),
		letter:  rapid.SampledFrom([]string{"", "A", "B", "I", "V"}).Draw(t, "letter"),
		rt:      rapid.IntRange(0, 15).Draw(t, "RT"),
		village: rapid.SampledFrom(villages).Draw(t, "village"),
		city:    rapid.SampledFrom(cities).Draw(t, "city"),
	}
	if p.kind == "PERUMAHAN" {
		p.block = rapid.SampledFrom([]string{"A", "C", "I", "X", "B2", "AA1"}).Draw(t, "block")
	}
	if p.rt > 0 {
		p.rw = rapid.IntRange(1, 12).Draw(t, "RW")
	}
	return p
}

// written is the place as somebody writes it, with or without what stands around the
// street.
func (p place) written(t *rapid.T) string {
	form := func(about string, forms ...string) string { return rapid.SampledFrom(forms).Draw(t, about) }
	parts := []string{form("form of the kind", kindForms[p.kind]...), p.name}
	if p.block != "" {
		parts = append(parts, form("form of the block", "BLOK ", "Blok. ", "BLK ")+p.block)
	}
	parts = append(parts, form("form of the number", "NO ", "No. ", "NOMOR ", "NO.0")+p.number+form("before the letter", "", " ")+p.letter)
	if p.rt > 0 && rapid.Bool().Draw(t, "with RT") {
		parts = append(parts, fmt.Sprintf(form("form of RT", "RT %d RW %d", "RT.%03d/RW.%03d", "RT %03d/%03d", "RT/RW %02d/%02d"), p.rt, p.rw))
	}
	if p.village != "" && rapid.Bool().Draw(t, "with a village") {
		parts = append(parts, form("form of the village", "KEL. ", "Kelurahan ", "KEL ")+p.village)
	}
	if p.city != "" && rapid.Bool().Draw(t, "with a city") {
		parts = append(parts, p.city)
	}
	return strings.Join(parts, form("between the parts", " ", ", "))
}

// TestAddressesWritten: an address matches itself however it is written, and none of
// which a part is another.
func TestAddressesWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlace(t)
		a, b := p.written(t), p.written(t)
		if got := attribute.Compare(sesuai.Address, a, b); got != sesuai.Match {
			t.Errorf("%s | %s: %s", a, b, got)
		}
		q := drawPlace(t)
		q.rt, q.rw, q.village, q.city = p.rt, p.rw, p.village, p.city // these need not be written
		if p == q {
			return
		}
		if b := q.written(t); attribute.Compare(sesuai.Address, a, b) == sesuai.Match {
			t.Errorf("%s | %s: match", a, b)
		}
		for _, change := range changes {
			q := p
			change.make(t, &q)
			if b := q.written(t); attribute.Compare(sesuai.Address, a, b) == sesuai.Match {
				t.Errorf("another %s: %s | %s: match", change.about, a, b)
			}
		}
	})
}

// changes are what makes one place another.
var changes = []struct {
	about string
	make  func(t *rapid.T, p *place)
}{
	{"kind", func(t *rapid.T, p *place) { p.kind = other(t, p.kind, "JALAN", "GANG", "DUSUN") }},
	{"name", func(t *rapid.T, p *place) { p.name = other(t, p.name, streetNames...) }},
	{"number", func(t *rapid.T, p *place) { p.number = other(t, p.number, "7", "17", "71", "1", "11") }},
	{"letter", func(t *rapid.T, p *place) { p.letter = other(t, p.letter, "", "A", "C", "X") }},
	{"block", func(t *rapid.T, p *place) { p.block = other(t, p.block, "A", "B", "V", "B1", "2") }},
}

// other returns one of the texts that is another than the first.
func other(t *rapid.T, text string, others ...string) string {
	return rapid.SampledFrom(others).Filter(func(s string) bool { return s != text }).Draw(t, "another")
}
