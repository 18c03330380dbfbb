package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/verify"
)

// similarity is an Extractor for photographs that say how similar they are to
// the reference: a PNG's first bytes and a cosine.
type similarity struct {
	t         *testing.T
	reference face.Template
}

const pngStart = "\x89PNG\r\n\x1a\n"

func (s similarity) Extract(_ context.Context, photo []byte, _ face.Use) (face.Extraction, error) {
	text, ok := strings.CutPrefix(string(photo), pngStart)
	if !ok {
		return face.Extraction{}, &sesuai.Error{Kind: sesuai.KindUnsupportedImage}
	}
	cosine, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return face.Extraction{Finding: face.NoFace}, nil
	}
	return face.Extraction{Faces: 1, Template: registrytest.ProbeAt(s.t, s.reference, cosine).Template}, nil
}

// trail is an audit.Log in memory that can be made to fail.
type trail struct {
	events []audit.Event
	err    error
}

func (l *trail) Append(_ context.Context, e audit.Event) error {
	if l.err == nil {
		l.events = append(l.events, e)
	}
	return l.err
}

// whole is the service with everything but the face engine and the disk: the
// wire, the use case, the policy, and a registry that holds two people.
type whole struct {
	*service
	registry *registrytest.Memory
	trail    *trail
}

func newWhole(t *testing.T) whole {
	t.Helper()
	w := whole{newService(), registrytest.NewMemory(), new(trail)}
	nik, err := sesuai.ParseNIK(testNIK)
	if err != nil {
		t.Fatal(err)
	}
	person := registrytest.Person(t, 1)
	person.NIK, person.Name, person.DateOfBirth = nik, registrytest.Name(t, testName), registrytest.Date(t, testDate)
	portrait := registrytest.Portrait(t, 1)
	if _, err := w.registry.Enrol(t.Context(), person, portrait); err != nil {
		t.Fatal(err)
	}
	w.options.Authenticator = credentials{access.Client{
		ID: "client-1", Scopes: []access.Scope{access.FaceVerification}, Threshold: sesuai.PercentageOf(75), NameMark: 85,
	}}
	w.options.Verifier = verify.New(verify.Options{
		Registry:  w.registry,
		Extractor: similarity{t, portrait.Template},
		Audit:     w.trail,
	})
	return w
}

// TestWholeService: the eight documented outcomes from the request to the
// answer, each with its event.
func TestWholeService(t *testing.T) {
	selfie := func(cosine string) []part { return with("face_image", pngStart+cosine) }
	change := func(parts []part, name, body string) []part {
		for i := range parts {
			if parts[i].name == name {
				parts[i].body = body
			}
		}
		return parts
	}
	down := errors.New("connection refused")
	for _, tt := range []struct {
		row    string
		world  func(whole)
		parts  []part
		status int
		body   string
		event  audit.Result // "" is none
	}{
		{"R1", nil, selfie("0.8204"), 200, r1, audit.Verified},
		{"R2", nil, change(selfie("0.8204"), "nik", "9999010101900002"), 200, `{"verification_status":false,"reason":"NIK not found on Dukcapil database","result":{"nik":false,"name":null,"date_of_birth":null,"face_image_percentage":0}}`, audit.NotVerified},
		{"R3", nil, change(selfie("0.8204"), "name", "Bambang Percobaan"), 200, `{"verification_status":false,"reason":"Name does not match","result":{"nik":true,"name":false,"date_of_birth":true,"face_image_percentage":82.04}}`, audit.NotVerified},
		{"R4", nil, change(selfie("0.8204"), "date_of_birth", "02-01-1990"), 200, `{"verification_status":false,"reason":"Date of birth does not match","result":{"nik":true,"name":true,"date_of_birth":false,"face_image_percentage":82.04}}`, audit.NotVerified},
		{"R5", nil, selfie("0.4204"), 200, `{"verification_status":false,"reason":"Selfie image does not pass the threshold","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":42.04}}`, audit.NotVerified},
		{"R6", nil, change(selfie("0.8204"), "nik", "123"), 400, `{"verification_status":false,"reason":"Invalid NIK number format"}`, ""},
		{"R7", nil, change(selfie("0.8204"), "date_of_birth", "1990"), 400, `{"verification_status":false,"reason":"Invalid date_of_birth format"}`, ""},
		{"R8", func(w whole) { w.registry.FailBefore(down) }, selfie("0.8204"), 503, r8, audit.Unavailable},
		{"R8 after the work was done", func(w whole) { w.registry.FailAfter(down) }, selfie("0.8204"), 503, r8, audit.Unavailable},
		{"R8 without an answer", func(w whole) { w.registry.Hang(true) }, selfie("0.8204"), 503, r8, audit.Unavailable},
		{"R8 since the event cannot be recorded", func(w whole) { w.trail.err = down }, selfie("0.8204"), 503, r8, ""},
		{"at the threshold", nil, selfie("0.75"), 200, strings.Replace(r1, "82.04", "75", 1), audit.Verified},
		{"no face", nil, selfie("nobody"), 400, "FACE_NOT_DETECTED", audit.Refused},
		{"no photograph", nil, with("face_image", "GIF89a"), 415, "UNSUPPORTED_IMAGE", audit.Refused},
	} {
		t.Run(tt.row, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // so that the registry's time limit takes no time
				w := newWhole(t)
				if tt.world != nil {
					tt.world(w)
				}
				resp := w.do(postParts(tt.parts...))
				body := checkEnvelope(t, resp)
				if resp.StatusCode != tt.status || !strings.Contains(body, tt.body) || strings.HasPrefix(tt.body, "{") && body != tt.body {
					t.Errorf("\n got %d %s\nwant %d %s", resp.StatusCode, body, tt.status, tt.body)
				}
				checkNothingShows(t, w.log.String())
				if tt.event == "" {
					if len(w.trail.events) != 0 {
						t.Errorf("recorded %+v", w.trail.events)
					}
					if tt.status == http.StatusBadRequest && w.registry.Calls("Check") != 0 {
						t.Error("an invalid request reached the registry")
					}
					return
				}
				if len(w.trail.events) != 1 || w.trail.events[0].Result != tt.event ||
					w.trail.events[0].RequestID != resp.Header.Get("Request-Id") {
					t.Errorf("recorded %+v, want %s for %s", w.trail.events, tt.event, resp.Header.Get("Request-Id"))
				}
			})
		})
	}
}

// The real parts are what the interfaces ask for.
var (
	_ httpapi.Verifier      = (*verify.Verifier)(nil)
	_ httpapi.Authenticator = (*access.Authenticator)(nil)
	_ httpapi.Limiter       = (*access.Limiter)(nil)
)
