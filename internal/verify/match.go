package verify

import (
	"context"
	"errors"
	"math"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/policy"
)

// MatchRequest is a comparison of two photographs. The Client's Threshold must be known.
// Its policies do not apply: nothing is remembered, and liveness is not measured.
type MatchRequest struct {
	Call[sesuai.MatchVerdict]
	// Captured is the photograph of the person who is there, Stored that of the
	// one who is expected: each a whole PNG or JPEG file.
	Captured, Stored []byte
}

// side is a photograph: its name on the wire, how its face is extracted, and, of two,
// the outcomes if there is none, or several.
type side struct {
	image         string
	use           face.Use
	none, several sesuai.MatchCode
}

// The stored photograph takes the part of a reference: percentages were measured so.
var (
	captured = side{"captured_image", face.ForProbe, sesuai.CodeNoFaceCaptured, sesuai.CodeManyFacesCaptured}
	stored   = side{"stored_image", face.ForReference, sesuai.CodeNoFaceStored, sesuai.CodeManyFacesStored}
)

// Match answers whether two photographs show one person. No registry is asked.
//
// An unfavourable answer is a verdict. An error means that there is no answer:
//   - sesuai.KindUnsupportedImage, KindInvalidImage, KindTooLarge and
//     KindFaceQuality: a photograph cannot be used. Error.Image names it.
//   - sesuai.KindUnavailable: the event could not be recorded.
//   - sesuai.KindOverloaded: there was no time to process the photographs.
//   - sesuai.KindRateLimited: a limit of the client is exceeded.
//   - any other is a defect.
//
// An event of each verdict and each refusal is recorded before Match returns, even if
// ctx ends meanwhile.
func (v *Verifier) Match(ctx context.Context, req MatchRequest) (sesuai.MatchVerdict, error) {
	if !req.Client.Threshold.Known() || v.o.Scale == nil {
		return sesuai.MatchVerdict{}, errors.New("verify: the client has no threshold, or there is no scale")
	}
	lease, err := v.start(ctx, req.Client, sesuai.NIK{})
	if err != nil {
		return sesuai.MatchVerdict{}, err
	}
	start := req.started(v.o.Now)
	event, _ := newEvent(req.Call, sesuai.Claim{}, start)
	event.Endpoint, event.Threshold, event.NameThreshold = audit.FaceMatch, req.Client.Threshold, 0

	var verdict sesuai.MatchVerdict
	probe, code, err := v.matched(ctx, req.Client.ID, req.Captured, captured)
	var reference face.Template
	if err == nil && code == "" {
		reference, code, err = v.matched(ctx, req.Client.ID, req.Stored, stored)
	}
	if err == nil && code == "" {
		verdict, err = v.compare(ctx, reference, probe, req.Client, &event)
	}
	if refuses(sesuai.KindOf(err)) {
		return sesuai.MatchVerdict{}, v.record(ctx, lease, refused(event, err), start, req.refusal(err), err)
	}
	if err != nil {
		lease.Cancel()
		return sesuai.MatchVerdict{}, err
	}
	if code != "" {
		verdict.Code = code
	}
	event.Result, event.Reason, event.Percentage = audit.NotMatched, string(verdict.Code), verdict.Percentage
	if verdict.Code == sesuai.CodeMatch {
		event.Result = audit.Matched
	}
	if err := v.record(ctx, lease, event, start, req.verdict(verdict), nil); err != nil {
		return sesuai.MatchVerdict{}, err
	}
	return verdict, nil
}

// matched returns the template of one of the photographs, or the outcome if it does
// not show one face.
func (v *Verifier) matched(ctx context.Context, client string, photo []byte, s side) (face.Template, sesuai.MatchCode, error) {
	extraction, err := v.extract(ctx, client, photo, s.use)
	switch kind := sesuai.KindOf(err); {
	case kind == sesuai.KindFaceNotDetected:
		return face.Template{}, s.none, nil
	case kind == sesuai.KindMultipleFaces:
		return face.Template{}, s.several, nil
	case refuses(kind):
		return face.Template{}, "", s.named(err)
	}
	return extraction.Template, "", err
}

// named returns an error about the photograph that names it.
func (s side) named(err error) error {
	about, _ := errors.AsType[*sesuai.Error](err)
	named := *about
	named.Image = s.image
	return &named
}

// compare compares the two faces and enters what the percentage was computed from.
func (v *Verifier) compare(ctx context.Context, reference, probe face.Template, client access.Client, event *audit.Event) (sesuai.MatchVerdict, error) {
	similarity, err := reference.Compare(probe)
	if err != nil {
		return sesuai.MatchVerdict{}, err
	}
	score, percentage := v.o.Scale.Assess(similarity)
	if math.IsNaN(score) || !percentage.Known() {
		return sesuai.MatchVerdict{}, errors.New("verify: the scale gave no percentage")
	}
	event.Compared, event.Score = true, score
	event.Cosine, event.ReferenceLength, event.ProbeLength = similarity.Cosine, similarity.Reference, similarity.Probe
	event.Model, event.Calibration = reference.Model, v.o.Calibration
	compared(ctx, percentage, reference.Model)
	return sesuai.MatchVerdict{
		Code: policy.DecideMatch(percentage, client.Threshold), Percentage: percentage, Model: event.Model, Calibration: event.Calibration,
	}, nil
}
