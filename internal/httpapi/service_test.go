package httpapi_test

import (
	"context"
	"crypto/sha256"
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
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/verify"
)

// similarity is an Extractor for synthetic photographs, which consist of a PNG's
// first bytes and the cosine with the reference as text.
type similarity struct {
	t         *testing.T
	reference face.Template
}

const pngStart = "\x89PNG\r\n\x1a\n"

func (s similarity) Extract(_ context.Context, photo []byte, use face.Use) (face.Extraction, error) {
	text, ok := strings.CutPrefix(string(photo), pngStart)
	if !ok {
		return face.Extraction{}, &sesuai.Error{Kind: sesuai.KindUnsupportedImage}
	}
	cosine, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return face.Extraction{Finding: face.NoFace}, nil
	}
	x := face.Extraction{Faces: 1, Template: registrytest.ProbeAt(s.t, s.reference, cosine).Template}
	x.Signature = registrytest.Signature(int(1000 * cosine))
	x.Signature.File = sha256.Sum256(photo)
	if use == face.ForLiveProbe {
		x.Liveness = face.Liveness{Known: true, Score: cosine}
	}
	return x, nil
}

// whole is the service without the face engine and the disk: the HTTP API, the
// use case, the policy, and a registry in memory.
type whole struct {
	*service
	registry *registrytest.Memory
	trail    *replaytest.Memory
}

func newWhole(t *testing.T) whole {
	t.Helper()
	w := whole{newService(), registrytest.NewMemory(), new(replaytest.Memory)}
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
		ID: "client-1", Scopes: []access.Scope{access.FaceVerification}, Threshold: sesuai.PercentageOf(75), NameThreshold: 85,
		Replay: access.Log, Liveness: access.Off,
	}}
	w.options.Verifier = verify.New(verify.Options{
		LivenessThreshold: 0.5,
		Registry:          w.registry,
		Extractor:         similarity{t, portrait.Template},
		Recorder:          w.trail,
	})
	return w
}

// TestWholeService checks the eight documented outcomes from request to
// response, with their audit events.
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
		{"R8 since the event cannot be recorded", func(w whole) { w.trail.FailBefore(down) }, selfie("0.8204"), 503, r8, ""},
		{"at the threshold", nil, selfie("0.75"), 200, strings.Replace(r1, "82.04", "75", 1), audit.Verified},
		{"no face", nil, selfie("nobody"), 400, "FACE_NOT_DETECTED", audit.Refused},
		{"no photograph", nil, with("face_image", "GIF89a"), 415, "UNSUPPORTED_IMAGE", audit.Refused},
	} {
		t.Run(tt.row, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the registry's time limit passes at once
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
					if events := w.trail.Recorded(); len(events) != 0 {
						t.Errorf("recorded %+v", events)
					}
					if tt.status == http.StatusBadRequest && w.registry.Calls("Check") != 0 {
						t.Error("an invalid request reached the registry")
					}
					return
				}
				if events := w.trail.Recorded(); len(events) != 1 || events[0].Result != tt.event ||
					events[0].RequestID != resp.Header.Get("Request-Id") {
					t.Errorf("recorded %+v, want %s for %s", events, tt.event, resp.Header.Get("Request-Id"))
				}
			})
		})
	}
}

// TestSuspicions checks each client policy on photographs that are sent again
// and on photographs that do not look live.
func TestSuspicions(t *testing.T) {
	selfie := func(cosine string, more ...string) []part {
		parts := with("face_image", pngStart+cosine)
		for i := range parts {
			if len(more) > 0 && parts[i].name == "name" {
				parts[i].body = more[0]
			}
		}
		return parts
	}
	const replayed = `{"verification_status":false,"reason":"Suspected replay of a photograph","code":"SUSPECTED_REPLAY",` +
		`"guidance":{"id":"Foto ini sudah pernah digunakan. Ambil foto baru sekarang dengan kamera, jangan memakai foto lama.",` +
		`"en":"This photograph has been used before. Take a new one with the camera now; do not use an old one."}}`
	const attacked = `{"verification_status":false,"reason":"Suspected presentation attack","code":"SUSPECTED_PRESENTATION_ATTACK",` +
		`"guidance":{"id":"Ambil foto baru langsung dari wajah Anda di tempat yang terang, bukan dari foto cetak atau layar.",` +
		`"en":"Take a new photograph of your own face, in good light, and not of a print or a screen."}}`
	type asked struct {
		id     string
		parts  []part
		status int
		body   string
		flags  audit.Flags
	}
	for _, tt := range []struct {
		about            string
		replay, liveness access.Policy
		asked            []asked
	}{
		{"off", access.Off, access.Off, []asked{
			{"a", selfie("0.9"), 200, "Verification Success", 0},
			{"b", selfie("0.9"), 200, "Verification Success", 0},
		}},
		{"replays logged", access.Log, access.Off, []asked{
			{"a", selfie("0.9"), 200, "Verification Success", 0},
			{"b", selfie("0.9"), 200, "Verification Success", audit.SuspectedReplay},
			{"c", selfie("0.9"), 200, "Verification Success", audit.SuspectedReplay},
			{"d", selfie("0.8"), 200, "Verification Success", 0},
		}},
		{"replays enforced", access.Enforce, access.Off, []asked{
			{"a", selfie("0.9"), 200, "Verification Success", 0},
			{"a", selfie("0.9"), 200, "Verification Success", 0},                     // a retry of a request without an answer
			{"a", selfie("0.9", "Orang Lain"), 400, replayed, audit.SuspectedReplay}, // another request under a used id
			{"b", selfie("0.9"), 400, replayed, audit.SuspectedReplay},
			{"b", selfie("0.9"), 400, replayed, audit.SuspectedReplay},               // a retry of a replay stays one
			{"c", selfie("0.9", "Orang Lain"), 400, replayed, audit.SuspectedReplay}, // the response reveals nothing about the name
			{"d", selfie("0.8"), 200, "Verification Success", 0},
		}},
		{"the reference's own photograph", access.Enforce, access.Off, []asked{
			{"a", selfie("0.001"), 400, replayed, audit.SuspectedReplay}, // Signature(1) is the reference's
		}},
		{"liveness logged", access.Log, access.Log, []asked{
			{"a", selfie("0.45"), 200, "does not pass the threshold", audit.SuspectedPresentationAttack},
			{"b", selfie("0.45"), 200, "does not pass", audit.SuspectedPresentationAttack | audit.SuspectedReplay},
		}},
		{"liveness enforced", access.Log, access.Enforce, []asked{
			{"a", selfie("0.45"), 400, attacked, audit.SuspectedPresentationAttack},
			{"b", selfie("0.9"), 200, "Verification Success", 0},
		}},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newWhole(t)
			client := w.options.Authenticator.(credentials).client
			client.Replay, client.Liveness = tt.replay, tt.liveness
			w.options.Authenticator = credentials{client}
			for i, a := range tt.asked {
				r := postParts(a.parts...)
				r.Header.Set("X-Request-Id", a.id)
				resp := w.do(r)
				body := checkEnvelope(t, resp)
				if resp.StatusCode != a.status || !strings.Contains(body, a.body) || strings.HasPrefix(a.body, "{") && body != a.body {
					t.Errorf("request %d\n got %d %s\nwant %d %s", i, resp.StatusCode, body, a.status, a.body)
				}
				events := w.trail.Recorded()
				if len(events) != i+1 || events[i].Flags != a.flags {
					t.Fatalf("request %d: recorded %+v, want flags %q", i, events, a.flags)
				}
				if refused := a.status == 400; refused != (events[i].Result == audit.Refused) {
					t.Errorf("request %d: recorded %+v", i, events[i])
				}
			}
			checkNothingShows(t, w.log.String())
		})
	}
}

// The real implementations.
var (
	_ httpapi.Verifier      = (*verify.Verifier)(nil)
	_ httpapi.Authenticator = (*access.Authenticator)(nil)
	_ httpapi.Limiter       = (*access.Limiter)(nil)
)
