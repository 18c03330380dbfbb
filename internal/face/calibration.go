package face

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strings"

	"github.com/sesuai/sesuai"
)

// Calibration says what a comparison score of one model means: which false
// match rate (FMR) it stands for, on stated data.
type Calibration struct {
	ID string `json:"id"`
	// ModelSHA256 is the digest of the template network that was measured.
	ModelSHA256 string `json:"model_sha256"`
	// TemplatesSHA256 is the Manifest's of that name: the same network gives
	// other scores when it is fed otherwise. A file that was made before there
	// was such a digest is without, and is taken for every manifest of the model.
	TemplatesSHA256 string `json:"templates_sha256,omitempty"`
	// DataSet, Date and Tool say what was measured, when and by what.
	DataSet string `json:"data_set"`
	Date    string `json:"date"`
	Tool    string `json:"tool"`
	// ListSHA256 is the digest of the list of photographs, in hex; of it,
	// Photographs of People could be compared, which makes PeoplePairs pairs of
	// different people. A file that was not made by sesuai face calibrate may
	// be without these.
	ListSHA256  string `json:"list_sha256,omitempty"`
	Photographs int    `json:"photographs,omitempty"`
	People      int    `json:"people,omitempty"`
	PeoplePairs int64  `json:"people_pairs,omitempty"`
	// ImpostorMedian is the median cosine of two different people.
	ImpostorMedian float64 `json:"impostor_median"`
	// Anchors are cosines with the false match rate that was measured at
	// each, from the highest rate to the lowest: 1e-2, 1e-4 and 1e-6 must be
	// among them.
	Anchors []Anchor `json:"anchors"`
	// Tail is what the extrapolated anchors come from; there must be one if
	// any is.
	Tail *Tail `json:"tail,omitempty"`
}

// Anchor is a cosine and the share of pairs of different people that reach it.
type Anchor struct {
	FMR    float64 `json:"fmr"`
	Cosine float64 `json:"cosine"`
	// Source says how the cosine was found.
	Source Source `json:"source,omitempty"`
	// Low and High bound the cosine with 95 % confidence; 0 and 0 if the file
	// does not say.
	Low  float64 `json:"low,omitempty"`
	High float64 `json:"high,omitempty"`
}

// Source is how an anchor's cosine was found; "" is not known.
type Source string

const (
	// Counted: enough pairs of people lie beyond it.
	Counted Source = "counted"
	// Extrapolated: from a distribution that was fitted to the tail.
	Extrapolated Source = "extrapolated"
)

// Tail is a generalised Pareto distribution of what the highest cosines have
// over Threshold, which Share of all reach: of those, (1 + ξ(s −
// threshold)/σ)^(−1/ξ) reach s, where ξ is Shape and σ is Scale.
type Tail struct {
	Share     float64 `json:"share"`
	Threshold float64 `json:"threshold"`
	Shape     float64 `json:"shape"`
	Scale     float64 `json:"scale"`
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
		return nil, badCalibration(fmt.Sprintf("none called %q is shipped; these are: %s", id, strings.Join(ShippedCalibrations(), ", ")), nil)
	}
	return ParseCalibration(b)
}

// ShippedCalibrations are the ids of the calibrations that come with the
// project, in order.
func ShippedCalibrations() []string {
	names, err := fs.Glob(calibrations, "calibrations/*.json")
	if err != nil {
		panic(err) // the pattern is right
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(path.Base(name), ".json")
	}
	return names
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
	if err := c.checkOrigin(); err != nil {
		return nil, err
	}
	for _, p := range percentageAt {
		if _, ok := c.cosineAt(p.fmr); !ok {
			return nil, badCalibration(fmt.Sprintf("the anchor at FMR %g is missing", p.fmr), nil)
		}
	}
	return &c, nil
}

// checkOrigin checks what the file says of how its figures came about.
func (c *Calibration) checkOrigin() error {
	if c.Photographs < 0 || c.People < 0 || c.PeoplePairs < 0 {
		return badCalibration("photographs, people and people_pairs must not be negative", nil)
	}
	for key, value := range map[string]string{"list_sha256": c.ListSHA256, "templates_sha256": c.TemplatesSHA256} {
		if digest, err := hex.DecodeString(value); err != nil || (len(digest) != 0 && len(digest) != sha256.Size) {
			return badCalibration(key+" must be 64 hexadecimal digits", nil)
		}
	}
	extrapolated := false
	for _, a := range c.Anchors {
		switch a.Source {
		case "", Counted:
		case Extrapolated:
			extrapolated = true
		default:
			return badCalibration("an anchor's source must be counted or extrapolated", nil)
		}
		if (a.Low != 0 || a.High != 0) && !(a.Low > -1 && a.Low <= a.Cosine && a.Cosine <= a.High && a.High <= 1) {
			return badCalibration("an anchor's cosine must lie from low to high", nil)
		}
	}
	switch t := c.Tail; {
	case t == nil && extrapolated:
		return badCalibration("anchors are extrapolated, and tail is missing", nil)
	case t != nil && !(t.Share > 0 && t.Share < 1 && t.Scale > 0 && t.Shape < 1 && t.Threshold > -1 && t.Threshold < 1):
		return badCalibration("tail must have a share from 0 to 1, a positive scale, a shape under 1 and a threshold between -1 and 1", nil)
	}
	return nil
}

func badCalibration(what string, err error) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "calibration: " + what, Err: err}
}

// fits checks that the calibration was made for the manifest's model, fed with
// faces that are found and aligned in the same way.
func (c *Calibration) fits(m Manifest) error {
	if c.ModelSHA256 != m.Template.SHA256 {
		return badCalibration(fmt.Sprintf("%s was made for another model than %s", c.ID, m.Template.File), nil)
	}
	if c.TemplatesSHA256 != "" && !strings.EqualFold(c.TemplatesSHA256, m.TemplatesSHA256()) {
		return badCalibration(fmt.Sprintf("%s was made for %s, but with another manifest: its channels, mean or divisor, its detector or landmarks, or template_length.clear differ",
			c.ID, m.Template.File), nil)
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
