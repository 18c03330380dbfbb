package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/client"
)

// stored is a response with an answer of each kind.
const stored = `{"verifications":[
{"request_id":"a","reference_id":"loan 17","endpoint":"face_verification","time":"2026-11-29T05:00:00.123456Z","status":200,"answer":` + verified + `},
{"request_id":"b","reference_id":null,"endpoint":"face_match","time":"2026-11-29T04:00:00Z","status":200,
 "answer":{"status":"success","result":{"match_percentage":0.30000,"match_status":"not match","match_status_code":"NOT_MATCH"}}},
{"request_id":"c","reference_id":null,"endpoint":"passive_liveness","time":"2026-11-29T03:00:00Z","status":200,
 "answer":{"status":"success","result":{"spoof_percentage":0.02611,"status":"LOW"}}},
{"request_id":"d","reference_id":null,"endpoint":"data_verification","time":"2026-11-29T02:00:00Z","status":200,
 "answer":{"verification_status":false,"reason":"Gender does not match","result":{"nik":true,"name":true,"gender":false,"rt":null}}},
{"request_id":"e","reference_id":null,"endpoint":"face_verification","time":"2026-11-29T01:00:00Z","status":400,
 "answer":{"verification_status":false,"reason":"Face not detected","code":"FACE_NOT_DETECTED","guidance":{"id":"Ulangi.","en":"Again."}}}
],"more":true}`

// TestAnswers: answers are found by an id with any characters, and read as those of the
// calls are.
func TestAnswers(t *testing.T) {
	const id = "a/../b?c=d&e+f%20"
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/identity/v1/verifications" || len(r.URL.Query()) != 1 || r.Header.Get("Idempotency-Key") != "" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		w.Header().Set("Request-Id", "id")
		switch {
		case r.URL.Query().Get("reference_id") == id:
			_, _ = io.WriteString(w, stored)
		case r.URL.Query().Get("request_id") == id:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":"Nothing found"}`)
		default:
			w.WriteHeader(http.StatusNotFound) // of a proxy
		}
	})
	found, more, err := c.Answers(t.Context(), id)
	if err != nil || !more || len(found) != 5 || found[0].ReferenceID != "loan 17" || found[0].Time.Nanosecond() != 123456000 {
		t.Fatalf("%+v, %t, %v", found, more, err)
	}
	if v, err := found[0].Face(); err != nil || !v.Verified || v.RequestID != "a" || v.Face != sesuai.PercentageOf(82.04) {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := found[1].Match(); err != nil || v.Code != sesuai.CodeNotMatch || v.Percentage != sesuai.PercentageOf(30) {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := found[2].Liveness(); err != nil || v.Status != sesuai.SpoofLow || !v.Measured || v.Spoof != 0.02611 {
		t.Errorf("%+v, %v", v, err)
	}
	v, err := found[3].Data()
	if err != nil || v.Verified || v.NIK != sesuai.Match || v.Name != sesuai.Match || v.DateOfBirth != sesuai.NotCompared || len(v.Attributes) != 2 ||
		v.Attributes[sesuai.Gender] != sesuai.NonMatch || v.Attributes[sesuai.RT] != sesuai.NotCompared {
		t.Errorf("%+v, %v", v, err)
	}
	for about, wrong := range map[string]client.Answer{"a refusal": found[4], "of another endpoint": found[1]} {
		_, err := wrong.Face()
		e, ok := errors.AsType[*client.Error](err)
		if !ok || e.RequestID != wrong.RequestID || e.Status != wrong.Status || (e.Code == "FACE_NOT_DETECTED") != (e.Status == 400) {
			t.Errorf("%s: %v", about, err)
		}
	}

	if found, more, err := c.AnswersTo(t.Context(), id); found != nil || more || err != nil {
		t.Errorf("nothing is there: %v, %t, %v", found, more, err)
	}
	if _, _, err := c.AnswersTo(t.Context(), "another"); err == nil {
		t.Error("the 404 of a proxy was taken for one of the service")
	}
}

// TestAddressIsPrivate: the error about a lost connection does not hold the URL, which
// has the caller's id.
func TestAddressIsPrivate(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, _, err := c.Answers(t.Context(), "loan-17")
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != 0 || strings.Contains(err.Error(), "loan-17") {
		t.Errorf("%v", err)
	}
}
