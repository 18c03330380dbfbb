package client_test

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/registry"
)

// matched is the answer of the face check in the form of the one that is known.
func matched(code, score string) string {
	return `{"error":{"errorCode":` + code + `,"errorMessage":"any"},"httpResponseCode":200,"matchScore":` + score +
		`,"quotaLimiter":803,"verificationResult":true}`
}

// TestFaceRequest: what is sent is what integrators' clients send, under both
// schemes, with another id each time.
func TestFaceRequest(t *testing.T) {
	u := newUpstream(t)
	decrypt := map[string]func(b []byte) ([]byte, error){
		//lint:ignore SA1019 what the upstream speaks is not ours to choose
		client.SchemePKCS1v15: func(b []byte) ([]byte, error) { return rsa.DecryptPKCS1v15(nil, u.key, b) },
		client.SchemeOAEP:     func(b []byte) ([]byte, error) { return rsa.DecryptOAEP(sha256.New(), nil, u.key, b, nil) },
	}
	seen := make(map[string]bool)
	for scheme, open := range decrypt {
		r := newUpstreamAs(t, u, func(c *client.Config) { c.Face.Scheme = scheme })
		u.does(func(w http.ResponseWriter, _ *http.Request, asked map[string]any) {
			fmt.Fprintf(w, `{"error":{"errorCode":"6018"},"httpResponseCode":"200","matchScore":"8.331","quotaLimiter":"803","transactionId":%q,"uid":%q,"verificationResult":"TRUE"}`,
				asked["transactionId"], nikText)
		})
		for range 2 {
			got, err := client.CompareFace(t.Context(), r, faceQuestion(t))
			if err != nil {
				t.Fatal(err)
			}
			want := registry.Comparison{Portrait: true, Score: 8.331, Percentage: sesuai.PercentageOf(91.655), Model: "dukcapil-face-call_fr"}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(registry.Comparison{}, "Calibration"), cmpopts.EquateComparable(sesuai.Percentage{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(got.Calibration, "dukcapil-curve-") {
				t.Errorf("calibration %q", got.Calibration)
			}
		}
		for _, asked := range u.asked[len(u.asked)-2:] {
			for key, want := range map[string]string{"nik": nikText, "user_id": userID, "password": password} {
				b, err := base64.StdEncoding.DecodeString(asked[key].(string))
				if err == nil {
					b, err = open(b)
				}
				if err != nil || string(b) != want {
					t.Errorf("%s: %s is %q, %v", scheme, key, b, err)
				}
				delete(asked, key)
			}
			id := asked["transactionId"].(string)
			if len(id) > 20 || seen[id] {
				t.Errorf("transaction %q", id)
			}
			seen[id] = true
			delete(asked, "transactionId")
			if diff := cmp.Diff(map[string]any{
				"transactionSource": "sesuai", "customer_id": "5566", "threshold": 1.0, "template": "", "type": "Face", "position": "F",
				"ip": "10.0.0.8", "image": base64.StdEncoding.EncodeToString(someJPEG(t)),
			}, asked); diff != "" {
				t.Errorf("what was sent (-want +got):\n%s", diff)
			}
		}
	}
	if u.paths[0] != "/api/face-recognition/dukcapil/cred%20ential%2F0815/CALL_FR" {
		t.Errorf("path %s", u.paths[0])
	}
	want := []string{"face match billed", "face match billed", "face match billed", "face match billed"}
	if diff := cmp.Diff(want, u.calls.classes(t)); diff != "" || u.calls.calls[0].Price != 3000 {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
}

// TestFaceCodes: every row of the table, as a number and as a string.
func TestFaceCodes(t *testing.T) {
	busy := strings.Fields(strings.Repeat("face_busy ", 3))
	for _, test := range []struct {
		codes  string
		ledger []string
		kind   sesuai.Kind
		portr  bool
	}{
		{"6018", []string{"face match billed"}, "", true},
		{"6019", []string{"face no_match billed"}, "", true},
		{"6020", []string{"face no_portrait"}, "", false},
		{"6015 6006", []string{"face image"}, sesuai.KindInvalidImage, false},
		{"5000 6012 6014 5002", busy, sesuai.KindUnavailable, false},
		{"5001 5003 5004 5005 5006 9002", []string{"face configuration"}, sesuai.KindUnavailable, false},
		{"0 6021 200 1 13", []string{"face unexpected"}, sesuai.KindUnavailable, false},
	} {
		for _, code := range strings.Fields(test.codes) {
			for _, form := range []string{code, `"` + code + `"`, `" ` + code + ` "`} {
				u := newUpstream(t)
				u.says(matched(form, `"8.331"`))
				c, err := client.CompareFace(t.Context(), u.open(t, nil), faceQuestion(t))
				if sesuai.KindOf(err) != test.kind || c.Portrait != test.portr || !c.Portrait && c != (registry.Comparison{}) {
					t.Errorf("%s: %+v, %v", form, c, err)
				}
				if test.kind == sesuai.KindUnavailable && retryAfter(t, err) <= 0 {
					t.Errorf("%s: it does not say when to try again", form)
				}
				got := strings.ReplaceAll(strings.Join(u.calls.classes(t), ","), "face busy", "face_busy")
				if got != strings.Join(test.ledger, ",") {
					t.Errorf("%s: the ledger has %s", form, got)
				}
			}
		}
	}
}

// TestFaceAnswers: what each text means, and that nothing else means anything.
func TestFaceAnswers(t *testing.T) {
	const head = `"error":{"errorCode":6018}`
	nik := someClaim(t).NIK
	for _, test := range []struct {
		fields string
		score  float64
		what   string
	}{
		{head + `,"matchScore":8.331`, 8.331, ""},
		{head + `,"matchScore":"8.331"`, 8.331, ""},
		{head + `,"matchScore":" 5 "`, 5, ""},
		{head + `,"matchScore":0`, 0, ""},
		{head + `,"matchScore":"1.2e1"`, 12, ""},
		{head + `,"matchScore":5,"verificationResult":"false"`, 5, ""},
		{head + `,"matchScore":5,"verificationResult":" True "`, 5, ""},
		{head + `,"matchScore":5,"verificationResult":null,"uid":"","transactionId":null,"httpResponseCode":"200"`, 5, ""},
		{head + `,"matchScore":5,"uid":"` + nikText + `","transactionId":"T1"`, 5, ""},
		{head + `,"matchScore":5,"uid":` + nikText, 5, ""},
		{head + `,"matchScore":5,"quotaLimiter":"none"`, 5, ""},

		{head, 0, "score"},
		{head + `,"matchScore":null`, 0, "score"},
		{head + `,"matchScore":""`, 0, "score"},
		{head + `,"matchScore":"8,331"`, 0, "score"},
		{head + `,"matchScore":"NaN"`, 0, "score"},
		{head + `,"matchScore":"Infinity"`, 0, "score"},
		{head + `,"matchScore":"0x8"`, 0, "score"},
		{head + `,"matchScore":"1e999"`, 0, "score"},
		{head + `,"matchScore":-1`, 0, "score"},
		{head + `,"matchScore":"8_3"`, 0, "score"},
		{head + `,"matchScore":true`, 0, "score"},
		{head + `,"matchScore":{}`, 0, "score"},
		{head + `,"matchScore":8.3,"matchScore":2`, 0, "json"},
		{head + `,"matchScore":8.3,"verificationResult":"yes"`, 0, "result"},
		{head + `,"matchScore":8.3,"verificationResult":1`, 0, "result"},
		{head + `,"matchScore":8.3,"verificationResult":[]`, 0, "result"},
		{head + `,"matchScore":8.3,"httpResponseCode":500`, 0, "inner_status"},
		{head + `,"matchScore":8.3,"uid":"9971010501900004"`, 0, "uid"},
		{head + `,"matchScore":8.3,"uid":{}`, 0, "uid"},
		{head + `,"matchScore":8.3,"transactionId":"T2"`, 0, "transaction"},
		{`"error":{"errorCode":6020},"uid":"9971010501900004"`, 0, "uid"},
		{`"error":{},"matchScore":8.3`, 0, "code"},
		{`"error":{"errorCode":null},"matchScore":8.3`, 0, "code"},
		{`"error":{"errorCode":[6018]},"matchScore":8.3`, 0, "code"},
		{`"error":{"errorCode":6018,"errorCode":6019},"matchScore":8.3`, 0, "json"},
		{`"error":null,"matchScore":8.3`, 0, "error"},
		{`"error":"6018","matchScore":8.3`, 0, "error"},
		{`"matchScore":8.3,"verificationResult":true`, 0, "error"},
		{`"error":{"errorCode":7000},"matchScore":8.3`, 0, "unknown_code"},
	} {
		c, class, what := client.ReadFace(upstreamless(), []byte("{"+test.fields+"}"), "T1", nik)
		if what != test.what || (class == client.Unexpected) != (what != "") || c.Score != test.score || c.Portrait != (what == "") {
			t.Errorf("%s: %+v %s %q, want %q", test.fields, c, class, what, test.what)
		}
	}
	for _, body := range []string{"", "null", "[]", "{", "<html></html>", "{" + head + "}x", "\ufeff{" + head + "}"} {
		if c, class, what := client.ReadFace(upstreamless(), []byte(body), "T1", nik); class != client.Unexpected || what != "json" || c.Portrait {
			t.Errorf("%q: %+v, %s %q", body, c, class, what)
		}
	}
}

// TestSuspectAndDisagreements: the score and the curve decide; what the
// upstream makes of it is noted.
func TestSuspectAndDisagreements(t *testing.T) {
	for _, test := range []struct {
		code, score, result string
		percentage          float64
		suspect             bool
		noted               string
	}{
		{"6019", "4.99", "false", 74.85, false, ""},
		{"6019", "4.99", "null", 74.85, false, ""},
		{"6018", "4.99", "true", 74.85, false, "upstream_match"},
		{"6018", "4.99", "false", 74.85, false, "upstream_match"}, // by its code
		{"6019", "4.99", "true", 74.85, false, "upstream_match"},
		{"6018", "5", "true", 75, false, ""},
		{"6018", "5", "null", 75, false, ""},
		{"6018", "5", `"False"`, 75, false, "upstream_no_match"},
		{"6019", "8.331", "true", 91.66, false, "upstream_no_match"}, // by its code
		{"6018", "9.49", "true", 97.45, false, ""},
		{"6018", "9.5", "true", 97.5, true, ""},
		{"6018", "250", "true", 100, true, ""},
		{"6018", "0", "null", 0, false, "upstream_match"},
	} {
		u := newUpstream(t)
		u.says(`{"error":{"errorCode":` + test.code + `},"matchScore":` + test.score + `,"verificationResult":` + test.result + `}`)
		c, err := client.CompareFace(t.Context(), u.open(t, nil), faceQuestion(t))
		if err != nil || c.Percentage != sesuai.PercentageOf(test.percentage) || c.Suspect != test.suspect {
			t.Errorf("%s: %+v, %v", test.score, c, err)
		}
		noted := u.metric(t, "disagreements_total", "face_check", test.noted)
		if test.noted == "" && u.metric(t, "disagreements_total") != -1 || test.noted != "" && noted != 1 {
			t.Errorf("%s %s: noted %v", test.score, test.result, noted)
		}
		if logged := strings.Contains(u.log.String(), "concludes otherwise"); logged != (test.noted != "") {
			t.Errorf("%s %s: logged %v", test.score, test.result, logged)
		}
	}

	// So is a word about the name that its number does not bear out.
	u := newUpstream(t)
	u.says(content(`{"NIK":"Sesuai","NAMA_LGKP":"Tidak Sesuai (80)","TGL_LHR":"Sesuai"}`))
	if r, err := u.open(t, nil).Ask(t.Context(), dataQuestion(t)); err != nil || r.NameScore != 80 || u.metric(t, "disagreements_total", "name_threshold") != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestPicture: the picture is encoded to the size that is configured. If that
// cannot be, no call is made.
func TestPicture(t *testing.T) {
	u := newUpstream(t)
	u.says(matched("6018", "8"))
	r := u.open(t, nil)
	size := func() int {
		b, err := base64.StdEncoding.DecodeString(u.asked[len(u.asked)-1]["image"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return len(b)
	}
	if _, err := client.CompareFace(t.Context(), r, faceQuestion(t)); err != nil || size() > 195_000 {
		t.Errorf("%d bytes, %v", size(), err)
	}
	smaller := size() - 1
	client.SetImageBytes(r, smaller)
	if _, err := client.CompareFace(t.Context(), r, faceQuestion(t)); err != nil || size() > smaller {
		t.Errorf("%d bytes, %v", size(), err)
	}
	none := faceQuestion(t)
	none.Probe.Picture = nil
	if _, err := client.CompareFace(t.Context(), r, none); retryAfter(t, err) <= 0 {
		t.Errorf("without a picture: %v", err)
	}
	client.SetImageBytes(r, 10)
	if _, err := client.CompareFace(t.Context(), r, faceQuestion(t)); retryAfter(t, err) <= 0 {
		t.Errorf("in 10 bytes: %v", err)
	}
	client.SetImageBytes(r, 195_000)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.CompareFace(ctx, r, faceQuestion(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller has left: %v", err)
	}
	if u.requests() != 2 || len(u.calls.classes(t)) != 2 {
		t.Errorf("%d requests", u.requests())
	}
}
