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
	"github.com/sesuai/sesuai/internal/rows"
)

// badDate are the reasons to reject a date of birth.
const badDate = `INVALID_DATE_OF_BIRTH(: (the date of birth is (missing|in the future)|there is no (month|year) [N0-9]+|there is no [N0-9]+ [A-Z][a-z]+( in that year)?))?`

// reasons are all the reasons to reject a line, with N for every number.
var reasons = regexp.MustCompile(`^(INVALID_NIK|INVALID_NAME|` + badDate +
	`|INVALID_ATTRIBUTE: (status must be active, deceased or inactive|[a-z_]+ must be one line of UTF-N of at most N bytes)` +
	`|MALFORMED: (not UTF-N|not as many fields as the header line has|not CSV: quotes do not match on this line|a line may have N bytes|a carriage return alone does not end a line)` +
	`|CONFLICT: the NIK of line N again` +
	`|INVALID_ATTRIBUTE: (a template needs its model and its source|the template is damaged, or another model's|the source must be a SHA-N in hexadecimal|the signature is not one|a row has a photograph or a template, not both)` +
	`|NO_FILE: (there is no such photograph|the photograph (cannot be opened|cannot be read|is not a file|is empty))` +
	`|TOO_LARGE: a photograph may have N bytes)$`)

// fileReasons are all the reasons to refuse a file.
var fileReasons = regexp.MustCompile(`^MALFORMED: (header line: (the file is empty|not UTF-N|not CSV: quotes do not match on this line` +
	`|column N has a name that is not known; known are (nik|name|date_of_birth)[a-z_, ]*|the column [a-z_]+ (is there twice|is missing; [a-z_, ]+ must be there)` +
	`|commas must separate the columns, not semicolons|a line may have N bytes|a carriage return alone does not end a line)` +
	`|(every NIK ends in N|line N has a NIK that is written like N.NE.N): a spreadsheet has rounded the NIKs of this file, so none of it was imported)$`)

var numbers = regexp.MustCompile(`[0-9]+`)

// FuzzPeople: whatever a file of people holds, nothing panics, every row is
// counted, and the reasons are of a fixed set.
func FuzzPeople(f *testing.F) {
	const optional = "nik,name,date_of_birth,photo,status,city\n"
	for _, seed := range []string{
		"", "\ufeff", header, peopleRows(3), optional + "9999000000000001,canary,01-02-1990,0.jpg,active,CONTOH\r\n",
		optional + "9999000000000001,canary,01-02-1990,../canary,dead,\"a\nb\"\n9999000000000001,\"canary", "\"\n", "a;b\n", "nik,born\n", "nik,nik\n", "nik\n", "\x9f\n",
		optional + "9999000000000001,canary,01-02-1990,,,\n9999000000000001,canary,01-02-1990,,,\n",
		optional + "9999000000000001,canary,,,,\n9999000000000001,canary,31-13-1990,,,\n9999000000000001,canary,31-02-1990,,,\n",
		optional + "9999000000000001,canary,01-02-0000,,,\n9999000000000001,canary,01-02-2999,,,\n9999000000000001,canary,29-02-1990,,,\n",
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
		Enroller: newEnroller(memory, &extractor{}), People: strings.NewReader(people), Photos: rows.Folder(root),
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
		assertReason(t, fileReasons, err, max(lines, strings.Count(people, ",")+1))
		if summary != (enrol.Summary{}) || told != 0 || count(t, memory) != 0 {
			t.Errorf("%+v of a file that is refused", summary)
		}
		return
	}
	if summary.Rejected != told || summary.Added != count(t, memory) || summary.Rows > lines ||
		summary.Rows != summary.Added+summary.Rejected {
		t.Errorf("%+v, %d told, %d on record of %d lines", summary, told, count(t, memory), lines)
	}
}

// assertReason reports a reason that is not among the given ones, or a number in
// it that is neither a line nor a limit. maxLine is the last line of the file.
func assertReason(t *testing.T, among *regexp.Regexp, why error, maxLine int) {
	t.Helper()
	if _, ok := why.(*sesuai.Error); !ok { //nolint:errorlint // as the command line sees it
		t.Errorf("%v is not ours", why)
	}
	if !among.MatchString(numbers.ReplaceAllString(why.Error(), "N")) {
		t.Errorf("reason %q", why)
	}
	if strings.Contains(why.Error(), "there is no ") {
		return // a day and a month that nobody was born on
	}
	for _, digits := range numbers.FindAllString(why.Error(), -1) {
		if n, err := strconv.Atoi(digits); err != nil || (n > maxLine && n != 8 && n != 17 && n != 15 && n != 500 && n != 64<<10 && n != rows.MaxPhotoSize) {
			t.Errorf("reason %q has %s, of %d lines", why, digits, maxLine)
		}
	}
}

// FuzzEveryLineCounts: whatever follows a valid header line, the rows read are
// the data lines of the file and the sum of what became of them, and what becomes
// of a line does not depend on the lines around it.
func FuzzEveryLineCounts(f *testing.F) {
	const line = "9999000000000001,Galuh,01-02-1990\n"
	for _, seed := range []string{
		line, "\"" + line + strings.Repeat(line, 2), "\"\n" + line + "\"", line + "\r\n \t\r\n\r" + line, "\x00\n" + line + "\xff\xfe\n",
		strings.ReplaceAll(line, "\n", "\r") + line, strings.Repeat("\"canary", 1<<14) + "\n" + line, "9999000000000007,Galuh,02-02-1990\n" + line,
		"3.17E+15,Galuh,01-02-1990\n" + line, `{"nik":"9999000000000001","name":"Galuh","date_of_birth":"01-02-1990"}` + "\n{}\nnull\n\"",
		strings.TrimPrefix(roundedFile("9999000000000010,", "9999000000000020,"), "name,nik,date_of_birth\n"),
	} {
		f.Add([]byte(seed), false, "replace")
		f.Add([]byte(seed), true, "skip")
	}
	f.Fuzz(func(t *testing.T, body []byte, jsonLines bool, onConflict string) {
		file := linesFile{header: "nik,name,date_of_birth\n", format: rows.CSV, onConflict: enrol.Replace}
		if jsonLines {
			file = linesFile{format: rows.JSONLines}
			body = bytes.TrimPrefix(body, []byte("\ufeff")) // of the file, not of a line
		}
		if onConflict == string(enrol.Skip) {
			file.onConflict = enrol.Skip
		}
		all := file.run(t, string(body))
		if all.err != nil {
			if !errors.Is(all.err, enrol.ErrRounded) || all.summary != (enrol.Summary{}) || all.rejects != nil || all.people != 2 {
				t.Errorf("%v, %+v, %v, %d on record", all.err, all.summary, all.rejects, all.people)
			}
			return
		}
		assertEveryLineCounts(t, string(body), all.summary, all.rejects)
		if all.people != 2+all.summary.Added {
			t.Errorf("%d on record: %+v", all.people, all.summary)
		}
		at := make(map[int]string)
		for _, r := range all.rejects {
			at[r.Line] = r.Why
		}
		if len(at) != len(all.rejects) {
			t.Errorf("a line is rejected twice: %v", all.rejects)
		}
		first := 1 + strings.Count(file.header, "\n")
		for i, text := range strings.SplitAfter(string(body), "\n") {
			if i == 20 {
				break // many lines make each run slow and find no more
			}
			alone := file.run(t, text)
			why, rejected := at[first+i]
			switch {
			case strings.HasPrefix(why, "CONFLICT: the NIK of line"):
			case dataLines(text) == 0 && rejected:
				t.Errorf("line %d is blank and rejected: %s", first+i, why)
			case len(alone.rejects) > 1 || len(alone.rejects) == 1 != rejected || rejected && alone.rejects[0].Why != why:
				t.Errorf("line %d is rejected: %q; alone: %v", first+i, why, alone.rejects)
			}
		}
	})
}

// linesFile is how FuzzEveryLineCounts imports lines.
type linesFile struct {
	header     string
	format     rows.Format
	onConflict enrol.OnConflict
}

// linesResult is what came of it.
type linesResult struct {
	summary enrol.Summary
	rejects []reject
	err     error
	people  int // on record
}

// run imports lines into a registry of two people.
func (f linesFile) run(t *testing.T, body string) (r linesResult) {
	t.Helper()
	memory := registrytest.NewMemory()
	for n := 1; n <= 2; n++ {
		p := registrytest.Person(t, n)
		p.Name, p.DateOfBirth, p.Attributes = registrytest.Name(t, "Galuh"), registrytest.Date(t, "01-02-1990"), nil
		if _, err := memory.Enrol(t.Context(), p, nil); err != nil {
			t.Fatal(err)
		}
	}
	job := enrol.Import{
		Enroller: newEnroller(memory, &extractor{}), People: strings.NewReader(f.header + body), Format: f.format, OnConflict: f.onConflict,
		Rejected: func(line int, why error) error { r.rejects = append(r.rejects, reject{line, why.Error()}); return nil },
	}
	r.summary, r.err = job.Run(t.Context())
	r.people = count(t, memory)
	return r
}

// FuzzLines: whatever lines of JSON hold, nothing panics, every row is counted,
// and the reasons are of a fixed set.
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
				Enroller: newEnroller(memory, &extractor{}), People: strings.NewReader(people), Format: rows.JSONLines,
				Rejected: func(at int, why error) error {
					told++
					if _, own := errors.AsType[*sesuai.Error](why); !own || at < 1 || at > lines || !lineReasons.MatchString(why.Error()) {
						t.Errorf("line %d of %d: %v", at, lines, why)
					}
					return nil
				},
			}
			summary, err := job.Run(t.Context())
			if errors.Is(err, enrol.ErrRounded) {
				continue
			}
			if err != nil || summary.Rejected != told || summary.Added != count(t, memory) || summary.Rows > lines || summary.Rows != summary.Added+told {
				t.Errorf("%+v, %d told, %d on record of %d lines: %v", summary, told, count(t, memory), lines, err)
			}
		}
	})
}

// lineReasons are all the reasons to reject a line of JSON.
var lineReasons = regexp.MustCompile(`^(INVALID_NIK|INVALID_NAME|` + badDate +
	`|INVALID_ATTRIBUTE: (status must be active, deceased or inactive|[a-z_]+ must be one line of UTF-8 of at most 500 bytes` +
	`|a template needs its model and its source|the template is (damaged, or another model's|of another model than the one in use)` +
	`|the source must be a SHA-256 in hexadecimal|the signature is not one|a row has a photograph or a template, not both)` +
	`|MALFORMED: (not UTF-8|not one object of JSON|a key (has a name that is not known|is there twice)|the key [a-z_]+ is missing` +
	`|the value of [a-z_]+ is not a string|a line may have 65536 bytes|a carriage return alone does not end a line)` +
	`|CONFLICT: the NIK of line [0-9]+ again|NO_FILE: it was not said where photographs are)$`)
