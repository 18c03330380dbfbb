// Package app is the only wiring: it turns a configuration into parts and the
// parts into a running service. It must not decide anything about a
// verification.
package app

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/face/ort"
	"github.com/sesuai/sesuai/internal/face/turbo"
	"github.com/sesuai/sesuai/internal/fileperm"
	"github.com/sesuai/sesuai/internal/verify"
)

// EngineUse says how an engine will be used, which decides how its networks
// are run.
type EngineUse uint8

const (
	// ManyPhotographs: one thread each and as many side by side as there are
	// cores, which gives the highest throughput.
	ManyPhotographs EngineUse = iota
	// OnePhotograph: one at a time, with all cores, which is quickest.
	OnePhotograph
)

// OpenEngine checks and loads the face models and runs the self-test. Close
// the result.
func OpenEngine(c Config, use EngineUse, cores int) (*face.Engine, error) {
	return openEngine(c, use, cores, nil)
}

// openEngine is OpenEngine with a queue that is also used by others, or nil.
func openEngine(c Config, use EngineUse, cores int, queue *admission.Queue) (*face.Engine, error) {
	o, err := engineOptions(c, use, cores)
	if err != nil {
		return nil, err
	}
	if _, o.Calibration, err = faceFiles(c); err != nil {
		return nil, err
	}
	o.Queue = queue
	// Only Dukcapil is sent photographs.
	o.Pictures = c.Dukcapil.Enabled
	return face.New(o)
}

// EvaluationEngine is an engine for labelled photographs.
type EvaluationEngine struct {
	*face.Engine
	// Key stands for all that decides a template but the photograph and its
	// use: the program, the runtime, the models and the options.
	Key [sha256.Size]byte
}

// OpenEvaluationEngine is OpenEngine for many labelled photographs: it takes
// the face of that subject, and refuses none for its quality unless gate is
// set.
func OpenEvaluationEngine(c Config, subject face.Subject, gate bool) (EvaluationEngine, error) {
	_, calibration, err := faceFiles(c)
	if err != nil {
		return EvaluationEngine{}, err
	}
	return openEvaluationEngine(c, subject, gate, calibration)
}

// OpenUncalibratedEngine is OpenEvaluationEngine for a model whose calibration
// is yet to be made: what c names is not read, and no photograph is refused for
// its quality.
func OpenUncalibratedEngine(c Config, subject face.Subject) (EvaluationEngine, error) {
	return openEvaluationEngine(c, subject, false, nil)
}

func openEvaluationEngine(c Config, subject face.Subject, gate bool, calibration *face.Calibration) (EvaluationEngine, error) {
	o, err := engineOptions(c, ManyPhotographs, 0)
	if err != nil {
		return EvaluationEngine{}, err
	}
	o.Calibration, o.Uncalibrated = calibration, calibration == nil
	o.Subject = subject
	if !gate {
		o.Limits = &face.Limits{}
	}
	program, err := os.Executable()
	if err != nil {
		return EvaluationEngine{}, err
	}
	key := sha256.New()
	if err := digestOf(key, program); err != nil {
		return EvaluationEngine{}, err
	}
	// Of the models the manifest has the digests.
	err = json.NewEncoder(key).Encode(struct {
		Runtime   string
		Manifest  face.Manifest
		MaxPixels int
		Dominance float64
		Subject   face.Subject
		Limits    *face.Limits
	}{ort.Digest(runtimeOptions(c)), o.Manifest, o.MaxPixels, o.Dominance, o.Subject, o.Limits})
	if err != nil {
		return EvaluationEngine{}, err
	}
	e, err := face.New(o)
	return EvaluationEngine{e, [sha256.Size]byte(key.Sum(nil))}, err
}

// digestOf writes the digest of a file to w.
func digestOf(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	_, err = w.Write(h.Sum(nil))
	return err
}

// JPEGDecoder is the name of what decodes JPEG in this build: libjpeg-turbo or
// image/jpeg.
func JPEGDecoder() string { return turbo.Name }

// ONNXRuntime is the version of ONNX Runtime that this build loads, unless
// face.runtime_digest names another one, and "none" without a face engine.
func ONNXRuntime() string { return cmp.Or(ort.Version, "none") }

// newLoader starts ONNX Runtime from the models folder, which must not be one that
// others may change.
func newLoader(c Config, threads int) (face.Loader, error) {
	info, err := os.Stat(c.modelsDir())
	if err == nil {
		err = fileperm.Trusted(info)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the loader says what is missing
		return nil, &sesuai.Error{
			Kind: sesuai.KindConfiguration, Detail: fmt.Sprintf("models folder %s %v", c.modelsDir(), err),
		}
	}
	o := runtimeOptions(c)
	o.Threads = threads
	return ort.NewLoader(o)
}

func runtimeOptions(c Config) ort.Options {
	return ort.Options{Library: filepath.Join(c.modelsDir(), "libonnxruntime.so.1"), SHA256: c.Face.RuntimeDigest}
}

// engineOptions are all options but the calibration.
func engineOptions(c Config, use EngineUse, cores int) (face.Options, error) {
	manifest, err := Manifest(c)
	if err != nil {
		return face.Options{}, err
	}
	threads, workers := 1, c.Face.Workers
	if use == OnePhotograph {
		threads, workers = cores, 1
	}
	load, err := newLoader(c, threads)
	if err != nil {
		return face.Options{}, err
	}
	return face.Options{
		Models:     c.modelsDir(),
		Manifest:   manifest,
		Load:       load,
		DecodeJPEG: turbo.Decode,
		EncodeJPEG: turbo.Encode,
		Workers:    workers,
		MaxPixels:  c.Face.MaxPixels,
		Memory:     c.Limits.pixels(),
		Dominance:  c.Face.Dominance,
		Liveness:   c.Face.Liveness,
		Limits:     &c.Face.Quality,
	}, nil
}

// Manifest reads the model manifest that c names, or takes the shipped one.
func Manifest(c Config) (face.Manifest, error) {
	if c.Face.Manifest == "" {
		return face.DefaultManifest(), nil
	}
	b, err := os.ReadFile(c.Face.Manifest)
	if err != nil {
		return face.Manifest{}, refuse("face.manifest", err)
	}
	m, err := face.ParseManifest(b)
	return m, refuse("face.manifest", err)
}

// Calibration is the one that c names, or the shipped one.
func Calibration(c Config) (*face.Calibration, error) {
	_, calibration, err := faceFiles(c)
	return calibration, err
}

// faceFiles reads the manifest and the calibration that c names, or takes the
// shipped ones.
func faceFiles(c Config) (face.Manifest, *face.Calibration, error) {
	m, err := Manifest(c)
	if err != nil {
		return m, nil, err
	}
	named := cmp.Or(c.Face.Calibration, m.Calibration)
	if named == m.Calibration || !IsCalibrationFile(named) {
		calibration, err := face.ShippedCalibration(named)
		return m, calibration, refuse("face.calibration", err)
	}
	b, err := os.ReadFile(named)
	if err != nil {
		return m, nil, refuse("face.calibration", err)
	}
	calibration, err := face.ParseCalibration(b)
	return m, calibration, refuse("face.calibration", err)
}

// IsCalibrationFile reports whether a value of face.calibration is the path of
// a file; else it is the id of a shipped calibration.
func IsCalibrationFile(named string) bool {
	return strings.ContainsAny(named, "/"+string(filepath.Separator)) || strings.HasSuffix(named, ".json")
}

// refuse returns err as a mistake about a key.
func refuse(key string, err error) error { return config.Refuse(config.About(key, err)) }

// NewEnroller joins a store and an engine to put people on record.
func NewEnroller(s *Storage, e *face.Engine) *enrol.Enroller {
	return enrol.New(enrol.Options{Registry: s.People, Extractor: e, Model: e.Model()})
}

// NewVerifier joins a store, the registry that is asked and an engine to verify
// people.
func NewVerifier(c Config, s *Storage, r Registry, e face.Extractor) *verify.Verifier {
	return verify.New(verifierOptions(c, s, r, e))
}

// NewOperatorVerifier is NewVerifier for an operator, who has the keys. No limit holds,
// misses do not count, and answers are exact.
func NewOperatorVerifier(c Config, s *Storage, r Registry, e face.Extractor) *verify.Verifier {
	o := verifierOptions(c, s, r, e)
	o.Limits = nil
	return verify.New(o)
}

func verifierOptions(c Config, s *Storage, r Registry, e face.Extractor) verify.Options {
	timeout := c.Times.Registry
	if c.Dukcapil.Enabled {
		timeout = c.Dukcapil.Deadline
	}
	return verify.Options{
		Registry: r.Registry, Extractor: e, Recorder: s.events, Limits: s.Limits,
		Scale: s.calibration, Calibration: s.calibration.ID,
		LivenessThreshold: c.Face.LivenessThreshold, Disclosure: c.Disclosure,
		RegistryTimeout: timeout, AuditTimeout: c.Times.Audit, SameTime: !c.Dukcapil.Enabled,
	}
}
