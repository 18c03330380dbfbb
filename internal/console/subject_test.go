package console_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestSubjectReport: the report is a file, and a NIK that is none makes no report and is not
// shown again.
func TestSubjectReport(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "admin")
	const nik = "9999000000000001"
	file := b.post("/audit/subject", url.Values{"nik": {nik}})
	if file.status != 200 || file.text != "what is stored" || !slices.Equal(w.reported, []string{nik}) ||
		!strings.HasPrefix(file.header.Get("Content-Disposition"), "attachment;") || !strings.Contains(file.header.Get("Cache-Control"), "no-store") {
		t.Errorf("%d %v: %s", file.status, file.header, file.text)
	}
	for _, bad := range []string{"", "12", "999900000000000x"} {
		page := b.post("/audit/subject", url.Values{"nik": {bad}})
		if page.status != 400 || len(w.reported) != 1 || bad != "" && strings.Contains(page.text, `"`+bad+`"`) {
			t.Errorf("%q: %d, %d reports", bad, page.status, len(w.reported))
		}
	}
}
