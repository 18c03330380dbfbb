package client_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/registry"
)

// content is an answer of the data check with that one row.
func content(row string) string {
	return `{"content":[` + row + `],"lastPage":true,"numberOfElements":1,"sort":null,"totalElements":1,"firstPage":true,"number":0,"size":1,"quotaLimiter":56616}`
}

func coded(code string) string {
	return content(`{"RESPONSE_CODE":"` + code + `","RESPONSE_DESC":"-","RESPONSE":"-"}`)
}

const agreeing = `"NIK":"Sesuai","NAMA_LGKP":"Sesuai (97)","TGL_LHR":"Sesuai"`

// TestDataRequest: what is sent is what integrators' clients send.
func TestDataRequest(t *testing.T) {
	u := newUpstream(t)
	u.says(content(`{` + agreeing + `}`))
	r := u.open(t, nil)
	a, err := r.Ask(t.Context(), dataQuestion(t))
	if err != nil {
		t.Fatal(err)
	}
	want := registry.Answer{Found: true, NameScore: 97, DateOfBirth: sesuai.Match}
	if diff := diffAnswers(want, a); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]map[string]any{{
		"USER_ID": userID, "PASSWORD": password, "IP_USER": "10.0.0.7", "TRESHOLD": "80",
		"NIK": nikText, "NAMA_LGKP": "WIRASABA TEMBALANG", "TGL_LHR": dateText,
	}}, u.asked); diff != "" {
		t.Errorf("what was sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/dukcapil/get_json/5566/CALL_VERIFY_BY_ELEMEN"}, u.paths); diff != "" {
		t.Errorf("path (-want +got):\n%s", diff)
	}
	call := u.calls.calls[0]
	if call.Service != ledger.DataCheck || call.Client != "cli_bank" || call.RequestID != "req-1" || call.Price != 1000 || call.At.IsZero() {
		t.Errorf("the ledger has %+v", call)
	}
	if left := u.metric(t, "quota_left", "data_check"); left != 56616 {
		t.Errorf("quota left: %v", left)
	}

	// Agreements differ in names.
	r = newUpstreamAs(t, u, func(c *client.Config) {
		c.Data.Path, c.Data.Method, c.Data.ThresholdAsNumber = "/v2/{method}/x", "CEK NIK", true
		c.Data.Keys = "threshold=THRESHOLD name=NAMA content=isi quota=sisa"
	})
	u.says(`{"isi":[{"NIK":"Sesuai","NAMA":"Tidak Sesuai (12)","TGL_LHR":"Tidak Sesuai"}],"sisa":"3"}`)
	a, err = r.Ask(t.Context(), dataQuestion(t))
	want = registry.Answer{Found: true, NameScore: 12, DateOfBirth: sesuai.NonMatch}
	if diff := diffAnswers(want, a); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	last := u.asked[len(u.asked)-1]
	if u.paths[1] != "/v2/CEK%20NIK/x" || last["THRESHOLD"] != 80.0 || last["NAMA"] != "WIRASABA TEMBALANG" || last["NAMA_LGKP"] != nil {
		t.Errorf("%s: %v", u.paths[1], last)
	}
}

// TestLongNameIsSentWhole: names of more than 60 characters are on record
// upstream, so none is cut.
func TestLongNameIsSentWhole(t *testing.T) {
	u := newUpstream(t)
	u.says(content(`{` + agreeing + `}`))
	q := dataQuestion(t)
	long := strings.Repeat("WIRASABA ", 11) + "T"
	var err error
	if q.Claim.Name, err = sesuai.ParseName(long); err != nil || len(long) != sesuai.MaxNameLength {
		t.Fatalf("a name of %d characters: %v", len(long), err)
	}
	if _, err := u.open(t, nil).Ask(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if sent := u.asked[0]["NAMA_LGKP"]; sent != long {
		t.Errorf("sent: %v", sent)
	}
}

// newUpstreamAs is another registry for the same upstream.
func newUpstreamAs(t testing.TB, u *upstream, change func(c *client.Config)) *client.Registry {
	t.Helper()
	return u.open(t, func(o *client.Options) {
		o.Metrics = nil
		change(&o.Config)
	})
}

// TestDataCodes: every row of the table, in both shapes and in the forms that
// numbers and texts come in.
func TestDataCodes(t *testing.T) {
	notActive := func(s sesuai.Status) registry.Answer {
		return registry.Answer{Found: true, Status: s, NameScore: registry.NotScored}
	}
	duplicate := notActive(sesuai.Inactive)
	duplicate.Duplicate = true
	found := registry.Answer{Found: true, NameScore: 97, DateOfBirth: sesuai.Match}
	for _, test := range []struct {
		codes, class string
		want         registry.Answer // zero with unavailable: no answer
		unavailable  bool
		again        bool // the same answer again brings another call
	}{
		{"13 15 08", "data not_found billed", registry.Answer{}, false, true},
		{"11", "data deceased billed", notActive(sesuai.Deceased), false, true},
		{"14", "data inactive billed", notActive(sesuai.Inactive), false, true},
		{"12", "data duplicate billed", duplicate, false, true},
		{"03 04 10 09 16 17 06 07", "data configuration", registry.Answer{}, true, true},
		{"05", "data quota", registry.Answer{}, true, false},
		{"18 99 -1 13.0 X", "data unexpected", registry.Answer{}, true, true},
		{"00 01", "data found billed", found, false, true},
	} {
		for _, code := range strings.Fields(test.codes) {
			row := `"RESPONSE_CODE":%s,"RESPONSE_DESC":"Any text","RESPONSE":"any"`
			if test.class == "data found billed" {
				row += "," + agreeing
			}
			forms := []string{`"` + code + `"`, `" ` + code + ` "`}
			if n := strings.TrimLeft(code, "0"); n != "X" {
				if n == "" {
					n = "0"
				}
				forms = append(forms, n)
			}
			for _, form := range forms {
				t.Run(form, func(t *testing.T) {
					u := newUpstream(t)
					u.says(content("{" + fmt.Sprintf(row, form) + "}"))
					r := u.open(t, nil)
					for range 2 {
						a, err := r.Ask(t.Context(), dataQuestion(t))
						if (err != nil) != test.unavailable {
							t.Fatal(err)
						}
						if err != nil && retryAfter(t, err) <= 0 {
							t.Error("it does not say when to try again")
						}
						if diff := diffAnswers(test.want, a); diff != "" {
							t.Errorf("(-want +got):\n%s", diff)
						}
					}
					want := []string{test.class, test.class}
					if !test.again {
						want = want[:1]
					}
					if diff := cmp.Diff(want, u.calls.classes(t)); diff != "" || u.requests() != len(want) {
						t.Errorf("%d requests, ledger (-want +got):\n%s", u.requests(), diff)
					}
				})
			}
		}
	}
}

// TestDataTexts: old deployments give no code.
func TestDataTexts(t *testing.T) {
	for text, class := range map[string]client.Class{
		"Data Tidak Ditemukan":      client.NotFound,
		"  DATA  tidak\tDITEMUKAN ": client.NotFound,
		"meninggal dunia":           client.Deceased,
		"Data Ditemukan, Status Tidak Aktif silakan hubungi Dinas Dukcapil": client.Inactive,
		"Login Gagal":                         client.Configuration,
		"Kuota Akses Hari ini telah Habis":    client.Quota,
		"Data Tidak Ditemukan.":               client.Unexpected,
		"Data Ditemukan":                      client.Unexpected,
		"Sesuai":                              client.Unexpected,
		"Kuota Data Tidak Ditemukan":          client.Unexpected,
		"":                                    client.Unexpected,
		"<html>Data Tidak Ditemukan</html>":   client.Unexpected,
		"Terjadi kesalahan pada sistem":       client.Unexpected,
		"data tidak ditemukan login gagal":    client.Unexpected,
		"Data Tidak Ditemukan, silakan ulang": client.Unexpected,
	} {
		quoted := fmt.Sprintf("%q", text)
		for _, body := range []string{
			`{"RESPON":` + quoted + `}`,
			content(`{"RESPON":` + quoted + `}`),
			`{"content":null,"RESPON":` + quoted + `,"quotaLimiter":"12"}`,
		} {
			_, got, what := client.ReadData(upstreamless(), []byte(body), someClaim(t))
			if got != class || (got == client.Unexpected) != (what != "") {
				t.Errorf("%s is %s %s, want %s", body, got, what, class)
			}
		}
	}
}

// upstreamless is a configuration for reading alone.
func upstreamless() client.Config {
	c := client.DefaultConfig()
	c.Data.URL, c.Data.Customer, c.Data.IP = "https://127.0.0.1", "1", "10.0.0.7"
	c.Face.URL, c.Face.IP = "https://127.0.0.1", "10.0.0.7"
	return c
}

// TestDataElements: what each text about an element means, and that nothing
// else means anything.
func TestDataElements(t *testing.T) {
	const active = sesuai.Active
	answer := func(score int, date sesuai.Outcome) registry.Answer {
		return registry.Answer{Found: true, Status: active, NameScore: score, DateOfBirth: date}
	}
	for _, test := range []struct {
		row  string
		want registry.Answer
		what string // unexpected
	}{
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (100)","TGL_LHR":"Sesuai"`, answer(100, sesuai.Match), ""},
		{`"NIK":" SESUAI ","NAMA_LGKP":"tidak  SESUAI(0)","TGL_LHR":"TIDAK SESUAI"`, answer(0, sesuai.NonMatch), ""},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai ( 85 )","TGL_LHR":"Tidak Sesuai"`, answer(85, sesuai.NonMatch), ""},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (96.99)","TGL_LHR":"Sesuai"`, answer(96, sesuai.Match), ""},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (100.00)","TGL_LHR":"Sesuai"`, answer(100, sesuai.Match), ""},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai","TGL_LHR":"Sesuai"`, answer(80, sesuai.Match), ""},
		{`"NIK":"Sesuai","NAMA_LGKP":"Tidak Sesuai","TGL_LHR":"Sesuai"`, answer(0, sesuai.Match), ""},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (12)","TGL_LHR":"Sesuai"`, answer(12, sesuai.Match), ""},
		{`"NIK":"Sesuai","NAMA_LGKP":"Tidak Sesuai (99)","TGL_LHR":"Sesuai"`, answer(99, sesuai.Match), ""},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (97)","TGL_LHR":"Sesuai","TMPT_LHR":"Tidak Sesuai","NO_KK":{"x":1}`, answer(97, sesuai.Match), ""},
		{`"RESPONSE_CODE":null,"RESPONSE":"",` + agreeing, answer(97, sesuai.Match), ""},

		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (101)","TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (100.5)","TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (-1)","TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (9,5)","TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai ()","TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":"97","TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":97,"TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":true,"TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":"Tidak","TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":"Tidak Tidak Sesuai","TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":["Sesuai (97)"],"TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":"","TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":null,"TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","TGL_LHR":"Sesuai"`, registry.Answer{}, "name"},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (97)"`, registry.Answer{}, "date"},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (97)","TGL_LHR":"Sesuai (100)"`, registry.Answer{}, "date"},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (97)","TGL_LHR":"true"`, registry.Answer{}, "date"},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (97)","TGL_LHR":null`, registry.Answer{}, "date"},
		{`"NIK":"Tidak Sesuai","NAMA_LGKP":"Tidak Sesuai (0)","TGL_LHR":"Tidak Sesuai"`, registry.Answer{}, "nik"},
		{`"NIK":"` + nikText + `","NAMA_LGKP":"Sesuai (97)","TGL_LHR":"Sesuai"`, registry.Answer{}, "nik"},
		{`"NAMA_LGKP":"Sesuai (97)","TGL_LHR":"Sesuai"`, registry.Answer{}, "nik"},
		{`"nik":"Sesuai","nama_lgkp":"Sesuai (97)","tgl_lhr":"Sesuai"`, registry.Answer{}, "nik"},
		{`"NIK":"Sesuai","NAMA_LGKP":"Sesuai (97)","NAMA_LGKP":"Tidak Sesuai (3)","TGL_LHR":"Sesuai"`, registry.Answer{}, "json"},
		{`"RESPONSE_CODE":"00"`, registry.Answer{}, "nik"},
		{`"RESPONSE_CODE":"13","NIK":"Sesuai"`, registry.Answer{}, "contradiction"},
		{`"RESPONSE_CODE":"13","RESPONSE":"Login Gagal"`, registry.Answer{}, "contradiction"},
		{`"RESPONSE_CODE":"05","RESPON":"Data Tidak Ditemukan"`, registry.Answer{}, "contradiction"},
		{`"RESPON":"Data Tidak Ditemukan",` + agreeing, registry.Answer{}, "contradiction"},
		{`"RESPONSE":"Terjadi kesalahan",` + agreeing, registry.Answer{}, "unknown_text"},
		{`"RESPONSE_CODE":{},` + agreeing, registry.Answer{}, "code"},
		{`"RESPONSE_CODE":"00","RESPON":[],` + agreeing, registry.Answer{}, "text"},
		{``, registry.Answer{}, "empty_content"},

		{
			`"RESPONSE_CODE":"11",` + agreeing,
			registry.Answer{Found: true, Status: sesuai.Deceased, NameScore: 97, DateOfBirth: sesuai.Match},
			"",
		},
		{
			`"RESPONSE_CODE":"14","NIK":"Sesuai","NAMA_LGKP":"Sesuai (97)"`,
			registry.Answer{Found: true, Status: sesuai.Inactive, NameScore: registry.NotScored},
			"",
		},
		{`"RESPONSE_CODE":"11","NIK":"Tidak Sesuai"`, registry.Answer{}, "nik"},
		{`"RESPONSE_CODE":"14","NAMA_LGKP":"gibberish"`, registry.Answer{}, "name"},
	} {
		a, class, what := client.ReadData(upstreamless(), []byte(content("{"+test.row+"}")), someClaim(t))
		if what != test.what || (class == client.Unexpected) != (test.what != "") {
			t.Errorf("%s: %s %q, want %q", test.row, class, what, test.what)
		}
		if diff := diffAnswers(test.want, a); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.row, diff)
		}
	}

	// The operator may hold a duplicate for active: then it must be compared.
	c := upstreamless()
	c.Data.Duplicate = "active"
	a, _, what := client.ReadData(c, []byte(content(`{"RESPONSE_CODE":"12",`+agreeing+`}`)), someClaim(t))
	want := answer(97, sesuai.Match)
	want.Duplicate = true
	if diff := diffAnswers(want, a); diff != "" || what != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	if _, class, _ := client.ReadData(c, []byte(coded("12")), someClaim(t)); class != client.Unexpected {
		t.Errorf("a duplicate that is active and was not compared is %s", class)
	}
}

// TestDataEnvelopes: bodies that are not an answer.
func TestDataEnvelopes(t *testing.T) {
	row := "{" + agreeing + "}"
	for body, what := range map[string]string{
		``: "json", `null`: "json", `[]`: "json", `"Sesuai"`: "json", `13`: "json", `{`: "json",
		content(row) + "x":                                          "json",
		content(row) + content(row):                                 "json",
		content(row)[:len(content(row))/2]:                          "json",
		`<html><body>Data Tidak Ditemukan</body></html>`:            "json",
		"\ufeff" + content(row):                                     "json",
		"{\"content\":[{\"RESPON\":\"Data Tidak Ditemukan\xff\"}]}": "json",
		`{"content":[` + row + `],"content":[]}`:                    "json",
		`{}`:                                                        "no_content",
		`{"content":null}`:                                          "no_content",
		`{"Content":[` + row + `]}`:                                 "no_content",
		`{"content":[]}`:                                            "empty_content",
		`{"content":[{}]}`:                                          "empty_content",
		`{"content":[` + row + `,` + row + `]}`:                     "several_rows",
		`{"content":` + row + `}`:                                   "content",
		`{"content":"` + `Data Tidak Ditemukan` + `"}`:              "content",
		`{"content":["Data Tidak Ditemukan"]}`:                      "content",
		`{"content":[[]]}`:                                          "content",
		`{"content":[null]}`:                                        "content",
		`{"RESPON":"Data Tidak Ditemukan","content":[` + row + `]}`: "contradiction",
		`{"RESPON":{}}`:                                             "text",
		`{"RESPON":null}`:                                           "nik",
	} {
		a, class, got := client.ReadData(upstreamless(), []byte(body), someClaim(t))
		if class != client.Unexpected || got != what || !isZero(a) {
			t.Errorf("%s: %s %q, want %q", body, class, got, what)
		}
	}
}

// TestUnexpectedStatus: an answer of another status is none, whatever it says.
func TestUnexpectedStatus(t *testing.T) {
	for status, class := range map[int]string{
		201: "data unexpected", 204: "data unexpected", 302: "data unexpected", 400: "data unexpected", 401: "data unexpected",
		404: "data unexpected", 429: "data unexpected", 500: "data http", 502: "data http", 503: "data http",
	} {
		u := newUpstream(t)
		u.does(func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			if status != 204 {
				fmt.Fprint(w, coded("13"))
			}
		})
		_, err := u.open(t, nil).Ask(t.Context(), dataQuestion(t))
		if retryAfter(t, err) <= 0 {
			t.Errorf("%d: it does not say when to try again", status)
		}
		want := []string{class}
		if status >= 500 {
			want = []string{class, class, class}
		}
		if diff := cmp.Diff(want, u.calls.classes(t)); diff != "" {
			t.Errorf("%d: the ledger (-want +got):\n%s", status, diff)
		}
		if status < 500 && u.metric(t, "unexpected_total", "data_check", "status") != 1 {
			t.Errorf("%d: no metric", status)
		}
	}
}
