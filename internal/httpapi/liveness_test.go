package httpapi_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/verify"
)

// livenessFunc is a Verifier that only measures liveness.
type livenessFunc func(ctx context.Context, req verify.LivenessRequest) (sesuai.LivenessVerdict, error)

func (livenessFunc) Verify(context.Context, verify.Request) (sesuai.Verdict, error) {
	return sesuai.Verdict{}, errors.New("a face verification was asked for")
}

func (livenessFunc) VerifyData(context.Context, verify.DataRequest) (sesuai.DataVerdict, error) {
	return sesuai.DataVerdict{}, errors.New("a data verification was asked for")
}

func (livenessFunc) Match(context.Context, verify.MatchRequest) (sesuai.MatchVerdict, error) {
	return sesuai.MatchVerdict{}, errors.New("a face match was asked for")
}

func (f livenessFunc) Liveness(ctx context.Context, req verify.LivenessRequest) (sesuai.LivenessVerdict, error) {
	return f(ctx, req)
}

// newLivenessService is a service whose verifier answers this about the test's
// photograph.
func newLivenessService(v sesuai.LivenessVerdict, err error) *service {
	s := newService()
	s.options.Liveness = true
	s.options.Authenticator = credentials{access.Client{ID: "client-1", Scopes: []access.Scope{access.PassiveLiveness}}}
	s.options.Verifier = livenessFunc(func(_ context.Context, req verify.LivenessRequest) (sesuai.LivenessVerdict, error) {
		if string(req.Photo) != testPhoto || req.Client.ID != "client-1" || req.ID == "" {
			return sesuai.LivenessVerdict{}, errors.New("another photograph was measured")
		}
		return v, err
	})
	return s
}

func toLiveness(r *http.Request) *http.Request {
	r.URL.Path, r.RequestURI = httpapi.PassiveLivenessPath, httpapi.PassiveLivenessPath
	return r
}

// TestLivenessContract has a row for each answer of passive liveness, and compares
// the bodies byte by byte.
func TestLivenessContract(t *testing.T) {
	const noFile = `{"verification_status":false,"reason":"No file in request body","code":"NO_FILE",` +
		`"guidance":{"id":"Lampirkan foto wajah pada bagian image.","en":"Attach a photograph of the face as image."},"image":"image"}`
	inParts := func(more ...part) *http.Request {
		return toLiveness(postParts(append(more, part{name: "image", body: testPhoto})...))
	}
	inJSON := toLiveness(post("application/json", `{"image":"`+base64.StdEncoding.EncodeToString([]byte(testPhoto))+`"}`))
	off := func(s *service) { s.options.Liveness = false }
	other := func(s *service) {
		s.options.Authenticator = credentials{access.Client{ID: "client-1", Scopes: []access.Scope{access.FaceMatch}}}
	}
	low := sesuai.LivenessVerdict{Status: "LOW", Spoof: 0.026114, Measured: true}
	const answered = `{"status":"success","result":{"spoof_percentage":0.02611,"status":"LOW"}}`
	for _, tt := range []struct {
		row     string
		verdict sesuai.LivenessVerdict
		err     error
		change  func(*service)
		request *http.Request
		status  int
		body    string
	}{
		{"low", low, nil, nil, inParts(), 200, answered},
		{"JSON", low, nil, nil, inJSON, 200, answered},
		{"a gesture code", low, nil, nil, inParts(part{name: "gesture-code", body: "HEAD_00"}), 200, answered},
		{"moderate", sesuai.LivenessVerdict{Status: "MODERATE", Spoof: 0.5, Measured: true}, nil, nil, inParts(), 200, `{"status":"success","result":{"spoof_percentage":0.50000,"status":"MODERATE"}}`},
		{"high", sesuai.LivenessVerdict{Status: "HIGH", Spoof: 1, Measured: true}, nil, nil, inParts(), 200, `{"status":"success","result":{"spoof_percentage":1.00000,"status":"HIGH"}}`},
		{"surely live", sesuai.LivenessVerdict{Status: "LOW", Measured: true}, nil, nil, inParts(), 200, `{"status":"success","result":{"spoof_percentage":0.00000,"status":"LOW"}}`},
		{"no face", sesuai.LivenessVerdict{Status: "face not detected"}, nil, nil, inParts(), 200, `{"status":"failed","result":{"status":"face not detected"}}`},
		{"faces", sesuai.LivenessVerdict{Status: "too many faces detected"}, nil, nil, inParts(), 200, `{"status":"failed","result":{"status":"too many faces detected"}}`},
		{"missing", low, nil, nil, toLiveness(postParts(part{name: "picture", body: testPhoto})), 400, noFile},
		{"empty", low, nil, nil, toLiveness(postParts(part{name: "image"})), 400, noFile},
		{
			"another format", low, &sesuai.Error{Kind: sesuai.KindUnsupportedImage, Image: "image"}, nil, inParts(), 415,
			`{"verification_status":false,"reason":"Unsupported image format","code":"UNSUPPORTED_IMAGE","guidance":{"id":"Gunakan foto berformat JPEG atau PNG.","en":"Use a photograph in JPEG or PNG format."},"image":"image"}`,
		},
		{"not measured", low, &sesuai.Error{Kind: sesuai.KindUnavailable}, nil, inParts(), 503, `{"verification_status":false,"reason":"Something wrong in Dukcapil server"}`},
		{"a defect", low, errors.New("broken"), nil, inParts(), 500, `{"error":"Internal server error"}`},
		{"switched off", low, nil, off, inParts(), 403, disallowed},
		{"another scope", low, nil, other, inParts(), 403, disallowed},
	} {
		t.Run(tt.row, func(t *testing.T) {
			s := newLivenessService(tt.verdict, tt.err)
			if tt.change != nil {
				tt.change(s)
			}
			resp := s.do(tt.request)
			if body := checkEnvelope(t, resp); resp.StatusCode != tt.status || body != tt.body {
				t.Errorf("\n got %d %s\nwant %d %s", resp.StatusCode, body, tt.status, tt.body)
			}
			checkNothingShows(t, s.log.String())
			if got := strings.Contains(s.log.String(), `"outcome":"measured","reason":"`+string(tt.verdict.Status)+`"`); got != (tt.status == 200) {
				t.Errorf("the log: %s", s.log.String())
			}
		})
	}
}
