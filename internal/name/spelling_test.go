package name_test

import (
	"testing"

	"github.com/sesuai/sesuai/internal/name"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ word, want string }{
		{"SOEHARDI", "SUHARDI"},
		{"WIDJAJA", "WIYAYA"}, // and so is
		{"WIJAYA", "WIYAYA"},
		{"TJAHJONO", "CAHYONO"},
		{"ACHMAD", "AKHMAD"},
		{"TJHIN", "KHIN"}, // TJ becomes C, then CH becomes KH
		{"ANNISSA", "ANISA"},
		{"BOOEDI", "BUDI"},
		{"ABDULRAHMAN", "ABDURAHMAN"},
		{"ABDURRAHMAN", "ABDURAHMAN"},
		{"ABDULKARIM", "ABDULKARIM"}, // before K the article keeps its L
		{"AA", "AA"},
		{"丸", "丸"}, // two of its bytes are equal
	} {
		if got := name.Canonical(tt.word); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.word, got, tt.want)
		}
	}
}

func TestModern(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ word, want string }{
		{"JATI", "JATI"},
		{"YATI", "YATI"},
		{"DJATI", "JATI"},
		{"DJAJA", "JAYA"}, // beside DJ the other J is old
		{"DJAYA", "JAYA"}, // old DJ, new Y
		{"WIDJAJA", "WIJAYA"},
		{"TJAHJONO", "CAHYONO"},
		{"SJAFEI", "SYAFEI"},
		{"HASJIM", "HASYIM"},
		{"SOEHARJO", "SUHARJO"}, // OE does not make the J old
		{"HIDAJAT", "HIDAJAT"},  // nothing shows that the J is old
		{"PANJI", "PANJI"},
		{"ABDURRAHMAN", "ABDURAHMAN"},
		{"ABDULRADJAB", "ABDURAJAB"},
		{"DJ", "DJ"}, // J would be read as an initial
	} {
		if got := name.Modern(tt.word); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.word, got, tt.want)
		}
	}
}
