package main

import (
	"fmt"
	"math"
	"runtime"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/registry"
)

type faceCompare struct {
	Reference string `arg:"" help:"The photograph that would be on record."`
	Probe     string `arg:"" help:"The photograph to compare with it."`
}

// comparedFaces is what face compare prints.
type comparedFaces struct {
	Percentage sesuai.Percentage `json:"percentage"`
	Score      float64           `json:"score"`
	// Cosine and the lengths of the templates are what the score was computed
	// from.
	Cosine          float64 `json:"cosine"`
	ReferenceLength float64 `json:"reference_length"`
	ProbeLength     float64 `json:"probe_length"`

	Model       string `json:"model"`
	Calibration string `json:"calibration"`
	Quality     struct {
		Reference face.Quality `json:"reference"`
		Probe     face.Quality `json:"probe"`
	} `json:"quality"`
	// Liveness is the probe's, if the configuration has it measured.
	Liveness *float64 `json:"liveness,omitempty"`
}

func (c *faceCompare) Run(s *session) error {
	engine, err := app.OpenEngine(s.config, app.OnePhotograph, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	defer engine.Close()
	reference, err := s.extract(engine, c.Reference, face.ForReference)
	if err != nil {
		return err
	}
	use := face.ForProbe
	if s.config.Face.Liveness {
		use = face.ForLiveProbe
	}
	probe, err := s.extract(engine, c.Probe, use)
	if err != nil {
		return err
	}
	portrait := registry.Portrait{Template: reference.Template, Source: reference.Signature.File}
	compared, err := portrait.Compare(face.Probe{Template: probe.Template, Signature: probe.Signature}, engine.Calibration(), engine.Calibration().ID)
	if err != nil {
		return err
	}
	out := comparedFaces{
		Percentage: compared.Percentage, Score: rounded(compared.Score, 4), Model: compared.Model, Calibration: compared.Calibration,
	}
	from := compared.Similarity
	out.Cosine, out.ReferenceLength, out.ProbeLength = rounded(from.Cosine, 4), rounded(from.Reference, 2), rounded(from.Probe, 2)
	out.Quality.Reference, out.Quality.Probe = reference.Quality.Rounded(), probe.Quality.Rounded()
	if probe.Liveness.Known {
		liveness := rounded(probe.Liveness.Score, 4)
		out.Liveness = &liveness
	}
	return s.printJSON(out)
}

// rounded keeps as many decimals as mean something.
func rounded(v float64, decimals int) float64 {
	shift := math.Pow10(decimals)
	return math.Round(v*shift) / shift
}

// extract makes a template of the photograph at path. What the API would say
// of one that cannot be used is printed.
func (s *session) extract(e *face.Engine, path string, use face.Use) (face.Extraction, error) {
	photo, err := readPhoto(path)
	if err != nil {
		return face.Extraction{}, err
	}
	x, err := e.Extract(s, photo, use)
	if err == nil {
		err = x.Refusal()
	}
	if err != nil {
		_, body := httpapi.ErrorJSON(err)
		fmt.Fprintf(s.stdout, "%s\n", body)
		return face.Extraction{}, ofPhoto(path, err)
	}
	return x, nil
}
