package name_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/sesuai/sesuai/internal/name"
)

func ExampleScore() {
	fmt.Println(name.Score("Drs. H. Moch. Soehardi, M.M.", "MUHAMMAD SUHARDI"))
	fmt.Println(name.Score("BUDI SANTOSA", "BUDI SANTOSO") >= name.DefaultThreshold)
	fmt.Println(name.Score("DWI SUSANTO", "DWI SUSANTI") >= name.MinThreshold)
	// Output:
	// 100
	// true
	// false
}

// isName reports whether s has a letter, or a character that folds to one (Ⅳ).
func isName(s string) bool {
	return strings.ContainsFunc(s, unicode.IsLetter) || name.Fold(s) != ""
}

// texts draws any text, sometimes a name made of words.
func texts(words []string) *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), names(words), rapid.StringMatching(`[A-Za-z'.,\- ]{0,60}`))
}

// names draws names of one to five words, some with initials and particles.
func names(words []string) *rapid.Generator[string] {
	word := rapid.OneOf(
		rapid.SampledFrom(words),
		rapid.SampledFrom(words),
		rapid.SampledFrom([]string{"M.", "MOCH.", "I", "NI", "BIN", "BINTI", "ABDUL", "A.", "S", "NUR", "AINI"}),
	)
	return rapid.Map(rapid.SliceOfN(word, 1, 5), func(w []string) string { return strings.Join(w, " ") })
}

// fullNames draws names of two to four full words.
func fullNames(words []string) *rapid.Generator[string] {
	word := rapid.SampledFrom(words)
	return rapid.Map(rapid.SliceOfNDistinct(word, 2, 4, rapid.ID), func(w []string) string { return strings.Join(w, " ") })
}

func TestScoreIsSymmetricAndInRange(t *testing.T) {
	t.Parallel()
	words, _ := readWords(t)
	rapid.Check(t, func(t *rapid.T) {
		a, b := texts(words).Draw(t, "a"), texts(words).Draw(t, "b")
		checkScore(t, a, b)
	})
}

// checkScore checks what must be true of any two texts.
func checkScore(t interface{ Fatalf(string, ...any) }, a, b string) {
	score, back := name.Score(a, b), name.Score(b, a)
	if score != back {
		t.Fatalf("Score(a, b) is %d, Score(b, a) %d", score, back)
	}
	if score < 0 || score > 100 {
		t.Fatalf("Score is %d", score)
	}
	if score > 0 && !(isName(a) && isName(b)) {
		t.Fatalf("Score is %d without a letter", score)
	}
	for _, s := range []string{a, b} {
		if self := name.Score(s, s); isName(s) != (self == 100) {
			t.Fatalf("the score of %q with itself is %d", s, self)
		}
		// Score returns early for identical texts. A folded copy must give
		// the same answer without that.
		if folded := name.Fold(s); folded != "" && name.Score(s, folded) != 100 {
			t.Fatalf("the score of %q with itself folded is %d", s, name.Score(s, folded))
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	words, _ := readWords(t)
	rapid.Check(t, func(t *rapid.T) {
		s := texts(words).Draw(t, "s")
		folded := name.Fold(s)
		if again := name.Fold(folded); again != folded {
			t.Fatalf("folded %q, folded again %q", folded, again)
		}
		if strings.Join(strings.Fields(folded), " ") != folded {
			t.Fatalf("words are not one space apart: %q", folded)
		}
		for word := range strings.FieldsSeq(folded) {
			if first, _ := utf8.DecodeRuneInString(word); !unicode.IsLetter(first) {
				t.Fatalf("a word begins with %q", first)
			}
			canonical := name.Canonical(word)
			if again := name.Canonical(canonical); again != canonical {
				t.Fatalf("spelt %q, spelt again %q", canonical, again)
			}
		}
	})
}

func TestTitlesDoNotMatter(t *testing.T) {
	t.Parallel()
	words, _ := readWords(t)
	leading := rapid.SampledFrom([]string{"H. ", "HJ. ", "K.R.T. ", "Letkol (Inf) ", "Ns. ", "Drs. ", "DR ", "Prof. Dr. ", "Ir. ", "K.H. ", "dr. ", "HAJI "})
	trailing := rapid.SampledFrom([]string{", S.E.", " SH", ", S.Pd.", ", S.Pd.I", " SKOM", ", M.M.", ", A.Md.Keb", ", Ph.D", " M SI", ", Sp.OG"})
	rapid.Check(t, func(t *rapid.T) {
		a, b := fullNames(words).Draw(t, "a"), fullNames(words).Draw(t, "b")
		titled := strings.Join(rapid.SliceOfN(leading, 0, 3).Draw(t, "leading"), "") + a +
			strings.Join(rapid.SliceOfN(trailing, 0, 3).Draw(t, "trailing"), "")
		if with, without := name.Score(titled, b), name.Score(a, b); with != without {
			t.Fatalf("%q scores %d, without titles %d", titled, with, without)
		}
	})
}

func TestOrderDoesNotDecide(t *testing.T) {
	t.Parallel()
	words, _ := readWords(t)
	rapid.Check(t, func(t *rapid.T) {
		a := fullNames(words).Draw(t, "name")
		moved := strings.Join(rapid.Permutation(strings.Fields(a)).Draw(t, "moved"), " ")
		if score := name.Score(a, moved); score < 99 {
			t.Fatalf("%q in another order scores %d", moved, score)
		}
	})
}

func TestMissingWordNeverPasses(t *testing.T) {
	t.Parallel()
	words, _ := readWords(t)
	rapid.Check(t, func(t *rapid.T) {
		full := strings.Fields(fullNames(words).Draw(t, "name"))
		i := rapid.IntRange(0, len(full)-1).Draw(t, "missing")
		rest := strings.Join(slices.Delete(slices.Clone(full), i, i+1), " ")
		score := name.Score(rest, strings.Join(full, " "))
		if cut := i == len(full)-1 && len(rest) >= 24; cut {
			if score != 90 {
				t.Fatalf("cut before %s the score is %d", full[i], score)
			}
		} else if score >= name.MinThreshold {
			t.Fatalf("without %s the score is %d", full[i], score)
		}
	})
}

// TestCutShort: a name that is cut after at least 24 characters scores 90, or
// more if only an initial is left of a word.
func TestCutShort(t *testing.T) {
	t.Parallel()
	words, _ := readWords(t)
	long := rapid.Map(rapid.SliceOfNDistinct(rapid.SampledFrom(words), 5, 8, rapid.ID), func(w []string) string { return strings.Join(w, " ") })
	rapid.Check(t, func(t *rapid.T) {
		full := long.Filter(func(s string) bool { return len(s) > 24 }).Draw(t, "name")
		cut := strings.TrimSpace(full[:rapid.IntRange(10, len(full)-1).Draw(t, "characters")])
		score := name.Score(cut, full)
		if len(cut) >= 24 && score < 90 || score == name.MaxThreshold {
			t.Fatalf("%q scores %d with %q", cut, score, full)
		}
	})
}

func TestOtherScriptsAreNotTakenForOneAnother(t *testing.T) {
	t.Parallel()
	// Characters without a decomposition, so different texts are different names.
	han := rapid.StringOfN(rapid.RuneFrom(nil, &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x4E00, Hi: 0x9FA5, Stride: 1}}}), 1, 5, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := han.Draw(t, "a"), han.Draw(t, "b")
		if score := name.Score(a, b); (score == 100) != (a == b) {
			t.Fatalf("%s and %s score %d", a, b, score)
		}
	})
}

// TestLongTexts would exceed the test's time limit if any step were quadratic
// in the length.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"A", "A ", "H. ", " SH", "BIN ", "ABDUL ", "OE", "IYA", "é", "\u0301", "ك\u0651", "陈", "ﷺ", "\xff", "'"} {
		long := "BUDI " + strings.Repeat(unit, 1<<15) + " SANTOSO"
		if score := name.Score(long+" WIJAYA", long); score >= name.MinThreshold {
			t.Errorf("%q over and over: the score is %d", unit, score)
		}
		if score := name.Score(long+" ", long); score != 100 {
			t.Errorf("%q over and over: the score with itself is %d", unit, score)
		}
	}
}

func FuzzScore(f *testing.F) {
	f.Add("KI (ABC) SANTOSO", "BUDI, S.Tr.X-Y(K), M.M. M SI")
	f.Add("I.G.N. A.A. F X", "I GST NGR AAN FX MD ST.")
	f.Add("BUDI SANTOSO", "BUDI SANTOSA")
	f.Add("Drs. H. Moch. Ma'ruf, S.Pd.I", "M MARUF")
	f.Add("ABDURRAHMAN BIN HASAN", "Abdul Rahman b. Hasan")
	f.Add("NI LUH PUTU SARI", "I PUTU SARI")
	f.Add("A B C D E F G H", "H G F E D C B A S")
	f.Add("陈伟", "ß Œ ﷺ ´ e\u0301 \u200b")
	f.Add(strings.Repeat("ABCDEFGHIJ ", 11), strings.Repeat("BACDFEGHJI ", 11))
	f.Fuzz(func(t *testing.T, a, b string) { checkScore(t, a, b) })
}

func BenchmarkScore(b *testing.B) {
	for _, bm := range []struct{ title, claimed, recorded string }{
		{"identical", "BUDI SANTOSO", "BUDI SANTOSO"},
		{"equal", "DRS. H. MOCH. SOEHARDI WIBOWO, M.M.", "MUHAMMAD SUHARDI WIBOWO"},
		{"slip", "SITI ROHMAWATI", "SITI RAHMAWATI"},
		{"different", "BUDI SANTOSO WIJAYA", "AGUS SETIAWAN PRATAMA"},
		{"accents", "RENÉ ANDRÉ WIJAYA", "RENE ANDRE WIDJAJA"},
		{"worst", strings.Repeat("ABCDEFGHI ", 6), strings.Repeat("KLMNOPQRS ", 6)},
	} {
		b.Run(bm.title, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				name.Score(bm.claimed, bm.recorded)
			}
		})
	}
}
