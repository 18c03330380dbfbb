package enrol_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/rows"
	"github.com/sesuai/sesuai/test/process"
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

// TestLines: however editors write lines of JSON, the same person is read, what
// is not Unicode is not made into a name, and a line may not be endless.
func TestLines(t *testing.T) {
	const (
		line   = `{"nik":"9999000000000001","name":"Galuh Sekarwangi","date_of_birth":"01-02-1990"}`
		object = "MALFORMED: not one object of JSON"
	)
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
		{"half of a surrogate pair", named(`canary \ud800`), object},
		{"one line of a megabyte", named(strings.Repeat("canary ", 150_000)) + "\n", "MALFORMED: a line may have 65536 bytes"},
		{"nested", `{"nik":{"nik":"canary"}}`, "MALFORMED: the value of nik is not a string"},
		{"a list", `["canary"]`, object},
		{"deep", strings.Repeat("[", 50_000), object},
		{"a comma too many", strings.Replace(line, "}", ",}", 1), object},
		{"cut short", line[:60], object},
		{"null", "null", object},
		{"a name of null", strings.Replace(line, `"Galuh Sekarwangi"`, "null", 1), "MALFORMED: the value of name is not a string"},
		{"the NIK twice", strings.Replace(line, "{", `{"nik":"9999000000000002",`, 1), "MALFORMED: a key is there twice"},
		{"the NIK twice, once escaped", strings.Replace(line, "{", `{"n\u0069k":"9999000000000002",`, 1), "MALFORMED: a key is there twice"},
		{"no name", strings.Replace(line, `"name":"Galuh Sekarwangi",`, "", 1), "MALFORMED: the key name is missing"},
		{"a carriage return", strings.Replace(line, ",", ",\r", 1), "MALFORMED: a carriage return alone does not end a line"},
		{"NUL bytes", strings.Repeat("\x00", 4096) + "\n", object},
		{"a NUL byte behind it", line + "\x00\n", object},
		{"another object", line + " " + line, object},
		{"capitals", strings.Replace(line, "nik", "NIK", 1), "MALFORMED: a key has a name that is not known"},
		{"a NIK as a number", strings.Replace(line, `"9999000000000001"`, "9999000000000001", 1), "MALFORMED: the value of nik is not a string"},
	} {
		t.Run(test.about, func(t *testing.T) {
			var rejects []string
			job := enrol.Import{
				Enroller: newEnroller(registrytest.NewMemory(), &extractor{}), People: strings.NewReader(test.file), Format: rows.JSONLines,
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

// TestInterruptedAndRunAgain: a run that goes over an interrupted one ends with
// the registry and the rejected rows of a run that was not interrupted, and makes
// no portrait twice. With ready-made templates and without portraits as well.
func TestInterruptedAndRunAgain(t *testing.T) {
	const n = 3000
	withPhotos := strings.Replace(peopleRows(n), "9999000000000003,", "9999,", 1) + "\"canary\n"
	withPhotos = strings.Replace(withPhotos, ","+photoName(4)+"\n", ",missing.jpg\n", 1)
	templates := []string{readyColumns}
	for i := range n {
		templates = append(templates, ready(t, i, nil))
	}
	templates[3], templates[2000] = strings.Replace(templates[3], "9999", "99", 1), "\"canary\n"
	root := photos(t, n)
	full := errors.New("full")
	for _, test := range []struct{ about, file string }{
		{"photographs", withPhotos},
		{"templates", strings.Join(templates, "")},
		{"no portraits", strings.ReplaceAll(withPhotos, ".jpg", "")},
	} {
		t.Run(test.about, func(t *testing.T) {
			if test.about == "no portraits" {
				for i := range n {
					test.file = strings.Replace(test.file, ","+strconv.Itoa(i)+"\n", ",\n", 1)
				}
			}
			whole := registrytest.NewMemory()
			want, wantRejects, err := run(t.Context(), newEnroller(whole, &extractor{}), test.file, root)
			if err != nil || want.Rejected == 0 {
				t.Fatalf("%+v, %v", want, err)
			}
			memory, x := registrytest.NewMemory(), &extractor{}
			e := newEnroller(memory, x)
			// It stops in three places: as it is read, as it is written, and
			// where a rejected row cannot be reported.
			for _, interrupt := range []func(*enrol.Import, context.CancelFunc){
				func(i *enrol.Import, _ context.CancelFunc) {
					i.People = io.MultiReader(strings.NewReader(test.file[:len(test.file)/4]), readerThenError(""))
				},
				func(i *enrol.Import, stop context.CancelFunc) {
					i.Progress = func(rows, _ int) {
						if rows >= n/2 {
							stop()
						}
					}
				},
				func(i *enrol.Import, _ context.CancelFunc) { i.Rejected = func(int, error) error { return full } },
			} {
				ctx, stop := context.WithCancel(t.Context())
				job := enrol.Import{Enroller: e, People: strings.NewReader(test.file), Photos: rows.Folder(root)}
				interrupt(&job, stop)
				if summary, err := job.Run(ctx); err == nil {
					t.Errorf("it was not interrupted: %+v", summary)
				}
				stop()
			}
			before, extracted := count(t, memory), x.calls.Load()
			summary, rejects, err := run(t.Context(), e, test.file, root)
			if err != nil || summary.Rows != want.Rows || summary.Rejected != want.Rejected || summary.Unchanged != before || summary.Added != want.Added-before {
				t.Errorf("%+v with %d on record before, want in all %+v; %v", summary, before, want, err)
			}
			if diff := cmp.Diff(sorted(wantRejects), sorted(rejects)); diff != "" {
				t.Errorf("rejects (-want +got):\n%s", diff)
			}
			if made := x.calls.Load() - extracted; test.about == "photographs" && int(made) != summary.Added {
				t.Errorf("%d portraits are made of %d people", made, summary.Added)
			}
			a, err := enrol.DigestOf(t.Context(), memory)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := enrol.DigestOf(t.Context(), whole); err != nil || a != b {
				t.Errorf("the digest is %v, and %v after a run that was not interrupted: %v", a, b, err)
			}
		})
	}
}

// TestSkipCostsNothing: where whoever is there stays, their photographs are not
// worked on.
func TestSkipCostsNothing(t *testing.T) {
	const n = 20
	memory, root := registrytest.NewMemory(), photos(t, n)
	if _, _, err := run(t.Context(), newEnroller(memory, &extractor{}), strings.ReplaceAll(peopleRows(n/2), "Wirasaba", "Kenanga"), root); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		x := &extractor{}
		job := enrol.Import{
			Enroller: newEnroller(memory, x), People: strings.NewReader(peopleRows(n)), Photos: rows.Folder(root),
			OnConflict: enrol.Skip, DryRun: dry,
		}
		summary, err := job.Run(t.Context())
		if want := (enrol.Summary{Rows: n, Added: n / 2, Kept: n / 2}); err != nil || summary != want || x.calls.Load() != n/2 {
			t.Errorf("dry %v: %+v, %d extractions, %v", dry, summary, x.calls.Load(), err)
		}
	}
	job := enrol.Import{
		Enroller: newEnroller(memory, &extractor{}), People: strings.NewReader(strings.ReplaceAll(peopleRows(n), "Wirasaba", "Galuh")), Photos: rows.Folder(root),
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
	process.Slow(t)
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
		photos, err := rows.OpenPhotographs(path)
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
