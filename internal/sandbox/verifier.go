package sandbox

import (
	"context"
	"math"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/verify"
)

// Verifier has another one verify, which asks a Registry and an Extractor of this
// package. It brings about only what comes before both.
type Verifier struct {
	inner httpapi.Verifier
	// references are the outcomes by their NIKs as a verify.Call has them.
	references map[string]*Outcome
}

// NewVerifier returns a Verifier in front of another one. hash is that of the Server
// that calls it.
func NewVerifier(inner httpapi.Verifier, hash access.Hash) *Verifier {
	v := &Verifier{inner, make(map[string]*Outcome, len(outcomes))}
	for nik, o := range outcomes {
		v.references[httpapi.RecordedReference(hash, nik)] = o
	}
	return v
}

// chosen is what a request has chosen, for the Extractor.
type chosen struct {
	*Outcome
	// asks is whether a registry is asked as well.
	asks bool
}

type chosenKey struct{}

// Verify implements httpapi.Verifier.
func (v *Verifier) Verify(ctx context.Context, req verify.Request) (sesuai.Verdict, error) {
	if o, ok := outcomes[req.Claim.NIK.Reveal()]; ok {
		if o.refused != nil {
			return sesuai.Verdict{}, o.refused
		}
		if o.replay {
			req.Client.Replay = access.Enforce
		}
		if o.captured.spoof > 0 {
			req.Client.Liveness = access.Enforce
		}
		ctx = context.WithValue(ctx, chosenKey{}, chosen{o, true})
	}
	return v.inner.Verify(ctx, req)
}

// VerifyData implements httpapi.Verifier.
func (v *Verifier) VerifyData(ctx context.Context, req verify.DataRequest) (sesuai.DataVerdict, error) {
	if o, ok := outcomes[req.Claim.NIK.Reveal()]; ok && o.refused != nil {
		return sesuai.DataVerdict{}, o.refused
	}
	return v.inner.VerifyData(ctx, req)
}

// Match implements httpapi.Verifier.
func (v *Verifier) Match(ctx context.Context, req verify.MatchRequest) (sesuai.MatchVerdict, error) {
	ctx, err := v.choose(ctx, req.Reference)
	if err != nil {
		return sesuai.MatchVerdict{}, err
	}
	return v.inner.Match(ctx, req)
}

// Liveness implements httpapi.Verifier.
func (v *Verifier) Liveness(ctx context.Context, req verify.LivenessRequest) (sesuai.LivenessVerdict, error) {
	ctx, err := v.choose(ctx, req.Reference)
	if err != nil {
		return sesuai.LivenessVerdict{}, err
	}
	return v.inner.Liveness(ctx, req)
}

// choose chooses the outcome by the reference of a request that has no NIK.
func (v *Verifier) choose(ctx context.Context, reference string) (context.Context, error) {
	o, ok := v.references[reference]
	if !ok {
		return ctx, nil
	}
	return context.WithValue(ctx, chosenKey{}, chosen{o, false}), o.refused
}

// Extractor finds in the photographs of a request what the request has chosen,
// without a look at them. It has another Extractor process the photographs of other
// requests.
type Extractor struct {
	real  face.Extractor
	scale registry.Scale
}

// NewExtractor returns an Extractor in front of the real one. scale is that of face
// matches.
func NewExtractor(real face.Extractor, scale registry.Scale) *Extractor {
	return &Extractor{real, scale}
}

// Extract implements face.Extractor.
func (e *Extractor) Extract(ctx context.Context, photo []byte, use face.Use) (face.Extraction, error) {
	c, ok := ctx.Value(chosenKey{}).(chosen)
	if !ok {
		return e.real.Extract(ctx, photo, use)
	}
	found := c.captured
	if use == face.ForReference {
		found = c.stored
	} else if !c.asks {
		if err := c.wait(ctx); err != nil {
			return face.Extraction{}, err
		}
	}
	x := face.Extraction{Finding: found.finding, Failed: found.failed}
	if found.finding != face.OneFace || found.refused != nil {
		return x, found.refused
	}
	cosine := 1.0 // with the captured photograph
	if use == face.ForReference {
		cosine = e.cosineOf(c.compared())
	}
	x.Template = face.Template{Model: model, Vector: make([]float32, face.TemplateSize)}
	x.Template.Vector[0], x.Template.Vector[1] = float32(cosine), float32(math.Sqrt(1-cosine*cosine))
	if use == face.ForLiveProbe {
		x.Liveness = face.Liveness{Known: true, Score: 1 - live}
		if found.spoof > 0 {
			x.Liveness.Score = 1 - found.spoof
		}
	}
	return x, nil
}

// cosineOf returns a cosine that the scale gives this percentage.
func (e *Extractor) cosineOf(p sesuai.Percentage) float64 {
	const step = 0.01
	return (e.lowest(p) + e.lowest(sesuai.PercentageOf(p.Value()+step))) / 2
}

// lowest returns the lowest cosine that the scale gives at least this percentage.
func (e *Extractor) lowest(p sesuai.Percentage) float64 {
	low, high := -1.0, 1.0
	for range 40 { // to a trillionth
		middle := (low + high) / 2
		if _, got := e.scale.Assess(face.Similarity{Cosine: middle}); got.AtLeast(p) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}
