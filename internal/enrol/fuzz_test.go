package enrol_test

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// reasons is all that may be said of a file, but for numbers.
var reasons = regexp.MustCompile(`^(INVALID_NIK|INVALID_NAME|INVALID_DATE_OF_BIRTH` +
	`|INVALID_ATTRIBUTE: (status must be active, deceased or inactive|[a-z_]+ must be one line of UTF-N of at most N bytes)` +
	`|MALFORMED: (header line: .*|not as many fields as the header line has|not CSV: quotes do not match|quotes do not match: the row goes on for (N lines|more than N bytes)|a row may have N bytes)` +
	`|CONFLICT: the NIK of line N again` +
	`|INVALID_ATTRIBUTE: (a template needs its model and its source|the template is damaged, or another model's|the source must be a SHA-N in hexadecimal|a row has a photograph or a template, not both)` +
	`|NO_FILE: (there is no such photograph|the photograph (cannot be opened|is not a file|is empty))` +
	`|TOO_LARGE: a photograph may have N bytes)$`)

var headerReasons = regexp.MustCompile(`^MALFORMED: header line: (the file is empty|it is not CSV` +
	`|column N has a name that is not known, or is there twice|the column (nik|name|date_of_birth) is missing` +
	`|commas must separate the columns, not semicolons)$`)

var numbers = regexp.MustCompile(`[0-9]+`)

// FuzzPeople: whatever a file of people holds, nothing panics, what is said of
// it is one of a few sentences, and every row is counted.
func FuzzPeople(f *testing.F) {
	const optional = "nik,name,date_of_birth,photo,status,city\n"
	for _, seed := range []string{
		"", "\ufeff", header, rows(3), optional + "9999000000000001,canary,01-02-1990,0.jpg,active,CONTOH\r\n",
		optional + "9999000000000001,canary,01-02-1990,../canary,dead,\"a\nb\"\n9999000000000001,\"canary", "\"\n", "a;b\n",
		optional + "9999000000000001,canary,01-02-1990,,,\n9999000000000001,canary,01-02-1990,,,\n",
	} {
		f.Add([]byte(seed), "canary")
	}
	root := photos(f, 3)
	f.Fuzz(func(t *testing.T, file []byte, value string) {
		// The file as it is, under a header line that is right, and with a
		// value among others that are right.
		row := "9999000000000007,Galuh Sekarwangi,01-02-1990,0.jpg,active,CONTOH\n"
		for _, people := range []string{
			string(file), optional + string(file),
			optional + strings.Replace(row, "9999000000000007", value, 1) + strings.Replace(row, "CONTOH", value, 1) +
				strings.Replace(row, "0.jpg", value, 1) + strings.Replace(row, "Galuh", value, 1),
		} {
			assertSane(t, people, root)
		}
	})
}

func assertSane(t *testing.T, people string, root *os.Root) {
	t.Helper()
	memory := registrytest.NewMemory()
	lines := bytes.Count([]byte(people), []byte("\n")) + 1
	told := 0
	job := enrol.Import{
		Enroller: newEnroller(memory, &extractor{}), People: strings.NewReader(people), Photos: enrol.Folder(root),
		Rejected: func(line int, why error) error {
			told++
			if line < 2 || line > lines {
				t.Errorf("line %d of %d is rejected", line, lines)
			}
			assertReason(t, reasons, why, lines)
			return nil
		},
	}
	summary, err := job.Run(t.Context())
	if err != nil {
		assertReason(t, headerReasons, err, max(lines, strings.Count(people, ",")+1))
		if summary != (enrol.Summary{}) || told != 0 {
			t.Errorf("%+v after a bad header", summary)
		}
		return
	}
	if summary.Rejected != told || summary.Added != count(t, memory) || summary.Rows > lines ||
		summary.Rows != summary.Added+summary.Rejected {
		t.Errorf("%+v, %d told, %d on record of %d lines", summary, told, count(t, memory), lines)
	}
}

// assertReason reports a reason that is none of those there are, or a number
// in it that cannot be a line or a limit.
func assertReason(t *testing.T, among *regexp.Regexp, why error, most int) {
	t.Helper()
	if _, ok := why.(*sesuai.Error); !ok { //nolint:errorlint // as the command line sees it
		t.Errorf("%v is not ours", why)
	}
	if !among.MatchString(numbers.ReplaceAllString(why.Error(), "N")) {
		t.Errorf("reason %q", why)
	}
	for _, digits := range numbers.FindAllString(why.Error(), -1) {
		if n, err := strconv.Atoi(digits); err != nil || (n > most && n != 8 && n != 500 && n != 64<<10 && n != enrol.MaxPhotoSize) {
			t.Errorf("reason %q speaks of %s, of %d lines", why, digits, most)
		}
	}
}

// FuzzLines: whatever lines of JSON hold, nothing panics, every line that is not
// empty is a row, and a reason is one of ours and says nothing of the line.
func FuzzLines(f *testing.F) {
	const line = `{"nik":"9999000000000001","name":"canary","date_of_birth":"01-02-1990"}`
	for _, seed := range []string{
		"", "\ufeff" + line + "\r\n", line + line, `{"nik":"canary","nik":""}`, `{"canary":{}}`, `{"name":"\ud800"}`, "[[[[", "\x00\xff", line[:40],
	} {
		f.Add([]byte(seed), "canary")
	}
	f.Fuzz(func(t *testing.T, file []byte, value string) {
		for _, people := range []string{string(file), line + "\n" + string(file), strings.Replace(line, "canary", value, 1)} {
			memory := registrytest.NewMemory()
			told, lines := 0, strings.Count(people, "\n")+1
			job := enrol.Import{
				Enroller: newEnroller(memory, &extractor{}), People: strings.NewReader(people), Format: enrol.JSONLines,
				Rejected: func(at int, why error) error {
					told++
					if _, own := errors.AsType[*sesuai.Error](why); !own || at < 1 || at > lines || !lineReasons.MatchString(why.Error()) {
						t.Errorf("line %d of %d: %v", at, lines, why)
					}
					return nil
				},
			}
			summary, err := job.Run(t.Context())
			if err != nil || summary.Rejected != told || summary.Added != count(t, memory) || summary.Rows > lines || summary.Rows != summary.Added+told {
				t.Errorf("%+v, %d told, %d on record of %d lines: %v", summary, told, count(t, memory), lines, err)
			}
		}
	})
}

// lineReasons is all that may be said of a line of JSON.
var lineReasons = regexp.MustCompile(`^(INVALID_NIK|INVALID_NAME|INVALID_DATE_OF_BIRTH` +
	`|INVALID_ATTRIBUTE: (status must be active, deceased or inactive|[a-z_]+ must be one line of UTF-8 of at most 500 bytes` +
	`|a template needs its model and its source|the template is (damaged, or another model's|of another model than the one in use)` +
	`|the source must be a SHA-256 in hexadecimal|the signature is not one|a row has a photograph or a template, not both)` +
	`|MALFORMED: (not UTF-8|not an object of JSON|key [0-9]+ has a name that is not known|the key [a-z_]+ is (there twice|missing)` +
	`|the value of [a-z_]+ is not (a string|Unicode)|there is more in the line than one object|a line may have 65536 bytes)` +
	`|CONFLICT: the NIK of line [0-9]+ again|NO_FILE: it was not said where photographs are)$`)
