package verify_test

import (
	stdcmp "cmp"
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/verify"
)

// photographs is an Extractor that knows some photographs. It is also a scale, whose
// percentage is 100 times the cosine.
type photographs struct {
	known map[string]face.Extraction
	uses  []face.Use
	err   error
	none  bool // the scale has no percentage
}

func (p *photographs) Extract(ctx context.Context, photo []byte, use face.Use) (face.Extraction, error) {
	if admission.ClientOf(ctx) != "client-1" {
		panic("a photograph was extracted for another client")
	}
	p.uses = append(p.uses, use)
	x, ok := p.known[string(photo)]
	switch {
	case p.err != nil:
		return face.Extraction{}, p.err
	case !ok:
		return face.Extraction{}, &sesuai.Error{Kind: sesuai.KindInvalidImage}
	default:
		return x, nil
	}
}

func (p *photographs) Assess(s face.Similarity) (float64, sesuai.Percentage) {
	if p.none {
		return math.NaN(), sesuai.Percentage{}
	}
	return s.Cosine, sesuai.PercentageOf(100 * s.Cosine)
}

// newPhotographs are "stored", and others by their cosine with it.
func newPhotographs(t *testing.T) *photographs {
	t.Helper()
	stored := registrytest.Portrait(t, 1).Template
	known := map[string]face.Extraction{
		"stored": {Template: stored}, "nobody": {Finding: face.NoFace}, "several": {Finding: face.SeveralFaces},
		"dark": {Finding: face.LowQuality, Failed: []face.Measure{face.Sharpness}},
	}
	for name, cosine := range map[string]float64{"same": 0.8204, "other": 0.4} {
		known[name] = face.Extraction{Template: registrytest.ProbeAt(t, stored, cosine).Template}
	}
	return &photographs{known: known}
}

// match compares two photographs.
func match(t *testing.T, w *world, p *photographs, captured, stored string) (sesuai.MatchVerdict, error) {
	t.Helper()
	o := w.options()
	o.Extractor, o.Scale, o.Calibration = p, p, "fake-calibration"
	return verify.New(o).Match(t.Context(), verify.MatchRequest{
		Call:     callOf[sesuai.MatchVerdict](access.Client{ID: "client-1", Threshold: sesuai.PercentageOf(75)}),
		Captured: []byte(captured), Stored: []byte(stored),
	})
}

// TestMatch: what is answered and recorded of two photographs. No registry is asked.
func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		captured, stored string
		code             sesuai.MatchCode
		kind             sesuai.Kind
		image            string
		result           audit.Result
	}{
		{"same", "stored", "MATCH", "", "", audit.Matched},
		{"other", "stored", "NOT_MATCH", "", "", audit.NotMatched},
		{"nobody", "stored", "NO_FACE_CAPTURED_IMG", "", "", audit.NotMatched},
		{"several", "nobody", "MANY_FACES_CAPTURED_IMG", "", "", audit.NotMatched},
		{"same", "nobody", "NO_FACE_STORED_IMG", "", "", audit.NotMatched},
		{"same", "several", "MANY_FACES_STORED_IMG", "", "", audit.NotMatched},
		{"dark", "stored", "", sesuai.KindFaceQuality, "captured_image", audit.Refused},
		{"same", "dark", "", sesuai.KindFaceQuality, "stored_image", audit.Refused},
		{"damaged", "stored", "", sesuai.KindInvalidImage, "captured_image", audit.Refused},
		{"same", "damaged", "", sesuai.KindInvalidImage, "stored_image", audit.Refused},
	} {
		t.Run(tt.captured+" "+tt.stored, func(t *testing.T) {
			w := newWorld()
			verdict, err := match(t, w, newPhotographs(t), tt.captured, tt.stored)
			if verdict.Code != tt.code || sesuai.KindOf(err) != tt.kind {
				t.Fatalf("got %+v, %v", verdict, err)
			}
			if e, ok := errors.AsType[*sesuai.Error](err); ok && e.Image != tt.image {
				t.Errorf("the error is about %q", e.Image)
			}
			if compared := tt.code == "MATCH" || tt.code == "NOT_MATCH"; verdict.Percentage.Known() != compared {
				t.Errorf("got %+v", verdict)
			}
			if !slices.Equal(w.diary, []string{"append"}) || w.events[0].Result != tt.result || w.events[0].Endpoint != audit.FaceMatch ||
				w.events[0].Reason != stdcmp.Or(string(tt.code), string(tt.kind)) {
				t.Errorf("asked %q, recorded %+v", w.diary, w.events)
			}
			if quality := tt.kind == sesuai.KindFaceQuality; (len(w.events[0].Measures) == 1) != quality {
				t.Errorf("recorded the measures %q", w.events[0].Measures)
			}
		})
	}
}

// TestMatchEvent: the event has what the percentage was computed from, and nobody's
// NIK. The stored photograph is extracted as a reference.
func TestMatchEvent(t *testing.T) {
	w, p := newWorld(), newPhotographs(t)
	if _, err := match(t, w, p, "same", "stored"); err != nil {
		t.Fatal(err)
	}
	stored := p.known["stored"].Template
	want := audit.Event{
		Time: time.Date(2026, time.March, 10, 12, 0, 1, 0, time.UTC), RequestID: "request-1", Reference: "order-7", Client: "client-1",
		Result: audit.Matched, Reason: "MATCH", NameScore: -1, Compared: true, Percentage: sesuai.PercentageOf(82.04),
		Score: 0.8204, Cosine: 0.8204, ReferenceLength: stored.Length, ProbeLength: p.known["same"].Template.Length,
		Threshold: sesuai.PercentageOf(75), Model: stored.Model, Calibration: "fake-calibration", Duration: time.Second, Endpoint: audit.FaceMatch,
	}
	near := cmpopts.EquateApprox(0, 1e-4)
	if diff := cmp.Diff([]audit.Event{want}, w.events, cmpopts.EquateComparable(sesuai.Percentage{}), near); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	if !slices.Equal(p.uses, []face.Use{face.ForProbe, face.ForReference}) {
		t.Errorf("extracted for %v", p.uses)
	}
}

// TestMatchFails: nobody matches if the photographs, the scale or the trail fail.
func TestMatchFails(t *testing.T) {
	full := &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.New("disk full")}
	for about, tt := range map[string]struct {
		change func(*world, *photographs)
		kind   sesuai.Kind
	}{
		"too much to do": {func(_ *world, p *photographs) { p.err = &sesuai.Error{Kind: sesuai.KindOverloaded} }, sesuai.KindOverloaded},
		"a defect":       {func(_ *world, p *photographs) { p.err = errors.New("a defect") }, sesuai.KindInternal},
		"no percentage":  {func(_ *world, p *photographs) { p.none = true }, sesuai.KindInternal},
		"another model": {func(_ *world, p *photographs) {
			p.known["same"] = face.Extraction{Template: face.Template{Model: "other"}}
		}, sesuai.KindInternal},
		"it cannot be recorded":  {func(w *world, _ *photographs) { w.appendErr = full }, sesuai.KindUnavailable},
		"a refusal is not kept":  {func(w *world, p *photographs) { w.appendErr = full; delete(p.known, "same") }, sesuai.KindUnavailable},
		"no face is not on disk": {func(w *world, p *photographs) { w.appendErr = full; p.known["same"] = p.known["nobody"] }, sesuai.KindUnavailable},
	} {
		t.Run(about, func(t *testing.T) {
			w, p := newWorld(), newPhotographs(t)
			tt.change(w, p)
			verdict, err := match(t, w, p, "same", "stored")
			if sesuai.KindOf(err) != tt.kind || verdict != (sesuai.MatchVerdict{}) || len(w.events) != 0 {
				t.Errorf("got %+v, %v, recorded %+v", verdict, err, w.events)
			}
		})
	}
}
