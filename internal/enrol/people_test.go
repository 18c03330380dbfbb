package enrol_test

import (
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/rows"
)

// canary is in every value of a row that must not be repeated.
const canary = "canary"

func assertNoCanary(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(strings.ToLower(text), canary) {
		t.Errorf("%q repeats what stood in the file", text)
	}
}

// TestBadRows: each kind of bad row is reported by its line and reason, the
// reasons hold nothing of the rows, and the good rows around it are enrolled.
func TestBadRows(t *testing.T) {
	const (
		columns  = "nik,name,date_of_birth,photo,status,city\n"
		good     = "9999000000000001,Galuh Sekarwangi,01-02-1990,,,CONTOH\n"
		last     = "9999000000000002,Jatmiko Rawalumbu,02-02-1990,,,CONTOH\n"
		nik      = "INVALID_NIK"
		name     = "INVALID_NAME"
		date     = "INVALID_DATE_OF_BIRTH"
		fields   = "MALFORMED: not as many fields as the header line has"
		quotes   = "MALFORMED: not CSV: quotes do not match on this line"
		encoding = "MALFORMED: not UTF-8"
		oneLine  = "INVALID_ATTRIBUTE: city must be one line of UTF-8 of at most 500 bytes"
		statuses = "INVALID_ATTRIBUTE: status must be active, deceased or inactive"
	)
	for _, test := range []struct{ about, row, why string }{
		{"NIK too short", "999900000000003,canary,01-02-1990,,,canary", nik},
		{"NIK too long", "99990000000000031,canary,01-02-1990,,,canary", nik},
		{"no NIK", ",canary,01-02-1990,,,canary", nik},
		{"NIK with letters", "9999canary000003,canary,01-02-1990,,,canary", nik},
		{"NIK with a spreadsheet's apostrophe", "'9999000000000003,canary,01-02-1990,,,canary", nik},
		{"NIK as a spreadsheet's formula", `"=""9999000000000003""",canary,01-02-1990,,,canary`, nik},
		{"NIK in Arabic digits", "٩٩٩٩٠٠٠٠٠٠٠٠٠٠٠٣,canary,01-02-1990,,,canary", nik},
		{"a row that a spreadsheet has left empty", ",,,,,", nik},
		{"no name", "9999000000000003,,01-02-1990,,,canary", name},
		{"a name without letters", "9999000000000003,123,01-02-1990,,,canary", name},
		{"a name too long", "9999000000000003," + strings.Repeat("canary", 17) + ",01-02-1990,,,canary", name},
		{"a name that is not UTF-8", "9999000000000003,canary \xe9,01-02-1990,,,canary", encoding},
		{"a name with a control character", "9999000000000003,canary\x01,01-02-1990,,,canary", name},
		{"no date", "9999000000000003,canary,,,,canary", date + ": the date of birth is missing"},
		{"a date the other way round", "9999000000000003,canary,1990-02-01,,,canary", date},
		{"a date as a spreadsheet writes it", "9999000000000003,canary,01/02/1990,,,canary", date},
		{"a date as a spreadsheet shortens it", "9999000000000003,canary,1-2-1990,,,canary", date},
		{"a date as a spreadsheet counts it", "9999000000000003,canary,32905,,,canary", date},
		{"no such day", "9999000000000003,canary,31-02-1990,,,canary", date + ": there is no 31 February"},
		{"a day to come", "9999000000000003,canary,03-01-2026,,,canary", date + ": the date of birth is in the future"},
		{"an unknown status", "9999000000000003,canary,01-02-1990,,canary,canary", statuses},
		{"an attribute too long", "9999000000000003,canary,01-02-1990,,," + strings.Repeat("canary", 84), oneLine},
		{"an attribute that is not UTF-8", "9999000000000003,canary,01-02-1990,,,canary\xff", encoding},
		{"a field too few", "9999000000000003,canary,01-02-1990,,canary", fields},
		{"a field too many", "9999000000000003,canary,01-02-1990,,,canary,canary", fields},
		{"semicolons", "9999000000000003;canary;01-02-1990;;;canary", fields},
		{"nothing but a space in quotes", `" "`, fields},
		{"a quote within a field", `9999000000000003,can"ary,01-02-1990,,,canary`, quotes},
		{"text after a quote", `9999000000000003,"canary"canary,01-02-1990,,,canary`, quotes},
		{"the NIK again", "9999000000000001,canary,01-02-1990,,,canary", "CONFLICT: the NIK of line 2 again"},
	} {
		t.Run(test.about, func(t *testing.T) {
			memory := registrytest.NewMemory()
			summary, rejects, err := runOn(t, newEnroller(memory, &extractor{}), columns+good+test.row+"\n"+last)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]reject{{3, test.why}}, rejects); diff != "" {
				t.Errorf("rejects (-want +got):\n%s", diff)
			}
			if want := (enrol.Summary{Rows: 3, Added: 2, Rejected: 1, AddedWithoutPhoto: 2}); summary != want {
				t.Errorf("summary %+v, want %+v", summary, want)
			}
			assertNoCanary(t, rejects[0].Why)
			if n := count(t, memory); n != 2 {
				t.Errorf("%d people on record", n)
			}
		})
	}
}

// runOn imports a file as on 2 January 2026, without photographs.
func runOn(t *testing.T, e *enrol.Enroller, people string) (enrol.Summary, []reject, error) {
	t.Helper()
	var rejects []reject
	job := enrol.Import{
		Enroller: e, People: strings.NewReader(people), Photos: rows.Folder(photos(t, 0)),
		Now:      func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
		Rejected: func(line int, why error) error { rejects = append(rejects, reject{line, why.Error()}); return nil },
	}
	summary, err := job.Run(t.Context())
	return summary, rejects, err
}

// TestFormsOfAFile: however spreadsheets and editors write a file, the same
// person is read.
func TestFormsOfAFile(t *testing.T) {
	const plain = "nik,name,date_of_birth,photo,gender,status\n9999000000000001,Galuh Sekarwangi,01-02-1990,,PEREMPUAN,deceased\n"
	for _, test := range []struct{ about, file string }{
		{"plain", plain},
		{"a byte order mark", "\ufeff" + plain},
		{"CRLF", strings.ReplaceAll(plain, "\n", "\r\n")},
		{"a byte order mark and CRLF", "\ufeff" + strings.ReplaceAll(plain, "\n", "\r\n")},
		{"no line break at the end", strings.TrimSuffix(plain, "\n")},
		{"empty lines", "\n" + strings.ReplaceAll(plain, "\n", "\n\n\n")},
		{"lines of white space", " \t\n" + strings.ReplaceAll(plain, "\n", "\n \n\t\r\n")},
		{"every field in quotes", `"nik","name","date_of_birth","photo","gender","status"` + "\n" +
			`"9999000000000001","Galuh Sekarwangi","01-02-1990","","PEREMPUAN","deceased"` + "\n"},
		{"a byte order mark and quotes", "\ufeff" + `"nik",name,date_of_birth,photo,gender,status` + "\n" +
			"9999000000000001,Galuh Sekarwangi,01-02-1990,,PEREMPUAN,deceased\n"},
		{"columns in another order", "status,gender,photo,date_of_birth,name,nik\ndeceased,PEREMPUAN,,01-02-1990,Galuh Sekarwangi,9999000000000001\n"},
		{"spaces around fields", " nik , name,date_of_birth ,photo,gender,status\n 9999000000000001 ,\u00a0Galuh Sekarwangi ,\t01-02-1990,  ,PEREMPUAN , deceased\n"},
	} {
		t.Run(test.about, func(t *testing.T) {
			memory := registrytest.NewMemory()
			summary, rejects, err := runOn(t, newEnroller(memory, &extractor{}), test.file)
			if err != nil || summary != (enrol.Summary{Rows: 1, Added: 1, AddedWithoutPhoto: 1}) {
				t.Fatalf("%+v, %v, %v", summary, rejects, err)
			}
			want := registrytest.Person(t, 1)
			want.Name, want.DateOfBirth = registrytest.Name(t, "Galuh Sekarwangi"), registrytest.Date(t, "01-02-1990")
			want.Status = sesuai.Deceased
			want.Attributes = map[sesuai.Attribute]sesuai.Text{sesuai.Gender: sesuai.NewText("PEREMPUAN")}
			if held, err := memory.Holds(t.Context(), want, nil); err != nil || !held {
				t.Errorf("another person is on record: %v", err)
			}
		})
	}
}

// TestQuotedField: a name with a comma and quotes in it.
func TestQuotedField(t *testing.T) {
	memory := registrytest.NewMemory()
	_, rejects, err := runOn(t, newEnroller(memory, &extractor{}), header+`9999000000000001,"Galuh ""Lulu"" Sekarwangi, S.T.",01-02-1990,`)
	if err != nil || rejects != nil {
		t.Fatal(rejects, err)
	}
	answer, err := memory.Ask(t.Context(), registry.Question{Claim: sesuai.Claim{
		NIK: registrytest.NIK(t, 1), Name: registrytest.Name(t, `Galuh "Lulu" Sekarwangi, S.T.`), DateOfBirth: registrytest.Date(t, "01-02-1990"),
	}})
	if err != nil || answer.NameScore != 100 || answer.DateOfBirth != sesuai.Match {
		t.Errorf("Ask = %+v, %v", answer, err)
	}
}

// TestBadHeaders: a file of another kind is refused as a whole, and the reason
// holds nothing of the file.
func TestBadHeaders(t *testing.T) {
	const unknown = " has a name that is not known; known are nik, name, date_of_birth, photo, status, template, model, source, signature, " +
		"no_kk, mother_maiden_name, place_of_birth, address, gender, marital_status, job_type, province, city, district, subdistrict, rt, rw"
	const required = " is missing; nik, name, date_of_birth must be there"
	for _, test := range []struct{ about, file, why string }{
		{"empty", "", "the file is empty"},
		{"nothing but empty lines", "\n\r\n \n", "the file is empty"},
		{"nothing but a byte order mark", "\ufeff", "the file is empty"},
		{"no header line", "9999000000000001,canary,01-02-1990,canary\n", "column 1" + unknown},
		{"an unknown column", "nik,name,date_of_birth,photo,canary\n", "column 5" + unknown},
		{"a column twice", "nik,name,date_of_birth,photo,city,nik\n", "the column nik is there twice"},
		{"a column without a name", "nik,name,date_of_birth,photo,\n", "column 5" + unknown},
		{"a column twice, once in capitals", "nik,name,date_of_birth,photo,city,NIK\n", "the column nik is there twice"},
		{"no nik", "name,date_of_birth,photo\n", "the column nik" + required},
		{"no name", "nik,date_of_birth,photo\n", "the column name" + required},
		{"no date", "nik,name,photo\n", "the column date_of_birth" + required},
		{"a broken quote", "\"canary\"canary,\n", "not CSV: quotes do not match on this line"},
		{"a quote that goes on", "\"nik\nname\",date_of_birth\n", "not CSV: quotes do not match on this line"},
		{"a line without an end", strings.Repeat("canary,", 100_000), "a line may have 65536 bytes"},
		{"semicolons", "nik;name;date_of_birth;photo\n", "commas must separate the columns, not semicolons"},
		{"UTF-16", "\xff\xfen\x00i\x00k\x00,\x00", "not UTF-8"},
		{"a photograph", "\xff\xd8\xff\xe0canary\x00\x10JFIF", "not UTF-8"},
		{"line breaks of old", "nik,name,date_of_birth,photo\r9999000000000001,canary,01-02-1990,canary\r", "a carriage return alone does not end a line"},
	} {
		t.Run(test.about, func(t *testing.T) {
			summary, rejects, err := runOn(t, newEnroller(registrytest.NewMemory(), &extractor{}), test.file)
			if summary != (enrol.Summary{}) || rejects != nil {
				t.Errorf("%+v, %v", summary, rejects)
			}
			if err == nil || err.Error() != "MALFORMED: header line: "+test.why {
				t.Errorf("error %v, want %s", err, test.why)
			}
		})
	}
}

// TestUnreadableFile: an error of reading is neither a bad header line nor a bad
// row.
func TestUnreadableFile(t *testing.T) {
	for _, test := range []struct {
		read string
		want enrol.Summary
	}{
		{"", enrol.Summary{}},
		{"nik,na", enrol.Summary{}},
		{peopleRows(3), enrol.Summary{Rows: 3, Added: 3}},
	} {
		memory := registrytest.NewMemory()
		job := enrol.Import{
			Enroller: newEnroller(memory, &extractor{}), Photos: rows.Folder(photos(t, 3)),
			People: iotest.DataErrReader(readerThenError(test.read)),
		}
		summary, err := job.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "reading the file of people: "+errDisk.Error()) {
			t.Errorf("after %q: %v", test.read, err)
		}
		// Rows under way when reading failed may have been given up.
		if n := count(t, memory); summary.Added != n || summary.Rejected != 0 || n > test.want.Added {
			t.Errorf("after %q: %+v, %d on record", test.read, summary, n)
		}
	}
}
