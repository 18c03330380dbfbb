package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/face"
)

type faceModelCheck struct {
	File     string  `arg:"" help:"The ONNX file of a network that makes templates: 1×3×112×112 in, 512 numbers out."`
	Channels string  `help:"The order of the colours that it was trained with: BGR or RGB. The check cannot tell." enum:"BGR,RGB" default:"BGR"`
	Mean     float32 `help:"A pixel v of 0 to 255 is fed as (v − mean) / divisor." default:"127"`
	Divisor  float32 `help:"See --mean." default:"128"`
	Manifest string  `help:"If it fits, write a whole model manifest here: the networks of the one in use, and this one. Needs --licence." placeholder:"FILE.json"`
	ID       string  `name:"id" help:"The id of that manifest (default: the file's name)." placeholder:"ID"`
	Licence  string  `help:"The licence that you have the model under, for that manifest." placeholder:"TEXT"`
}

// checkedModel is what face model check prints.
type checkedModel struct {
	Fits    bool     `json:"fits"`
	Misfits []string `json:"misfits,omitempty"`
	// Manifest is the part of a manifest that is the model's.
	Manifest *modelSnippet `json:"manifest,omitempty"`
	// Cosines are those of the drawn faces.
	Cosines  *drawnCosines `json:"cosines,omitempty"`
	Model    string        `json:"model,omitempty"`
	NotKnown []string      `json:"not_known,omitempty"`
	// Stored is about the templates on record, if there is a registry.
	Stored *app.TemplateCount `json:"stored,omitempty"`
}

// modelSnippet has the names of face.Manifest.
type modelSnippet struct {
	Template face.NetworkSpec `json:"template"`
	SelfTest face.SelfTest    `json:"self_test"`
}

// drawnCosines are what the self-test's drawings score.
type drawnCosines struct {
	Larger    float64 `json:"same_larger"`
	Mirrored  float64 `json:"mirror_image"`
	Different float64 `json:"two_faces"`
}

// notKnown is what no look at a file can tell.
var notKnown = []string{
	"which order of colours and which scaling it was trained with: run face evaluate with each and keep what has the lower FNMR",
	"whether it recognises people: drawn faces are no test of that, and face evaluate is",
	"what its scores mean: they have no percentage until face calibrate has been run",
	"template_length (what the length of its output says of a face): without it photographs are not refused for their unified_quality_score",
	"its licence, and what it was trained on",
}

func (c *faceModelCheck) Run(s *session) error {
	if c.Manifest != "" && strings.TrimSpace(c.Licence) == "" {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "--manifest needs --licence: on what terms you have the model"}
	}
	checked, err := app.CheckModel(s, s.config, c.File, face.Candidate{Channels: c.Channels, Mean: c.Mean, Divisor: c.Divisor})
	if err != nil {
		return err
	}
	out := checkedModel{Fits: len(checked.Misfits) == 0, Misfits: checked.Misfits}
	if !out.Fits {
		if err := s.print(out, "%s does not fit:\n  %s\n", filepath.Base(c.File), strings.Join(out.Misfits, "\n  ")); err != nil {
			return err
		}
		return negativeAnswer{}
	}
	m, err := app.Manifest(s.config)
	if err != nil {
		return err
	}
	m.ID = c.ID
	if m.ID == "" {
		m.ID = strings.TrimSuffix(checked.Template.File, filepath.Ext(checked.Template.File))
	}
	m.Template, m.SelfTest, m.TemplateLength = checked.Template, checked.SelfTest, nil
	m.Source, m.Licence, m.Calibration = "the operator", c.Licence, m.ID
	if c.Manifest != "" {
		if err := writeManifest(c.Manifest, m); err != nil {
			return err
		}
	}
	out.Manifest = &modelSnippet{checked.Template, checked.SelfTest}
	out.Cosines = &drawnCosines{rounded(checked.Larger, 4), rounded(checked.Mirrored, 4), checked.SelfTest.Different}
	out.Model, out.NotKnown = m.Model(), notKnown
	if out.Stored, err = s.storedTemplates(); err != nil { // the answer about the file does not depend on a registry
		fmt.Fprintf(s.stderr, "the templates on record are not counted: %s\n", describe(err))
	}
	text, err := out.text(c)
	if err != nil {
		return err
	}
	if out.Stored != nil {
		text += withoutLength(s, *out.Stored)
	}
	return s.print(out, "%s", text)
}

// storedTemplates counts the templates on record; nil if there is no registry, or
// if they cannot be counted.
func (s *session) storedTemplates() (*app.TemplateCount, error) {
	if there, err := app.StorageExists(s, s.config); err != nil || !there {
		return nil, err
	}
	count, err := app.CountTemplates(s, s.config)
	if err != nil {
		return nil, err
	}
	return &count, nil
}

// writeManifest writes a manifest that the service accepts.
func writeManifest(path string, m face.Manifest) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if _, err := face.ParseManifest(b); err != nil {
		return err
	}
	return atomicfile.Write(path, 0o644, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n", b)
		return err
	})
}

func (m checkedModel) text(c *faceModelCheck) (string, error) {
	var b strings.Builder
	spec := m.Manifest.Template
	fmt.Fprintf(&b, "%s fits, fed %s as (v − %g) / %g.\n\n", spec.File, spec.Channels, spec.Mean, spec.Divisor)
	fmt.Fprintf(&b, "input          %q %v\n", spec.Input.Name, spec.Input.Shape)
	fmt.Fprintf(&b, "output         %q %v\n", spec.Outputs[0].Name, spec.Outputs[0].Shape)
	fmt.Fprintf(&b, "sha256         %s\n", spec.SHA256)
	fmt.Fprintf(&b, "drawn faces    the same one larger %.4f, mirror image %.4f, two faces %.4f\n", m.Cosines.Larger, m.Cosines.Mirrored, m.Cosines.Different)
	fmt.Fprintf(&b, "\nNot known, and not to be found in the file:\n")
	for _, what := range m.NotKnown {
		fmt.Fprintf(&b, "- %s\n", what)
	}
	if c.Manifest != "" {
		fmt.Fprintf(&b, "\n%s is written: model %s. Put %s in the models folder, set face.manifest to it, and run face calibrate.\n",
			c.Manifest, m.Model, spec.File)
		return b.String(), nil
	}
	snippet, err := json.MarshalIndent(m.Manifest, "", "  ")
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "\nIn the model manifest (--manifest FILE writes a whole one); template_length must not be in it:\n%s\n", snippet)
	return b.String(), nil
}
