package app_test

import (
	"math"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/test/process"
)

// scored is what the audit trail says of a comparison.
type scored struct {
	Percentage      float64 `json:"face_image_percentage"`
	Threshold       float64 `json:"threshold"`
	Score           float64 `json:"score"`
	Cosine          float64 `json:"cosine"`
	ReferenceLength float64 `json:"reference_length"`
	ProbeLength     float64 `json:"probe_length"`
	Calibration     string  `json:"calibration"`
}

// TestUpgradeScores: templates that were stored without a length are compared
// without being enrolled again. The cosines are those from which commit 2b2f1d8
// made its percentages. The scores and percentages are those that the default
// calibration states for references without a length, and the verdicts follow from
// them.
func TestUpgradeScores(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels)
	for name, restore := range fixtures {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has its own database and processes
			u := openFixture(t, name, restore)
			if n, err := app.CountTemplates(t.Context(), u.config); err == nil || n != (app.TemplateCount{}) {
				t.Errorf("with an older schema: %+v, %v", n, err)
			}
			u.finishRotation(t)
			var digest struct {
				Templates     int
				WithoutLength int `json:"templates_without_length"`
			}
			u.sesuai.Run(t, &digest, "person", "digest")
			if digest.Templates == 0 || digest.WithoutLength != digest.Templates {
				t.Errorf("of %d templates %d have no length", digest.Templates, digest.WithoutLength)
			}
			if n, err := app.CountTemplates(t.Context(), u.config); err != nil || n != (app.TemplateCount{Templates: digest.Templates, WithoutLength: digest.WithoutLength}) {
				t.Errorf("counted %+v, %v; the digest has %+v", n, err, digest)
			}
			p, s := u.start(t)
			defer s.client.CloseIdleConnections()
			compared := 0
			for _, a := range u.want.Ask {
				percentage, ok := comparedBy(a.Body)
				if a.Dukcapil || !ok {
					continue
				}
				compared++
				_, body := u.send(t, s, a)
				var event scored
				u.sesuai.Run(t, &event, "audit", "show", a.RequestID)
				checkScored(t, a, percentage, body, event)
			}
			p.Stop(t)
			if compared < 5 {
				t.Errorf("%d faces were compared", compared)
			}
		})
	}
}

// comparedBy returns the percentage of an answer after a comparison of faces.
func comparedBy(body object) (percentage float64, ok bool) {
	result, _ := body["result"].(object)
	percentage, ok = result["face_image_percentage"].(float64)
	return percentage, ok && percentage > 0
}

func checkScored(t *testing.T, a upgradeAsk, then float64, body object, event scored) {
	t.Helper()
	old, now := shippedCalibration(t, calibration4), shippedCalibration(t, face.DefaultManifest().Calibration)
	similarity := face.Similarity{Cosine: event.Cosine, Probe: event.ProbeLength}
	if event.Calibration != now.ID || event.ReferenceLength != 0 || !(event.ProbeLength > 0) {
		t.Errorf("%s: %+v", a.What, event)
	}
	if _, percentage := old.Assess(similarity); math.Abs(percentage.Value()-then) > 0.5 {
		t.Errorf("%s: the cosine %v stands for %v, and stood for %v", a.What, event.Cosine, percentage, then)
	}
	wanted := now.WithoutLength
	if score := wanted.Score(event.Cosine, event.ProbeLength); math.Abs(score-event.Score) > 1e-9 ||
		math.Abs(wanted.Percentage(score).Value()-event.Percentage) > 0.005 {
		t.Errorf("%s: %+v; the calibration states a score of %v and %v %%", a.What, event, score, wanted.Percentage(score))
	}
	answered, _ := comparedBy(body)
	result, _ := body["result"].(object)
	matches := result["name"] == true && answered >= event.Threshold
	if answered != event.Percentage || body["verification_status"] != matches {
		t.Errorf("%s: %v %%, want %v; the verdict is %v, want %v", a.What, answered, event.Percentage, body["verification_status"], matches)
	}
}

func shippedCalibration(t *testing.T, id string) *face.Calibration {
	t.Helper()
	c, err := face.ShippedCalibration(id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// masterKey is a line of keys status.
type masterKey struct {
	ID     int
	State  string
	People int
}

// finishRotation finishes a rotation of the master keys that was interrupted:
// without that nothing can be exported.
func (u *upgraded) finishRotation(t *testing.T) (keys []masterKey) {
	t.Helper()
	u.sesuai.Run(t, &keys, "keys", "status")
	if keys[0].State == "retiring" {
		u.sesuai.Run(t, nil, "keys", "rotate")
		keys = nil
		u.sesuai.Run(t, &keys, "keys", "status")
	}
	return keys
}
