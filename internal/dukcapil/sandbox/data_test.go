package sandbox_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// TestDataCheck: the answer about a person on record is that of the registry.
func TestDataCheck(t *testing.T) {
	b := newBed(t, nil)
	p := b.enrol(1, nil)
	dead := b.enrol(2, func(p *registry.Person) { p.Status = sesuai.Deceased })
	inactive := b.enrol(3, func(p *registry.Person) { p.Status = sesuai.Inactive })
	all := object{"NIK": "Sesuai", "NAMA_LGKP": "Sesuai (100)", "TGL_LHR": "Sesuai"}
	for name, test := range map[string]struct {
		body  object
		want  object
		class sandbox.Class
	}{
		"all agrees":              {dataBody(p), all, sandbox.Found},
		"an integer as threshold": {with(dataBody(p), object{"TRESHOLD": 95}), all, sandbox.Found},
		"another date": {
			with(dataBody(p), object{"TGL_LHR": "01-01-1930"}), with(all, object{"TGL_LHR": "Tidak Sesuai"}), sandbox.Found,
		},
		"no such date": {
			with(dataBody(p), object{"TGL_LHR": "31-02-1930"}), with(all, object{"TGL_LHR": "Tidak Sesuai"}), sandbox.Found,
		},
		"what cannot be a name": {
			with(dataBody(p), object{"NAMA_LGKP": "123"}), with(all, object{"NAMA_LGKP": "Tidak Sesuai (0)"}), sandbox.Found,
		},
		"only the name":     {with(dataBody(p), object{"TGL_LHR": nil}), with(all, object{"TGL_LHR": nil}), sandbox.Found},
		"only the date":     {with(dataBody(p), object{"NAMA_LGKP": ""}), with(all, object{"NAMA_LGKP": nil}), sandbox.Found},
		"elements not kept": {with(dataBody(p), object{"NO_RT": 3, "ALAMAT": "JL. X"}), all, sandbox.Found},
		"nobody":            {with(dataBody(p), object{"NIK": "9999000000000099"}), refused("13", "Data Tidak Ditemukan"), sandbox.NotFound},
		"deceased":          {dataBody(dead), refused("11", "meninggal dunia"), sandbox.NotActive},
		"inactive":          {dataBody(inactive), refused("14", "Data Ditemukan, Status Tidak Aktif silakan hubungi Dinas Dukcapil"), sandbox.NotActive},
	} {
		t.Run(name, func(t *testing.T) {
			got := b.post(dataPath, test.body)
			if diff := cmp.Diff(test.want, row(t, got)); diff != "" {
				t.Error(diff)
			}
			e := b.last()
			if e.Class != test.class || !e.Billed || e.NIK != test.body["NIK"] {
				t.Errorf("recorded %+v", e)
			}
			if want, _ := test.want["NAMA_LGKP"].(string); e.Name != want {
				t.Errorf("recorded %q about the name, answered %q", e.Name, want)
			}
			if want, _ := test.want["TGL_LHR"].(string); e.DateOfBirth != want {
				t.Errorf("recorded %q about the date, answered %q", e.DateOfBirth, want)
			}
		})
	}
}

// refused returns the row of a refusal.
func refused(code, text string) object {
	return object{"RESPONSE_CODE": code, "RESPONSE_DESC": text, "RESPONSE": text}
}

// TestEnvelope checks what surrounds the row.
func TestEnvelope(t *testing.T) {
	b := newBed(t, func(o *sandbox.Options) { o.Data.Quota = 56617 })
	got := b.post(dataPath, dataBody(b.enrol(1, nil)))
	delete(got, "content")
	want := object{
		"lastPage": true, "numberOfElements": 1.0, "sort": nil, "totalElements": 1.0, "firstPage": true, "number": 0.0, "size": 1.0,
		"quotaLimiter": 56616.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestThreshold: the word depends on the threshold that is sent, the number only
// on the names.
func TestThreshold(t *testing.T) {
	b := newBed(t, nil)
	p := b.enrol(1, func(p *registry.Person) { p.Name = registrytest.Name(t, "SITI AMINAH") })
	for threshold, want := range map[any]string{"80": "Sesuai", 84: "Sesuai", "85": "Tidak Sesuai", 100: "Tidak Sesuai", " 0 ": "Sesuai"} {
		got := row(t, b.post(dataPath, with(dataBody(p), object{"NAMA_LGKP": "SITI AMINAH B", "TRESHOLD": threshold})))
		if want += " (84)"; got["NAMA_LGKP"] != want {
			t.Errorf("%v: %v, want %s", threshold, got["NAMA_LGKP"], want)
		}
	}
}

// TestDataAdmission checks the refusals before the registry is asked.
func TestDataAdmission(t *testing.T) {
	bound := account
	bound.UserID, bound.IPs = "BOUND", []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("127.0.0.1")}
	elsewhere := account
	elsewhere.UserID, elsewhere.IPs = "ELSEWHERE", []netip.Addr{netip.MustParseAddr("10.0.0.1")}
	closed, former := account, account
	closed.UserID, closed.InstitutionInactive = "CLOSED", true
	former.UserID, former.UserInactive = "FORMER", true
	b := newBed(t, func(o *sandbox.Options) {
		o.Accounts, o.CheckConnection = []sandbox.Account{account, bound, elsewhere, closed, former}, true
	})
	p := b.enrol(1, nil)
	for name, test := range map[string]struct {
		change object
		code   any
	}{
		"admitted":              {object{}, nil},
		"from an address of it": {object{"USER_ID": "BOUND"}, nil},
		"no user":               {object{"USER_ID": ""}, "09"},
		"no password":           {object{"PASSWORD": nil}, "09"},
		"unknown user":          {object{"USER_ID": "NOBODY"}, "03"},
		"wrong password":        {object{"PASSWORD": "Secret"}, "03"},
		"inactive institution":  {object{"USER_ID": "CLOSED"}, "16"},
		"inactive user":         {object{"USER_ID": "FORMER"}, "17"},
		"another address":       {object{"USER_ID": "BOUND", "IP_USER": "10.0.0.2"}, "04"},
		"no address":            {object{"USER_ID": "BOUND", "IP_USER": nil}, "04"},
		"another connection":    {object{"USER_ID": "ELSEWHERE"}, "10"},
		"no threshold":          {object{"TRESHOLD": nil}, "07"},
		"threshold too high":    {object{"TRESHOLD": 101}, "07"},
		"threshold in words":    {object{"TRESHOLD": "high"}, "07"},
		"no NIK":                {object{"NIK": nil}, "07"},
		"a list as NIK":         {object{"NIK": []string{"1"}}, "07"},
		"date the wrong way":    {object{"TGL_LHR": "1990-12-31"}, "07"},
		"a NIK too short":       {object{"NIK": "123"}, "15"},
		"a NIK with a letter":   {object{"NIK": "999900000000000X"}, "15"},
	} {
		t.Run(name, func(t *testing.T) {
			got := row(t, b.post(dataPath, with(dataBody(p), test.change)))
			if got["RESPONSE_CODE"] != test.code {
				t.Errorf("code %v, want %v", got["RESPONSE_CODE"], test.code)
			}
			if e := b.last(); e.Billed != (test.code == nil || test.code == "15") {
				t.Errorf("billed: %v", e.Billed)
			}
		})
	}
	got := row(t, b.post(strings.Replace(dataPath, "BANK", "OTHER", 1), dataBody(p)))
	if got["RESPONSE_CODE"] != "03" {
		t.Errorf("another customer's path: %v", got)
	}
}

// TestQuotaOfTheDay: the quota counts billed calls, and is reset at midnight in
// Jakarta.
func TestQuotaOfTheDay(t *testing.T) {
	b := newBed(t, func(o *sandbox.Options) { o.Data.Quota, o.Face.Quota = 2, 1 })
	p := b.enrol(1, nil)
	ask := func() (code any, remaining float64) {
		t.Helper()
		got := b.post(dataPath, dataBody(p))
		return row(t, got)["RESPONSE_CODE"], got["quotaLimiter"].(float64)
	}
	b.post(dataPath, with(dataBody(p), object{"TRESHOLD": "?"})) // is not billed
	midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, sesuai.Jakarta)
	for i, step := range []struct {
		at   time.Time
		code any
		left float64 // of the quota
	}{
		{noon, nil, 1},
		{noon, nil, 0},
		{noon, "05", 0},
		{midnight.Add(-time.Microsecond), "05", 0},
		{midnight, nil, 1},
		{midnight.Add(5 * time.Hour).UTC(), nil, 0}, // the 23rd in UTC
		{midnight.Add(8 * time.Hour).UTC(), "05", 0},
	} {
		b.now.Store(&step.at)
		if code, left := ask(); code != step.code || left != step.left {
			t.Errorf("step %d: code %v, %v left; want %v, %v", i, code, left, step.code, step.left)
		}
	}
	b.now.Store(&noon)
	image := b.image(1, 90)
	for i, want := range []string{"6018", "5002"} {
		got := b.post(facePath, b.faceBody(p.NIK, image))
		if errorCode(t, got) != want || got["quotaLimiter"] != 0.0 {
			t.Errorf("face check %d: %v", i, got)
		}
	}
}

// TestPermittedHours: hours are in Jakarta time and may extend past midnight.
func TestPermittedHours(t *testing.T) {
	for hours, open := range map[string]string{
		"":            "000000000000000000000000",
		"06:00-22:00": "xxxxxx0000000000000000xx",
		"22:00-06:00": "000000xxxxxxxxxxxxxxxx00",
		"23:00-00:00": "xxxxxxxxxxxxxxxxxxxxxxx0",
	} {
		b := newBed(t, func(o *sandbox.Options) { o.Hours = hours })
		p := b.enrol(1, nil)
		for hour := range 24 {
			at := time.Date(2026, 11, 23, hour, 0, 0, 0, sesuai.Jakarta).UTC()
			b.now.Store(&at)
			want := any(nil)
			if open[hour] == 'x' {
				want = "06"
			}
			if got := row(t, b.post(dataPath, dataBody(p)))["RESPONSE_CODE"]; got != want {
				t.Errorf("%s at %d:00: %v, want %v", hours, hour, got, want)
			}
		}
	}
	for _, wrong := range []string{"6-22", "06:00-25:00", "06:00-06:00", "06:00", "06:00_22:00", "aa:bb-cc:dd"} {
		if _, _, err := sandbox.ParseHours(wrong); err == nil {
			t.Errorf("%q is read as hours", wrong)
		}
	}
}

// TestOldShape checks refusals in the form of old deployments.
func TestOldShape(t *testing.T) {
	b := newBed(t, func(o *sandbox.Options) { o.Quirks.Shape = sandbox.Respon })
	p := b.enrol(1, nil)
	got := b.post(dataPath, with(dataBody(p), object{"NIK": "9999000000000099"}))
	if diff := cmp.Diff(object{"RESPON": "Data Tidak Ditemukan"}, got); diff != "" {
		t.Error(diff)
	}
	if got := row(t, b.post(dataPath, dataBody(p))); got["NIK"] != "Sesuai" {
		t.Errorf("a success: %v", got)
	}
}

// TestQuirks: many calls yield every variant, and the same seed yields the same
// ones.
func TestQuirks(t *testing.T) {
	quirks := sandbox.Quirks{
		Shape: sandbox.MixedShape, Unsent: sandbox.MixedUnsent, Scalars: sandbox.MixedScalars, Texts: sandbox.MixedTexts,
	}
	run := func() (texts []string) {
		b := newBed(t, func(o *sandbox.Options) { o.Quirks, o.Seed = quirks, 7 })
		p := b.enrol(1, nil)
		seen := make(map[string]int)
		for range 100 {
			r := b.send(dataPath, marshal(t, dataBody(p)))
			texts = append(texts, string(r.body))
			var o struct {
				Content      []map[string]any
				QuotaLimiter any
			}
			unmarshal(t, r.body, &o)
			seen[fmt.Sprintf("quota %T", o.QuotaLimiter)]++
			seen[strings.Join(strings.Fields(o.Content[0]["NAMA_LGKP"].(string)), " ")]++
			seen[fmt.Sprintf("unsent: %v", o.Content[0]["ALAMAT"] != nil)]++
			if e := b.last(); e.Name != o.Content[0]["NAMA_LGKP"] {
				t.Fatalf("recorded %q, sent %q", e.Name, o.Content[0]["NAMA_LGKP"])
			}
			r = b.send(dataPath, marshal(t, with(dataBody(p), object{"NIK": "9999000000000099"})))
			texts = append(texts, string(r.body))
			switch {
			case strings.Contains(string(r.body), `"RESPON":`):
				seen["old"]++
			case strings.Contains(string(r.body), `"RESPONSE_CODE":"13"`):
				seen["new, code as string"]++
			case strings.Contains(string(r.body), `"RESPONSE_CODE":13`):
				seen["new, code as number"]++
			default:
				t.Fatalf("%s", r.body)
			}
		}
		for _, form := range []string{
			"quota string", "quota float64", "Sesuai (100)", "SESUAI (100)", "sesuai (100)", "Sesuai(100)",
			"unsent: true", "unsent: false", "old", "new, code as string", "new, code as number",
		} {
			if seen[form] == 0 {
				t.Errorf("%s never came: %v", form, seen)
			}
		}
		return texts
	}
	if diff := cmp.Diff(run(), run()); diff != "" {
		t.Errorf("another run with the same seed answers otherwise:\n%s", diff)
	}
}

// TestUnsentDiffers: the answer says that elements that were not sent differ.
func TestUnsentDiffers(t *testing.T) {
	b := newBed(t, func(o *sandbox.Options) { o.Quirks.Unsent = sandbox.Differs })
	p := b.enrol(1, nil)
	got := row(t, b.post(dataPath, with(dataBody(p), object{"NAMA_LGKP": nil})))
	if got["NAMA_LGKP"] != "Tidak Sesuai" || got["KEL_NAME"] != "Tidak Sesuai" || got["NIK"] != "Sesuai" || len(got) != 20 {
		t.Errorf("%v", got)
	}
	if e := b.last(); e.Name != "" {
		t.Errorf("recorded %q about a name that was not sent", e.Name)
	}
}
