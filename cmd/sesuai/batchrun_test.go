package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sesuai/sesuai"
)

// TestBatchRunIsLocked: while a run is in progress there is no other with the same file
// of results, so that no row is verified by both.
func TestBatchRunIsLocked(t *testing.T) {
	claims, err := os.Create(filepath.Join(t.TempDir(), "claims.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer claims.Close()
	c := &batchVerify{Out: filepath.Join(t.TempDir(), "results.csv")}
	open := func() *batchRun {
		t.Helper()
		r, err := c.openRun(claims)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := open()
	if err := first.keep("batch-a"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.openRun(claims); sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("a second one beside it: %v", err)
	}
	if err := first.end(false); err != nil {
		t.Fatal(err)
	}
	second := open()
	if second.ID != "batch-a" {
		t.Errorf("the run goes on as %q", second.ID)
	}
	if err := second.end(true); err != nil {
		t.Fatal(err)
	}
	third := open()
	if third.ID != "" {
		t.Errorf("a new run has the ID %q", third.ID)
	}
	if err := third.end(false); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(c.Out + "*"); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
