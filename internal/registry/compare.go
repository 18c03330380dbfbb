package registry

import (
	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// Scale gives a pair of templates its comparison score, and maps that to a
// percentage. *face.Calibration is the real one.
type Scale interface {
	Assess(s face.Similarity) (score float64, percentage sesuai.Percentage)
}

// Compare compares a probe with the portrait on a scale of that name. The
// percentage of the very file that the portrait was made from is 100: no two
// people have one file. Its cosine is a little under 1, since only the template of
// a portrait has the mirrored photograph averaged in. The error is
// face.ErrModelDiffers if the two templates are of different models.
func (p Portrait) Compare(probe face.Probe, scale Scale, calibration string) (Comparison, error) {
	similarity, err := p.Template.Compare(probe.Template)
	if err != nil {
		return Comparison{}, err
	}
	score, percentage := scale.Assess(similarity)
	if p.madeOf(probe) {
		percentage = sesuai.PercentageOf(100)
	}
	return Comparison{
		Portrait:       true,
		Similarity:     similarity,
		Score:          score,
		Percentage:     percentage,
		Model:          p.Template.Model,
		Calibration:    calibration,
		SamePhotograph: p.made(probe),
	}, nil
}

// madeOf reports whether the portrait was made from the probe's file.
func (p Portrait) madeOf(probe face.Probe) bool {
	return probe.Signature.File != [32]byte{} && probe.Signature.File == p.Source
}

// made reports whether the portrait was made from the probe's photograph: see
// Comparison.SamePhotograph.
func (p Portrait) made(probe face.Probe) bool {
	return p.madeOf(probe) || probe.Signature.Near(p.Signature, probe.Aligned)
}
