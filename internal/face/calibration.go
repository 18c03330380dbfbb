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

	"github.com/go-json-experiment/json"

	"github.com/sesuai/sesuai"
)

// Calibration maps the comparison scores of one model to false match rates
// (FMR), as measured on stated data.
type Calibration struct {
	ID string `json:"id"`
	// ModelSHA256 is the digest of the template network that was measured.
	ModelSHA256 string `json:"model_sha256"`
	// TemplatesSHA256 is Manifest.TemplatesSHA256 of the manifest that was
	// measured: the same network gives other scores for other inputs. Files
	// that are older than this digest lack it. They are accepted for every
	// manifest of the model.
	TemplatesSHA256 string `json:"templates_sha256,omitempty"`
	// DataSet, Date and Tool say what was measured, when, and by which
	// program.
	DataSet string `json:"data_set"`
	Date    string `json:"date"`
	Tool    string `json:"tool"`
	// ListSHA256 is the digest of the list of photographs, in hex.
	// Photographs and People count those that could be compared, and
	// PeoplePairs the pairs of different people among them. A file that was
	// not made by sesuai face calibrate may lack these.
	ListSHA256  string `json:"list_sha256,omitempty"`
	Photographs int    `json:"photographs,omitempty"`
	People      int    `json:"people,omitempty"`
	PeoplePairs int64  `json:"people_pairs,omitempty"`
	// ImpostorMedian is the median cosine of two different people.
	ImpostorMedian float64 `json:"impostor_median"`
	// Anchors are cosines with the false match rate measured at each, from
	// the highest rate to the lowest. They must include the rates 1e-2, 1e-4
	// and 1e-6.
	Anchors []Anchor `json:"anchors"`
	// Tail is the distribution from which anchors are extrapolated. It is
	// required if any anchor is.
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

// Source is how an anchor's cosine was found; "" if not known.
type Source string

const (
	// Counted: enough pairs of people reach the cosine to count them.
	Counted Source = "counted"
	// Extrapolated: the cosine is that of a distribution fitted to the tail.
	Extrapolated Source = "extrapolated"
)

// Tail is a generalised Pareto distribution of the excess of the highest
// cosines over Threshold. Share is the share of all pairs that reach Threshold.
// Of these pairs, the share (1 + ξ(s − Threshold)/σ)^(−1/ξ) reaches s, where ξ
// is Shape and σ is Scale.
type Tail struct {
	Share     float64 `json:"share"`
	Threshold float64 `json:"threshold"`
	Shape     float64 `json:"shape"`
	Scale     float64 `json:"scale"`
}

// percentageAt defines the percentage by its values at these false match rates.
// Between them it is linear in log10 FMR. It is 0 at the impostor median, and 100
// at the cosine 1, that of identical templates.
var percentageAt = [...]struct{ fmr, percentage float64 }{{1e-2, 50}, {1e-4, 75}, {1e-6, 95}}

//go:embed calibrations/*.json
var calibrations embed.FS

// ShippedCalibration returns the embedded calibration with this id. The error
// has kind sesuai.KindConfiguration.
func ShippedCalibration(id string) (*Calibration, error) {
	b, err := calibrations.ReadFile("calibrations/" + id + ".json")
	if err != nil {
		return nil, badCalibration(fmt.Sprintf("none called %q is shipped; these are: %s", id, strings.Join(ShippedCalibrations(), ", ")), nil)
	}
	return ParseCalibration(b)
}

// ShippedCalibrations returns the ids of the embedded calibrations, sorted.
func ShippedCalibrations() []string {
	names, err := fs.Glob(calibrations, "calibrations/*.json")
	if err != nil {
		panic(err) // only for a malformed pattern
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(path.Base(name), ".json")
	}
	return names
}

// ParseCalibration parses a calibration. A key that is not known or is there
// twice, and a value that is missing or contradicts another, are errors of kind
// sesuai.KindConfiguration.
func ParseCalibration(b []byte) (*Calibration, error) {
	var c Calibration
	if err := json.Unmarshal(b, &c, json.RejectUnknownMembers(true)); err != nil {
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

// checkOrigin validates the fields about how the figures were obtained.
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

// fits checks that the calibration was made for the manifest's model, and with
// faces that were found and aligned in the same way.
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

// cosineAt returns the cosine of the anchor at a rate.
func (c *Calibration) cosineAt(fmr float64) (float64, bool) {
	for _, a := range c.Anchors {
		if math.Abs(a.FMR/fmr-1) < 1e-9 {
			return a.Cosine, true
		}
	}
	return 0, false
}

// Percentage maps a score (a cosine, -1 to 1) to the calibrated scale: 0 to 100
// in steps of 0.01, rising with the score. NaN gives an unknown percentage.
//
// Between the first and the last anchor, the score's false match rate is
// log-linear in the cosine between neighbouring anchors, and percentageAt maps
// it to the percentage. Outside of the anchors, the percentage is linear in the
// cosine.
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

// percentageOfFMR returns the percentage of a false match rate. A calibration may
// have anchors outside of the rates of percentageAt. There the line through the
// two nearest of those rates is extended.
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
