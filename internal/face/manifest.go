package face

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/fileperm"
)

// Manifest describes the networks of an engine: their files, their tensors and
// how pixels are fed to them. It is data, so that other weights only need
// configuration.
type Manifest struct {
	// ID names the set of networks. Together with the digest of the template
	// network it is the model id of every template.
	ID string `json:"id"`
	// Source and Licence say where the files come from, and under which terms.
	Source  string `json:"source"`
	Licence string `json:"licence"`
	// Calibration is the id of the calibration made for the template network.
	Calibration string `json:"calibration"`

	// Detector: the input is the letterboxed photograph. The outputs are
	// scores N×2, of which the second is that of a face, and corner boxes N×4
	// as fractions of the input.
	Detector NetworkSpec `json:"detector"`
	// Landmarks: the input is the square of the face. The output is 68 points
	// (x, y) as fractions of the input, in the order of the iBUG 300-W
	// annotation.
	Landmarks NetworkSpec `json:"landmarks"`
	// Template: the input is the aligned face. The output is TemplateSize
	// numbers.
	Template NetworkSpec `json:"template"`
	// TemplateLength interprets the length of the template network's output.
	// Without it, the length is ignored.
	TemplateLength *TemplateLength `json:"template_length,omitempty"`
	// Eyes: the input is a square around one eye of the aligned face. The
	// outputs are the logits of a closed and of an open eye.
	Eyes NetworkSpec `json:"eyes"`
	// Liveness is the network that detects presentation attacks. It is
	// optional.
	Liveness *LivenessSpec `json:"liveness,omitempty"`

	// SelfTest is the result of the detector, landmark and template networks
	// in the self-test at start.
	SelfTest SelfTest `json:"self_test"`
}

// TemplateLength interprets the length of a template before it is scaled to a
// unit vector. The more recognisable a face is to the network, the greater the
// length (Meng et al. 2021, MagFace).
type TemplateLength struct {
	// Half and Width are those of Quality.UnifiedQualityScore.
	Half  float64 `json:"half"`
	Width float64 `json:"width"`
	// Clear is the length from which the first look at a face is enough: see
	// worker.view.
	Clear float64 `json:"clear"`
}

// NetworkSpec is one network of a Manifest.
type NetworkSpec struct {
	// File is the name of the ONNX file in the models folder, SHA256 its digest
	// in hex.
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	// Input is the only input: 1×channels×height×width.
	Input TensorSpec `json:"input"`
	// Outputs are the outputs that are read, in the order in which they are
	// used.
	Outputs []TensorSpec `json:"outputs"`
	// Channels is the order of the colours: RGB, BGR or GREY.
	Channels string `json:"channels"`
	// A pixel v of 0..255 is fed as (v − Mean) / Divisor.
	Mean    float32 `json:"mean"`
	Divisor float32 `json:"divisor"`
}

// TensorSpec is one tensor of float32.
type TensorSpec struct {
	Name  string  `json:"name"`
	Shape []int64 `json:"shape"`
}

// Size returns how many numbers the tensor holds.
func (t TensorSpec) Size() int {
	n := 1
	for _, d := range t.Shape {
		n *= int(d)
	}
	return n
}

//go:embed manifests/faceplugin.json
var defaultManifest []byte

// DefaultManifest returns the manifest of the models that make models fetches.
func DefaultManifest() Manifest {
	m, err := ParseManifest(defaultManifest)
	if err != nil {
		panic(err) // the manifest is embedded, and tests parse it
	}
	return m
}

// ParseManifest parses a manifest. A key that is not known or is there twice, a
// value that is missing and a shape that the pipeline cannot feed are errors of
// kind sesuai.KindConfiguration.
func ParseManifest(b []byte) (Manifest, error) {
	var m Manifest
	if err := jsonv2.Unmarshal(b, &m, jsonv2.RejectUnknownMembers(true)); err != nil {
		return Manifest{}, badManifest("it cannot be read", err)
	}
	if m.ID == "" || m.Licence == "" || m.Calibration == "" {
		return Manifest{}, badManifest("id, licence and calibration are needed", nil)
	}
	checks := []struct {
		role    string
		spec    NetworkSpec
		outputs int
	}{
		{"detector", m.Detector, 2}, {"landmarks", m.Landmarks, 1}, {"template", m.Template, 1}, {"eyes", m.Eyes, 1},
	}
	for _, c := range checks {
		if err := c.spec.check(c.outputs); err != nil {
			return Manifest{}, badManifest(c.role, err)
		}
	}
	anchors := m.Detector.Outputs[0].Size() / 2
	switch {
	case m.Detector.Outputs[0].Size() != 2*anchors || m.Detector.Outputs[1].Size() != 4*anchors:
		return Manifest{}, badManifest("detector: scores must be N×2 and boxes N×4", nil)
	case m.Landmarks.Outputs[0].Size() != 2*landmarkPoints:
		return Manifest{}, badManifest(fmt.Sprintf("landmarks: the output must be %d points", landmarkPoints), nil)
	case m.Eyes.Outputs[0].Size() != 2 || m.Eyes.Channels != "GREY":
		return Manifest{}, badManifest("eyes: the input must be GREY and the output of 2 numbers", nil)
	case m.TemplateLength != nil && !(m.TemplateLength.Width > 0 && m.TemplateLength.Clear >= 0):
		return Manifest{}, badManifest("template_length: width must be positive, and clear not negative", nil)
	case m.Template.Outputs[0].Size() != TemplateSize:
		return Manifest{}, badManifest(fmt.Sprintf("template: the output must have %d numbers", TemplateSize), nil)
	case m.Template.Input.Shape[2] != alignedSize || m.Template.Input.Shape[3] != alignedSize:
		return Manifest{}, badManifest(fmt.Sprintf("template: the input must be %d×%d", alignedSize, alignedSize), nil)
	}
	if m.Liveness != nil {
		if err := m.Liveness.check(); err != nil {
			return Manifest{}, badManifest("liveness", err)
		}
	}
	return m, nil
}

func (s NetworkSpec) check(outputs int) error {
	if s.File == "" || s.File != filepath.Base(s.File) {
		return fmt.Errorf("file must be the name of a file in the models folder")
	}
	if digest, err := hex.DecodeString(s.SHA256); err != nil || len(digest) != sha256.Size {
		return fmt.Errorf("sha256 must be 64 hexadecimal digits")
	}
	channels := map[string]int64{"RGB": 3, "BGR": 3, "GREY": 1}[s.Channels]
	if channels == 0 {
		return fmt.Errorf("channels must be RGB, BGR or GREY")
	}
	if sh := s.Input.Shape; len(sh) != 4 || sh[0] != 1 || sh[1] != channels || !sidesOK(sh[2:]) {
		return fmt.Errorf("the input's shape must be 1×%d×height×width", channels)
	}
	if len(s.Outputs) != outputs {
		return fmt.Errorf("it must name %d outputs", outputs)
	}
	for _, o := range s.Outputs {
		if !sidesOK(o.Shape) {
			return fmt.Errorf("an output's shape must be of positive sizes")
		}
	}
	if !(s.Divisor > 0) {
		return fmt.Errorf("divisor must be positive")
	}
	return nil
}

// sidesOK reports whether the sizes of a shape are positive, and small enough
// that their product does not overflow.
func sidesOK(shape []int64) bool {
	for _, d := range shape {
		if d < 1 || d > 1<<14 {
			return false
		}
	}
	return len(shape) > 0 && len(shape) <= 4
}

func badManifest(what string, err error) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "model manifest: " + what, Err: err}
}

// Model returns the model id of templates. It includes the digest of the
// template network, so that templates of different weights are not compared.
func (m Manifest) Model() string { return m.ID + "@" + m.Template.SHA256[:12] }

// TemplatesSHA256 returns a digest, in hex, of everything in the manifest that
// affects the templates: the detector, landmark and template networks without
// their file names, how pixels are fed to them, and TemplateLength.Clear.
func (m Manifest) TemplatesSHA256() string {
	decide := struct {
		Detector, Landmarks, Template NetworkSpec
		Clear                         float64
	}{m.Detector, m.Landmarks, m.Template, 0}
	for _, s := range []*NetworkSpec{&decide.Detector, &decide.Landmarks, &decide.Template} {
		s.File = ""
	}
	if m.TemplateLength != nil {
		decide.Clear = m.TemplateLength.Clear
	}
	b, err := json.Marshal(decide)
	if err != nil {
		panic(err) // strings and finite numbers always encode
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

// load reads the network's file and checks its digest, since a damaged model
// often loads without an error. It returns the bytes that were checked, and those
// must be loaded. It refuses a file that others may change.
func (s NetworkSpec) load(dir string) ([]byte, error) {
	path := filepath.Join(dir, s.File)
	unreadable := func(err error) error {
		return &sesuai.Error{
			Kind: sesuai.KindConfiguration, Err: err,
			Detail: fmt.Sprintf("model file %s cannot be read; make models fetches it", path),
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(err)
	}
	if err := fileperm.Trusted(info); err != nil {
		return nil, &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: fmt.Sprintf("model file %s %v", path, err)}
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, unreadable(err)
	}
	if digest := sha256.Sum256(b); hex.EncodeToString(digest[:]) != s.SHA256 {
		return nil, &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: fmt.Sprintf("model file %s is not the one in the manifest: its SHA-256 is %x", path, digest),
		}
	}
	return b, nil
}
