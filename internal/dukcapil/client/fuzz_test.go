package client_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/registry"
)

// said is whether the body has that word as a whole text, in any case and
// spacing. It knows nothing of how answers are parsed.
func said(body []byte, pattern string) bool {
	plain := regexp.MustCompile(`\\u([0-9a-fA-F]{4})`).ReplaceAllStringFunc(string(body), func(s string) string {
		var out string
		if json.Unmarshal([]byte(`"`+s+`"`), &out) != nil {
			return s
		}
		return out
	})
	plain = regexp.MustCompile(`\\[nrtbf]`).ReplaceAllString(plain, " ")
	return regexp.MustCompile(`(?is)` + pattern).MatchString(plain)
}

const (
	space = `[\s\x{85}\x{a0}\p{Z}]*`
	open  = `"` + space
)

// FuzzDataAnswer: no body gives a verdict other than what it says.
func FuzzDataAnswer(f *testing.F) {
	for _, row := range []string{
		agreeing, `"NIK":"Sesuai","NAMA_LGKP":"Tidak Sesuai (3)","TGL_LHR":"Tidak Sesuai"`,
		`"RESPONSE_CODE":"13","RESPONSE":"Data Tidak Ditemukan"`, `"RESPONSE_CODE":11`, `"RESPONSE_CODE":"14"`, `"RESPONSE_CODE":"12",` + agreeing,
		`"RESPON":"meninggal dunia"`, `"RESPON":"kuota akses hari ini telah habis"`, `"RESPONSE_CODE":"05"`,
	} {
		f.Add([]byte(content("{" + row + "}")))
		f.Add([]byte("{" + row + "}"))
	}
	f.Add([]byte(`{"content":[]}`))
	f.Add([]byte(`<html>13</html>`))
	c := upstreamless()
	claim := someClaim(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		a, class, what := client.ReadData(c, body, claim)
		if (class == client.Unexpected) != (what != "") {
			t.Fatalf("%s with %q", class, what)
		}
		if (class == client.Unexpected || class == client.NotFound) && !isZero(a) {
			t.Fatalf("%s with %+v", class, a)
		}
		coded := func(numbers, texts string) bool {
			return said(body, `:\s*"?`+space+`0*(`+numbers+`)\D`) || said(body, open+`(`+texts+`)`+space+`"`)
		}
		switch class {
		case client.NotFound:
			if !coded("13|15|8", `data\s+tidak\s+ditemukan`) {
				t.Fatal("nobody said that there is no such person")
			}
		case client.Deceased:
			if !coded("11", `meninggal\s+dunia`) {
				t.Fatal("nobody said deceased")
			}
		case client.Inactive:
			if !coded("14", `data\s+ditemukan,\s+status\s+tidak\s+aktif\s+silakan\s+hubungi\s+dinas\s+dukcapil`) {
				t.Fatal("nobody said inactive")
			}
		case client.Duplicate:
			if !coded("12", "nothing") || !a.Duplicate {
				t.Fatal("nobody said duplicate")
			}
		}
		if !a.Found {
			return
		}
		if a.Status == sesuai.Active && (class != client.Found || !said(body, open+`sesuai`+space+`"`)) {
			t.Fatal("nobody said that the NIK agrees")
		}
		if a.DateOfBirth == sesuai.NonMatch && !said(body, open+`tidak\s+sesuai`+space+`"`) {
			t.Fatal("nobody said that the date differs")
		}
		if a.NameScore < -1 || a.NameScore > 100 || (a.NameScore == -1) != (a.DateOfBirth == sesuai.NotCompared) {
			t.Fatalf("%+v", a)
		}
		if n := a.NameScore; n >= 0 && n != 80 && n != 0 && !said(body, fmt.Sprintf(`sesuai\s*\(\s*0*%d(\.\d+)?\s*\)`, n)) {
			t.Fatalf("nobody said %d", n)
		}
	})
}

// FuzzFaceAnswer: no body gives a comparison other than what it says.
func FuzzFaceAnswer(f *testing.F) {
	for _, code := range []string{"6018", `"6019"`, "6020", "6015", "5000", "5001", "77"} {
		f.Add([]byte(matched(code, `"8.331"`)))
		f.Add([]byte(matched(code, "4")))
	}
	f.Add([]byte(`{"error":{"errorCode":6018},"matchScore":"NaN"}`))
	c := upstreamless()
	nik := someClaim(f).NIK
	f.Fuzz(func(t *testing.T, body []byte) {
		comparison, class, what := client.ReadFace(c, body, "T1", nik)
		if (class == client.Unexpected) != (what != "") {
			t.Fatalf("%s with %q", class, what)
		}
		compared := class == client.FaceMatch || class == client.FaceNoMatch
		if comparison.Portrait != compared || !compared && comparison != (registry.Comparison{}) {
			t.Fatalf("%s with %+v", class, comparison)
		}
		codes := map[client.Class]string{
			client.FaceMatch: "6018", client.FaceNoMatch: "6019", client.NoPortrait: "6020", client.InvalidImage: "6015|6006",
			client.Busy: "5000|6012|6014|5002", client.Configuration: "500[13456]|9002", client.Unexpected: "",
		}
		if pattern, ok := codes[class]; !ok || pattern != "" && !said(body, `0*(`+pattern+`)`) {
			t.Fatalf("nobody said %s", class)
		}
		if compared && (comparison.Score < 0 || !comparison.Percentage.Known() || comparison.Suspect != (comparison.Score >= 9.5)) {
			t.Fatalf("%+v", comparison)
		}
	})
}

// TestFormsOfOneAnswer: however its scalars, texts and spacing are written, an
// answer says the same.
func TestFormsOfOneAnswer(t *testing.T) {
	claim := someClaim(t)
	rapid.Check(t, func(t *rapid.T) {
		gap := func(shortest string) string {
			return shortest + rapid.StringOfN(rapid.SampledFrom([]rune(" \t")), 0, 3, -1).Draw(t, "gap")
		}
		form := func(text string) string {
			var b strings.Builder
			for i, word := range strings.Fields(text) {
				if i > 0 {
					b.WriteString(gap(" "))
				}
				switch rapid.IntRange(0, 2).Draw(t, "case") {
				case 0:
					word = strings.ToUpper(word)
				case 1:
					word = strings.ToLower(word)
				}
				b.WriteString(word)
			}
			quoted, _ := json.Marshal(gap("") + b.String() + gap(""))
			return string(quoted)
		}
		scalar := func(text string) string {
			if rapid.Bool().Draw(t, "quoted") {
				return form(text)
			}
			return text
		}
		n := rapid.IntRange(0, 100).Draw(t, "score")
		agrees, date := n >= 80, rapid.Bool().Draw(t, "date")
		words := map[bool]string{true: "Sesuai", false: "Tidak Sesuai"}
		body := content(fmt.Sprintf(`{"NIK":%s,"NAMA_LGKP":%s,"TGL_LHR":%s,"RESPONSE_CODE":%s}`,
			form("Sesuai"), form(fmt.Sprintf("%s (%d)", words[agrees], n)), form(words[date]), scalar("1")))
		a, class, what := client.ReadData(upstreamless(), []byte(body), claim)
		want := registry.Answer{Found: true, NameScore: n, DateOfBirth: sesuai.OutcomeOf(date)}
		if !reflect.DeepEqual(a, want) || class != client.Found {
			t.Fatalf("%s: %+v, %s %s", body, a, class, what)
		}

		score := rapid.Float64Range(0, 12).Draw(t, "match")
		matches := rapid.Bool().Draw(t, "matches")
		code := map[bool]string{true: "6018", false: "6019"}[matches]
		body = fmt.Sprintf(`{"error":{"errorCode":%s},"httpResponseCode":%s,"matchScore":%s,"verificationResult":%s}`,
			scalar(code), scalar("200"), scalar(fmt.Sprintf("%.4f", score)), scalar(fmt.Sprint(matches)))
		// A bare TRUE is no JSON, so only strings take other cases.
		comparison, class, what := client.ReadFace(upstreamless(), []byte(body), "T1", claim.NIK)
		if !comparison.Portrait || fmt.Sprintf("%.4f", comparison.Score) != fmt.Sprintf("%.4f", score) || (class == client.FaceMatch) != matches {
			t.Fatalf("%s: %+v, %s %s", body, comparison, class, what)
		}
	})
}
