package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"github.com/sesuai/sesuai/internal/kms/kmstest"
	"github.com/sesuai/sesuai/test/process"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sesuai":          main,
		"post-to-sandbox": postToSandbox,
		"post-to-service": postToService,
	})
}

// TestCommandLine runs testdata/*.txtar: they are the command line's
// specification. PHOTOS is the folder of the demo people's photographs.
func TestCommandLine(t *testing.T) {
	photos := filepath.Join(root(t), "build", "demo", "photos")
	process.Need(t, photos)
	runScripts(t, "testdata", "PHOTOS", photos)
}

// TestCommandLineOnFaces runs those that need more people: FACES is the folder
// of the development photographs.
func TestCommandLineOnFaces(t *testing.T) {
	runScripts(t, filepath.Join("testdata", "faces"), "FACES", process.Faces(t, root(t)))
}

// root is the checkout's.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// runScripts runs the scripts of a folder, with the named variable set.
// SESUAI_MODELS and REAL_MODELS are the models folder, and TINY a second model.
func runScripts(t *testing.T, dir, name, value string) {
	t.Helper()
	models, tiny := filepath.Join(root(t), "models"), filepath.Join(t.TempDir(), "tiny.onnx")
	if err := os.WriteFile(tiny, tinyModel{}.bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: dir,
		// status N COMMAND… runs a command that must exit with status N.
		// tamper STATEMENT runs SQL on the database in data.
		// receiver SECRETFILE starts a server for webhooks.
		// kms starts a KMS and configures it, and kms hang one that answers nothing.
		// certificate NAME DURATION writes a certificate that ends in that time, and its key.
		// interrupt COMMAND… runs a command on a terminal, and types ^C at its question.
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "upstream": upstream, "returned": returned, "tamper": tamper, "interrupt": interrupt, "receiver": receiver,
			"kms":         func(ts *testscript.TestScript, _ bool, args []string) { startKMS(t, ts, args) },
			"certificate": func(ts *testscript.TestScript, _ bool, args []string) { certificate(t, ts, args) },
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv(name, value)
			e.Setenv("SESUAI_MODELS", models)
			e.Setenv("REAL_MODELS", models)
			e.Setenv("TINY", tiny)
			return nil
		},
	})
}

func startKMS(t *testing.T, ts *testscript.TestScript, args []string) {
	server := kmstest.New(t)
	if len(args) > 0 && args[0] == "hang" {
		server.Hang()
	}
	c := server.Config(t)
	for name, value := range map[string]string{"ADDRESS": c.Address, "KEY": c.Key, "TOKEN_FILE": c.TokenFile, "TIMEOUT": "500ms"} {
		ts.Setenv("SESUAI_KMS_"+name, value)
	}
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("want exit status %s, got %v", args[0], err)
	}
}

// tamper changes the database behind the product's back.
func tamper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tamper STATEMENT")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(filepath.Join("data", "sesuai.db")))
	ts.Check(err)
	_, err = db.ExecContext(context.Background(), args[0])
	ts.Check(errors.Join(err, db.Close()))
}
