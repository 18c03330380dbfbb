package subject

import (
	"cmp"
	_ "embed"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"time": func(t time.Time) string { return t.In(sesuai.Jakarta).Format("2006-01-02 15:04:05 -07:00") },
	"join": func(all []string) string { return strings.Join(all, ", ") },
	"words": func(code any) string {
		switch code := code.(type) {
		case audit.Result:
			return strings.ReplaceAll(string(code), "_", " ")
		case string:
			return strings.ReplaceAll(code, "_", " ")
		default:
			return ""
		}
	},
}).Parse(pageText))

// words are the texts of the page in one language.
type words struct {
	Language, Title, Intro, Made, Due, Record, NotOnRecord, OnRecord, Status, Attributes, Values, Portrait, Yes, No, Enrolled, Changed string
	Probes, NoProbes, Number, First, Last, Until                                                                                       string
	Requests, NoRequests, Time, Client, Request, Endpoint, Purpose, Consent, Outcome                                                   string
	Changes, Action                                                                                                                    string
	Stored, Table, Rows, Holds, Retention, Erasure, Backups, BackupsText, Rights, RightsText                                           string
	Fates                                                                                                                              map[Fate]string
}

var indonesian = words{
	Language: "id", Title: "Laporan data pribadi",
	Intro: "Inilah semua yang disimpan sistem verifikasi ini tentang Anda, dan siapa yang bertanya, kapan, dan untuk apa " +
		"(UU 27/2022 tentang Pelindungan Data Pribadi, pasal 7 dan 32).",
	Made: "Dibuat", Due: "Paling lambat diserahkan (3 × 24 jam)",
	Record: "Catatan", NotOnRecord: "Tidak ada catatan tentang Anda.", OnRecord: "Ada catatan tentang Anda, terenkripsi.",
	Status: "Status", Attributes: "Data yang tercatat", Values: "Nilainya", Portrait: "Templat wajah", Yes: "ada", No: "tidak ada",
	Enrolled: "Dicatat", Changed: "Diubah",
	Probes: "Foto yang diingat", NoProbes: "Tidak ada foto yang diingat.", Number: "Jumlah tanda tangan foto", First: "Pertama", Last: "Terakhir", Until: "Sampai",
	Requests: "Siapa yang bertanya", NoRequests: "Tidak ada permintaan tentang Anda.", Time: "Waktu", Client: "Pemohon", Request: "Id permintaan",
	Endpoint: "Jenis", Purpose: "Tujuan", Consent: "Persetujuan", Outcome: "Hasil",
	Changes: "Perubahan oleh operator", Action: "Tindakan",
	Stored: "Tempat penyimpanan", Table: "Tabel", Rows: "Baris", Holds: "Isi", Retention: "Masa simpan", Erasure: "Bila dihapus",
	Backups: "Cadangan",
	BackupsText: "Cadangan memuat keadaan tabel-tabel ini pada saat dibuat. Catatan yang dihapus tidak dapat dibuka lagi di cadangan yang tidak " +
		"memuat tabel kunci (person_keys); cadangan tabel kunci disimpan singkat. Operator menyatakan berapa lama.",
	Rights: "Hak Anda",
	RightsText: "Anda dapat meminta perbaikan (pasal 6), pengakhiran pemrosesan dan penghapusan (pasal 8), dan menarik persetujuan (pasal 9). " +
		"Tanyakan kepada pihak yang memberi Anda laporan ini.",
	Fates: map[Fate]string{Erased: "dihapus", Kept: "tetap", None: "-"},
}

var english = words{
	Language: "en", Title: "Report on personal data",
	Intro: "This is all that this verification system stores about you, and who asked, when and for what purpose " +
		"(UU 27/2022 on the protection of personal data, articles 7 and 32).",
	Made: "Made", Due: "Due (3 × 24 hours)",
	Record: "Record", NotOnRecord: "You are not on record.", OnRecord: "You are on record, encrypted.",
	Status: "Status", Attributes: "Attributes on record", Values: "Their values", Portrait: "Face template", Yes: "yes", No: "no",
	Enrolled: "Enrolled", Changed: "Changed",
	Probes: "Photographs that are remembered", NoProbes: "No photograph is remembered.", Number: "Signatures of photographs", First: "First", Last: "Last", Until: "Until",
	Requests: "Who asked", NoRequests: "Nobody has asked about you.", Time: "Time", Client: "Caller", Request: "Id of the request",
	Endpoint: "Kind", Purpose: "Purpose", Consent: "Consent", Outcome: "Outcome",
	Changes: "Changes by operators", Action: "Action",
	Stored: "Where it is stored", Table: "Table", Rows: "Rows", Holds: "What is in it", Retention: "Kept", Erasure: "At an erasure",
	Backups: "Backups",
	BackupsText: "A backup has these tables as they were when it was made. A record that was erased cannot be opened any more in a backup without the " +
		"table of keys (person_keys); backups of that table are kept for a short time. The operator states for how long.",
	Rights: "Your rights",
	RightsText: "You may ask for corrections (article 6), for the end of the processing and for erasure (article 8), and withdraw a consent (article 9). " +
		"Ask whoever gave you this report.",
	Fates: map[Fate]string{Erased: "erased", Kept: "kept", None: "-"},
}

// tableOnPage is a row of the table of tables.
type tableOnPage struct {
	TableCount
	Place
	Fate string
}

// WritePage writes the report as one page of HTML without scripts and without
// references to anything else, in Indonesian and in English.
func (r Report) WritePage(w io.Writer) error {
	type part struct {
		Words  words
		Report Report
		Tables []tableOnPage
	}
	var parts []part
	for _, l := range []words{indonesian, english} {
		p := part{Words: l, Report: r}
		for _, t := range r.Tables {
			place, _ := PlaceOf(t.Table)
			if l.Language == indonesian.Language {
				place.Holds = cmp.Or(inIndonesian[place.Holds], place.Holds)
				place.Retention = cmp.Or(inIndonesian[place.Retention], place.Retention)
			}
			p.Tables = append(p.Tables, tableOnPage{t, place, l.Fates[place.Erased]})
		}
		parts = append(parts, p)
	}
	return page.Execute(w, parts)
}
