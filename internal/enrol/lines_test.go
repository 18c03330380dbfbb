package enrol_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/rows"
	"github.com/sesuai/sesuai/test/process"
)

// dataLines counts the lines that are not blank, by a rule that is written
// without the code under test.
func dataLines(text string) (n int) {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Trim(line, " \t\r") != "" {
			n++
		}
	}
	return n
}

// assertEveryLineCounts reports a summary that is not the sum of its parts or
// not of all the data lines of a file; body is the file without its header line.
func assertEveryLineCounts(t *testing.T, body string, s enrol.Summary, rejects []reject) {
	t.Helper()
	if sum := s.Added + s.Replaced + s.Unchanged + s.Kept + s.Rejected; s.Rows != sum || s.Rows != dataLines(body) {
		t.Errorf("%d data lines are read as %d rows: %+v", dataLines(body), s.Rows, s)
	}
	if len(rejects) != s.Rejected {
		t.Errorf("%d rows are reported, %d counted as rejected", len(rejects), s.Rejected)
	}
}

// sorted are rejects by line: rows are worked on side by side.
func sorted(rejects []reject) []reject {
	return slices.SortedFunc(slices.Values(rejects), func(a, b reject) int { return a.Line - b.Line })
}

// TestStrayQuote: a quote that does not match costs the line that it is in, and
// nobody else.
func TestStrayQuote(t *testing.T) {
	const (
		columns = "nik,name,date_of_birth,photo,city\n"
		quotes  = "MALFORMED: not CSV: quotes do not match on this line"
		fields  = "MALFORMED: not as many fields as the header line has"

		one   = "9999000000000001,Galuh,01-02-1990,,CONTOH\n"
		two   = "9999000000000002,Galuh,01-02-1990,,CONTOH\n"
		three = "9999000000000003,\"Galuh \"\"Lulu\"\", S.T.\",01-02-1990,,CONTOH\n"
		stray = "9999000000000004,canary,01-02-1990,,\"canary\n"
	)
	for _, test := range []struct {
		about, body string
		rejects     []reject
	}{
		{"in a file of four", one + stray + two + three, []reject{{3, quotes}}},
		{"on the first line", stray + one + two, []reject{{2, quotes}}},
		{"on the last line", one + two + stray, []reject{{4, quotes}}},
		{"on the last line, without a line break", one + two + "\"", []reject{{4, quotes}}},
		{"on every other line", stray + one + stray + two + stray + three + stray, []reject{{2, quotes}, {4, quotes}, {6, quotes}, {8, quotes}}},
		{"two of them, around a person", stray + one + "\"\n" + two, []reject{{2, quotes}, {4, quotes}}},
		{"two of them, as if they were one value", stray + "9999000000000005,canary,01-02-1990,,canary\"\n" + one, []reject{{2, quotes}, {3, quotes}}},
		{"a value with line breaks", stray + "canary\ncanary\"\n" + one, []reject{{2, quotes}, {3, fields}, {4, quotes}}},
	} {
		t.Run(test.about, func(t *testing.T) {
			summary, rejects, err := runOn(t, newEnroller(registrytest.NewMemory(), &extractor{}), columns+test.body)
			if diff := cmp.Diff(test.rejects, sorted(rejects)); err != nil || diff != "" {
				t.Errorf("%+v, %v; rejects (-want +got):\n%s", summary, err, diff)
			}
			assertEveryLineCounts(t, test.body, summary, rejects)
		})
	}
}

// TestLinesOfAFile: whatever ends a line or stands in it, each data line is read
// or rejected by itself.
func TestLinesOfAFile(t *testing.T) {
	const (
		one      = "9999000000000001,Galuh,01-02-1990,\n"
		two      = "9999000000000002,Galuh,01-02-1990,\n"
		three    = "9999000000000003,Galuh,01-02-1990,\n"
		fields   = "MALFORMED: not as many fields as the header line has"
		encoding = "MALFORMED: not UTF-8"
		cr       = "MALFORMED: a carriage return alone does not end a line"
		long     = "MALFORMED: a line may have 65536 bytes"
	)
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for _, test := range []struct {
		about, body string
		rejects     []reject
	}{
		{"line feeds", one + two + three, nil},
		{"CRLF", crlf(one + two + three), nil},
		{"some of each", crlf(one) + two + crlf(three), nil},
		{"a line break converted twice", strings.ReplaceAll(one+two, "\n", "\r\r\n"), nil},
		{"no line break at the end", one + strings.TrimSuffix(two, "\n"), nil},
		{"a carriage return at the end", one + strings.TrimSuffix(two, "\n") + "\r", nil},
		{"blank lines", "\n\r\n" + one + " \t \n\n\r\r\n" + two + "\t", nil},
		{"a carriage return between two people", one + strings.ReplaceAll(two, "\n", "\r") + three, []reject{{3, cr}}},
		{"a carriage return in a name", one + strings.Replace(two, "Galuh", "Ga\rluh", 1) + three, []reject{{3, cr}}},
		{"nothing but NUL bytes", one + strings.Repeat("\x00", 4096) + "\n" + two, []reject{{3, fields}}},
		{"NUL bytes in front of a person", one + "\x00\x00" + two + three, []reject{{3, "INVALID_NIK"}}},
		{"a NUL byte in a name", one + strings.Replace(two, "Galuh", "Ga\x00luh", 1) + three, []reject{{3, "INVALID_NAME"}}},
		{"a NUL byte in the name of a photograph", one + strings.Replace(two, ",\n", ",a\x00.jpg\n", 1) + three, []reject{{3, "NO_FILE: the photograph cannot be opened"}}},
		{"a name that is not UTF-8", one + strings.Replace(two, "Galuh", "Gal\xfch", 1) + three, []reject{{3, encoding}}},
		{"a line that is not UTF-8", one + "\xff\xfe\x80\n" + two, []reject{{3, encoding}}},
		{"a byte order mark within the file", one + "\ufeff" + two + three, []reject{{3, "INVALID_NIK"}}},
		{"the header line again", one + header + two, []reject{{3, "INVALID_NIK"}}},
		{"the longest line", one + strings.Replace(two, ",\n", "", 1) + strings.Repeat(" ", 64<<10-len(two)) + ",\n" + three, nil},
		{"a line that is longer", one + strings.Replace(two, ",\n", "", 1) + strings.Repeat(" ", 64<<10-len(two)+1) + ",\n" + three, []reject{{3, long}}},
		{"a line of a megabyte", one + strings.Repeat("canary ", 150_000) + "\n" + two, []reject{{3, long}}},
		{"a line of a megabyte with quotes in it", one + strings.Repeat("canary\" ", 150_000) + "\n" + two, []reject{{3, long}}},
		{"100,000 columns", one + strings.Repeat("canary,", 100_000) + "\n" + two, []reject{{3, long}}},
		{"20,000 columns", one + strings.Repeat(",", 20_000) + "\n" + two, []reject{{3, fields}}},
		{"a megabyte of white space", one + strings.Repeat(" \t\r ", 250_000) + "\n" + two, nil},
		{"a long line at the end", one + "\"" + strings.Repeat("canary", 50_000), []reject{{3, long}}},
		{"two long lines", strings.Repeat(strings.Repeat("canary", 50_000)+"\n", 2) + one, []reject{{2, long}, {3, long}}},
	} {
		t.Run(test.about, func(t *testing.T) {
			for _, file := range []string{header + test.body, "\ufeff" + header + test.body, crlf(header) + test.body} {
				summary, rejects, err := runOn(t, newEnroller(registrytest.NewMemory(), &extractor{}), file)
				if diff := cmp.Diff(test.rejects, sorted(rejects)); err != nil || diff != "" {
					t.Errorf("%+v, %v; rejects (-want +got):\n%s", summary, err, diff)
				}
				if summary.Added == 0 {
					t.Errorf("nobody is added: %+v", summary)
				}
				assertEveryLineCounts(t, test.body, summary, rejects)
			}
		})
	}
}

// TestPipe: what cannot be read twice is imported as a file is.
func TestPipe(t *testing.T) {
	process.Slow(t)
	people := peopleRows(5000) + "\"canary\n"
	for i := range 5000 {
		people = strings.Replace(people, photoName(i)+"\n", "\n", 1)
	}
	var of []int
	for _, source := range []io.Reader{strings.NewReader(people), struct{ io.Reader }{strings.NewReader(people)}} {
		total := 0
		job := enrol.Import{
			Enroller: newEnroller(registrytest.NewMemory(), &extractor{}), People: source,
			Progress: func(_, of int) { total = of },
		}
		summary, err := job.Run(t.Context())
		if want := (enrol.Summary{Rows: 5001, Added: 5000, Rejected: 1, AddedWithoutPhoto: 5000}); err != nil || summary != want {
			t.Errorf("%+v, %v", summary, err)
		}
		of = append(of, total)
	}
	if diff := cmp.Diff([]int{5001, 0}, of); diff != "" {
		t.Errorf("how many rows there are (-want +got):\n%s", diff)
	}
}

// roundedFile is a file of people of these NIKs.
func roundedFile(niks ...string) string {
	var b strings.Builder
	b.WriteString("name,nik,date_of_birth\n")
	for _, nik := range niks {
		b.WriteString("Galuh," + nik + ",01-02-1990\n")
	}
	return b.String()
}

// TestRoundedNIKs: a file whose NIKs a spreadsheet has rounded enrols nobody,
// whether it comes from a file or through a pipe; a file that only looks a bit
// like it is imported.
func TestRoundedNIKs(t *testing.T) {
	const (
		zero = "every NIK ends in 0"
		like = " has a NIK that is written like 3.17E+15"
	)
	fours := []string{"9999000000000010", "9999000000000020", "9999000000000030", "9999000000000040"}
	fives := append(slices.Clone(fours), "9999000000000050")
	many := make([]string, 0, 10_000)
	for i := range cap(many) {
		many = append(many, registrytest.NIK(t, i+1).Reveal())
	}
	for _, test := range []struct {
		about string
		niks  []string
		why   string
	}{
		{"five that end in 0", fives, zero},
		{"a thousand that end in 0", func() (niks []string) {
			for _, nik := range many[:1000] {
				niks = append(niks, nik[1:]+"0")
			}
			return niks
		}(), zero},
		{"five, and lines that are broken", append(slices.Clone(fives), "canary", "", "\"canary"), zero},
		{"four that end in 0", fours, ""},
		{"four, one of them twice", append(slices.Clone(fours), fours[0]), ""},
		{"five, and one that ends otherwise", append(slices.Clone(fives), "9999000000000051"), ""},
		{"one that ends otherwise, and five", append([]string{"9999000000000051"}, fives...), ""},
		{"a number cut short", []string{"9999000000000001", "3.17E+15", "9999000000000003"}, "line 3" + like},
		{"with the comma of Indonesia", []string{"9999000000000001", `"3,17E+15"`}, "line 3" + like},
		{"with all digits that are left", []string{"3.17401010190001E+15"}, "line 2" + like},
		{"without decimals", []string{"3E+15"}, "line 2" + like},
		{"in small letters", []string{"3.17e15"}, "line 2" + like},
		{"behind a thousand others", append(slices.Clone(many[:1000]), "3.17E+15"), "line 1002" + like},
		{"in the name", []string{"9999000000000001,01-02-1990\n3.17E+15,9999000000000002"}, ""},
		{"what is no number", []string{"9999000000000001", "E+15", "3.17E", "3.17E-15", "x3.17E+15"}, ""},
	} {
		t.Run(test.about, func(t *testing.T) {
			file := roundedFile(test.niks...)
			for _, source := range []io.Reader{strings.NewReader(file), struct{ io.Reader }{strings.NewReader(file)}} {
				memory := registrytest.NewMemory()
				job := enrol.Import{Enroller: newEnroller(memory, &extractor{}), People: source}
				summary, err := job.Run(t.Context())
				if test.why == "" {
					if err != nil || summary.Added == 0 {
						t.Errorf("%+v, %v", summary, err)
					}
					continue
				}
				e, _ := errors.AsType[*sesuai.Error](err)
				if !errors.Is(err, enrol.ErrRounded) || e == nil || e.Kind != sesuai.KindMalformed || e.Detail != test.why {
					t.Errorf("error %v, want %q", err, test.why)
				}
				if n := count(t, memory); n != 0 || summary != (enrol.Summary{}) {
					t.Errorf("%d on record, %+v", n, summary)
				}
			}
		})
	}
	// JSON Lines are looked at in the same way.
	lines := `{"nik":"9999000000000001","name":"Galuh","date_of_birth":"01-02-1990"}` + "\n" + `{"nik":"3.17E+15","name":"canary"}` + "\n" +
		`{"nik":"3.17E+15","name":"Galuh","date_of_birth":"01-02-1990"}` + "\n"
	job := enrol.Import{Enroller: newEnroller(registrytest.NewMemory(), &extractor{}), People: strings.NewReader(lines), Format: rows.JSONLines}
	// The line before is broken: what its values are is not known.
	if _, err := job.Run(t.Context()); !errors.Is(err, enrol.ErrRounded) || !strings.Contains(err.Error(), "line 3 ") {
		t.Errorf("lines of JSON: %v", err)
	}
	// Behind the first MiB of a pipe such a row is one that is rejected.
	file := roundedFile(append(slices.Clone(many), strings.Repeat("canary", 1<<18), "3.17E+15")...)
	job = enrol.Import{Enroller: newEnroller(registrytest.NewMemory(), &extractor{}), People: struct{ io.Reader }{strings.NewReader(file)}}
	if summary, err := job.Run(t.Context()); err != nil || summary != (enrol.Summary{Rows: len(many) + 2, Added: len(many), Rejected: 2, AddedWithoutPhoto: len(many)}) {
		t.Errorf("behind the first MiB of a pipe: %+v, %v", summary, err)
	}
}
