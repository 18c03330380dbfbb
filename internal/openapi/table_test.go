package openapi_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/openapi"
)

var update = flag.Bool("update", false, "write the table of errors in docs/integrate/api.md and api.id.md")

// TestErrorTable holds the tables of errors in docs/integrate to the description.
func TestErrorTable(t *testing.T) {
	english, err := openapi.ErrorTable()
	if err != nil {
		t.Fatal(err)
	}
	for path, table := range map[string]string{
		"../../docs/integrate/api.md": english, "../../docs/integrate/api.id.md": translated(t, english),
	} {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, start := strings.Cut(string(page), "Do not edit it. -->\n\n")
		_, after, end := strings.Cut(rest, "<!-- end of the table -->")
		if !start || !end {
			t.Fatalf("%s has no table of errors", path)
		}
		want := before + "Do not edit it. -->\n\n" + table + "\n<!-- end of the table -->" + after
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(string(page), want); diff != "" {
			t.Errorf("%s is not what openapi.yaml says: run make docs (-page +openapi.yaml)\n%s", path, diff)
		}
	}
}

// translated returns the table with its second column in Indonesian.
func translated(t *testing.T, table string) string {
	t.Helper()
	var rows []string
	for row := range strings.Lines(table) {
		cells := strings.Split(row, " | ")
		if len(cells) > 2 {
			text, ok := indonesian[cells[1]]
			if !ok {
				t.Errorf("no Indonesian for %q, the summary of an example", cells[1])
			}
			cells[1] = text
		}
		rows = append(rows, strings.NewReplacer("reason or error", "alasan atau error", "| code |", "| kode |").Replace(strings.Join(cells, " | ")))
	}
	return strings.Join(rows, "")
}

// indonesian has what the table of errors says in its second column.
var indonesian = map[string]string{
	"when": "bila",
	"`name` is empty, too long or has no letter": "`name` kosong, terlalu panjang, atau tanpa huruf",
	"The photograph is missing or empty":         "Foto tidak ada atau kosong",
	"A PNG or JPEG that is damaged, or a JPEG of a kind that is not read (12 bits, arithmetic coding, lossless); see `guidance`": "PNG atau JPEG yang rusak, atau jenis JPEG yang tidak dibaca (12 bit, arithmetic coding, lossless); lihat `guidance`",
	"There is no face":                 "Tidak ada wajah",
	"Several faces of comparable size": "Beberapa wajah yang besarnya sebanding",
	"The face is too small, dark, blurred, turned away or covered. `measures` names what failed":                                          "Wajah terlalu kecil, gelap, buram, menoleh, atau tertutup. `measures` menyebut ukuran mutu yang gagal",
	"The photograph was sent before, or is the one on record, and the client's policy is enforce":                                         "Foto pernah dikirim, atau sama dengan yang tercatat, dan kebijakan klien adalah enforce",
	"The photograph seems to be of a print or a screen, and the client's policy is enforce":                                               "Foto tampak seperti foto cetakan atau layar, dan kebijakan klien adalah enforce",
	"`reference_id` is too long, or has a space or another character that is not visible ASCII":                                           "`reference_id` terlalu panjang, atau memuat spasi atau karakter lain yang bukan ASCII yang terlihat",
	"`consent_id`, `consent_given_at` or `purpose` is not valid, or looks like a NIK":                                                     "`consent_id`, `consent_given_at`, atau `purpose` tidak sah, atau tampak seperti NIK",
	"`consent_id`, `consent_given_at` or `purpose` is missing, and the client must state it":                                              "`consent_id`, `consent_given_at`, atau `purpose` tidak ada, padahal klien wajib menyatakannya",
	"Broken multipart or JSON, no boundary, a header of a part that cannot be read, a part twice, or two of a header such as `x-api-key`": "Multipart atau JSON rusak, tanpa boundary, header suatu bagian tidak dapat dibaca, satu bagian dua kali, atau dua header yang sama seperti `x-api-key`",
	"Nothing but `nik` is given": "Hanya `nik` yang diberikan",
	"Another attribute is too long, has a line break or neither letter nor digit, or is no string":          "Atribut lain terlalu panjang, memuat ganti baris, tanpa huruf dan angka, atau bukan string",
	"The Idempotency-Key is empty, too long, or has a space or another character that is not visible ASCII": "Idempotency-Key kosong, terlalu panjang, atau memuat spasi atau karakter lain yang bukan ASCII yang terlihat",
	"The Idempotency-Key was used for another request in the last 24 hours":                                 "Idempotency-Key sudah dipakai untuk permintaan lain dalam 24 jam terakhir",
	"The file has a column that is not known":                                                               "Berkas punya kolom yang tidak dikenal",
	"A header is given twice":                "Satu header diberikan dua kali",
	"There is no such format":                "Format itu tidak ada",
	"It has more rows than a batch may have": "Barisnya lebih banyak dari yang boleh dimuat satu batch",
	"The request is no multipart form":       "Permintaan bukan formulir multipart",
	"There is no such batch":                 "Batch itu tidak ada",
	"It is no HTTP request":                  "Bukan permintaan HTTP",
	"A credential is missing or wrong":       "Kredensial tidak ada atau salah",
	"The client lacks the scope, or calls from a network that is not its own": "Klien tidak punya scope-nya, atau memanggil dari jaringan yang bukan miliknya",
	"There is no such path":                                "Path itu tidak ada",
	"There is no such answer":                              "Jawaban itu tidak ada",
	"The path has other methods":                           "Path itu memakai metode lain",
	"The body did not arrive in time":                      "Body tidak tiba pada waktunya",
	"Too many bytes or pixels, or too much work to decode": "Terlalu banyak byte atau piksel, atau terlalu berat untuk didekode",
	"Not a PNG or JPEG by its bytes. For HEIC, AVIF, WebP, GIF, BMP, TIFF and PDF the guidance names the format": "Bukan PNG atau JPEG menurut isinya. Untuk HEIC, AVIF, WebP, GIF, BMP, TIFF, dan PDF panduannya menyebut formatnya",
	"Another Content-Type, or a Content-Encoding":                                                                "Content-Type lain, atau ada Content-Encoding",
	"Too many requests, too many misses on one NIK, or wrong credentials too often":                              "Terlalu banyak permintaan, terlalu banyak jawaban tidak cocok untuk satu NIK, atau terlalu sering kredensial yang salah",
	"A defect": "Cacat program",
}
