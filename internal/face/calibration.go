package face

import (
	"embed"
	"fmt"
	"math"

	"github.com/sesuai/sesuai"
)

// Calibration says what a comparison score of one model means: which false
// match rate (FMR) it stands for, on stated data.
type Calibration struct {
	ID string `json:"id"`
	// ModelSHA256 is the digest of the template network that was measured.
	ModelSHA256 string `json:"model_sha256"`
	// DataSet, Date and Tool say what was measured, when and by what.
	DataSet string `json:"data_set"`
	Date    string `json:"date"`
	Tool    string `json:"tool"`
	// ImpostorMedian is the median cosine of two different people.
	ImpostorMedian float64 `json:"impostor_median"`
	// Anchors are cosines with the false match rate that was measured at
	// each, from the highest rate to the lowest: 1e-2, 1e-4 and 1e-6 must be
	// among them.
	Anchors []Anchor `json:"anchors"`
}

// Anchor is a cosine and the share of pairs of different people that reach it.
type Anchor struct {
	FMR    float64 `json:"fmr"`
	Cosine float64 `json:"cosine"`
}

// percentageAt is the definition of the percentage: what it is at these false
// match rates, linear in log10 FMR between them. At the impostor median it is
// 0, and 100 at the cosine of 1, where the photographs are identical.
var percentageAt = [...]struct{ fmr, percentage float64 }{{1e-2, 50}, {1e-4, 75}, {1e-6, 95}}

//go:embed calibrations/*.json
var calibrations embed.FS

// ShippedCalibration is the calibration of that id that comes with the
// project.
func ShippedCalibration(id string) (*Calibration, error) {
	b, err := calibrations.ReadFile("calibrations/" + id + ".json")
	if err != nil {
		return nil, badCalibration(fmt.Sprintf("there is none called %q", id), nil)
	}
	return ParseCalibration(b)
}

// ParseCalibration reads a calibration strictly. Errors have kind
// sesuai.KindConfiguration.
func ParseCalibration(b []byte) (*Calibration, error) {
	var c Calibration
	if err := decodeStrictly(b, &c); err != nil {
		return nil, badCalibration("it cannot be read", err)
	}
	if c.ID == "" || c.ModelSHA256 == "" || c.DataSet == "" || c.Date == "" {
		return nil, badCalibration("id, model_sha256, data_set and date are needed", nil)
	}
	last := Anchor{FMR: 0.5, Cosine: c.ImpostorMedian}
	if !(last.Cosine > -1 && last.Cosine < 1) {
		return nil, badCalibration("impostor_median must be between -1 and 1", nil)
	}
	for _, a := range c.Anchors {
		if !(a.FMR > 0 && a.FMR < last.FMR && a.Cosine > last.Cosine && a.Cosine < 1) {
			return nil, badCalibration("anchors must have falling rates and rising cosines, from the impostor median to under 1", nil)
		}
		last = a
	}
	for _, p := range percentageAt {
		if _, ok := c.cosineAt(p.fmr); !ok {
			return nil, badCalibration(fmt.Sprintf("the anchor at FMR %g is missing", p.fmr), nil)
		}
	}
	return &c, nil
}

func badCalibration(what string, err error) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "calibration: " + what, Err: err}
}

// fits checks that the calibration was made for the manifest's model.
func (c *Calibration) fits(m Manifest) error {
	if c.ModelSHA256 != m.Template.SHA256 {
		return badCalibration(fmt.Sprintf("%s was made for another model than %s", c.ID, m.Template.File), nil)
	}
	return nil
}

// cosineAt finds the anchor of a rate.
func (c *Calibration) cosineAt(fmr float64) (float64, bool) {
	for _, a := range c.Anchors {
		if math.Abs(a.FMR/fmr-1) < 1e-9 {
			return a.Cosine, true
		}
	}
	return 0, false
}

// Percentage is the score (a cosine, -1 to 1) on the calibrated scale: 0 to
// 100 in hundredths, rising with the score. NaN gives an unknown percentage.
//
// From the first anchor to the last it is what percentageAt makes of the
// score's false match rate, which is log-linear in the cosine between anchors;
// below and above it is linear in the cosine.
func (c *Calibration) Percentage(score float64) sesuai.Percentage {
	from, atFrom := c.ImpostorMedian, 0.0
	for _, a := range c.Anchors {
		at := percentageOfFMR(a.FMR)
		if score < a.Cosine {
			return sesuai.PercentageOf(between(score, from, a.Cosine, atFrom, at))
		}
		from, atFrom = a.Cosine, at
	}
	return sesuai.PercentageOf(between(score, from, 1, atFrom, 100))
}

// percentageOfFMR is the percentage that a false match rate stands for. Beyond
// the outer anchors of the definition it goes on with the slope of its ends:
// a calibration may have anchors there.
func percentageOfFMR(fmr float64) float64 {
	l := math.Log10(fmr)
	i := 1
	for i < len(percentageAt)-1 && fmr < percentageAt[i].fmr {
		i++
	}
	a, b := percentageAt[i-1], percentageAt[i]
	return min(max(between(l, math.Log10(a.fmr), math.Log10(b.fmr), a.percentage, b.percentage), 0), 100)
}

// between maps x0..x1 to y0..y1 linearly.
func between(x, x0, x1, y0, y1 float64) float64 { return y0 + (x-x0)/(x1-x0)*(y1-y0) }
