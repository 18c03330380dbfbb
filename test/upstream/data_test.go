package upstream_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
)

// TestDataVerifications: a data verification makes the data check alone, costs what
// that does, is recorded with the outcome of each attribute, and returns the data of
// a person who was verified.
func TestDataVerifications(t *testing.T) {
	all := people(1)
	me := all[0]
	w := newWorld(t, all, "", "  prices: 2023-01-01 data_check=1000 face_check=3000\n")
	p, address := w.serve(t, "127.0.0.1:0")
	ask := func(id, nik string, more ...string) string {
		t.Helper()
		fields := map[string]string{"nik": nik}
		for i := 0; i < len(more); i += 2 {
			fields[more[i]] = more[i+1]
		}
		body, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		status, answer, err := w.post(address+"/identity/v1/verification", id, "application/json", strings.NewReader(string(body)))
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
		return fmt.Sprintf("%d %s", status, answer)
	}
	for _, tt := range []struct{ id, nik, claim, want, recorded string }{
		{
			"verified", me.nik, "name=" + me.name + ",date_of_birth=" + me.date,
			`200 {"verification_status":true,"reason":"Verification Success","result":{"nik":true,"name":true,"date_of_birth":true}}`,
			"verified name=match date_of_birth=match",
		},
		{
			"differs", me.nik, "name=SURYANI HAPSARI",
			`200 {"verification_status":false,"reason":"Name does not match","result":{"nik":true,"name":false}}`,
			"not_verified name=non_match",
		},
		{
			"not-held", me.nik, "address=JL MELATI 12,date_of_birth=" + me.date,
			`200 {"verification_status":false,"reason":"Address is not available on Dukcapil database","result":{"nik":true,"date_of_birth":true,"address":null}}`,
			"not_verified date_of_birth=match address=not_compared",
		},
		{
			"not-found", sandbox.MagicPrefix + "0013", "rt=3",
			`200 {"verification_status":false,"reason":"NIK not found on Dukcapil database","result":{"nik":false,"rt":null}}`,
			"not_verified rt=not_compared",
		},
		{
			"not-active", sandbox.MagicPrefix + "0011", "name=" + me.name,
			`200 {"verification_status":false,"reason":"NIK is not active on Dukcapil database","result":{"nik":true,"name":null}}`,
			"not_verified name=not_compared",
		},
		{"bad", "123", "rt=3", `400 {"verification_status":false,"reason":"Invalid NIK number format"}`, ""},
		// The quota is used up with this one.
		{
			"quota", sandbox.MagicPrefix + "0005", "rt=3",
			`503 {"verification_status":false,"reason":"Something wrong in Dukcapil server","result":{"nik":null,"rt":null}}`,
			"unavailable rt=not_compared",
		},
		{
			"after-quota", me.nik, "name=" + me.name,
			`503 {"verification_status":false,"reason":"Something wrong in Dukcapil server","result":{"nik":null,"name":null}}`,
			"unavailable name=not_compared",
		},
	} {
		claim := strings.FieldsFunc(tt.claim, func(r rune) bool { return r == '=' || r == ',' })
		if got := ask(tt.id, tt.nik, claim...); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.id, got, tt.want)
		}
		var recorded []string
		w.query(t, `SELECT endpoint || ': ' || result || ' ' || attributes FROM audit_events WHERE request_id = '`+tt.id+`'`, func(scan func(...any) error) error {
			recorded = append(recorded, "")
			return scan(&recorded[len(recorded)-1])
		})
		if tt.recorded == "" && recorded != nil || tt.recorded != "" && !slices.Equal(recorded, []string{"data_verification: " + tt.recorded}) {
			t.Errorf("%s: recorded %q", tt.id, recorded)
		}
	}
	w.waitForOutbox(t)
	p.Stop(t)

	calls, returned := make(map[string]int), []string(nil)
	for _, e := range w.entries(t) {
		calls[e.Service]++
		for _, r := range e.Returned {
			returned = append(returned, r.CustomerID)
		}
	}
	if calls["data_check"] != 6 || calls["face_check"] != 0 || !slices.Equal(returned, []string{"verified"}) {
		t.Errorf("the sandbox received %v; returned was %q", calls, returned)
	}
	var usage struct {
		Total struct{ Calls, Billed, Rupiah int }
	}
	w.sesuai.Run(t, &usage, "dukcapil", "usage")
	if usage.Total.Calls != 6 || usage.Total.Rupiah != 1000*usage.Total.Billed || usage.Total.Billed == 0 {
		t.Errorf("usage: %+v", usage)
	}
	var shown struct {
		Endpoint, Explanation string
		Attributes            map[string]string
	}
	w.sesuai.Run(t, &shown, "audit", "show", "differs")
	if shown.Endpoint != "data_verification" || shown.Attributes["name"] != "non_match" || !strings.HasPrefix(shown.Explanation, "data verification: name differs: ") {
		t.Errorf("audit show: %+v", shown)
	}
	assertSilent(t, p.Log.String(), people(8))
}
