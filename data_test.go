package sesuai_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
)

// TestClaimed: what is claimed is in the contract's order, and a zero value is not.
func TestClaimed(t *testing.T) {
	name, err := sesuai.ParseName("Sari Contoh")
	if err != nil {
		t.Fatal(err)
	}
	c := sesuai.Claim{Name: name, Attributes: map[sesuai.Attribute]sesuai.Text{
		sesuai.RW: sesuai.NewText("1"), sesuai.FamilyCardNumber: sesuai.NewText("2"), sesuai.RT: {},
	}}
	want := []sesuai.Attribute{sesuai.NameAttribute, sesuai.FamilyCardNumber, sesuai.RW}
	if got := c.Claimed(); !slices.Equal(got, want) {
		t.Errorf("claimed %q, want %q", got, want)
	}
	if got := (sesuai.Claim{}).Claimed(); len(got) != 0 {
		t.Errorf("claimed %q of nothing", got)
	}
	if n := len(sesuai.Claimable); n != 15 {
		t.Errorf("%d can be claimed, the contract has 15", n)
	}
}

// TestVerdictOutcome: each outcome is found by its name.
func TestVerdictOutcome(t *testing.T) {
	v := sesuai.DataVerdict{
		Name: sesuai.Match, DateOfBirth: sesuai.NonMatch, Attributes: map[sesuai.Attribute]sesuai.Outcome{sesuai.RT: sesuai.Match},
	}
	for a, want := range map[sesuai.Attribute]sesuai.Outcome{
		sesuai.NameAttribute: sesuai.Match, sesuai.DateOfBirthAttribute: sesuai.NonMatch, sesuai.RT: sesuai.Match, sesuai.RW: sesuai.NotCompared,
	} {
		if got := v.Outcome(a); got != want {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
}

func TestParseText(t *testing.T) {
	for _, text := range []string{"", "JL. MELATI NO. 12", strings.Repeat("x", sesuai.MaxTextLength), "Jalan Sukarno–Hatta"} {
		if got, err := sesuai.ParseText(text); err != nil || got.Reveal() != text {
			t.Errorf("ParseText(%q): %v", text, err)
		}
	}
	for _, text := range []string{strings.Repeat("x", sesuai.MaxTextLength+1), "a\nb", "a\x00", "a\xff"} {
		_, err := sesuai.ParseText(text)
		if sesuai.KindOf(err) != sesuai.KindInvalidAttribute || strings.Contains(err.Error(), text) {
			t.Errorf("ParseText(%q): %v", text, err)
		}
	}
}
