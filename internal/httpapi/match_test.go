package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/verify"
)

// matcherFunc is a Verifier that only compares photographs.
type matcherFunc func(ctx context.Context, req verify.MatchRequest) (sesuai.MatchVerdict, error)

func (matcherFunc) Verify(context.Context, verify.Request) (sesuai.Verdict, error) {
	return sesuai.Verdict{}, errors.New("a face verification was asked for")
}

func (matcherFunc) VerifyData(context.Context, verify.DataRequest) (sesuai.DataVerdict, error) {
	return sesuai.DataVerdict{}, errors.New("a data verification was asked for")
}

func (matcherFunc) Liveness(context.Context, verify.LivenessRequest) (sesuai.LivenessVerdict, error) {
	return sesuai.LivenessVerdict{}, errors.New("liveness was asked for")
}

func (f matcherFunc) Match(ctx context.Context, req verify.MatchRequest) (sesuai.MatchVerdict, error) {
	return f(ctx, req)
}

const testStored = pngStart + "the stored photograph"

// newMatchService is a service whose verifier answers this, after checking that the
// request has the test's two photographs.
func newMatchService(v sesuai.MatchVerdict, err error) *service {
	s := newService()
	s.options.Authenticator = credentials{access.Client{ID: "client-1", Scopes: []access.Scope{access.FaceMatch}}}
	s.options.Verifier = matcherFunc(func(_ context.Context, req verify.MatchRequest) (sesuai.MatchVerdict, error) {
		if string(req.Captured) != testPhoto || string(req.Stored) != testStored || req.Client.ID != "client-1" || req.ID == "" {
			return sesuai.MatchVerdict{}, errors.New("other photographs were compared")
		}
		return v, err
	})
	return s
}

// pair is a request with two photographs; a nil one is not given.
func pair(captured, stored []byte) *http.Request {
	var parts []part
	if captured != nil {
		parts = append(parts, part{name: "captured_image", body: string(captured)})
	}
	if stored != nil {
		parts = append(parts, part{name: "stored_image", body: string(stored)})
	}
	return toMatch(postParts(parts...))
}

func toMatch(r *http.Request) *http.Request {
	r.URL.Path, r.RequestURI = httpapi.FaceMatchPath, httpapi.FaceMatchPath
	return r
}

// TestMatchContract has a row for each answer of face matches, and compares the
// bodies byte by byte.
func TestMatchContract(t *testing.T) {
	noFile := func(image string) string {
		return `{"verification_status":false,"reason":"No file in request body","code":"NO_FILE","guidance":{"id":"Lampirkan foto wajah pada bagian ` +
			image + `.","en":"Attach a photograph of the face as ` + image + `."},"image":"` + image + `"}`
	}
	answered := func(status, percentage, words, code string) string {
		return `{"status":"` + status + `","result":{"match_percentage":` + percentage + `,"match_status":"` + words + `","match_status_code":"` + code + `"}}`
	}
	kind := func(k sesuai.Kind, image string) error {
		return &sesuai.Error{Kind: k, Image: image, Measures: []string{"sharpness"}}
	}
	encoded := func(photo, before string) string { return before + base64.StdEncoding.EncodeToString([]byte(photo)) }
	inJSON := func(captured, stored any) *http.Request {
		b, err := json.Marshal(map[string]any{"captured_image": captured, "stored_image": stored})
		if err != nil {
			t.Fatal(err)
		}
		return toMatch(post("application/json; charset=utf-8", string(b)))
	}
	both := func() *http.Request { return pair([]byte(testPhoto), []byte(testStored)) }
	of := sesuai.PercentageOf
	for _, tt := range []struct {
		row     string
		verdict sesuai.MatchVerdict
		err     error
		request *http.Request
		status  int
		body    string
	}{
		{"match", sesuai.MatchVerdict{Code: "MATCH", Percentage: of(95.77)}, nil, both(), 200, answered("success", "0.95770", "match", "MATCH")},
		{"all", sesuai.MatchVerdict{Code: "MATCH", Percentage: of(100)}, nil, both(), 200, answered("success", "1.00000", "match", "MATCH")},
		{"not match", sesuai.MatchVerdict{Code: "NOT_MATCH", Percentage: of(0)}, nil, both(), 200, answered("success", "0.00000", "not match", "NOT_MATCH")},
		{"no captured face", sesuai.MatchVerdict{Code: "NO_FACE_CAPTURED_IMG"}, nil, both(), 200, answered("failed", "0", "no face in captured image", "NO_FACE_CAPTURED_IMG")},
		{"no stored face", sesuai.MatchVerdict{Code: "NO_FACE_STORED_IMG"}, nil, both(), 200, answered("failed", "0", "no face in stored image", "NO_FACE_STORED_IMG")},
		{"captured faces", sesuai.MatchVerdict{Code: "MANY_FACES_CAPTURED_IMG"}, nil, both(), 200, answered("failed", "0", "many faces in captured image", "MANY_FACES_CAPTURED_IMG")},
		{"stored faces", sesuai.MatchVerdict{Code: "MANY_FACES_STORED_IMG"}, nil, both(), 200, answered("failed", "0", "many faces in stored image", "MANY_FACES_STORED_IMG")},
		{
			"base64",
			sesuai.MatchVerdict{Code: "MATCH", Percentage: of(75)},
			nil, inJSON(encoded(testPhoto, ""), encoded(testStored, "")), 200,
			answered("success", "0.75000", "match", "MATCH"),
		},
		{
			"data URLs",
			sesuai.MatchVerdict{Code: "MATCH", Percentage: of(75)},
			nil,
			inJSON(encoded(testPhoto, "data:image/png;base64,"), encoded(testStored, "data:image/png;base64,")), 200,
			answered("success", "0.75000", "match", "MATCH"),
		},
		{"the second is empty", sesuai.MatchVerdict{}, nil, pair([]byte(testPhoto), []byte{}), 400, noFile("stored_image")},
		{"the second is missing", sesuai.MatchVerdict{}, nil, pair([]byte(testPhoto), nil), 400, noFile("stored_image")},
		{"the first is empty", sesuai.MatchVerdict{}, nil, pair([]byte{}, []byte(testStored)), 400, noFile("captured_image")},
		{"none", sesuai.MatchVerdict{}, nil, toMatch(post("application/json", "{}")), 400, noFile("captured_image")},
		{"null", sesuai.MatchVerdict{}, nil, inJSON(encoded(testPhoto, ""), nil), 400, noFile("stored_image")},
		{
			"another format",
			sesuai.MatchVerdict{},
			kind(sesuai.KindUnsupportedImage, "stored_image"), both(), 415,
			`{"verification_status":false,"reason":"Unsupported stored_image format","code":"UNSUPPORTED_IMAGE","guidance":{"id":"Gunakan foto berformat JPEG atau PNG.","en":"Use a photograph in JPEG or PNG format."},"image":"stored_image"}`,
		},
		{
			"damaged",
			sesuai.MatchVerdict{},
			kind(sesuai.KindInvalidImage, "captured_image"), both(), 400,
			`{"verification_status":false,"reason":"Invalid captured_image","code":"INVALID_IMAGE","guidance":{"id":"Berkas foto rusak atau tidak lengkap. Ambil atau unggah ulang foto.","en":"The photograph's file is damaged or incomplete. Take or upload it again."},"image":"captured_image"}`,
		},
		{
			"blurred",
			sesuai.MatchVerdict{},
			kind(sesuai.KindFaceQuality, "stored_image"), both(), 400,
			`{"verification_status":false,"reason":"Face image quality is too low","code":"FACE_QUALITY","guidance":{"id":"Foto buram. Bersihkan lensa, tahan kamera dengan stabil, dan tunggu hingga fokus.","en":"The photograph is blurred. Clean the lens, hold the camera still and wait until it is in focus."},"measures":["sharpness"],"image":"stored_image"}`,
		},
		{"no answer", sesuai.MatchVerdict{}, &sesuai.Error{Kind: sesuai.KindUnavailable}, both(), 503, `{"verification_status":false,"reason":"Something wrong in Dukcapil server"}`},
		{"a defect", sesuai.MatchVerdict{Code: "MATCH"}, errors.New("broken"), both(), 500, `{"error":"Internal server error"}`},
	} {
		t.Run(tt.row, func(t *testing.T) {
			s := newMatchService(tt.verdict, tt.err)
			resp := s.do(tt.request)
			if body := checkEnvelope(t, resp); resp.StatusCode != tt.status || body != tt.body {
				t.Errorf("\n got %d %s\nwant %d %s", resp.StatusCode, body, tt.status, tt.body)
			}
			checkNothingShows(t, s.log.String())
			want := `"outcome":"not_matched","reason":"` + string(tt.verdict.Code) + `"`
			if tt.verdict.Code == "MATCH" {
				want = `"outcome":"matched","reason":"MATCH"`
			}
			if got := strings.Contains(s.log.String(), want); got != (tt.status == 200) {
				t.Errorf("the log: %s", s.log.String())
			}
		})
	}
}

// TestMatchScope: a client needs the scope of face matches.
func TestMatchScope(t *testing.T) {
	s := newMatchService(sesuai.MatchVerdict{}, nil)
	s.options.Authenticator = credentials{access.Client{ID: "client-1", Scopes: []access.Scope{access.FaceVerification, access.DataVerification}}}
	resp := s.do(pair([]byte(testPhoto), []byte(testStored)))
	if body := checkEnvelope(t, resp); resp.StatusCode != 403 || body != disallowed {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}
