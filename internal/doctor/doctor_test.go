package doctor_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/doctor"
)

// TestRun: findings are named, in one line each, in the order of the checks, and
// counted.
func TestRun(t *testing.T) {
	finds := func(f doctor.Finding) func(context.Context) doctor.Finding {
		return func(context.Context) doctor.Finding { return f }
	}
	got := doctor.Run(t.Context(), []doctor.Check{
		{"a", finds(doctor.Good("%d of %d", 1, 1))},
		{"b", finds(doctor.Fail("fix\nit", "two\n  lines"))},
		{"c", finds(doctor.Warn("look", "%s", "100%"))},
		{"d", finds(doctor.Skip("b failed"))},
	})
	want := doctor.Report{
		Findings: []doctor.Finding{
			{"a", doctor.OK, "1 of 1", ""},
			{"b", doctor.Failed, "two lines", "fix it"},
			{"c", doctor.Warning, "100%", "look"},
			{"d", doctor.Skipped, "b failed", ""},
		},
		Failed: 1, Warnings: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestDisk: a folder that is not there yet is looked for above, and one that cannot be
// there is an error.
func TestDisk(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{folder, filepath.Join(folder, "below", "and below")} {
		if f := doctor.Disk(path); !strings.HasPrefix(f.Seen, path+" has ") {
			t.Errorf("%s: %+v", path, f)
		}
		if free, err := doctor.Free(path); err != nil || free == 0 {
			t.Errorf("%s: %d bytes are free, %v", path, free, err)
		}
	}
	if f := doctor.Disk("/proc/self/cmdline/below"); f.State != doctor.Failed || !strings.Contains(f.Seen, "not a directory") {
		t.Errorf("a folder in a file: %+v", f)
	}
	if free, err := doctor.Free("/proc/self/cmdline/below"); err == nil || free != 0 {
		t.Errorf("a folder in a file: %d bytes are free, %v", free, err)
	}
}

// TestFiles: fewer connections than configured are a warning.
func TestFiles(t *testing.T) {
	if f := doctor.Files(100, 100); f.State != doctor.OK {
		t.Errorf("%+v", f)
	}
	if f := doctor.Files(100, 99); f.State != doctor.Warning || !strings.Contains(f.Seen, "allows 99 connections") {
		t.Errorf("%+v", f)
	}
}
