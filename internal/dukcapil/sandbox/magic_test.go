package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
)

// TestDataCodes checks every code of the data check in both shapes.
func TestDataCodes(t *testing.T) {
	classes := map[string]sandbox.Class{
		"03": "configuration", "04": "configuration", "05": "quota", "06": "configuration", "07": "configuration",
		"08": "not_found", "09": "configuration", "10": "configuration", "11": "not_active", "12": "duplicate", "13": "not_found",
		"14": "not_active", "15": "not_found", "16": "configuration", "17": "configuration", "99": "unreadable",
	}
	texts := map[string]string{
		"03": "Login Gagal", "05": "Kuota Akses Hari ini telah Habis", "11": "meninggal dunia", "13": "Data Tidak Ditemukan",
		"14": "Data Ditemukan, Status Tidak Aktif silakan hubungi Dinas Dukcapil",
	}
	for _, shape := range []sandbox.Shape{sandbox.Envelope, sandbox.Respon} {
		b := newBed(t, func(o *sandbox.Options) { o.Quirks.Shape = shape })
		for code, class := range classes {
			got := b.post(dataPath, dataBody(magicPerson(t, "00"+code)))
			var text any
			if shape == sandbox.Respon {
				text = got["RESPON"]
				if len(got) != 1 {
					t.Errorf("%s: %v", code, got)
				}
			} else {
				r := row(t, got)
				if text = r["RESPONSE"]; r["RESPONSE_CODE"] != code || r["RESPONSE_DESC"] != text {
					t.Errorf("%s: %v", code, r)
				}
			}
			if want, ok := texts[code]; ok && text != want {
				t.Errorf("%s: %q, want %q", code, text, want)
			}
			wantBilled := slices.Contains([]sandbox.Class{"not_found", "not_active", "duplicate"}, class)
			if e := b.last(); e.Class != class || e.Billed != wantBilled {
				t.Errorf("%s: recorded %+v", code, e)
			}
		}
		for _, code := range []string{"00", "01"} {
			r := row(t, b.post(dataPath, dataBody(magicPerson(t, "00"+code))))
			if r["RESPONSE_CODE"] != code || r["NAMA_LGKP"] != "Sesuai (100)" || b.last().Class != sandbox.Found {
				t.Errorf("%s: %v", code, r)
			}
		}
	}
}

// TestFaceCodes checks every code of the face check.
func TestFaceCodes(t *testing.T) {
	b := newBed(t, nil)
	for code, class := range map[int]sandbox.Class{
		6018: "compared", 6019: "compared", 6020: "no_portrait", 6015: "image", 6006: "image",
		5000: "busy", 6012: "busy", 6014: "busy", 5002: "busy",
		5001: "configuration", 5003: "configuration", 5004: "configuration", 5005: "configuration", 5006: "configuration", 9002: "configuration",
		9999: "unreadable",
	} {
		p := magicPerson(t, fmt.Sprint(code))
		got := b.post(facePath, b.faceBody(p.NIK, jpeg(10)))
		if errorCode(t, got) != fmt.Sprint(code) || got["httpResponseCode"] != 200.0 {
			t.Errorf("%d: %v", code, got)
		}
		if e := b.last(); e.Class != class || e.Billed != (class == "compared") {
			t.Errorf("%d: recorded %+v", code, e)
		}
		if r := row(t, b.post(dataPath, dataBody(p))); r["NAMA_LGKP"] != "Sesuai (100)" || r["TGL_LHR"] != "Sesuai" || r["NIK"] != "Sesuai" {
			t.Errorf("%d: the data check says %v", code, r)
		}
	}
}

// TestOddRows checks the data check's magic NIKs that stand for no code.
func TestOddRows(t *testing.T) {
	b := newBed(t, nil)
	agreeing := object{"NIK": "Sesuai", "NAMA_LGKP": "Sesuai (100)", "TGL_LHR": "Sesuai"}
	say := func(key, text string) []any { return []any{with(agreeing, object{key: text})} }
	for suffix, test := range map[string]struct {
		content any
		class   sandbox.Class
	}{
		"1000": {[]any{agreeing}, "found"},
		"1001": {say("NAMA_LGKP", "Tidak Sesuai (40)"), "found"},
		"1002": {say("TGL_LHR", "Tidak Sesuai"), "found"},
		"1003": {say("NAMA_LGKP", "Sesuai (80)"), "found"},
		"1004": {say("NAMA_LGKP", "Tidak Sesuai (79)"), "found"},
		"1005": {say("NAMA_LGKP", "Tidak Sesuai (100)"), "found"},
		"1006": {say("NAMA_LGKP", "Perlu Verifikasi"), "unreadable"},
		"1007": {[]any{with(agreeing, object{"NAMA_LGKP": nil})}, "unreadable"},
		"1008": {say("NAMA_LGKP", "Sesuai"), "found"},
		"1009": {say("NIK", "Tidak Sesuai"), "unreadable"},
		"1010": {say("NAMA_LGKP", "Sesuai (150)"), "unreadable"},
		"1011": {say("TGL_LHR", "Sesuai (50)"), "unreadable"},
		"1012": {[]any{agreeing}, "found"},
		"1020": {[]any{}, "unreadable"},
		"1021": {nil, "unreadable"},
		"1022": {[]any{agreeing, agreeing}, "unreadable"},
		"1023": {[]any{refused("00", "Data Ditemukan")}, "unreadable"},
		"1024": {[]any{object{}}, "unreadable"},
	} {
		got := b.post(dataPath, dataBody(magicPerson(t, suffix)))
		if diff := cmp.Diff(test.content, got["content"]); diff != "" {
			t.Errorf("%s: %s", suffix, diff)
		}
		if e := b.last(); e.Class != test.class || e.Billed != (test.class == "found") {
			t.Errorf("%s: recorded %+v", suffix, e)
		}
		if _, ok := got["quotaLimiter"]; ok == (suffix == "1012") {
			t.Errorf("%s: quotaLimiter is there: %v", suffix, ok)
		}
	}
	for suffix, text := range map[string]string{
		"1030": "Data Tidak Ditemukan", "1031": "meninggal dunia", "1033": "Login Gagal", "1034": "Kuota Akses Hari ini telah Habis",
		"1032": "Data Ditemukan, Status Tidak Aktif silakan hubungi Dinas Dukcapil", "1035": "Terjadi Kesalahan Sistem",
	} {
		if diff := cmp.Diff(object{"RESPON": text}, b.post(dataPath, dataBody(magicPerson(t, suffix)))); diff != "" {
			t.Errorf("%s: %s", suffix, diff)
		}
	}
}

// TestOddScores checks the face check's magic NIKs that stand for no code.
func TestOddScores(t *testing.T) {
	b := newBed(t, nil)
	for suffix, want := range map[string][]any{ // errorCode, matchScore, verificationResult, class
		"2001": {6018.0, "9.800", true, "compared"},
		"2002": {6018.0, "5.000", true, "compared"},
		"2003": {6019.0, "4.999", false, "compared"},
		"2004": {6018.0, "8.331", false, "compared"},
		"2005": {6019.0, "8.331", true, "compared"},
		"2006": {6018.0, "2.114", true, "compared"},
		"2007": {6018.0, "12.500", true, "compared"},
		"2008": {6018.0, nil, true, "unreadable"},
		"2009": {6018.0, "NaN", true, "unreadable"},
		"2010": {6018.0, "-1.000", true, "compared"},
		"2011": {6018.0, "8.331", true, "unreadable"},
		"2012": {6018.0, "8.331", true, "unreadable"},
		"2013": {6018.0, "8.331", true, "unreadable"},
		"2014": {5002.0, nil, nil, "busy"},
		"2015": {nil, "8.331", true, "unreadable"},
		"2020": {nil, nil, nil, "unreadable"},
	} {
		p := magicPerson(t, suffix)
		body := b.faceBody(p.NIK, jpeg(10))
		got := b.post(facePath, body)
		e, _ := got["error"].(object)
		have := []any{e["errorCode"], got["matchScore"], got["verificationResult"], string(b.last().Class)}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: %s", suffix, diff)
		}
		others := []bool{got["uid"] != p.NIK.Reveal(), got["transactionId"] != body["transactionId"], got["httpResponseCode"] != 200.0, got["quotaLimiter"] == 0.0}
		wantOthers := []bool{suffix == "2011", suffix == "2012", suffix == "2013", suffix == "2014"}
		if suffix != "2020" && !slices.Equal(others, wantOthers) {
			t.Errorf("%s: %v", suffix, got)
		}
	}
}

// TestOnce checks the magic NIKs that affect only the first call.
func TestOnce(t *testing.T) {
	b := newBed(t, nil)
	p := magicPerson(t, "2060")
	for i, want := range []string{"5000", "6018", "6018"} {
		if got := b.post(facePath, b.faceBody(p.NIK, jpeg(10))); errorCode(t, got) != want {
			t.Errorf("call %d: %v", i, got)
		}
	}
	for suffix, path := range map[string]string{"1200": dataPath, "2200": facePath} {
		p := magicPerson(t, suffix)
		for i, want := range []int{502, 200, 200} {
			body := dataBody(p)
			if path == facePath {
				body = b.faceBody(p.NIK, jpeg(10))
			}
			if r := b.send(path, marshal(t, body)); r.status != want {
				t.Errorf("%s, call %d: %d", suffix, i, r.status)
			}
		}
	}
}

// TestNoMagic: with NoMagic, magic NIKs are like any others.
func TestNoMagic(t *testing.T) {
	b := newBed(t, func(o *sandbox.Options) { o.Magic = false })
	for _, m := range sandbox.Magics() {
		p := magicPerson(t, strings.TrimPrefix(m.NIK, sandbox.MagicPrefix))
		if r := row(t, b.post(dataPath, dataBody(p))); r["RESPONSE_CODE"] != "13" {
			t.Errorf("%s: %v", m.NIK, r)
		}
	}
}

// TestMagics: each is a NIK, has one meaning, and says what it is.
func TestMagics(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range sandbox.Magics() {
		if _, err := sesuai.ParseNIK(m.NIK); err != nil || seen[m.NIK] || m.Answer == "" {
			t.Errorf("%+v: %v; seen before: %t", m, err, seen[m.NIK])
		}
		seen[m.NIK] = true
	}
}
