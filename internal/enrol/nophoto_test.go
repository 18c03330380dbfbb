package enrol_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/rows"
)

// TestWithoutPhoto: rows without a photograph are counted when they change what
// is on record, and rejected if a photograph is required.
func TestWithoutPhoto(t *testing.T) {
	root := photos(t, 1)
	memory := registrytest.NewMemory()
	e := newEnroller(memory, &extractor{})
	first := header + "9999000000000001,Galuh,01-02-1990," + photoName(0) + "\n9999000000000002,Sekar,01-02-1990,\n"
	again := header + "9999000000000001,Galuh,01-02-1990,\n9999000000000002,Sekar,01-02-1990,\n"
	for _, test := range []struct {
		people   string
		required bool
		want     enrol.Summary
		rejected []reject
	}{
		{first, true, enrol.Summary{Rows: 2, Added: 1, Rejected: 1}, []reject{{3, "NO_FILE: the row has no photograph"}}},
		{first, false, enrol.Summary{Rows: 2, Added: 1, Unchanged: 1, AddedWithoutPhoto: 1}, nil},
		{again, false, enrol.Summary{Rows: 2, Replaced: 1, Unchanged: 1, ReplacedWithoutPhoto: 1}, nil},
	} {
		var rejected []reject
		job := enrol.Import{
			Enroller: e, People: strings.NewReader(test.people), Photos: rows.Folder(root), RequirePhoto: test.required,
			Rejected: func(line int, why error) error { rejected = append(rejected, reject{line, why.Error()}); return nil },
		}
		got, err := job.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("summary (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(test.rejected, rejected); diff != "" {
			t.Errorf("rejected (-want +got):\n%s", diff)
		}
	}
}

// TestNoPhotographs: a file that names photographs is refused as a whole if
// there are none, and one whose cells are empty is not.
func TestNoPhotographs(t *testing.T) {
	empty := header + "9999000000000001,Galuh,01-02-1990,\n"
	named := empty + "9999000000000002,Sekar,01-02-1990,canary.jpg\n"
	lines := `{"nik":"9999000000000001","name":"Galuh","date_of_birth":"01-02-1990","photo":"canary.jpg"}` + "\n"
	for _, test := range []struct {
		people io.Reader
		format rows.Format
		says   string
	}{
		{strings.NewReader(named), rows.CSV, "MALFORMED: line 3 names a photograph: it was not said where the photographs are"},
		{struct{ io.Reader }{strings.NewReader(named)}, rows.CSV, "MALFORMED: line 3 names a photograph: it was not said where the photographs are"},
		{strings.NewReader(lines), rows.JSONLines, "MALFORMED: line 1 names a photograph: it was not said where the photographs are"},
		{strings.NewReader(empty), rows.CSV, ""},
	} {
		memory := registrytest.NewMemory()
		job := enrol.Import{Enroller: newEnroller(memory, nil), People: test.people, Format: test.format}
		summary, err := job.Run(t.Context())
		switch {
		case test.says == "":
			if err != nil || summary.Added != 1 {
				t.Errorf("%+v, %v", summary, err)
			}
		case !errors.Is(err, enrol.ErrNoPhotographs) || err.Error() != test.says || summary != (enrol.Summary{}) || count(t, memory) != 0:
			t.Errorf("%+v, %v, %d on record", summary, err, count(t, memory))
		}
	}
}

// TestHeaderInCapitals: a header line may have any case.
func TestHeaderInCapitals(t *testing.T) {
	people := "NIK,Name,Date_of_Birth,PHOTO\n9999000000000001,Galuh,01-02-1990,\n"
	summary, _, err := runOn(t, newEnroller(registrytest.NewMemory(), nil), people)
	if err != nil || summary.Added != 1 {
		t.Errorf("%+v, %v", summary, err)
	}
}
