package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/verify"
)

// with returns a valid form with another body in one part.
func with(name, body string) []part {
	parts := everyPart()
	for i := range parts {
		if parts[i].name == name {
			parts[i].body = body
		}
	}
	return parts
}

// without returns a valid form without one part.
func without(name string) []part {
	var parts []part
	for _, p := range everyPart() {
		if p.name != name {
			parts = append(parts, p)
		}
	}
	return parts
}

// verdict is a step: the verifier returns this verdict.
func verdict(v sesuai.Verdict) func(*service) { return func(s *service) { s.answers(v, nil) } }

// failure is a step: the verifier cannot answer.
func failure(err error) func(*service) { return func(s *service) { s.answers(sesuai.Verdict{}, err) } }

// kind is a step: the verifier fails with an error of this kind.
func kind(k sesuai.Kind) func(*service) { return failure(&sesuai.Error{Kind: k}) }

// The outcomes in the verdicts below.
const (
	yes  = sesuai.Match
	no   = sesuai.NonMatch
	null = sesuai.NotCompared
)

// TestContract has a row for each row of contract.md and compares the bodies
// byte by byte.
func TestContract(t *testing.T) {
	of := sesuai.PercentageOf
	const (
		badNIK  = `{"verification_status":false,"reason":"Invalid NIK number format"}`
		badDate = `{"verification_status":false,"reason":"Invalid date_of_birth format"}`
		badName = `{"verification_status":false,"reason":"Invalid name format","code":"INVALID_NAME","guidance":{"id":"Isi nama lengkap sesuai KTP, 1 sampai 100 karakter.","en":"Give the full name as on the identity card, 1 to 100 characters."}}`
		noName  = `{"verification_status":false,"reason":"Invalid name format","code":"INVALID_NAME","guidance":{"id":"Bagian name tidak ada dalam permintaan. Kirim nama lengkap sesuai KTP, 1 sampai 100 karakter.","en":"The field name is missing from the request. Send the full name as on the identity card, 1 to 100 characters."}}`
		noImage = `{"verification_status":false,"reason":"No file in request body","code":"NO_FILE","guidance":{"id":"Bagian face_image tidak ada dalam permintaan. Lampirkan foto wajah pada bagian itu.","en":"The field face_image is missing from the request. Attach a photograph of the face as that field."}}`
		noFile  = `{"verification_status":false,"reason":"No file in request body","code":"NO_FILE","guidance":{"id":"Lampirkan foto wajah pada bagian face_image.","en":"Attach a photograph of the face as face_image."}}`
		notText = `{"verification_status":false,"reason":"Unsupported face_image format","code":"UNSUPPORTED_IMAGE","guidance":{"id":"Gunakan foto berformat JPEG atau PNG.","en":"Use a photograph in JPEG or PNG format."}}`
		large   = `{"verification_status":false,"reason":"Request is too large","code":"TOO_LARGE","guidance":{"id":"Gunakan foto dengan ukuran berkas atau resolusi yang lebih kecil.","en":"Use a photograph with a smaller file size or resolution."}}`
		content = `{"verification_status":false,"reason":"Unsupported Content-Type","code":"UNSUPPORTED_CONTENT_TYPE","guidance":{"id":"Kirim permintaan sebagai multipart/form-data atau application/json, tanpa Content-Encoding.","en":"Send the request as multipart/form-data or application/json, without a Content-Encoding."}}`
		broken  = `{"verification_status":false,"reason":"Malformed request","code":"MALFORMED","guidance":{"id":"Permintaan rusak, tidak lengkap, atau memuat bagian atau header yang sama dua kali.","en":"The request is broken, incomplete, or holds the same part or header twice."}}`
		unbound = `{"verification_status":false,"reason":"Malformed request","code":"MALFORMED","guidance":{"id":"Header Content-Type tidak memuat boundary. Biarkan pustaka HTTP menulis Content-Type untuk multipart/form-data; jangan mengisinya sendiri.","en":"The Content-Type header has no boundary. Let the HTTP library write the Content-Type of multipart/form-data; do not set it yourself."}}`
		denied  = `{"error":"Access to this API has been disallowed"}`
	)
	for _, tt := range []struct {
		row     string
		service func(*service)
		request *http.Request
		status  int
		body    string
	}{
		// Responses.
		{"R1", verdict(verified), postParts(everyPart()...), 200, r1},
		{
			"R2", verdict(sesuai.Verdict{Reason: sesuai.ReasonNIKNotFound, NIK: no, Face: of(0)}), postParts(everyPart()...), 200,
			`{"verification_status":false,"reason":"NIK not found on Dukcapil database","result":{"nik":false,"name":null,"date_of_birth":null,"face_image_percentage":0}}`,
		},
		{
			"R3", verdict(sesuai.Verdict{Reason: sesuai.ReasonNameDiffers, NIK: yes, Name: no, DateOfBirth: yes, Face: of(82.04)}), postParts(everyPart()...), 200,
			`{"verification_status":false,"reason":"Name does not match","result":{"nik":true,"name":false,"date_of_birth":true,"face_image_percentage":82.04}}`,
		},
		{
			"R4", verdict(sesuai.Verdict{Reason: sesuai.ReasonDateDiffers, NIK: yes, Name: yes, DateOfBirth: no, Face: of(82.04)}), postParts(everyPart()...), 200,
			`{"verification_status":false,"reason":"Date of birth does not match","result":{"nik":true,"name":true,"date_of_birth":false,"face_image_percentage":82.04}}`,
		},
		{
			"R5", verdict(sesuai.Verdict{Reason: sesuai.ReasonFaceBelowThreshold, NIK: yes, Name: yes, DateOfBirth: yes, Face: of(42.04)}), postParts(everyPart()...), 200,
			`{"verification_status":false,"reason":"Selfie image does not pass the threshold","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":42.04}}`,
		},
		{"R6 bad", nil, postParts(with("nik", "123")...), 400, badNIK},
		{"R6 empty", nil, postParts(with("nik", "")...), 400, badNIK},
		{"R6 missing", nil, postParts(without("nik")...), 400, badNIK},
		{"R6 missing in the Node SDK", nil, postParts(with("nik", "undefined")...), 400, badNIK},
		{"R6 padded", nil, postParts(with("nik", testNIK+" ")...), 400, badNIK},
		{"R6 very long", nil, postParts(with("nik", strings.Repeat("3", 1<<16))...), 400, badNIK},
		{"R6 before everything else", nil, postParts(), 400, badNIK},
		{"R7 bad", nil, postParts(with("date_of_birth", "1990-01-01")...), 400, badDate},
		{"R7 no such day", nil, postParts(with("date_of_birth", "30-02-1990")...), 400, badDate},
		{"R7 in the future", nil, postParts(with("date_of_birth", "11-03-2026")...), 400, badDate},
		{"R7 empty", nil, postParts(with("date_of_birth", "")...), 400, badDate},
		{"R7 missing", nil, postParts(without("date_of_birth")...), 400, badDate},
		{"R7 missing in the Node SDK", nil, postParts(with("date_of_birth", "undefined")...), 400, badDate},
		{"R8 fails", kind(sesuai.KindUnavailable), postParts(everyPart()...), 503, r8},
		{"R8 fails with a cause", failure(&sesuai.Error{Kind: sesuai.KindUnavailable, Detail: "a detail", Err: errors.New("a cause")}), postParts(everyPart()...), 503, r8},

		// The vendor's own sample NIK, whose birth date is impossible.
		{"nik of the vendor's documentation", verdict(verified), postParts(with("nik", "1234567890123456")...), 200, r1},

		// Decisions: deceased or inactive, no portrait, a round percentage.
		{
			"not active", verdict(sesuai.Verdict{Reason: sesuai.ReasonNotActive, NIK: yes, Name: yes, DateOfBirth: no}), postParts(everyPart()...), 200,
			`{"verification_status":false,"reason":"NIK is not active on Dukcapil database","result":{"nik":true,"name":true,"date_of_birth":false,"face_image_percentage":null}}`,
		},
		{
			"no portrait", verdict(sesuai.Verdict{Reason: sesuai.ReasonNoPortrait, NIK: yes, Name: yes, DateOfBirth: yes}), postParts(everyPart()...), 200,
			`{"verification_status":false,"reason":"Face is not available on Dukcapil database","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":null}}`,
		},
		{
			"a whole percentage", verdict(sesuai.Verdict{Reason: sesuai.ReasonFaceBelowThreshold, NIK: yes, Name: yes, DateOfBirth: yes, Face: of(70)}), postParts(everyPart()...), 200,
			`{"verification_status":false,"reason":"Selfie image does not pass the threshold","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":70}}`,
		},

		// The table of undocumented answers, row by row.
		{"400 name empty", nil, postParts(with("name", "")...), 400, badName},
		{"400 name missing", nil, postParts(without("name")...), 400, noName},
		{"400 name of white space", nil, postParts(with("name", " \t ")...), 400, badName},
		{"R1 with the longest name", verdict(verified), postParts(with("name", strings.Repeat("a", 100))...), 200, r1},
		{"400 name too long", nil, postParts(with("name", strings.Repeat("a", 101))...), 400, badName},
		{"400 name too long behind white space", nil, postParts(with("name", "Sari"+strings.Repeat(" ", 5000)+"Contoh")...), 400, badName},
		{"400 name without a letter", nil, postParts(with("name", "123 - 456")...), 400, badName},
		{"400 name not UTF-8", nil, postParts(with("name", "Sari \xff")...), 400, badName},
		{"400 face_image missing", nil, postParts(without("face_image")...), 400, noImage},
		{"400 face_image of 0 bytes", nil, postParts(with("face_image", "")...), 400, noFile},
		{"400 face_image a data URL of 0 bytes", nil, postParts(with("face_image", "data:image/png;base64,")...), 400, noFile},
		{"415 not PNG or JPEG", nil, postParts(with("face_image", "GIF89a")...), 415, notText},
		{"415 text", nil, postParts(with("face_image", "/path/to/face.jpg")...), 415, notText},
		{"415 text in the Node SDK", nil, postParts(with("face_image", "undefined")...), 415, notText},
		{
			"400 cannot be decoded", kind(sesuai.KindInvalidImage), postParts(everyPart()...), 400,
			`{"verification_status":false,"reason":"Invalid face_image","code":"INVALID_IMAGE","guidance":{"id":"Berkas foto rusak atau tidak lengkap. Ambil atau unggah ulang foto.","en":"The photograph's file is damaged or incomplete. Take or upload it again."}}`,
		},
		{
			"400 no face", kind(sesuai.KindFaceNotDetected), postParts(everyPart()...), 400,
			`{"verification_status":false,"reason":"Face not detected","code":"FACE_NOT_DETECTED","guidance":{"id":"Wajah tidak ditemukan. Pastikan seluruh wajah terlihat jelas di dalam foto.","en":"No face was found. Make sure that the whole face is clearly visible in the photograph."}}`,
		},
		{
			"400 several faces", kind(sesuai.KindMultipleFaces), postParts(everyPart()...), 400,
			`{"verification_status":false,"reason":"Multiple faces detected","code":"MULTIPLE_FACES","guidance":{"id":"Terdapat lebih dari satu wajah. Ambil foto satu orang saja.","en":"There is more than one face. Take a photograph of one person only."}}`,
		},
		{
			"400 low quality", failure(&sesuai.Error{Kind: sesuai.KindFaceQuality, Measures: []string{"sharpness", "head_pose_yaw"}}), postParts(everyPart()...), 400,
			`{"verification_status":false,"reason":"Face image quality is too low","code":"FACE_QUALITY","guidance":{"id":"Foto buram. Bersihkan lensa, tahan kamera dengan stabil, dan tunggu hingga fokus. Wajah menoleh ke samping. Hadapkan wajah lurus ke kamera.","en":"The photograph is blurred. Clean the lens, hold the camera still and wait until it is in focus. The face is turned to the side. Face the camera straight on."},"measures":["sharpness","head_pose_yaw"]}`,
		},
		{
			"400 low quality, all measures", failure(&sesuai.Error{Kind: sesuai.KindFaceQuality, Measures: []string{"inter_eye_distance", "under_exposure_prevention"}}), postParts(everyPart()...), 400,
			`{"verification_status":false,"reason":"Face image quality is too low","code":"FACE_QUALITY","guidance":{"id":"Dekatkan wajah ke kamera atau gunakan foto beresolusi lebih tinggi. Foto terlalu gelap. Cari tempat yang lebih terang dan hadapkan wajah ke arah cahaya.","en":"Move closer to the camera or use a photograph of higher resolution. The photograph is too dark. Find a brighter place and turn your face to the light."},"measures":["inter_eye_distance","under_exposure_prevention"]}`,
		},
		{"413 body over the limit", func(s *service) { s.options.MaxBody = 100 }, postParts(everyPart()...), 413, large},
		{"413 image over 40 megapixels", kind(sesuai.KindTooLarge), postParts(everyPart()...), 413, large},
		{"415 urlencoded", nil, post("application/x-www-form-urlencoded", "nik="+testNIK), 415, content},
		{"415 no Content-Type", nil, post("", multipartBody(everyPart()...)), 415, content},
		{"415 a broken Content-Type", nil, post("/", "{}"), 415, content},
		{"415 compressed", nil, compressed(post("application/json", "{}")), 415, content},
		{"400 multipart without a boundary", nil, post("multipart/form-data", multipartBody(everyPart()...)), 400, unbound},
		{"400 multipart with another boundary", nil, post("multipart/form-data; boundary=other", multipartBody(everyPart()...)), 400, broken},
		{"400 multipart cut off", nil, post("multipart/form-data; boundary="+boundary, strings.TrimSuffix(multipartBody(everyPart()...), "--\r\n")), 400, broken},
		{"400 multipart cut off within a part", nil, post("multipart/form-data; boundary="+boundary, multipartBody(everyPart()...)[:300]), 400, broken},
		{"400 an empty body", nil, post("multipart/form-data; boundary="+boundary, ""), 400, broken},
		{"400 broken JSON", nil, post("application/json", `{"nik":`), 400, broken},
		{"400 a part twice", nil, postParts(append(everyPart(), part{name: "nik", body: testNIK})...), 400, broken},
		{"400 the image twice", nil, postParts(append(everyPart(), part{name: "face_image", body: testPhoto})...), 400, broken},
		{"400 a key twice", nil, post("application/json", `{"nik":"`+testNIK+`","nik":"`+testNIK+`"}`), 400, broken},
		{"503 overloaded", kind(sesuai.KindOverloaded), postParts(everyPart()...), 503, r8},
		{"503 the circuit is open", failure(&sesuai.Error{Kind: sesuai.KindUnavailable, RetryAfter: 1500 * time.Millisecond}), postParts(everyPart()...), 503, r8},
		{"401", nil, anonymous(postParts(everyPart()...)), 401, denied},
		{"403", func(s *service) { s.options.Authenticator = credentials{access.Client{ID: "client-1"}} }, postParts(everyPart()...), 403, denied},
		{"404", nil, httptest.NewRequest("POST", "/identity/v1/nothing", nil), 404, `{"error":"Not found"}`},
		{"405", nil, httptest.NewRequest("GET", "/identity/v1/face-verification", nil), 405, `{"error":"Method not allowed"}`},
		{"429", func(s *service) {
			s.options.Limiter = limiterFunc(func(access.Client) error {
				return &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: 90 * time.Second}
			})
		}, postParts(everyPart()...), 429, `{"error":"Rate limit exceeded"}`},
		{"429 attempts on one NIK", kind(sesuai.KindRateLimited), postParts(everyPart()...), 429, `{"error":"Rate limit exceeded"}`},
		{"500", failure(errors.New("a defect")), postParts(everyPart()...), 500, `{"error":"Internal server error"}`},
		{"500 of a kind that callers do not know", kind(sesuai.KindConfiguration), postParts(everyPart()...), 500, `{"error":"Internal server error"}`},
	} {
		t.Run(tt.row, func(t *testing.T) {
			s := newService()
			if tt.service != nil {
				tt.service(s)
			}
			resp := s.do(tt.request)
			body := checkEnvelope(t, resp)
			if resp.StatusCode != tt.status || body != tt.body {
				t.Errorf("\n got %d %s\nwant %d %s", resp.StatusCode, body, tt.status, tt.body)
			}
			checkHeaders(t, resp)
		})
	}
}

// checkHeaders checks the headers that depend on the status.
func checkHeaders(t *testing.T, resp *http.Response) {
	t.Helper()
	if got, want := resp.Header.Get("WWW-Authenticate"), map[int]string{401: "Basic"}[resp.StatusCode]; got != want {
		t.Errorf("WWW-Authenticate is %q, want %q", got, want)
	}
	if got, want := resp.Header.Get("Allow"), map[int]string{405: "POST"}[resp.StatusCode]; got != want {
		t.Errorf("Allow is %q, want %q", got, want)
	}
}

func compressed(r *http.Request) *http.Request {
	r.Header.Set("Content-Encoding", "gzip")
	return r
}

func anonymous(r *http.Request) *http.Request {
	r.Header.Del("Authorization")
	r.Header.Del("X-Api-Key")
	return r
}

// TestRetryAfter: Retry-After is in whole seconds, rounded up. An overload and
// an exceeded rate always have one.
func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		kind  sesuai.Kind
		after time.Duration
		want  string
	}{
		{sesuai.KindOverloaded, 0, "1"},
		{sesuai.KindOverloaded, 1500 * time.Millisecond, "2"},
		{sesuai.KindRateLimited, 0, "1"},
		{sesuai.KindRateLimited, 90 * time.Second, "90"},
		{sesuai.KindRateLimited, time.Nanosecond, "1"},
		{sesuai.KindUnavailable, 0, ""},
		{sesuai.KindUnavailable, -time.Second, ""},
		{sesuai.KindUnavailable, 7 * time.Second, "7"},
		{sesuai.KindFaceNotDetected, 7 * time.Second, ""},
	} {
		t.Run(fmt.Sprint(tt.kind, tt.after), func(t *testing.T) {
			s := newService()
			s.answers(sesuai.Verdict{}, &sesuai.Error{Kind: tt.kind, RetryAfter: tt.after})
			resp := s.do(postParts(everyPart()...))
			checkEnvelope(t, resp)
			if got := resp.Header.Get("Retry-After"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestValidationOrder: the order is credentials, nik, name, date_of_birth,
// image. Fixing one error reveals the next, and the verifier is called only
// when all are fixed.
func TestValidationOrder(t *testing.T) {
	s := newService()
	asked := 0
	s.answers(verified, nil)
	inner := s.options.Verifier
	s.options.Verifier = verifierFunc(func(ctx context.Context, req verify.Request) (sesuai.Verdict, error) {
		asked++
		return inner.Verify(ctx, req)
	})
	parts := []part{{name: "face_image"}, {name: "date_of_birth"}, {name: "name"}, {name: "nik"}}
	r := func() *http.Request { return postParts(parts...) }
	expect := func(r *http.Request, status int, sign string) {
		t.Helper()
		resp := s.do(r)
		if body := checkEnvelope(t, resp); resp.StatusCode != status || !strings.Contains(body, sign) {
			t.Errorf("got %d %s, want %d %s", resp.StatusCode, body, status, sign)
		}
	}
	expect(anonymous(r()), 401, "disallowed")
	expect(r(), 400, "Invalid NIK number format")
	parts[3].body = testNIK
	expect(r(), 400, "INVALID_NAME")
	parts[2].body = testName
	expect(r(), 400, "Invalid date_of_birth format")
	parts[1].body = testDate
	expect(r(), 400, "NO_FILE")
	if asked != 0 {
		t.Errorf("an invalid request was verified")
	}
	parts[0].body = testPhoto
	expect(r(), 200, "Verification Success")
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
