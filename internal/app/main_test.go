package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// realModels is what make models fetches; modelsDir, made by TestMain, has
// links to it, in whose place a test can put something else. It is one folder
// for all tests, since a process can load ONNX Runtime from one path only.
const (
	realModels = "../../models"
	photosDir  = "../../build/demo/photos"
)

var modelsDir string

func TestMain(m *testing.M) {
	var err error
	if modelsDir, err = os.MkdirTemp("", "sesuai-models-"); err != nil {
		panic(err)
	}
	if err := linkModels(); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(pgtest.Main{M: m}, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(modelsDir)
		os.Exit(code)
	}))
}

// linkModels links what there is of the models into modelsDir.
func linkModels() error {
	files, err := filepath.Glob(filepath.Join(realModels, "*"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if f, err = filepath.Abs(f); err != nil {
			return err
		}
		if err := os.Symlink(f, filepath.Join(modelsDir, filepath.Base(f))); err != nil {
			return err
		}
	}
	return nil
}

// replaceModel takes a file of the models away until the test ends, and returns
// where another one may be put, and what was in it.
func replaceModel(t *testing.T, name string) (path string, model []byte) {
	t.Helper()
	process.Need(t, realModels)
	path = filepath.Join(modelsDir, name)
	target, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	if model, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.Remove(path) // there may be none
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	})
	return path, model
}

// config is the default configuration for a data folder of the test's own, any
// free port and the real models.
func config(t *testing.T) app.Config {
	t.Helper()
	c := app.DefaultConfig()
	c.Data = filepath.Join(t.TempDir(), "data")
	c.Listen = "127.0.0.1:0"
	c.Models = modelsDir
	if onPostgres {
		c.Registry, c.Postgres.Migrate = pgtest.Database(t), true
	}
	return c
}

// assertConfiguration reports an error that is not of kind KindConfiguration, or
// whose text lacks one of the words.
func assertConfiguration(t *testing.T, err error, words ...string) {
	t.Helper()
	e, ok := errors.AsType[*sesuai.Error](err)
	if !ok || e.Kind != sesuai.KindConfiguration {
		t.Fatalf("error %v, want kind %s", err, sesuai.KindConfiguration)
	}
	for _, word := range words {
		if text := e.Error(); !contains(text, word) {
			t.Errorf("%q does not speak of %q", text, word)
		}
	}
}
