package face_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

func manifestFile(t *testing.T, change func(m *face.Manifest)) []byte {
	t.Helper()
	// A copy by JSON does not share slices.
	b, err := json.Marshal(face.DefaultManifest())
	if err != nil {
		t.Fatal(err)
	}
	var m face.Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	change(&m)
	if b, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseManifestRefuses(t *testing.T) {
	if _, err := face.ParseManifest(manifestFile(t, func(*face.Manifest) {})); err != nil {
		t.Fatal(err) // the unchanged one is valid
	}
	for name, change := range map[string]func(m *face.Manifest){
		"no id":                         func(m *face.Manifest) { m.ID = "" },
		"no licence":                    func(m *face.Manifest) { m.Licence = "" },
		"no calibration":                func(m *face.Manifest) { m.Calibration = "" },
		"no file":                       func(m *face.Manifest) { m.Detector.File = "" },
		"a file above the folder":       func(m *face.Manifest) { m.Detector.File = "../x.onnx" },
		"a file by its path":            func(m *face.Manifest) { m.Template.File = "/x.onnx" },
		"a short digest":                func(m *face.Manifest) { m.Landmarks.SHA256 = m.Landmarks.SHA256[2:] },
		"a digest that is none":         func(m *face.Manifest) { m.Landmarks.SHA256 = strings.Repeat("x", 64) },
		"no digest":                     func(m *face.Manifest) { m.Template.SHA256 = "" },
		"unknown channels":              func(m *face.Manifest) { m.Template.Channels = "RBG" },
		"grey of three channels":        func(m *face.Manifest) { m.Detector.Channels = "GREY" },
		"colours of one channel":        func(m *face.Manifest) { m.Landmarks.Channels = "RGB" },
		"an input of three sides":       func(m *face.Manifest) { m.Detector.Input.Shape = []int64{3, 240, 320} },
		"an input of two photographs":   func(m *face.Manifest) { m.Detector.Input.Shape[0] = 2 },
		"an input of no height":         func(m *face.Manifest) { m.Detector.Input.Shape[2] = 0 },
		"an input of a negative width":  func(m *face.Manifest) { m.Detector.Input.Shape[3] = -1 },
		"an input of a vast width":      func(m *face.Manifest) { m.Detector.Input.Shape[3] = math.MaxInt64 },
		"one output of the detector":    func(m *face.Manifest) { m.Detector.Outputs = m.Detector.Outputs[:1] },
		"no output":                     func(m *face.Manifest) { m.Template.Outputs = nil },
		"an output of no shape":         func(m *face.Manifest) { m.Template.Outputs[0].Shape = nil },
		"fewer boxes than scores":       func(m *face.Manifest) { m.Detector.Outputs[1].Shape[1]-- },
		"67 points":                     func(m *face.Manifest) { m.Landmarks.Outputs[0].Shape[1] = 134 },
		"a template of 128 numbers":     func(m *face.Manifest) { m.Template.Outputs[0].Shape[1] = 128 },
		"an aligned face of 128 pixels": func(m *face.Manifest) { m.Template.Input.Shape[2], m.Template.Input.Shape[3] = 128, 128 },
		"eyes in colour":                func(m *face.Manifest) { m.Eyes.Channels, m.Eyes.Input.Shape[1] = "RGB", 3 },
		"eyes of three states":          func(m *face.Manifest) { m.Eyes.Outputs[0].Shape[1] = 3 },
		"no eyes":                       func(m *face.Manifest) { m.Eyes = face.NetworkSpec{} },
		"a template length of no width": func(m *face.Manifest) { m.TemplateLength = &face.TemplateLength{Half: 3} },
		"a divisor of 0":                func(m *face.Manifest) { m.Template.Divisor = 0 },
		"a negative divisor":            func(m *face.Manifest) { m.Template.Divisor = -128 },
		"no file of liveness":           func(m *face.Manifest) { m.Liveness.File = "" },
		"liveness above the folder":     func(m *face.Manifest) { m.Liveness.File = "../x.onnx" },
		"a short digest of liveness":    func(m *face.Manifest) { m.Liveness.SHA256 = m.Liveness.SHA256[2:] },
		"two outputs of liveness":       func(m *face.Manifest) { m.Liveness.Outputs = append(m.Liveness.Outputs, m.Liveness.Outputs...) },
		"a liveness of one class":       func(m *face.Manifest) { m.Liveness.Outputs[0].Shape[1] = 1 },
		"a liveness of 17 classes":      func(m *face.Manifest) { m.Liveness.Outputs[0].Shape[1] = 17 },
		"liveness of an oblong":         func(m *face.Manifest) { m.Liveness.Input.Shape[2] = 64 },
		"a live class of none":          func(m *face.Manifest) { m.Liveness.Live = 3 },
		"a negative live class":         func(m *face.Manifest) { m.Liveness.Live = -1 },
		"a scale of 0":                  func(m *face.Manifest) { m.Liveness.Scale = 0 },
		"a vast scale":                  func(m *face.Manifest) { m.Liveness.Scale = 10.1 },
		"a drawing beyond live":         func(m *face.Manifest) { m.Liveness.Drawing = 1.01 },
		"a drawing less than none":      func(m *face.Manifest) { m.Liveness.Drawing = -0.01 },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := face.ParseManifest(manifestFile(t, change))
			wantKind(t, err, sesuai.KindConfiguration)
		})
	}
	good := string(manifestFile(t, func(*face.Manifest) {}))
	for name, text := range map[string]string{
		"nothing":        "",
		"an unknown key": `{"colour": 1,` + good[1:],
		"two manifests":  good + good,
		"half of one":    good[:len(good)/2],
	} {
		t.Run(name, func(t *testing.T) {
			_, err := face.ParseManifest([]byte(text))
			wantKind(t, err, sesuai.KindConfiguration)
		})
	}
}

func TestModelNamesTheWeights(t *testing.T) {
	m := face.DefaultManifest()
	if want := m.ID + "@" + m.Template.SHA256[:12]; m.Model() != want {
		t.Errorf("model %q, want %q", m.Model(), want)
	}
	other := m
	other.Template.SHA256 = m.Detector.SHA256
	if other.Model() == m.Model() {
		t.Error("other weights have the same model id")
	}
}

// noLoad is a loader that must not be called.
func noLoad(t *testing.T) face.Loader {
	return func(_ []byte, spec face.NetworkSpec) (face.Network, error) {
		t.Errorf("%s is loaded", spec.File)
		return nil, errors.New("not to be loaded")
	}
}

// fakeNetwork is a Network that cannot run.
type fakeNetwork struct{}

func (fakeNetwork) NewRunner() (face.Runner, error) { return nil, errors.New("no runner") }
func (fakeNetwork) Close() error                    { return nil }

// A file whose digest differs from the manifest's is refused, by name, before it
// is loaded.
func TestNewChecksEveryModelFile(t *testing.T) {
	needModels(t)
	m := face.DefaultManifest()
	for _, spec := range networksOf(m) {
		for name, damage := range map[string]func(path string) error{
			"a flipped bit": func(path string) error {
				b, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				b[len(b)/2] ^= 1
				return os.WriteFile(path, b, 0o600)
			},
			"a byte more": func(path string) error {
				f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					return err
				}
				_, err = f.Write([]byte{0})
				return errors.Join(err, f.Close())
			},
			"empty":   func(path string) error { return os.Truncate(path, 0) },
			"missing": os.Remove,
		} {
			t.Run(spec.File+" "+name, func(t *testing.T) {
				dir := copyModels(t, m)
				if err := damage(filepath.Join(dir, spec.File)); err != nil {
					t.Fatal(err)
				}
				load := func(_ []byte, s face.NetworkSpec) (face.Network, error) {
					if s.File == spec.File {
						t.Error("the damaged file is loaded")
					}
					return fakeNetwork{}, nil
				}
				_, err := face.New(face.Options{Models: dir, Manifest: m, Calibration: shipped(t), Load: load, Liveness: true})
				wantKind(t, err, sesuai.KindConfiguration)
				if !strings.Contains(detailOf(err), spec.File) {
					t.Errorf("the error does not name %s: %v", spec.File, err)
				}
			})
		}
	}
}

func TestNewNeedsTheModelsFolder(t *testing.T) {
	_, err := face.New(face.Options{
		Models: filepath.Join(t.TempDir(), "none"), Manifest: face.DefaultManifest(), Calibration: shipped(t), Load: noLoad(t),
	})
	wantKind(t, err, sesuai.KindConfiguration)
}

func networksOf(m face.Manifest) []face.NetworkSpec {
	return []face.NetworkSpec{m.Detector, m.Landmarks, m.Template, m.Eyes, m.Liveness.NetworkSpec}
}

func copyModels(t *testing.T, m face.Manifest) string {
	t.Helper()
	dir := t.TempDir()
	for _, spec := range networksOf(m) {
		b, err := os.ReadFile(filepath.Join(modelsDir, spec.File))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, spec.File), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The self-test finds a network that loads but has a wrong input.
func TestSelfTestFindsWrongFeeding(t *testing.T) {
	slow(t)
	for name, change := range map[string]func(m *face.Manifest){
		"template fed RGB":        func(m *face.Manifest) { m.Template.Channels = "RGB" },
		"template of 0 to 1":      func(m *face.Manifest) { m.Template.Mean, m.Template.Divisor = 0, 255 },
		"detector not scaled":     func(m *face.Manifest) { m.Detector.Mean, m.Detector.Divisor = 0, 1 },
		"landmarks of 0 to 256":   func(m *face.Manifest) { m.Landmarks.Divisor = 1 },
		"eyes of 0 to 255":        func(m *face.Manifest) { m.Eyes.Divisor = 1 },
		"landmarks far too dark":  func(m *face.Manifest) { m.Landmarks.Divisor = 1e6 },
		"another person expected": func(m *face.Manifest) { m.SelfTest.Template = flipped(m.SelfTest.Template) },
		"no template expected":    func(m *face.Manifest) { m.SelfTest.Template = nil },
		"another cosine expected": func(m *face.Manifest) { m.SelfTest.Different -= 0.1 },
	} {
		t.Run(name, func(t *testing.T) {
			o := realOptions(t)
			change(&o.Manifest)
			fed := *o.Calibration // as if it had been made with this manifest
			fed.TemplatesSHA256 = o.Manifest.TemplatesSHA256()
			o.Calibration = &fed
			e, err := face.New(o)
			if err == nil {
				e.Close()
			}
			wantKind(t, err, sesuai.KindConfiguration)
			if !strings.Contains(detailOf(err), "self-test") {
				t.Errorf("the error does not name the self-test: %v", err)
			}
		})
	}
}

func flipped(b []byte) []byte {
	out := make([]byte, len(b))
	for i, v := range b {
		out[len(b)-1-i] = v
	}
	return out
}
