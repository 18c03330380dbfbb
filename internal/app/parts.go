// Package app is the only wiring: it turns a configuration into parts and the
// parts into a running service. It must not decide anything about a
// verification.
package app

import (
	"cmp"
	"context"
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
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/face/ort"
	"github.com/sesuai/sesuai/internal/face/turbo"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/store"
	"github.com/sesuai/sesuai/internal/verify"
)

// Store is the opened store with what belongs to its keys.
type Store struct {
	*store.Store
	// Hash is the keyed hash of credentials.
	Hash access.Hash
}

// Rotation is how far a rotation of the master keys is.
type Rotation = store.Rotation

// OpenStore opens the store that c names. A data folder is made where there is
// none yet, and so is the first master key of a new database, unless the
// configuration names one. Close the result.
func OpenStore(ctx context.Context, c Config) (Store, error) {
	o, err := storeOptions(c)
	if err != nil {
		return Store{}, err
	}
	s, err := store.Open(ctx, o)
	if err != nil {
		return Store{}, err
	}
	return Store{Store: s, Hash: s.Hasher(keyring.Credentials)}, nil
}

func storeOptions(c Config) (store.Options, error) {
	_, calibration, err := faceFiles(c)
	if err != nil {
		return store.Options{}, err
	}
	return store.Options{
		Dir: c.Data, URL: c.Registry,
		Replicas: c.Postgres.Replicas, Staleness: c.Postgres.Staleness,
		Connections: c.Postgres.Connections, Migrate: c.Postgres.Migrate,
		OpenRing: func(isNew bool) (*keyring.Ring, error) {
			return keyring.Open(keyring.Options{Path: c.masterKeyPath(), Create: isNew && c.MasterKey == ""})
		},
		Scale: calibration, Calibration: calibration.ID, ProbeAge: c.Replay.MaxAge,
		Strangers: c.Dukcapil.Enabled, Returns: c.Dukcapil.returns(),
	}, nil
}

// StoreExists reports whether there is a store where c says, so far as that can
// be told without opening one: a database server is taken to have it.
func StoreExists(c Config) (bool, error) {
	if c.Registry != "" {
		return true, nil
	}
	_, err := os.Stat(filepath.Join(c.Data, store.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// MigrateStore brings the schema of the database that c names up to date.
func MigrateStore(ctx context.Context, c Config) (store.Schema, error) {
	o, err := storeOptions(c)
	if err != nil {
		return store.Schema{}, err
	}
	return store.Migrate(ctx, o)
}

// SchemaOf is the schema of the database that c names; nothing is changed.
func SchemaOf(ctx context.Context, c Config) (store.Schema, error) {
	o, err := storeOptions(c)
	if err != nil {
		return store.Schema{}, err
	}
	return store.SchemaOf(ctx, o)
}

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
	o, err := engineOptions(c, use, cores)
	if err != nil {
		return nil, err
	}
	if _, o.Calibration, err = faceFiles(c); err != nil {
		return nil, err
	}
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
	// Of the models the manifest has the digests.
	for _, path := range []string{program, runtimeLibrary(c)} {
		if err := digestOf(key, path); err != nil {
			return EvaluationEngine{}, err
		}
	}
	err = json.NewEncoder(key).Encode(struct {
		Manifest  face.Manifest
		MaxPixels int
		Dominance float64
		Subject   face.Subject
		Limits    *face.Limits
	}{o.Manifest, o.MaxPixels, o.Dominance, o.Subject, o.Limits})
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

// runtimeLibrary is where ONNX Runtime is.
func runtimeLibrary(c Config) string { return filepath.Join(c.modelsDir(), "libonnxruntime.so.1") }

// engineOptions are all options but the calibration.
func engineOptions(c Config, use EngineUse, cores int) (face.Options, error) {
	manifest, err := Manifest(c)
	if err != nil {
		return face.Options{}, err
	}
	o := ort.Options{Library: runtimeLibrary(c), Threads: 1}
	workers := c.Face.Workers
	if use == OnePhotograph {
		o.Threads, workers = cores, 1
	}
	load, err := ort.NewLoader(o)
	if err != nil {
		return face.Options{}, err
	}
	return face.Options{
		Models:     c.modelsDir(),
		Manifest:   manifest,
		Load:       load,
		DecodeJPEG: turbo.Decode,
		Workers:    workers,
		MaxPixels:  c.Face.MaxPixels,
		Memory:     c.Face.Memory,
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
		return face.Manifest{}, unreadable("face.manifest", err)
	}
	return face.ParseManifest(b)
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
		return m, calibration, err
	}
	b, err := os.ReadFile(named)
	if err != nil {
		return m, nil, unreadable("face.calibration", err)
	}
	calibration, err := face.ParseCalibration(b)
	return m, calibration, err
}

// IsCalibrationFile reports whether a value of face.calibration is the path of
// a file; else it is the id of a shipped calibration.
func IsCalibrationFile(named string) bool {
	return strings.ContainsAny(named, "/"+string(filepath.Separator)) || strings.HasSuffix(named, ".json")
}

func unreadable(key string, err error) error {
	return &sesuai.Error{
		Kind: sesuai.KindConfiguration, Err: err,
		Detail: fmt.Sprintf("configuration: the file of %s cannot be read", key),
	}
}

// NewEnroller joins a store and an engine to put people on record.
func NewEnroller(s Store, e *face.Engine) *enrol.Enroller {
	return enrol.New(enrol.Options{Registry: s, Extractor: e, Model: e.Model()})
}

// NewVerifier joins a store, the registry that is asked and an engine to verify
// people.
func NewVerifier(c Config, s Store, r Registry, e *face.Engine) *verify.Verifier {
	timeout := c.Times.Registry
	if c.Dukcapil.Enabled {
		timeout = c.Dukcapil.Deadline
	}
	return verify.New(verify.Options{
		Registry: r.Registry, Extractor: e, Probes: s, Audit: s,
		LivenessThreshold: c.Face.LivenessThreshold,
		RegistryTimeout:   timeout, AuditTimeout: c.Times.Audit,
		Parallel: c.Dukcapil.Enabled && c.Dukcapil.Parallel,
	})
}
