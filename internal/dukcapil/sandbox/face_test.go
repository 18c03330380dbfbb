package sandbox_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

func unmarshal(t testing.TB, b []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
}

// TestFaceCheck: the curve maps the registry's percentage to the score.
func TestFaceCheck(t *testing.T) {
	b := newBed(t, nil)
	p := b.enrol(1, nil)
	for _, test := range []struct {
		percentage float64
		score      string
		code       float64
		text       string
	}{
		{100, "10.000", 6018, "Foto Sesuai."},
		{90, "8.000", 6018, "Foto Sesuai."},
		{76, "5.200", 6018, "Foto Sesuai."},
		{74, "4.933", 6019, "Foto Tidak Sesuai."},
		{15, "1.000", 6019, "Foto Tidak Sesuai."},
	} {
		body := b.faceBody(p.NIK, b.image(1, test.percentage))
		got := b.post(facePath, body)
		matched := test.code == 6018
		want := object{
			"error": object{"errorCode": test.code, "errorMessage": test.text}, "httpResponseCode": 200.0, "matchScore": test.score,
			"quotaLimiter": got["quotaLimiter"], "transactionId": body["transactionId"], "uid": p.NIK.Reveal(), "verificationResult": matched,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", test.percentage, diff)
		}
		e := b.last()
		if e.Class != sandbox.Compared || e.MatchScore != test.score || !e.Billed || e.Matched == nil || *e.Matched != matched ||
			e.NIK != p.NIK.Reveal() || e.Transaction != body["transactionId"] {
			t.Errorf("recorded %+v", e)
		}
	}
}

// TestCurve uses another curve, threshold and number of decimals.
func TestCurve(t *testing.T) {
	b := newBed(t, func(o *sandbox.Options) {
		o.Curve, o.PassScore, o.Decimals = sandbox.Curve{{Score: 1, Percentage: 10}, {Score: 3, Percentage: 80}}, 2.5, 1
	})
	p := b.enrol(1, nil)
	for percentage, want := range map[float64]string{5: "1.0", 45: "2.0", 62.5: "2.5", 80: "3.0", 99: "3.0"} {
		got := b.post(facePath, b.faceBody(p.NIK, b.image(1, percentage)))
		if got["matchScore"] != want || got["verificationResult"] != (want >= "2.5") {
			t.Errorf("%v: %v, %v", percentage, got["matchScore"], got["verificationResult"])
		}
	}
}

// TestFaceAdmission checks the refusals before faces are compared, and images
// that cannot be used.
func TestFaceAdmission(t *testing.T) {
	bound, gone := account, account
	bound.UserID, bound.IPs = "BOUND", []netip.Addr{netip.MustParseAddr("10.0.0.1")}
	gone.UserID, gone.UserInactive = "GONE", true
	b := newBed(t, func(o *sandbox.Options) { o.Accounts = []sandbox.Account{account, bound, gone} })
	p := b.enrol(1, nil)
	nobody := registrytest.NIK(t, 99)
	bare := registrytest.Person(t, 2)
	if _, err := b.registry.Enrol(t.Context(), bare, nil); err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	image := b.image(1, 90)
	key := &privateKey().PublicKey
	seal := func(s string) string { return sealed(t, key, s) }
	encode := base64.StdEncoding.EncodeToString
	b.post(facePath, with(b.faceBody(p.NIK, image), object{"transactionId": "used"}))
	for name, test := range map[string]struct {
		change object
		code   string
	}{
		"admitted":               {object{}, "6018"},
		"threshold as text":      {object{"threshold": "1"}, "6018"},
		"lower case":             {object{"type": "face", "position": "f"}, "6018"},
		"20 characters":          {object{"transactionId": strings.Repeat("x", 20)}, "6018"},
		"largest image":          {object{"image": encode(jpeg(195_000))}, "6015"},
		"one byte too many":      {object{"image": encode(jpeg(195_001))}, "6006"},
		"a PNG":                  {object{"image": encode([]byte("\x89PNG\r\n\x1a\n"))}, "6006"},
		"no image":               {object{"image": nil}, "6006"},
		"no base64":              {object{"image": "!" + encode(image)}, "6006"},
		"no face":                {object{"image": encode(jpeg(50))}, "6015"},
		"nobody":                 {object{"nik": seal(nobody.Reveal())}, "6020"},
		"no portrait":            {object{"nik": seal(bare.NIK.Reveal())}, "6020"},
		"no NIK at all":          {object{"nik": seal("12")}, "6020"},
		"encrypted for another":  {object{"nik": sealed(t, &other.PublicKey, p.NIK.Reveal())}, "5006"},
		"not encrypted":          {object{"password": account.Password}, "5006"},
		"left out":               {object{"user_id": nil}, "5006"},
		"unknown user":           {object{"user_id": seal("NOBODY")}, "5001"},
		"inactive user":          {object{"user_id": seal("GONE")}, "5001"},
		"wrong password":         {object{"password": seal("Secret")}, "9002"},
		"another address":        {object{"user_id": seal("BOUND"), "ip": "10.0.0.2"}, "5003"},
		"an address of it":       {object{"user_id": seal("BOUND")}, "6018"},
		"21 characters":          {object{"transactionId": strings.Repeat("x", 21)}, "5004"},
		"transaction used today": {object{"transactionId": "used"}, "5004"},
		"no transaction":         {object{"transactionId": ""}, "5004"},
		"another type":           {object{"type": "Finger"}, "5004"},
		"another position":       {object{"position": "L"}, "5004"},
		"a template":             {object{"template": "x"}, "5004"},
		"an object":              {object{"ip": object{}}, "5004"},
		"no threshold":           {object{"threshold": nil}, "5005"},
		"threshold below 0":      {object{"threshold": -1}, "5005"},
		"threshold no number":    {object{"threshold": "NaN"}, "5005"},
	} {
		t.Run(name, func(t *testing.T) {
			got := b.post(facePath, with(b.faceBody(p.NIK, image), test.change))
			if errorCode(t, got) != test.code {
				t.Errorf("code %s, want %s", errorCode(t, got), test.code)
			}
			if e := b.last(); e.Billed != (test.code == "6018") || e.Code != test.code {
				t.Errorf("recorded %+v", e)
			}
		})
	}
	got := b.post(strings.Replace(facePath, "cred", "other", 1), b.faceBody(p.NIK, image))
	if errorCode(t, got) != "5001" {
		t.Errorf("another credential's path: %v", got)
	}
	tomorrow := noon.AddDate(0, 0, 1)
	b.now.Store(&tomorrow)
	if got := b.post(facePath, with(b.faceBody(p.NIK, image), object{"transactionId": "used"})); errorCode(t, got) != "6018" {
		t.Errorf("a transaction of the day before: %v", got)
	}
}

// TestFaceFindings checks the answers for the extractor's findings and errors.
func TestFaceFindings(t *testing.T) {
	b := newBed(t, nil)
	p := b.enrol(1, nil)
	for kind, want := range map[sesuai.Kind]string{
		sesuai.KindInvalidImage: "6006", sesuai.KindUnsupportedImage: "6006", sesuai.KindTooLarge: "6006", sesuai.KindOverloaded: "5000",
	} {
		b.extract.err = &sesuai.Error{Kind: kind}
		if got := b.post(facePath, b.faceBody(p.NIK, jpeg(100))); errorCode(t, got) != want {
			t.Errorf("%s: %v", kind, got)
		}
	}
	b.extract.err = errors.New("broken")
	if r := b.send(facePath, marshal(t, b.faceBody(p.NIK, jpeg(100)))); r.status != 500 || b.last().Class != sandbox.NoAnswer {
		t.Errorf("a defect: %d %s", r.status, r.body)
	}
}

// TestSchemes: with SchemeOAEP, only OAEP is accepted.
func TestSchemes(t *testing.T) {
	b := newBed(t, func(o *sandbox.Options) { o.Scheme = sandbox.SchemeOAEP })
	p := b.enrol(1, nil)
	image := b.image(1, 90)
	oaep := func(text string) string {
		sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &privateKey().PublicKey, []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(sealed)
	}
	body := b.faceBody(p.NIK, image)
	if got := b.post(facePath, body); errorCode(t, got) != "5006" {
		t.Errorf("the old scheme: %v", got)
	}
	body = with(body, object{"nik": oaep(p.NIK.Reveal()), "user_id": oaep(account.UserID), "password": oaep(account.Password)})
	if got := b.post(facePath, body); errorCode(t, got) != "6018" {
		t.Errorf("the new scheme: %v", got)
	}
}

// TestFaceScalars: numbers and truth values have the configured JSON type.
func TestFaceScalars(t *testing.T) {
	for scalars, want := range map[sandbox.Scalars][]any{
		sandbox.KnownScalars: {6018.0, 200.0, "8.000", true},
		sandbox.Strings:      {"6018", "200", "8.000", "true"},
		sandbox.Numbers:      {6018.0, 200.0, 8.0, true},
	} {
		b := newBed(t, func(o *sandbox.Options) { o.Quirks.Scalars = scalars })
		p := b.enrol(1, nil)
		got := b.post(facePath, b.faceBody(p.NIK, b.image(1, 90)))
		have := []any{got["error"].(object)["errorCode"], got["httpResponseCode"], got["matchScore"], got["verificationResult"]}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%q: %s", scalars, diff)
		}
	}
}

// TestRegistryFails: an error of the registry becomes an HTTP error.
func TestRegistryFails(t *testing.T) {
	b := newBed(t, nil)
	p := b.enrol(1, nil)
	b.registry.FailBefore(errors.New("down"))
	for path, body := range map[string]object{dataPath: dataBody(p), facePath: b.faceBody(p.NIK, b.image(1, 90))} {
		r := b.send(path, marshal(t, body))
		if e := b.last(); r.status != 500 || e.Class != sandbox.NoAnswer || e.Billed {
			t.Errorf("%s: status %d, recorded %+v", path, r.status, e)
		}
	}
}
