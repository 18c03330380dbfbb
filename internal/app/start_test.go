package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/test/process"
)

// TestCannotStart: an error that the operator has to fix is reported as such,
// before the service is ready. TestMain checks that nothing keeps running, and this
// test that the same folder and port can be used again.
func TestCannotStart(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels)
	write := func(t *testing.T, path string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// used is a configuration whose data folder has been used before.
	used := config(t)
	storage, err := app.OpenStorage(t.Context(), used)
	if err != nil {
		t.Fatal(err)
	}
	addClient(t, storage, "test", access.Client{})
	closeStorage(t, storage)
	for _, test := range []struct {
		about string
		setup func(t *testing.T, c *app.Config)
		says  string
	}{
		{"no port", func(_ *testing.T, c *app.Config) { c.Listen = "127.0.0.1" }, "listen"},
		{"a port in use", func(t *testing.T, c *app.Config) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			c.Listen = l.Addr().String()
		}, "cannot listen on 127.0.0.1:"},
		{"an address of somebody else's", func(_ *testing.T, c *app.Config) { c.Listen = "192.0.2.1:8080" }, "cannot listen on 192.0.2.1:8080"},
		{"a data folder under a file", func(t *testing.T, c *app.Config) {
			file := filepath.Join(t.TempDir(), "file")
			write(t, file, nil)
			c.Data = filepath.Join(file, "data")
		}, "file/data cannot be made"},
		{"a data folder that is a file", func(t *testing.T, c *app.Config) {
			c.Data = filepath.Join(t.TempDir(), "file")
			write(t, c.Data, nil)
		}, "file cannot be made"},
		{"a data folder where nobody may write, not even root", func(_ *testing.T, c *app.Config) { c.Data = "/proc/data" }, "/proc/data cannot be made"},
		{"something else in the database's place", func(t *testing.T, c *app.Config) {
			write(t, filepath.Join(c.Data, "sesuai.db"), bytes.Repeat([]byte("not a database "), 1000))
		}, "is not a database"},
		{"another master key", func(t *testing.T, c *app.Config) {
			write(t, filepath.Join(c.Data, "master.key"), []byte("0123456789abcdef0123456789abcdef"))
		}, "was made with another master key"},
		{"no master key any more", func(t *testing.T, c *app.Config) {
			if err := os.Remove(filepath.Join(c.Data, "master.key")); err != nil {
				t.Fatal(err)
			}
		}, "master.key is not there"},
		{"a master key named that is not there", func(t *testing.T, c *app.Config) {
			c.MasterKey = filepath.Join(t.TempDir(), "other.key")
		}, "other.key is not there"},
		{"half a master key", func(t *testing.T, c *app.Config) {
			write(t, filepath.Join(c.Data, "master.key"), []byte("0123456789abcdef"))
		}, "must be exactly 32 bytes"},
		{"a master key that others may read", func(t *testing.T, c *app.Config) {
			if err := os.Chmod(filepath.Join(c.Data, "master.key"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "may be read or changed by others"},
		{"no manifest", func(t *testing.T, c *app.Config) { c.Face.Manifest = filepath.Join(t.TempDir(), "m.json") }, "face.manifest: open "},
		{"no calibration", func(t *testing.T, c *app.Config) { c.Face.Calibration = filepath.Join(t.TempDir(), "c.json") }, "face.calibration: open "},
		{"a manifest without the liveness that is wanted", func(t *testing.T, c *app.Config) {
			m := face.DefaultManifest()
			m.Liveness = nil
			b, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			c.Face.Manifest, c.Face.Liveness = filepath.Join(t.TempDir(), "m.json"), true
			write(t, c.Face.Manifest, b)
		}, "names no liveness network"},
		{"a calibration that is not shipped", func(_ *testing.T, c *app.Config) { c.Face.Calibration = "nowhere-2026-11" }, strings.Join(face.ShippedCalibrations(), ", ")},
		{"a manifest that is none", func(t *testing.T, c *app.Config) {
			c.Face.Manifest = filepath.Join(t.TempDir(), "m.json")
			write(t, c.Face.Manifest, []byte("{}"))
		}, "manifest"},
		{"a calibration that is none", func(t *testing.T, c *app.Config) {
			c.Face.Calibration = filepath.Join(t.TempDir(), "c.json")
			write(t, c.Face.Calibration, []byte("{}"))
		}, "calibration"},
		{"no models", func(t *testing.T, c *app.Config) { c.Models = t.TempDir() }, "ONNX Runtime"},
		{"a model missing", func(t *testing.T, _ *app.Config) { replaceModel(t, "fr_detect.onnx") }, "fr_detect.onnx cannot be read"},
		{"a model changed", func(t *testing.T, _ *app.Config) {
			path, model := replaceModel(t, "fr_landmark.onnx")
			model[len(model)/2] ^= 1
			write(t, path, model)
		}, "fr_landmark.onnx is not the one in the manifest"},
		{"a model cut short", func(t *testing.T, _ *app.Config) {
			path, model := replaceModel(t, "fr_feature.onnx")
			write(t, path, model[:len(model)/2])
		}, "fr_feature.onnx is not the one in the manifest"},
	} {
		t.Run(test.about, func(t *testing.T) {
			c := used
			c.Data, c.Listen = copyFiles(t, used.Data), freeAddress(t)
			address := c.Listen
			test.setup(t, &c)
			err := app.Serve(t.Context(), c, app.ServeOptions{
				Log: slog.New(slog.DiscardHandler), Started: func(net.Addr) { t.Error("said to be ready") },
			})
			assertConfiguration(t, err, test.says)
			// The port is free again.
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			_ = l.Close()
		})
	}
}

// TestStartsOnceFixed: a start that failed keeps nobody from the next one.
func TestStartsOnceFixed(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels, photosDir)
	c := config(t)
	t.Run("broken", func(t *testing.T) {
		replaceModel(t, "fr_feature.onnx")
		err := app.Serve(t.Context(), c, app.ServeOptions{Log: slog.New(slog.DiscardHandler)})
		assertConfiguration(t, err, "fr_feature.onnx")
	})
	s := start(t, c, ayu)
	if status, body := s.verify(t, ayu.asks()); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

// TestFirstStartMakesWhatItNeeds: a folder and a key for its owner alone.
func TestFirstStartMakesWhatItNeeds(t *testing.T) {
	c := config(t)
	storage, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	closeStorage(t, storage)
	for path, mode := range map[string]os.FileMode{
		c.Data: os.ModeDir | 0o700, filepath.Join(c.Data, "master.key"): 0o600, filepath.Join(c.Data, "sesuai.db"): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v", path, errors.Join(err, errors.New(info.Mode().String())))
		}
	}
}
