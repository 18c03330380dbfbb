package app_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/sandbox"
)

// pageText is the text of a page about the sandbox in one language.
type pageText struct {
	introduction      string // before the tables
	titles            [4]string
	head              string // of the tables
	means             func(t *testing.T, text string) string
	mistakes          string // before their table
	equals, leftEmpty string // what a field is
}

// sandboxPages are the texts of docs/integrate/sandbox.md and sandbox.id.md.
var sandboxPages = map[string]pageText{
	"integrate/sandbox.md": {
		introduction: "# A sandbox of the API\n\n**English** · [Bahasa Indonesia](sandbox.id.md)\n\n" + fromOutcomes +
			`Every answer of the API can be had without real people:

` + toStart + `
Some NIKs then have fixed answers: the tables below list them. With the client that ` + "`make run`" + ` has made:

` + askFace + `
A face match and a passive liveness check are about no NIK. Send one as ` + "`reference_id`" + `:

` + askMatch + `
- The claim and the photograph are not looked at. Send any valid name and date of birth, and any file.
- Everything else is as ever: credentials, scopes, rates, validation, the client's threshold and policies, repeated requests, the audit trail. The
  answers in the tables are those with the default thresholds.
- Other synthetic NIKs, those that start with 99, are looked up among the people on record, who are really verified. ` + "`sesuai person add`" + ` enrols them.
  A NIK that somebody may have is not looked up. It is answered as not on record, whoever is enrolled while the sandbox runs.
- The rows of a batch are answered in the same way. A row that gets no answer (503, 500) waits and is tried again, as in [batch.md](batch.md).
- Every response has the header ` + "`" + sandbox.Header + ": true`" + `, and the log says at the start that this is a sandbox.
- It does not start if anybody is on record whose NIK does not start with 99, or more than 100,000 people are, nor with ` + "`dukcapil.enabled`" + `.
- Without ` + "`face.liveness`" + `, which the variable sets, passive liveness is 403, as ever.

In the tables ` + "`guidance`" + ` is left out of the bodies: each body with a ` + "`code`" + ` has one ([api.md](api.md)). An endpoint answers as about
` + "`9900000101700001`" + ` where its table does not list a NIK.

`,
		titles: [4]string{"Face verification", "Data verification", "Face match", "Passive liveness"},
		head:   "| NIK | stands for | status | body |",
		means:  func(_ *testing.T, text string) string { return text },
		mistakes: "## What a request brings about itself\n\n" +
			"These need no sandbox. So do 401 without valid credentials, 403 without the scope, 404, 405, 413 over `limits.max_body`, and 415 with another\n" +
			"Content-Type than the two that are read.\n\n" +
			"| endpoint | field | status | body |",
		equals: "`%s` is `%s`", leftEmpty: "`%s` is empty",
	},
	"integrate/sandbox.id.md": {
		introduction: "# Sandbox API\n\n[English](sandbox.md) · **Bahasa Indonesia**\n\n" + fromOutcomes +
			`Setiap jawaban API dapat dicoba tanpa orang sungguhan:

` + toStart + `
Beberapa NIK lalu punya jawaban tetap: tabel-tabel di bawah mendaftarnya. Dengan klien yang dibuat ` + "`make run`" + `:

` + askFace + `
Pencocokan wajah dan liveness pasif tidak menyangkut NIK. Kirim NIK-nya sebagai ` + "`reference_id`" + `:

` + askMatch + `
- Klaim dan fotonya tidak dilihat. Kirim nama dan tanggal lahir apa pun yang sah, dan berkas apa pun.
- Selebihnya seperti biasa: kredensial, scope, batas laju, pemeriksaan isian, ambang dan kebijakan klien, permintaan yang diulang, jejak audit. Jawaban
  di tabel adalah jawaban dengan ambang bawaan.
- NIK rekaan lain, yang diawali 99, dicari di antara orang yang terdaftar, yang diverifikasi sungguhan. ` + "`sesuai person add`" + ` mendaftarkan mereka.
  NIK yang mungkin milik seseorang tidak dicari. Jawabannya tidak terdaftar, siapa pun yang didaftarkan selagi sandbox berjalan.
- Baris sebuah batch dijawab dengan cara yang sama. Baris yang tidak mendapat jawaban (503, 500) menunggu lalu dicoba lagi, seperti di
  [batch.id.md](batch.id.md).
- Setiap jawaban punya header ` + "`" + sandbox.Header + ": true`" + `, dan log menyatakan di awal bahwa ini sandbox.
- Sandbox tidak mau berjalan bila ada yang terdaftar dengan NIK yang tidak diawali 99, bila yang terdaftar lebih dari 100.000 orang, atau dengan ` + "`dukcapil.enabled`" + `.
- Tanpa ` + "`face.liveness`" + `, yang diisi variabel itu, liveness pasif dijawab 403, seperti biasa.

Di tabel, ` + "`guidance`" + ` tidak ditulis di body: setiap body dengan ` + "`code`" + ` punya satu ([api.id.md](api.id.md)). Endpoint menjawab seperti untuk
` + "`9900000101700001`" + ` bila tabelnya tidak memuat NIK itu.

`,
		titles: [4]string{"Verifikasi wajah", "Verifikasi data", "Pencocokan wajah", "Liveness pasif"},
		head:   "| NIK | artinya | status | body |",
		means:  inIndonesian,
		mistakes: "## Yang disebabkan permintaannya sendiri\n\n" +
			"Untuk ini sandbox tidak diperlukan. Begitu juga untuk 401 tanpa kredensial yang sah, 403 tanpa scope, 404, 405, 413 di atas `limits.max_body`, dan 415 dengan\n" +
			"Content-Type selain kedua yang dibaca.\n\n" +
			"| endpoint | isian | status | body |",
		equals: "`%s` berisi `%s`", leftEmpty: "`%s` kosong",
	},
}

// What the pages have in common.
const (
	fromOutcomes = "<!-- make docs writes this page from the table in internal/sandbox. Do not edit it. -->\n\n"

	toStart = `    export PATH="$PWD/bin:$PATH"

    SESUAI_FACE_LIVENESS=true sesuai serve --sandbox
`
	askFace = `    curl -s -K data/demo-client.curl -F nik=9900000101700003 -F 'name=Siapa Saja' -F date_of_birth=01-02-1990 \
      -F face_image=@build/demo/photos/ayu-selfie.jpg http://127.0.0.1:8080/identity/v1/face-verification

    {"verification_status":false,"reason":"Name does not match","result":{"nik":true,"name":false,"date_of_birth":true,"face_image_percentage":82.04}}
`
	askMatch = `    curl -s -K data/demo-client.curl -F reference_id=9900000101700005 -F captured_image=@build/demo/photos/ayu-selfie.jpg \
      -F stored_image=@build/demo/photos/ayu-reference.jpg http://127.0.0.1:8080/face/v1/match

    {"status":"success","result":{"match_percentage":0.41070,"match_status":"not match","match_status_code":"NOT_MATCH"}}
`
)

// sandboxPage is the page of docs with that name.
func sandboxPage(t *testing.T, name string) string {
	text := sandboxPages[name]
	var b strings.Builder
	b.WriteString(text.introduction)
	for i, endpoint := range sandbox.Endpoints {
		fmt.Fprintf(&b, "## %s\n\n`POST %s`\n\n%s\n|---|---|---|---|\n", text.titles[i], endpoint, text.head)
		for _, o := range sandbox.Outcomes {
			if slices.ContainsFunc(o.Answers, func(a sandbox.Answer) bool { return a.Endpoint == endpoint }) {
				writeAnswer(&b, "`"+o.NIK+"`", text.means(t, o.Means), o.Answer(endpoint))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString(text.mistakes + "\n|---|---|---|---|\n")
	for _, m := range sandbox.Mistakes {
		field := fmt.Sprintf(text.equals, m.Field, m.Value)
		if m.Value == "" {
			field = fmt.Sprintf(text.leftEmpty, m.Field)
		}
		writeAnswer(&b, "`"+m.Endpoint+"`", field, m.Answer)
	}
	return b.String()
}

var codeSpan = regexp.MustCompile("`[^`]+`")

// inIndonesian returns what an outcome means in Indonesian.
func inIndonesian(t *testing.T, means string) string {
	text, ok := indonesian[codeSpan.ReplaceAllString(means, "%s")]
	if !ok {
		t.Errorf("no Indonesian for what an outcome means: %s", means)
	}
	for _, code := range codeSpan.FindAllString(means, -1) {
		text = strings.Replace(text, "%s", code, 1)
	}
	return text
}

// indonesian has the meanings of the outcomes. %s is code.
var indonesian = map[string]string{
	"everything agrees":              "semuanya cocok",
	"the NIK is not on record":       "NIK tidak terdaftar",
	"the name differs":               "nama berbeda",
	"the date of birth differs":      "tanggal lahir berbeda",
	"the face is another's":          "wajahnya wajah orang lain",
	"the person is deceased":         "orangnya sudah meninggal",
	"the NIK is inactive":            "NIK tidak aktif",
	"there is no portrait on record": "tidak ada foto yang tercatat",
	"name, date of birth and face differ: the reason is the first":                                    "nama, tanggal lahir, dan wajah berbeda: alasannya yang pertama",
	"the face is at the default threshold":                                                            "wajah tepat di ambang bawaan",
	"the face is just under the default threshold":                                                    "wajah sedikit di bawah ambang bawaan",
	"no face in the photograph":                                                                       "tidak ada wajah di foto",
	"several faces in the photograph":                                                                 "beberapa wajah di foto",
	"the file is neither PNG nor JPEG":                                                                "berkas bukan PNG dan bukan JPEG",
	"the file is an iPhone's HEIC; the guidance says what to do about it":                             "berkas berupa HEIC dari iPhone; panduannya menyebut apa yang perlu dilakukan",
	"the file is damaged":                                                                             "berkas rusak",
	"the photograph has too many pixels":                                                              "piksel foto terlalu banyak",
	"the photograph was sent before, and the client's policy is to refuse that":                       "foto pernah dikirim, dan kebijakan klien menolaknya",
	"the photograph looks like one of a print or a screen, and the client's policy is to refuse that": "foto tampak seperti foto cetakan atau layar, dan kebijakan klien menolaknya",
	"the photograph may be one of a print or a screen":                                                "foto mungkin foto cetakan atau layar",
	"the quality of the face is too low: %s and %s":                                                   "mutu wajah terlalu rendah: %s dan %s",
	"the quality of the face is too low: %s":                                                          "mutu wajah terlalu rendah: %s",
	"the registry fails":                                                                              "registri gagal",
	"the registry fails, and says when to ask again":                                                  "registri gagal, dan menyatakan kapan bertanya lagi",
	"too many requests are in progress":                                                               "terlalu banyak permintaan sedang dikerjakan",
	"the registry does not answer within %s, or, of a match or a liveness, the service within %s":     "registri tidak menjawab dalam %s, atau, untuk pencocokan dan liveness, layanan tidak menjawab dalam %s",
	"everything agrees, after 3 seconds":                                                              "semuanya cocok, setelah 3 detik",
	"the client has exceeded its rate":                                                                "klien melampaui batas lajunya",
	"a defect of the service":                                                                         "cacat pada layanan",
	"%s differs":                                                                                      "%s berbeda",
	"%s is not on record":                                                                             "%s tidak tercatat",
	"no face in the stored photograph of a match":                                                     "tidak ada wajah di foto tersimpan pada pencocokan",
	"several faces in the stored photograph of a match":                                               "beberapa wajah di foto tersimpan pada pencocokan",
	"the stored file of a match is neither PNG nor JPEG":                                              "berkas tersimpan pada pencocokan bukan PNG dan bukan JPEG",
}

// writeAnswer writes a row of a table.
func writeAnswer(b *strings.Builder, first, second string, a sandbox.Answer) {
	status := fmt.Sprint(a.Status)
	if a.RetryAfter != "" {
		status += ", `Retry-After: " + a.RetryAfter + "`"
	}
	fmt.Fprintf(b, "| %s | %s | %s | `%s` |\n", first, second, status, a.Body)
}
