package face

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
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
	// Scoring is that of pairs whose reference has a length.
	Scoring
	// WithoutLength is that of pairs whose reference was stored without one: the
	// probe's length stands alone. It is nil if LengthWeight is 0, since the
	// score is then the cosine for all pairs.
	WithoutLength *Scoring `json:"reference_without_length,omitempty"`
}

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
//
// Files from before scores had a length term are read as well. Their anchors have
// a cosine instead of a score, and they have no length_weight, which means 0.
func ParseCalibration(b []byte) (*Calibration, error) {
	var c Calibration
	cosines, scores := 0, 0
	readAnchor := json.UnmarshalFunc(func(b []byte, a *Anchor) error {
		var in struct {
			Anchor
			Cosine *float64 `json:"cosine"`
			Score  *float64 `json:"score"`
		}
		if err := json.Unmarshal(b, &in, json.RejectUnknownMembers(true)); err != nil {
			return err
		}
		*a = in.Anchor
		switch {
		case (in.Cosine == nil) == (in.Score == nil):
			return errors.New("an anchor needs a score")
		case in.Score != nil:
			a.Score = *in.Score
			scores++
		default:
			a.Score = *in.Cosine
			cosines++
		}
		return nil
	})
	if err := json.Unmarshal(b, &c, json.RejectUnknownMembers(true), json.WithUnmarshalers(readAnchor)); err != nil {
		return nil, badCalibration("it cannot be read", err)
	}
	if c.ID == "" || c.ModelSHA256 == "" || c.DataSet == "" || c.Date == "" {
		return nil, badCalibration("id, model_sha256, data_set and date are needed", nil)
	}
	if err := c.checkOrigin(); err != nil {
		return nil, err
	}
	switch {
	case cosines > 0 && (scores > 0 || c.LengthWeight != 0):
		return nil, badCalibration("anchors must have a score; only those of a file without length_weight may have a cosine instead", nil)
	case (c.LengthWeight != 0) != (c.WithoutLength != nil):
		return nil, badCalibration("length_weight and reference_without_length need each other", nil)
	}
	if err := c.check(); err != nil {
		return nil, badCalibration(err.Error(), nil)
	}
	if c.WithoutLength != nil {
		if err := c.WithoutLength.check(); err != nil {
			return nil, badCalibration("reference_without_length: "+err.Error(), nil)
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

// Of returns the scoring for a pair, by whether its reference has a length.
func (c *Calibration) Of(s Similarity) *Scoring {
	if s.Reference == 0 && c.WithoutLength != nil {
		return c.WithoutLength
	}
	return &c.Scoring
}

// Assess returns the comparison score of a pair and its percentage.
func (c *Calibration) Assess(s Similarity) (float64, sesuai.Percentage) {
	scoring := c.Of(s)
	score := scoring.Score(s.Cosine, s.Length())
	return score, scoring.Percentage(score)
}
