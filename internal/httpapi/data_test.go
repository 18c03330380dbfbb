package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/verify"
)

// neverExtracts is an Extractor for data verifications, which have no photograph.
type neverExtracts struct{}

func (neverExtracts) Extract(context.Context, []byte, face.Use) (face.Extraction, error) {
	panic("a data verification has no photograph")
}

// recorded are the attributes of the test's person.
var recorded = map[sesuai.Attribute]string{
	sesuai.FamilyCardNumber: "9999010101900009", sesuai.MotherMaidenName: "Wulan Contoh", sesuai.PlaceOfBirth: "Bandung",
	sesuai.Address: "JL. MELATI NO. 12", sesuai.Gender: "PEREMPUAN", sesuai.MaritalStatus: "KAWIN", sesuai.JobType: "PELAJAR/MAHASISWA",
	sesuai.Province: "JAWA BARAT", sesuai.City: "KOTA BANDUNG", sesuai.District: "COBLONG", sesuai.RT: "003", sesuai.RW: "011",
}

// newDataService is the service for data verifications without the disk. Beside the
// test's person, of whom no subdistrict is on record, one is who has died.
func newDataService(t *testing.T) whole {
	t.Helper()
	w := newWhole(t)
	person := registrytest.Person(t, 1)
	person.NIK, person.Name, person.DateOfBirth = nikOf(t, testNIK), registrytest.Name(t, testName), registrytest.Date(t, testDate)
	person.Attributes = make(map[sesuai.Attribute]sesuai.Text)
	for a, text := range recorded {
		person.Attributes[a] = sesuai.NewText(text)
	}
	if _, err := w.registry.Enrol(t.Context(), person, nil); err != nil {
		t.Fatal(err)
	}
	person.NIK, person.Status = nikOf(t, "9999010101900003"), sesuai.Deceased
	if _, err := w.registry.Enrol(t.Context(), person, nil); err != nil {
		t.Fatal(err)
	}
	w.mayAsk(access.DataVerification)
	w.options.Verifier = verify.New(verify.Options{Registry: w.registry, Extractor: neverExtracts{}, Recorder: w.trail})
	return w
}

// mayAsk makes the client one with these scopes.
func (w whole) mayAsk(scopes ...access.Scope) {
	client := w.options.Authenticator.(credentials).client
	client.Scopes = scopes
	w.options.Authenticator = credentials{client}
}

func nikOf(t *testing.T, text string) sesuai.NIK {
	t.Helper()
	nik, err := sesuai.ParseNIK(text)
	if err != nil {
		t.Fatal(err)
	}
	return nik
}

// claim is the fields of a request, by name and value in turn.
type claim []string

// inMultipart returns the claim as multipart/form-data.
func (c claim) inMultipart() *http.Request {
	var parts []part
	for i := 0; i < len(c); i += 2 {
		parts = append(parts, part{name: c[i], body: c[i+1]})
	}
	return toData(postParts(parts...))
}

// inJSON returns the claim as JSON.
func (c claim) inJSON(t *testing.T) *http.Request {
	t.Helper()
	fields := make(map[string]string)
	for i := 0; i < len(c); i += 2 {
		fields[c[i]] = c[i+1]
	}
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return toData(post("application/json; charset=utf-8", string(b)))
}

const (
	noAttribute = `{"verification_status":false,"reason":"You must fill in at least one of the following: ` +
		`name, date_of_birth, no_kk, mother_maiden_name, place_of_birth, address, gender, marital_status, job_type, province, city, district, subdistrict, rt, rw",` +
		`"code":"NO_ATTRIBUTE","guidance":{"id":"Isi sekurang-kurangnya satu data selain NIK.","en":"Give at least one detail besides the NIK."}}`
	invalidFormat = `{"verification_status":false,"reason":"Invalid %s format","code":"INVALID_ATTRIBUTE","guidance":` +
		`{"id":"Isi dengan satu baris teks UTF-8 yang memuat huruf atau angka, paling panjang 500 bita. Kosongkan bila tidak diketahui.",` +
		`"en":"Give one line of UTF-8 text with a letter or a digit, at most 500 bytes. Leave it out if it is not known."}}`
	disallowed  = `{"error":"Access to this API has been disallowed"}`
	dataSuccess = `{"verification_status":true,"reason":"Verification Success","result":`
)

// invalid returns the answer to a field that is not valid.
func invalid(field string) string { return strings.Replace(invalidFormat, "%s", field, 1) }

// TestDataContract has a row for each outcome of data verifications, as multipart and
// as JSON, and compares the bodies byte by byte, and what is recorded.
func TestDataContract(t *testing.T) {
	const (
		badNIK  = `{"verification_status":false,"reason":"Invalid NIK number format"}`
		badDate = `{"verification_status":false,"reason":"Invalid date_of_birth format"}`
		failed  = `{"verification_status":false,"reason":"Something wrong in Dukcapil server","result":`
	)
	down := errors.New("connection refused")
	every := claim{
		"nik", testNIK, "rw", "11", "rt", "RT 03", "district", "Kec. Coblong", "city", "32.73", "province", "Jabar",
		"job_type", "mahasiswa", "marital_status", "KAWIN TERCATAT", "gender", "female", "address", "Jalan Melati 12",
		"place_of_birth", "BANDUNG", "mother_maiden_name", "WULAN CONTOH", "no_kk", "9999010101900009",
		"date_of_birth", testDate, "name", "sari contoh",
	}
	for _, tt := range []struct {
		row    string
		world  func(whole)
		claim  claim
		status int
		body   string
		event  audit.Result // "" is none
		said   string       // the event's attributes
	}{
		{
			"one matches", nil,
			claim{"nik", testNIK, "name", testName},
			200, dataSuccess + `{"nik":true,"name":true}}`,
			audit.Verified, "name=match",
		},
		{
			"all match, in the contract's order", nil, every, 200,
			dataSuccess + `{"nik":true,"name":true,"date_of_birth":true,"no_kk":true,"mother_maiden_name":true,"place_of_birth":true,"address":true,` +
				`"gender":true,"marital_status":true,"job_type":true,"province":true,"city":true,"district":true,"rt":true,"rw":true}}`,
			audit.Verified, "name=match date_of_birth=match no_kk=match mother_maiden_name=match place_of_birth=match address=match gender=match " +
				"marital_status=match job_type=match province=match city=match district=match rt=match rw=match",
		},
		{
			"not found", nil,
			claim{"nik", "9999010101900002", "name", testName, "rt", "3"},
			200,
			`{"verification_status":false,"reason":"NIK not found on Dukcapil database","result":{"nik":false,"name":null,"rt":null}}`,
			audit.NotVerified, "name=not_compared rt=not_compared",
		},
		{
			"not active", nil,
			claim{"nik", "9999010101900003", "name", testName, "rt", "4"},
			200,
			`{"verification_status":false,"reason":"NIK is not active on Dukcapil database","result":{"nik":true,"name":true,"rt":false}}`,
			audit.NotVerified, "name=match rt=non_match",
		},
		{
			"the name differs, before the others", nil,
			claim{"nik", testNIK, "address", "Jalan Mawar 1", "name", "Bambang Percobaan", "date_of_birth", "02-01-1990"},
			200,
			`{"verification_status":false,"reason":"Name does not match","result":{"nik":true,"name":false,"date_of_birth":false,"address":false}}`,
			audit.NotVerified, "name=non_match date_of_birth=non_match address=non_match",
		},
		{
			"the date differs", nil,
			claim{"nik", testNIK, "date_of_birth", "02-01-1990"},
			200,
			`{"verification_status":false,"reason":"Date of birth does not match","result":{"nik":true,"date_of_birth":false}}`,
			audit.NotVerified, "date_of_birth=non_match",
		},
		{
			"an attribute differs", nil,
			claim{"nik", testNIK, "place_of_birth", "Surabaya", "rt", "3"},
			200,
			`{"verification_status":false,"reason":"Place of birth does not match","result":{"nik":true,"place_of_birth":false,"rt":true}}`,
			audit.NotVerified, "place_of_birth=non_match rt=match",
		},
		{
			"the registry has none", nil,
			claim{"nik", testNIK, "name", testName, "subdistrict", "Dago"},
			200,
			`{"verification_status":false,"reason":"Subdistrict is not available on Dukcapil database","result":{"nik":true,"name":true,"subdistrict":null}}`,
			audit.NotVerified, "name=match subdistrict=not_compared",
		},
		{
			"empty, white and undefined are not given", nil,
			claim{"nik", testNIK, "name", testName, "rt", "", "rw", " ", "address", "undefined", "date_of_birth", "undefined"},
			200,
			dataSuccess + `{"nik":true,"name":true}}`, audit.Verified, "name=match",
		},
		{
			"what SDKs send besides is ignored", nil,
			claim{"nik", testNIK, "name", testName, "liveness_result", "true", "liveness_fail_message", strings.Repeat("x", 2000), "face_image", testPhoto},
			200,
			dataSuccess + `{"nik":true,"name":true}}`, audit.Verified, "name=match",
		},
		{"R6", nil, claim{"nik", "123", "name", testName}, 400, badNIK, "", ""},
		{"R6 empty", nil, claim{"nik", "", "name", testName}, 400, badNIK, "", ""},
		{"R6 undefined", nil, claim{"nik", "undefined", "name", testName}, 400, badNIK, "", ""},
		{"R6 missing", nil, claim{"name", testName}, 400, badNIK, "", ""},
		{"R6 before the rest", nil, claim{"name", "1"}, 400, badNIK, "", ""},
		{"nothing is claimed", nil, claim{"nik", testNIK}, 400, noAttribute, "", ""},
		{"nothing but undefined", nil, claim{"nik", testNIK, "name", "undefined", "rt", ""}, 400, noAttribute, "", ""},
		{"R7", nil, claim{"nik", testNIK, "date_of_birth", "1990-01-01"}, 400, badDate, "", ""},
		{"R7 padded", nil, claim{"nik", testNIK, "date_of_birth", testDate + " "}, 400, badDate, "", ""},
		{"a long date", nil, claim{"nik", testNIK, "date_of_birth", strings.Repeat("1", 2000)}, 400, badDate, "", ""},
		{
			"a name without a letter", nil,
			claim{"nik", testNIK, "name", "12"},
			400,
			`{"verification_status":false,"reason":"Invalid name format","code":"INVALID_NAME","guidance":{"id":"Isi nama lengkap sesuai KTP, 1 sampai 100 karakter.","en":"Give the full name as on the identity card, 1 to 100 characters."}}`,
			"", "",
		},
		{"an attribute of two lines", nil, claim{"nik", testNIK, "address", "JL MELATI\nNO 12"}, 400, invalid("address"), "", ""},
		{"a long attribute", nil, claim{"nik", testNIK, "job_type", strings.Repeat("x", 501)}, 400, invalid("job_type"), "", ""},
		{"a very long attribute", nil, claim{"nik", testNIK, "name", testName, "rt", strings.Repeat("3", 2000)}, 400, invalid("rt"), "", ""},
		{"an attribute of a dash", nil, claim{"nik", testNIK, "rw", "-"}, 400, invalid("rw"), "", ""},
		{"the first that is not valid", nil, claim{"nik", testNIK, "rw", "-", "no_kk", "-"}, 400, invalid("no_kk"), "", ""},
		{
			"R8", func(w whole) { w.registry.FailBefore(down) },
			claim{"nik", testNIK, "rt", "3", "name", testName},
			503,
			failed + `{"nik":null,"name":null,"rt":null}}`, audit.Unavailable, "name=not_compared rt=not_compared",
		},
		{
			"R8 without an answer", func(w whole) { w.registry.Hang(true) },
			claim{"nik", testNIK, "rt", "3"},
			503,
			failed + `{"nik":null,"rt":null}}`, audit.Unavailable, "rt=not_compared",
		},
		{
			"R8 since the event cannot be recorded", func(w whole) { w.trail.FailBefore(down) },
			claim{"nik", testNIK, "rt", "3"},
			503,
			failed + `{"nik":null,"rt":null}}`, "", "",
		},
		{
			"R8 before the body is read", func(w whole) { w.options.MaxInFlight = -1 },
			claim{"nik", testNIK, "rt", "3"},
			503,
			failed + `{"nik":null}}`, "", "",
		},
		{"not the endpoint's scope", func(w whole) { w.mayAsk(access.FaceVerification) }, claim{"nik", testNIK, "name", testName}, 403, disallowed, "", ""},
		{
			"one attribute's scope", func(w whole) {
				w.mayAsk(access.DataVerificationOf(sesuai.RT), access.DataVerificationOf(sesuai.NameAttribute))
			},
			claim{"nik", testNIK, "name", testName, "rt", "3", "address", ""},
			200, dataSuccess + `{"nik":true,"name":true,"rt":true}}`,
			audit.Verified, "name=match rt=match",
		},
		{
			"another attribute's scope, before what is not valid", func(w whole) { w.mayAsk(access.DataVerificationOf(sesuai.RT)) },
			claim{"nik", "1", "name", "2", "rt", "3"},
			403, disallowed, "", "",
		},
	} {
		for form, request := range map[string]*http.Request{"multipart": tt.claim.inMultipart(), "JSON": tt.claim.inJSON(t)} {
			t.Run(tt.row+" "+form, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // the registry's time limit passes at once
					w := newDataService(t)
					if tt.world != nil {
						tt.world(w)
					}
					resp := w.do(request)
					if body := checkEnvelope(t, resp); resp.StatusCode != tt.status || body != tt.body {
						t.Errorf("\n got %d %s\nwant %d %s", resp.StatusCode, body, tt.status, tt.body)
					}
					log := w.log.String()
					checkNothingShows(t, log)
					if strings.Contains(log, "MELATI") || resp.StatusCode == 200 && !strings.Contains(log, `"outcome":"`) {
						t.Errorf("the log has a value, or no outcome: %s", log)
					}
					checkDataEvent(t, w, tt.event, tt.said)
				})
			})
		}
	}
}

// checkDataEvent checks that one event was recorded, with these attributes, or none.
func checkDataEvent(t *testing.T, w whole, result audit.Result, said string) {
	t.Helper()
	events := w.trail.Recorded()
	if result == "" {
		if len(events) != 0 {
			t.Errorf("recorded %+v", events)
		}
		return
	}
	if len(events) != 1 {
		t.Fatalf("recorded %+v", events)
	}
	e := audit.NewEntry(events[0], [32]byte{1})
	if e.Result != result || e.Endpoint != audit.DataVerification || e.Attributes != said || e.Compared || e.ReplayChecked {
		t.Errorf("recorded %+v, want %s with %s", e, result, said)
	}
}

// TestDataJSON: null is not given, and what is no text is not valid rather than not
// given: a claim is never decided without a part of it.
func TestDataJSON(t *testing.T) {
	const valid = `"nik":"` + testNIK + `","name":"` + testName + `"`
	for _, tt := range []struct {
		about, body string
		status      int
		want        string
	}{
		{"null", `{` + valid + `,"address":null,"rt":null,"date_of_birth":null}`, 200, dataSuccess + `{"nik":true,"name":true}}`},
		{"null name", `{"nik":"` + testNIK + `","name":null,"rt":"3"}`, 200, dataSuccess + `{"nik":true,"rt":true}}`},
		{"null nik", `{"nik":null,"name":"` + testName + `"}`, 400, `{"verification_status":false,"reason":"Invalid NIK number format"}`},
		{"all null", `{"nik":"` + testNIK + `","name":null}`, 400, noAttribute},
		{"a number", `{` + valid + `,"rt":3}`, 400, invalid("rt")},
		{"an object", `{` + valid + `,"address":{"street":"x"}}`, 400, invalid("address")},
		{"true", `{` + valid + `,"gender":true}`, 400, invalid("gender")},
		{"half a pair", `{` + valid + `,"city":"Bandung\ud800"}`, 400, invalid("city")},
		{"a date that is a number", `{` + valid + `,"date_of_birth":1}`, 400, `{"verification_status":false,"reason":"Invalid date_of_birth format"}`},
		{"twice", `{` + valid + `,"rt":"3","rt":"4"}`, 400, `"code":"MALFORMED"`},
		{"twice for a lenient reader", `{` + valid + `,"rt":"3","RT":"4"}`, 400, `"code":"MALFORMED"`},
		{"no object", `[]`, 400, `"code":"MALFORMED"`},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newDataService(t)
			resp := w.do(toData(post("application/json", tt.body)))
			body := checkEnvelope(t, resp)
			if resp.StatusCode != tt.status || body != tt.want && (tt.want[0] == '{' || !strings.Contains(body, tt.want)) {
				t.Errorf("\n got %d %s\nwant %d %s", resp.StatusCode, body, tt.status, tt.want)
			}
		})
	}
}

// TestDataEnvelope: the other refusals are those of face verifications, but that a
// body has at most 64 KiB.
func TestDataEnvelope(t *testing.T) {
	valid := claim{"nik", testNIK, "name", testName}
	large := append(claim{"face_image", strings.Repeat("x", 64<<10)}, valid...)
	chunked := large.inMultipart()
	chunked.ContentLength = -1
	get := valid.inMultipart()
	get.Method = http.MethodGet
	text := valid.inMultipart()
	text.Header.Set("Content-Type", "text/plain")
	slash := valid.inMultipart()
	slash.URL.Path = "/" + httpapi.DataVerificationPath + "/"
	for _, tt := range []struct {
		about   string
		request *http.Request
		status  int
		body    string
	}{
		{"no credentials", anonymous(valid.inMultipart()), 401, disallowed},
		{"GET", get, 405, `{"error":"Method not allowed"}`},
		{"slashes", slash, 200, `{"nik":true,"name":true}`},
		{"text", text, 415, "UNSUPPORTED_CONTENT_TYPE"},
		{"large", large.inMultipart(), 413, "without a photograph: at most 64 KiB"},
		{"large, in chunks", chunked, 413, "without a photograph: at most 64 KiB"},
		{"large JSON", large.inJSON(t), 413, "TOO_LARGE"},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newDataService(t)
			resp := w.do(tt.request)
			if body := checkEnvelope(t, resp); resp.StatusCode != tt.status || !strings.Contains(body, tt.body) {
				t.Errorf("got %d %s", resp.StatusCode, body)
			}
		})
	}
}

// TestLargestClaim: the greatest valid claim, in the form that takes most bytes, is
// not too large.
func TestLargestClaim(t *testing.T) {
	longest := func(n int) string { return strings.Repeat(`\u0041`, n) }
	var fields []string
	for _, a := range sesuai.Attributes {
		fields = append(fields, `"`+string(a)+`":"`+longest(sesuai.MaxTextLength)+`"`)
	}
	body := `{"nik":"` + testNIK + `","name":"` + longest(sesuai.MaxNameLength) + `",` + strings.Join(fields, ",") + `}`
	w := newDataService(t)
	resp := w.do(toData(post("application/json", body)))
	if got := checkEnvelope(t, resp); resp.StatusCode != 200 || len(body) > 48<<10 {
		t.Errorf("%d bytes: %d %s", len(body), resp.StatusCode, got)
	}
}

// TestDataFailures: an error, a panic and a verification that takes too long verify
// nobody.
func TestDataFailures(t *testing.T) {
	for about, tt := range map[string]struct {
		verifier dataVerifierFunc
		status   int
		body     string
	}{
		"a defect": {func(context.Context, verify.DataRequest) (sesuai.DataVerdict, error) {
			return sesuai.DataVerdict{Verified: true}, errors.New(testNIK)
		}, 500, `{"error":"Internal server error"}`},
		"a panic": {func(_ context.Context, r verify.DataRequest) (sesuai.DataVerdict, error) { panic(r) }, 500, `{"error":"Internal server error"}`},
		"too late": {func(ctx context.Context, _ verify.DataRequest) (sesuai.DataVerdict, error) {
			<-ctx.Done()
			return sesuai.DataVerdict{}, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: ctx.Err()}
		}, 503, `{"verification_status":false,"reason":"Something wrong in Dukcapil server","result":{"nik":null,"name":null}}`},
	} {
		t.Run(about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newDataService(t)
				w.options.Verifier, w.options.Timeout = tt.verifier, time.Second
				resp := w.do(claim{"nik", testNIK, "name", testName}.inMultipart())
				if body := checkEnvelope(t, resp); resp.StatusCode != tt.status || body != tt.body {
					t.Errorf("got %d %s", resp.StatusCode, body)
				}
				if log := w.log.String(); strings.Contains(log, `"outcome"`) {
					t.Errorf("the log has an outcome: %s", log)
				}
			})
		})
	}
}
