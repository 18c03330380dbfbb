package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// LoadSandboxConfig reads the file at path (none if it is empty) over the
// defaults. Unknown keys are errors. Errors have kind
// sesuai.KindConfiguration.
func LoadSandboxConfig(path string) (sandbox.Config, error) {
	c := sandbox.DefaultConfig()
	if path == "" {
		return c, nil
	}
	_, err := readFile(path, &c)
	return c, config.Refuse(config.Locate(err, func(m config.Mistake) string { return inFile(path, m) }))
}

// SandboxServing is what a client of the sandbox must be told.
type SandboxServing struct {
	sandbox.Serving
	// People is the number of people on record.
	People int `json:"people"`
}

// sandboxGrace is how long calls in flight have to finish at the end. Calls
// that stall are ended at once.
const sandboxGrace = 5 * time.Second

// ServeDukcapilSandbox serves the sandbox on the registry that c names until
// ctx ends. It calls started when it listens, and ends if that returns an error.
// An error before that means that it could not start.
func ServeDukcapilSandbox(ctx context.Context, c Config, sc sandbox.Config, log *slog.Logger, started func(SandboxServing) error) (err error) {
	storage, err := OpenStorage(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, storage.Close()) }()
	engine, err := OpenEngine(c, ManyPhotographs, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	defer engine.Close()
	people, err := storage.People.Count(ctx)
	if err != nil {
		return err
	}
	o := sandbox.Options{Config: sc, Registry: storage.People, Extractor: engine, Log: log}
	opened, err := sandbox.Open(ctx, o, filepath.Join(c.Data, "dukcapil-sandbox"))
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := started(SandboxServing{opened.Serving, people}); err != nil {
		return err
	}
	return httpapi.ServeUntil(ctx, opened.Server, opened.Listener, sandboxGrace)
}
