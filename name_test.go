package sesuai_test

import (
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
)

func TestParseName(t *testing.T) {
	for _, tt := range []struct {
		about string
		text  string
		want  string // "" is refused
	}{
		{"a name", "Sari Contoh", "Sari Contoh"},
		{"one letter", "X", "X"},
		{"white space around", " \tSari Contoh\r\n", "Sari Contoh"},
		{"a no-break space around", "\u00a0Sari", "Sari"},
		{"a hundred letters", strings.Repeat("a", 100), strings.Repeat("a", 100)},
		{"a hundred letters of two bytes", strings.Repeat("é", 100), strings.Repeat("é", 100)},
		{"a hundred letters within white space", "  " + strings.Repeat("a", 100) + "  ", strings.Repeat("a", 100)},
		{"a title and signs", "dr. H. Sari D'Contoh-Uji, S.H.", "dr. H. Sari D'Contoh-Uji, S.H."},
		{"what the Node SDK sends for a missing value is letters", "undefined", "undefined"},
		{"a hundred and one letters", strings.Repeat("a", 101), ""},
		{"empty", "", ""},
		{"white space alone", "  \n ", ""},
		{"no letter", "12345", ""},
		{"signs alone", "-.'", ""},
		{"a line break inside", "Sari\nContoh", ""},
		{"a zero byte", "Sari\x00", ""},
		{"not UTF-8", "Sari\xff", ""},
		{"half a character", "Sari\xc3", ""},
	} {
		t.Run(tt.about, func(t *testing.T) {
			name, err := sesuai.ParseName(tt.text)
			if tt.want == "" {
				checkParsed(t, tt.text, name.Reveal(), false, err, sesuai.KindInvalidName)
				return
			}
			checkParsed(t, tt.want, name.Reveal(), true, err, sesuai.KindInvalidName)
		})
	}
}
