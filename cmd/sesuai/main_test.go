package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sesuai": func() { os.Exit(run(context.Background(), os.Args[1:])) },
	})
}

// TestCommandLine runs testdata/*.txtar: they are the command line's
// specification. PHOTOS is the folder of the demo people's photographs.
func TestCommandLine(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	photos := filepath.Join(root, "build", "demo", "photos")
	if _, err := os.Stat(photos); err != nil && os.Getenv("CI") == "" {
		t.Skip("the demo photographs are not here: make test fetches and cuts them")
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		// status N COMMAND… runs a command that must exit with status N.
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status},
		Setup: func(e *testscript.Env) error {
			e.Setenv("PHOTOS", photos)
			e.Setenv("SESUAI_MODELS", filepath.Join(root, "models"))
			return nil
		},
	})
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
