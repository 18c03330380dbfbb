package name_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sesuai/sesuai/internal/name"
)

// titles draws a title behind a name as people write it: of a family with any
// field of study, or of a list, with and without dots, comma and brackets, in
// capitals or not.
func titles() *rapid.Generator[string] {
	fields := rapid.OneOf(
		rapid.SampledFrom(strings.Fields("Pd Kom Kes Keb Farm Biomed Kesos Hum Si T.I Pd.I E.I A.B I.Kom Psi Hub.Int")),
		rapid.StringMatching(`[B-DF-HJ-NP-TV-XZ][b-df-hj-np-tv-xz]{2,3}`), // that nobody has listed
	)
	family := rapid.Custom(func(t *rapid.T) string {
		head := rapid.SampledFrom([]string{"S.", "M.", "S.Tr.", "M.Tr.", "A.Md.", "S.ST.", "Sp.", "Subsp."}).Draw(t, "head")
		field := fields.Draw(t, "field")
		if head == "Sp." || head == "Subsp." {
			field = strings.ReplaceAll(field, ".", "") + rapid.SampledFrom([]string{"", "(K)", "-KL"}).Draw(t, "consultant")
		}
		return head + field
	})
	listed := rapid.SampledFrom(strings.Fields("S.E. S.H. M.M. M.B.A. Ph.D. Lc. LL.M. S.I.K. Psikolog Ners Apt. AMK CFP CPA IPM IPU Ak. Gr. Hj. Dr. Dra. Ir. Prof."))
	return rapid.Custom(func(t *rapid.T) string {
		title := rapid.OneOf(family, listed).Draw(t, "title")
		switch rapid.IntRange(0, 3).Draw(t, "case") {
		case 0:
			title = strings.ToLower(title)
		case 1:
			title = strings.ToUpper(title)
		}
		written := rapid.SampledFrom([]string{", %", ",%", " (%)", ", %."}).Draw(t, "written")
		return strings.Replace(written, "%", title, 1)
	})
}

// TestTitleAddsNothing: a name with titles equals the name without.
func TestTitleAddsNothing(t *testing.T) {
	t.Parallel()
	words, _ := readWords(t)
	rapid.Check(t, func(t *rapid.T) {
		a := fullNames(words).Draw(t, "name")
		titled := a + strings.Join(rapid.SliceOfN(titles(), 1, 3).Draw(t, "titles"), "")
		if score := name.Score(titled, a); score != name.MaxThreshold {
			t.Fatalf("%q scores %d with the name alone", titled, score)
		}
	})
}

// TestWordsInUseAreNoTitles: a word of a name is not taken for a title, behind
// or before the others, with an initial before it or without.
func TestWordsInUseAreNoTitles(t *testing.T) {
	t.Parallel()
	words, _ := readWords(t)
	words = append(words, strings.Fields(`IRA IRMA DRAJAT DRADJAT AMIR SASTRO MASRI SITA MITA SISKA MIKA SAKTI MAYA MASITA PRIMA NERSI
		MAKMUR MAHA SEKAR SETIA STELLA STEVEN SPENCER PROFITA AKBAR DEA CIA RIFA MARK MEI NG LIM TAN`)...)
	for _, rest := range []string{"BUDI SANTOSO", "LINA", "SUPARMAN"} {
		for _, w := range words {
			for _, with := range []string{rest + " " + w, w + " " + rest, rest + " S. " + w, rest + " S." + w, rest + " M." + w} {
				if score := name.Score(with, rest); score >= name.MinThreshold {
					t.Errorf("%q scores %d with %q", with, score, rest)
				}
			}
		}
	}
}
