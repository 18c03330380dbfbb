package enrol_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// readyColumns are those of a file with ready-made templates.
const readyColumns = "nik,name,date_of_birth,template,model,source,signature\n"

// ready is such a row of the n-th person; change may change its last fields.
func ready(t *testing.T, n int, change func(fields []string)) string {
	t.Helper()
	p := registrytest.Portrait(t, n)
	template, err := p.Template.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	signature, err := p.Signature.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	fields := []string{
		base64.StdEncoding.EncodeToString(template), registrytest.Model,
		hex.EncodeToString(p.Source[:]), base64.StdEncoding.EncodeToString(signature),
	}
	if change != nil {
		change(fields)
	}
	return fmt.Sprintf("9999%012d,Galuh Sekarwangi,01-02-1990,%s\n", n, strings.Join(fields, ","))
}

// TestReadyTemplates: a template that is not what it should be is one row
// rejected; without a face engine the others go in.
func TestReadyTemplates(t *testing.T) {
	set := func(i int, value string) func([]string) {
		return func(fields []string) { fields[i] = value }
	}
	cut := func(i int) func([]string) { return func(fields []string) { fields[i] = fields[i][:len(fields[i])-4] } }
	for _, test := range []struct {
		about  string
		change func([]string)
		why    string
	}{
		{"as exported", nil, ""},
		{"without a signature", set(3, ""), ""},
		{"another model", func(fields []string) {
			template, err := registrytest.Template(t, "canary@0", 2).MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			fields[0], fields[1] = base64.StdEncoding.EncodeToString(template), "canary@0"
		}, "the template is of another model than the one in use"},
		{"under the name of another model", set(1, "canary@0"), "the template is damaged, or another model's"},
		{"no model", set(1, ""), "a template needs its model and its source"},
		{"no source", set(2, ""), "a template needs its model and its source"},
		{"a source of nothing", set(2, strings.Repeat("0", 64)), "the source must be a SHA-256 in hexadecimal"},
		{"a source too short", cut(2), "the source must be a SHA-256 in hexadecimal"},
		{"a source too long", set(2, strings.Repeat("ab", 33)), "the source must be a SHA-256 in hexadecimal"},
		{"no template", set(0, ""), "a template needs its model and its source"},
		{"a template cut short", cut(0), "the template is damaged, or another model's"},
		{"a template of nothing", set(0, strings.Repeat("AAAA", 174)), "the template is damaged, or another model's"},
		{"a template that is none", set(0, "canary!"), "the template is damaged, or another model's"},
		{"a signature cut short", cut(3), "the signature is not one"},
	} {
		t.Run(test.about, func(t *testing.T) {
			memory := registrytest.NewMemory()
			e := enrol.New(enrol.Options{Registry: memory, Model: registrytest.Model})
			summary, rejects, err := runOn(t, e, readyColumns+ready(t, 1, nil)+ready(t, 2, test.change)+ready(t, 3, nil))
			want := enrol.Summary{Rows: 3, Added: 3}
			var wantRejects []reject
			if test.why != "" {
				want = enrol.Summary{Rows: 3, Added: 2, Rejected: 1}
				wantRejects = []reject{{3, "INVALID_ATTRIBUTE: " + test.why}}
			}
			if diff := cmp.Diff(wantRejects, rejects); err != nil || diff != "" || summary != want {
				t.Errorf("%+v, %v; rejects (-want +got):\n%s", summary, err, diff)
			}
		})
	}
}

// TestRowsTooLong: neither a quote that never ends nor a line without an end
// takes the rest of the file, or memory, with it.
func TestRowsTooLong(t *testing.T) {
	const (
		good  = "9999000000000001,Galuh,01-02-1990,\n"
		quote = "MALFORMED: quotes do not match: the row goes on for more than 65536 bytes"
		long  = "MALFORMED: a row may have 65536 bytes"
	)
	many := strings.SplitAfter(strings.TrimPrefix(rows(20_000), header), "\n")
	for i := range many {
		many[i] = strings.Replace(many[i], photoName(i), "", 1)
	}
	people := strings.Join(many[2:], "") // without the NIK of good
	n := len(many) - 3
	for _, test := range []struct {
		about, file string
		added       int
		rejects     []reject
	}{
		{"a quote that never ends", good + "9999000000000000,\"canary,01-02-1990,\n" + people, n + 1, []reject{{3, quote}}},
		{"behind empty lines", good + "\n\r\n9999000000000000,\"canary,01-02-1990,\n" + people, n + 1, []reject{{5, quote}}},
		{"two of them", good + "9999000000000000,\"canary,01-02-1990,\n\n" + strings.Join(many[2:9000], "") +
			"\"canary\n" + strings.Join(many[9000:], ""), n + 1, []reject{{3, quote}, {3 + 1 + 8998 + 1, quote}}},
		{"a line of a megabyte", good + strings.Repeat("canary ", 150_000) + "\n" + people, n + 1, []reject{{3, long}}},
		{"100,000 columns", good + strings.Repeat("canary,", 100_000) + "\n" + people, n + 1, []reject{{3, long}}},
		{"a line with quotes in it", good + strings.Repeat("canary\" ", 150_000) + "\n" + people, n + 1, []reject{{3, long}}},
		{"20,000 columns", good + strings.Repeat(",", 20_000) + "\n" + people, n + 1, []reject{{3, "MALFORMED: not as many fields as the header line has"}}},
		{"the last line", good + "\"" + strings.Repeat("canary", 50_000), 1, []reject{{3, long}}},
	} {
		t.Run(test.about, func(t *testing.T) {
			summary, rejects, err := runOn(t, newEnroller(registrytest.NewMemory(), &extractor{}), header+test.file)
			if diff := cmp.Diff(test.rejects, rejects); err != nil || diff != "" || summary.Added != test.added {
				t.Errorf("%+v, %v; rejects (-want +got):\n%s", summary, err, diff)
			}
		})
	}
	if _, _, err := runOn(t, newEnroller(registrytest.NewMemory(), &extractor{}), strings.Repeat("canary,", 100_000)); err == nil || err.Error() != "MALFORMED: header line: it is not CSV" {
		t.Errorf("a header line of 100,000 columns: %v", err)
	}
}

// TestLines: what editors make of lines of JSON is read as the same person,
// what is not UTF-8 is not made into a name, and a line may not be endless.
func TestLines(t *testing.T) {
	const line = `{"nik":"9999000000000001","name":"Galuh Sekarwangi","date_of_birth":"01-02-1990"}`
	named := func(name string) string { return strings.Replace(line, "Galuh Sekarwangi", name, 1) }
	for _, test := range []struct{ about, file, why string }{
		{"plain", line + "\n", ""},
		{"a byte order mark", "\ufeff" + line + "\n", ""},
		{"CRLF and empty lines", "\r\n\n" + line + "\r\n", ""},
		{"no line break at the end", line, ""},
		{"spaces", "  " + strings.ReplaceAll(line, ":", " : ") + "\t", ""},
		{"escapes", named(`Galuh \u0053ekarwangi`), ""},
		{"a replacement character", named("Galuh \ufffdekarwangi"), ""},
		{"the same, escaped", named(`Galuh \uFFFDekarwangi`), ""},
		{"not UTF-8", named("canary \xe9"), "MALFORMED: not UTF-8"},
		{"half of a surrogate pair", named(`canary \ud800`), "MALFORMED: the value of name is not Unicode"},
		{"one line of a megabyte", named(strings.Repeat("canary ", 150_000)) + "\n", "MALFORMED: a line may have 65536 bytes"},
		{"nested", `{"nik":{"nik":"canary"}}`, "MALFORMED: the value of nik is not a string"},
		{"a list", `["canary"]`, "MALFORMED: not an object of JSON"},
		{"deep", strings.Repeat("[", 50_000), "MALFORMED: not an object of JSON"},
		{"a comma too many", strings.Replace(line, "}", ",}", 1), "MALFORMED: not an object of JSON"},
		{"cut short", line[:60], "MALFORMED: not an object of JSON"},
		{"another object", line + " " + line, "MALFORMED: there is more in the line than one object"},
		{"capitals", strings.Replace(line, "nik", "NIK", 1), "MALFORMED: key 1 has a name that is not known"},
		{"a NIK as a number", strings.Replace(line, `"9999000000000001"`, "9999000000000001", 1), "MALFORMED: the value of nik is not a string"},
	} {
		t.Run(test.about, func(t *testing.T) {
			var rejects []string
			job := enrol.Import{
				Enroller: newEnroller(registrytest.NewMemory(), &extractor{}), People: strings.NewReader(test.file), Format: enrol.JSONLines,
				Rejected: func(_ int, why error) error { rejects = append(rejects, why.Error()); return nil },
			}
			summary, err := job.Run(t.Context())
			var want []string
			if test.why != "" {
				want = []string{test.why}
			}
			if diff := cmp.Diff(want, rejects); err != nil || diff != "" || summary.Rows != 1 {
				t.Errorf("%+v, %v; rejects (-want +got):\n%s", summary, err, diff)
			}
		})
	}
}

// TestRejectedAgain: rows that an interrupted run has rejected are rejected in
// the one that goes on, too, and not told twice.
func TestRejectedAgain(t *testing.T) {
	const n = 300
	// One row is wrong in itself, and of one the photograph is missing.
	people := strings.Replace(rows(n), "9999000000000003,", "9999,", 1)
	people = strings.Replace(people, ","+photoName(4)+"\n", ",missing.jpg\n", 1)
	memory, root, path := registrytest.NewMemory(), photos(t, n), filepath.Join(t.TempDir(), "journal")
	full := errors.New("full")
	var told []int
	runTo := func(most int) (enrol.Summary, error) {
		journal, err := enrol.OpenJournal(path, [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		job := enrol.Import{
			Enroller: newEnroller(memory, &extractor{}), Photos: enrol.Folder(root), Journal: journal,
			// A file that cannot be read on from somewhere.
			People: io.MultiReader(strings.NewReader(people[:most]), readerThenError("")),
			Rejected: func(line int, _ error) error {
				if told == nil {
					told = []int{}
					return full
				}
				told = append(told, line)
				return nil
			},
		}
		if most == len(people) {
			job.People = strings.NewReader(people)
		}
		summary, err := job.Run(t.Context())
		if closed := journal.Close(err == nil); closed != nil {
			t.Error(closed)
		}
		return summary, err
	}
	// What cannot be told is not done.
	if _, err := runTo(len(people)); !errors.Is(err, full) {
		t.Fatal(err)
	}
	for len(told) < 2 {
		if _, err := runTo(len(people) - 200); !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
	}
	summary, err := runTo(len(people))
	slices.Sort(told)
	if err != nil || summary.Rejected != 2 || summary.Rows != n || summary.Before == 0 || !slices.Equal(told, []int{5, 6}) {
		t.Errorf("%+v, %v; told of lines %v", summary, err, told)
	}
}

// TestSkipCostsNothing: where whoever is there stays, their photographs are not
// worked on.
func TestSkipCostsNothing(t *testing.T) {
	const n = 20
	memory, root := registrytest.NewMemory(), photos(t, n)
	if _, _, err := run(t.Context(), newEnroller(memory, &extractor{}), strings.ReplaceAll(rows(n/2), "Wirasaba", "Kenanga"), root); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		x := &extractor{}
		job := enrol.Import{
			Enroller: newEnroller(memory, x), People: strings.NewReader(rows(n)), Photos: enrol.Folder(root),
			OnConflict: enrol.Skip, DryRun: dry,
		}
		summary, err := job.Run(t.Context())
		if want := (enrol.Summary{Rows: n, Added: n / 2, Kept: n / 2}); err != nil || summary != want || x.calls.Load() != n/2 {
			t.Errorf("dry %v: %+v, %d extractions, %v", dry, summary, x.calls.Load(), err)
		}
	}
	job := enrol.Import{
		Enroller: newEnroller(memory, &extractor{}), People: strings.NewReader(strings.ReplaceAll(rows(n), "Wirasaba", "Galuh")), Photos: enrol.Folder(root),
		OnConflict: enrol.Fail,
	}
	summary, err := job.Run(t.Context())
	if sesuai.KindOf(err) != sesuai.KindConflict || summary.Rejected == 0 || summary.Rows != summary.Rejected {
		t.Errorf("fail: %+v, %v", summary, err)
	}
}

// TestHostileArchives: a bomb costs no more than a photograph may have, and
// what could be somebody else's photograph is none.
func TestHostileArchives(t *testing.T) {
	dir := t.TempDir()
	var zipped, tarred bytes.Buffer
	zw, tw := zip.NewWriter(&zipped), tar.NewWriter(&tarred)
	zero := make([]byte, 1<<20)
	w, err := zw.Create("bomb.jpg")
	for i := 0; i < 64 && err == nil; i++ {
		_, err = w.Write(zero)
	}
	for _, name := range []string{"a.jpg", "b.jpg", "./a.jpg", "../c.jpg", "/d.jpg"} {
		if err == nil {
			if w, err = zw.Create(name); err == nil {
				_, err = io.WriteString(w, name)
			}
		}
		if err == nil {
			if err = tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(name)), Mode: 0o600}); err == nil {
				_, err = io.WriteString(tw, name)
			}
		}
	}
	if err = errors.Join(err, zw.Close(), tw.Close()); err != nil {
		t.Fatal(err)
	}
	if zipped.Len() > 1<<20 {
		t.Fatalf("the bomb has %d bytes", zipped.Len())
	}
	// The archive says that the bomb, its first file, has one byte.
	lies := bytes.Clone(zipped.Bytes())
	copy(lies[bytes.Index(lies, []byte("PK\x01\x02"))+24:], []byte{1, 0, 0, 0})
	for name, content := range map[string][]byte{"a.zip": zipped.Bytes(), "lies.zip": lies, "a.tar": tarred.Bytes()} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		photos, err := enrol.OpenPhotographs(path)
		if err != nil {
			t.Fatal(name, err)
		}
		for photo, want := range map[string]string{
			"b.jpg": "", "a.jpg": "NO_FILE: the archive has several photographs of this name", "c.jpg": "NO_FILE: there is no such photograph",
			"d.jpg": "NO_FILE: there is no such photograph", "/etc/passwd": "NO_FILE: there is no such photograph",
		} {
			b, err := photos.Photo(photo)
			if got := fmt.Sprint(err); want == "" && (err != nil || string(b) != photo) || want != "" && got != want {
				t.Errorf("%s of %s: %q, %v", photo, name, b, err)
			}
		}
		if _, err := photos.Photo("bomb.jpg"); err == nil || len(err.Error()) > 100 {
			t.Errorf("the bomb of %s: %v", name, err)
		}
		if err := photos.Close(); err != nil {
			t.Error(err)
		}
	}
}
