package name

import "strings"

// leadingTitles stand before a name, trailingTitles after it. A dot marks where
// a title may be separated: "S.PD.I" is any of S PD I, SPD I, S PDI, SPDI.
//
// Titles of nobility (Raden, Andi, Teuku, Gusti, Tubagus) are deliberately not
// listed: the registry records them as part of the name, and many are given
// names too.
var (
	leadingTitles = titles(`
		H HJ H.J HAJI HAJJAH HAJAH K.H KYAI KIAI UST USTADZ USTADZAH PDT
		BPK BAPAK IBU TN NY NN SDR SDRI
		DR DR.H.C DRA DRS DRG DRH IR PROF APT NS BDN`, nil)

	trailingTitles = titles(`
		HJ APT NS
		A.MA A.MA.PD A.MD A.MD.AK A.MD.FARM A.MD.KEB A.MD.KEP A.MD.KES A.MD.KOM A.MD.PD A.MD.T
		B.A B.E B.SC B.ENG
		S.AG S.AP S.AB S.AK S.AR S.ARS S.E S.E.I S.E.SY S.FARM S.FIL S.GZ S.H S.H.I S.HI S.HUM S.HUT
		S.I.KOM S.I.P S.IP S.KED S.KEB S.KEP S.KG S.KH S.KM S.KOM S.KOM.I S.M S.MAT S.OR S.P S.PD S.PD.I
		S.PD.SD S.PI S.PSI S.PT S.S S.SI S.SN S.SOS S.SOS.I S.ST S.STP S.STAT S.SY S.T S.TH S.TH.I S.TI
		S.TP S.TR S.TR.KEB S.TR.KEP S.TR.KES S.TR.KOM S.TR.T
		M.A M.AG M.AK M.AP M.B.A M.E M.E.I M.ED M.ENG M.EI M.FARM M.H M.HI M.H.I M.HUM M.I.KOM M.IP M.KEB
		M.KED M.KEP M.KES M.KM M.KN M.KOM M.M M.MT M.P M.P.H M.PD M.PD.I M.PHIL M.PSI M.SC M.SI M.SN
		M.SOS M.STAT M.T M.TH M.TI M.TR
		SP.A SP.AN SP.B SP.JP SP.KJ SP.KK SP.M SP.N SP.OG SP.OT SP.P SP.PA SP.PD SP.PK SP.RAD SP.S SP.THT SP.U
		C.A C.P.A L.C L.L.M PH.D`,
		// Without separators these are names, or could be.
		[]string{
			"AMA", "BA", "BE", "BENG", "CA", "MA", "MAK", "MAP", "ME", "MED", "MEI", "MENG", "SAB", "SAK",
			"SAP", "SAR", "SEI", "SHI", "SM", "SOR", "SPA", "SPAN", "SPN", "SPS", "STI",
		})
)

// maxTitleWords is the greatest number of words in a title, as in S TR KEB.
const maxTitleWords = 3

// titles returns the set of all ways to write the listed titles, with words one
// space apart, apart from the forms in except.
func titles(list string, except []string) map[string]bool {
	set := make(map[string]bool)
	for title := range strings.FieldsSeq(list) {
		forms := []string{""}
		for i, part := range strings.Split(title, ".") {
			if i == 0 {
				forms[0] = part
				continue
			}
			for _, form := range forms {
				forms = append(forms, form+" "+part)
			}
			for j := range len(forms) / 2 {
				forms[j] += part
			}
		}
		for _, form := range forms {
			set[form] = true
		}
	}
	for _, form := range except {
		delete(set, form)
	}
	return set
}

// trimTitles removes the titles at both ends of a folded name, the longest
// first. It always leaves one word.
func trimTitles(folded string) string {
	for {
		rest, ok := cutLeadingTitle(folded)
		if !ok {
			break
		}
		folded = rest
	}
	for {
		rest, ok := cutTrailingTitle(folded)
		if !ok {
			return folded
		}
		folded = rest
	}
}

func cutLeadingTitle(folded string) (rest string, ok bool) {
	end := 0
	for range maxTitleWords {
		space := strings.IndexByte(folded[end:], ' ')
		if space < 0 {
			break
		}
		end += space
		if leadingTitles[folded[:end]] {
			rest, ok = folded[end+1:], true
		}
		end++
	}
	return rest, ok
}

func cutTrailingTitle(folded string) (rest string, ok bool) {
	start := len(folded)
	for range maxTitleWords {
		space := strings.LastIndexByte(folded[:start], ' ')
		if space < 0 {
			break
		}
		if trailingTitles[folded[space+1:]] {
			rest, ok = folded[:space], true
		}
		start = space
	}
	return rest, ok
}
