// Package app is the only wiring: it turns a configuration into parts and the
// parts into a running service. It must not decide anything about a
// verification.
package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

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

// OpenStore opens the store in the data folder. Where there is none yet it is
// made, and so is the master key, unless the configuration names one. Close
// the result.
func OpenStore(ctx context.Context, c Config) (Store, error) {
	exists, err := store.Exists(c.Data)
	if err != nil {
		return Store{}, err
	}
	ring, err := keyring.Open(keyring.Options{
		Path:   c.masterKeyPath(),
		Create: !exists && c.MasterKey == "",
	})
	if err != nil {
		return Store{}, err
	}
	_, calibration, err := faceFiles(c)
	if err != nil {
		return Store{}, err
	}
	s, err := store.Open(ctx, store.Options{
		Dir: c.Data, Ring: ring, Scale: calibration, Calibration: calibration.ID, ProbeAge: c.Replay.MaxAge,
	})
	if err != nil {
		return Store{}, err
	}
	return Store{Store: s, Hash: ring.Hasher(keyring.Credentials)}, nil
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
	manifest, calibration, err := faceFiles(c)
	if err != nil {
		return nil, err
	}
	models := c.modelsDir()
	o := ort.Options{Library: filepath.Join(models, "libonnxruntime.so.1"), Threads: 1}
	workers := c.Face.Workers
	if use == OnePhotograph {
		o.Threads, workers = cores, 1
	}
	load, err := ort.NewLoader(o)
	if err != nil {
		return nil, err
	}
	return face.New(face.Options{
		Models:      models,
		Manifest:    manifest,
		Calibration: calibration,
		Load:        load,
		DecodeJPEG:  turbo.Decode,
		Workers:     workers,
		MaxPixels:   c.Face.MaxPixels,
		Dominance:   c.Face.Dominance,
		Limits:      &c.Face.Quality,
	})
}

// faceFiles reads the manifest and the calibration that c names, or takes the
// shipped ones.
func faceFiles(c Config) (face.Manifest, *face.Calibration, error) {
	m := face.DefaultManifest()
	if c.Face.Manifest != "" {
		b, err := os.ReadFile(c.Face.Manifest)
		if err != nil {
			return m, nil, unreadable("face.manifest", err)
		}
		if m, err = face.ParseManifest(b); err != nil {
			return m, nil, err
		}
	}
	if c.Face.Calibration == "" {
		calibration, err := face.ShippedCalibration(m.Calibration)
		return m, calibration, err
	}
	b, err := os.ReadFile(c.Face.Calibration)
	if err != nil {
		return m, nil, unreadable("face.calibration", err)
	}
	calibration, err := face.ParseCalibration(b)
	return m, calibration, err
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

// NewVerifier joins a store and an engine to verify people.
func NewVerifier(c Config, s Store, e *face.Engine) *verify.Verifier {
	return verify.New(verify.Options{
		Registry: s, Extractor: e, Probes: s, Audit: s,
		RegistryTimeout: c.Times.Registry, AuditTimeout: c.Times.Audit,
	})
}
