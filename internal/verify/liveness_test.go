package verify_test

import (
	"errors"
	"math"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/verify"
)

// liveness measures the liveness of the world's photograph, whose threshold is 0.6.
func liveness(t *testing.T, w *world) (sesuai.LivenessVerdict, error) {
	t.Helper()
	w.live = true
	return w.verifier().Liveness(t.Context(), verify.LivenessRequest{
		Call: callOf[sesuai.LivenessVerdict](access.Client{ID: "client-1"}), Photo: []byte("a photograph"),
	})
}

// measuring is a step: the photograph has this liveness.
func measuring(score float64) step {
	return func(w *world) { w.extraction.Liveness = face.Liveness{Known: true, Score: score} }
}

// TestPassiveLiveness: what is answered and recorded of a photograph. No registry is asked.
func TestPassiveLiveness(t *testing.T) {
	for _, tt := range []struct {
		about   string
		step    step
		status  sesuai.LivenessStatus
		spoof   float64
		flags   audit.Flags
		kind    sesuai.Kind
		result  audit.Result
		measure bool
	}{
		{"live", measuring(0.9), "LOW", 0.1, 0, "", audit.Measured, true},
		{"doubtful", measuring(0.7), "MODERATE", 0.3, 0, "", audit.Measured, true},
		{"at the threshold", measuring(0.6), "MODERATE", 0.4, 0, "", audit.Measured, true},
		{"an attack", measuring(0.25), "HIGH", 0.75, audit.SuspectedPresentationAttack, "", audit.Measured, true},
		{"no face", func(w *world) { w.extraction.Finding = face.NoFace }, "face not detected", 0, 0, "", audit.Measured, false},
		{"faces", func(w *world) { w.extraction.Finding = face.SeveralFaces }, "too many faces detected", 0, 0, "", audit.Measured, false},
		{"blurred", func(w *world) { w.extraction.Finding = face.LowQuality }, "", 0, 0, sesuai.KindFaceQuality, audit.Refused, false},
		{"damaged", func(w *world) { w.extractErr = &sesuai.Error{Kind: sesuai.KindInvalidImage} }, "", 0, 0, sesuai.KindInvalidImage, audit.Refused, false},
		{"not measured", func(*world) {}, "", 0, 0, sesuai.KindUnavailable, audit.Unavailable, false},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newWorld()
			tt.step(w)
			verdict, err := liveness(t, w)
			if verdict.Status != tt.status || math.Abs(verdict.Spoof-tt.spoof) > 1e-9 || verdict.Measured != tt.measure || sesuai.KindOf(err) != tt.kind {
				t.Fatalf("got %+v, %v", verdict, err)
			}
			if e, ok := errors.AsType[*sesuai.Error](err); ok && tt.result == audit.Refused && e.Image != "image" {
				t.Errorf("the error is about %q", e.Image)
			}
			if len(w.diary) != 2 || w.diary[1] != "append" || len(w.events) != 1 {
				t.Fatalf("asked %q, recorded %+v", w.diary, w.events)
			}
			e := w.events[0]
			if e.Endpoint != audit.PassiveLiveness || e.Result != tt.result || e.Flags != tt.flags || e.LivenessKnown != tt.measure || !e.NIK.IsZero() {
				t.Errorf("recorded %+v", e)
			}
		})
	}
}

// TestPassiveLivenessFails: nothing is told if the photograph or the trail fails.
func TestPassiveLivenessFails(t *testing.T) {
	for about, tt := range map[string]struct {
		step step
		kind sesuai.Kind
	}{
		"too much to do":        {func(w *world) { w.extractErr = &sesuai.Error{Kind: sesuai.KindOverloaded} }, sesuai.KindOverloaded},
		"a defect":              {func(w *world) { w.extractErr = errors.New("a defect") }, sesuai.KindInternal},
		"it cannot be recorded": {func(w *world) { measuring(0.9)(w); w.appendErr = &sesuai.Error{Kind: sesuai.KindUnavailable} }, sesuai.KindUnavailable},
	} {
		t.Run(about, func(t *testing.T) {
			w := newWorld()
			tt.step(w)
			verdict, err := liveness(t, w)
			if sesuai.KindOf(err) != tt.kind || verdict != (sesuai.LivenessVerdict{}) || len(w.events) != 0 {
				t.Errorf("got %+v, %v, recorded %+v", verdict, err, w.events)
			}
		})
	}
}
