package app_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// TestCheckFiles: what Serve would refuse is refused, by its key, and nothing is
// made.
func TestCheckFiles(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels)
	good := config(t)
	if err := app.CheckFiles(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(good.Data); !os.IsNotExist(err) {
		t.Errorf("the data folder: %v", err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.MkdirAll(filepath.Join(open, "below"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "sesuai.db"), []byte("not a database, but long enough to be read as one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		change func(*app.Config)
		says   string // "" if it is no mistake
	}{
		{func(c *app.Config) { c.Listen = busy.Addr().String() }, ""},
		{func(c *app.Config) { c.Listen = "127.0.0.1:99999" }, "listen: cannot listen on 127.0.0.1:99999"},
		{func(c *app.Config) { c.Admin.Listen = "192.0.2.1:9090" }, "admin.listen: cannot listen on 192.0.2.1:9090"},
		{func(c *app.Config) { c.Face.Calibration = "asia-2099" }, `face.calibration: calibration: none called "asia-2099" is shipped`},
		{func(c *app.Config) { c.Face.Calibration = "nowhere.json" }, "face.calibration: open nowhere.json: no such file"},
		{func(c *app.Config) { c.Face.Calibration = file }, "face.calibration: calibration: id, model_sha256, data_set and date are needed"},
		{func(c *app.Config) { c.Face.Manifest = file }, "face.manifest: model manifest: "},
		{func(c *app.Config) { c.Models = t.TempDir() }, "models: ONNX Runtime cannot be loaded from "},
		{func(c *app.Config) { c.MasterKey = "nowhere.key" }, "master_key: master key file nowhere.key is not there"},
		{func(c *app.Config) { c.Audit.CheckpointFolder = file }, "audit.checkpoint_folder: " + file + " is not a folder"},
		{func(c *app.Config) { c.Audit.CheckpointFolder = filepath.Join(open, "none") }, "audit.checkpoint_folder: the folder "},
		{func(c *app.Config) { c.Audit.CheckpointFolder = open }, ""},
		{func(c *app.Config) { c.Data = file }, "data: " + file + " is not a folder"},
		{func(c *app.Config) { c.Data = filepath.Join(file, "below") }, "data: stat " + file},
		{func(c *app.Config) { c.Data, c.Registry = open, "" }, "data: data folder " + open + " may be read or changed by others"},
		{func(c *app.Config) { c.Data, c.Registry = damaged, "" }, "data: data folder " + damaged + " holds a sesuai.db that is not a database"},
		{func(c *app.Config) { c.Registry = "postgres://127.0.0.1:1/x" }, "registry: PostgreSQL at 127.0.0.1:1 does not answer for the database x: "},
		{func(c *app.Config) { c.Dukcapil = otherDukcapilConfig() }, "dukcapil.data.user_file: the file cannot be opened"},
		{func(c *app.Config) { c.Dukcapil = otherDukcapilConfig() }, "dukcapil.face.public_key_file: the file cannot be opened"},
		{func(c *app.Config) { c.Dukcapil = otherDukcapilConfig() }, "dukcapil.tls.ca_file: the file cannot be opened"},
		{func(c *app.Config) { c.Dukcapil = otherDukcapilConfig() }, "dukcapil.balikan: "},
	} {
		c := good
		test.change(&c)
		err := app.CheckFiles(t.Context(), c)
		if test.says == "" && err != nil {
			t.Error(err)
		}
		if test.says != "" {
			assertConfiguration(t, err, test.says)
		}
	}
}

// TestCheckStored: a registry that was used is accepted, one whose key is gone is
// not.
func TestCheckStored(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels)
	c := config(t)
	c.Registry = ""
	s, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := app.CheckFiles(t.Context(), c); err != nil {
		t.Error(err)
	}
	if err := os.Remove(c.MasterKeyPath(1)); err != nil {
		t.Fatal(err)
	}
	assertConfiguration(t, app.CheckFiles(t.Context(), c), "master_key: master key file ")
}

// TestCheckPostgres: a database without tables is accepted if the service may
// make them.
func TestCheckPostgres(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels)
	c := config(t)
	c.Registry = pgtest.Database(t)
	c.Postgres.Migrate = true
	if err := app.CheckFiles(t.Context(), c); err != nil {
		t.Error(err)
	}
	c.Postgres.Migrate = false
	assertConfiguration(t, app.CheckFiles(t.Context(), c), "registry: ", "has schema 0; this program needs schema ")
}

// TestPorts: the API and the metrics need two ports.
func TestPorts(t *testing.T) {
	for _, test := range []struct {
		listen, metrics string
		ok              bool
	}{
		{"127.0.0.1:8080", "127.0.0.1:8080", false},
		{"127.0.0.1:8080", ":8080", false},
		{"[::]:8080", "127.0.0.1:8080", false},
		{"0.0.0.0:8080", "10.0.0.1:8080", false},
		{"127.0.0.1:8080", "localhost:8080", false},
		{"localhost:8080", "127.0.0.1:8080", false},
		{"127.0.0.1:80", "127.0.0.1:http", false},
		{"[::1]:8080", "[0:0::1]:8080", false},
		{"[fe80::1%1]:8080", "[fe80::1%2]:8080", true},
		{"127.0.0.1:8080", "10.0.0.1:8080", true},
		{"127.0.0.1:8080", "127.0.0.1:8081", true},
		{"127.0.0.1:0", "127.0.0.1:0", true},
		{"127.0.0.1:8080", "", true},
	} {
		c := app.DefaultConfig()
		c.Listen, c.Admin.Listen = test.listen, test.metrics
		err := c.Check()
		if test.ok && err != nil {
			t.Errorf("%s, %s: %v", test.listen, test.metrics, err)
		}
		if !test.ok {
			assertConfiguration(t, err, "admin.listen: "+test.metrics+" is taken by listen ("+test.listen+")", "such as 127.0.0.1:9090")
		}
	}
}
