package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// TestStoredTemplates: if the templates on record cannot be counted, there is no
// number at all, and nothing is changed or made.
func TestStoredTemplates(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := &session{Context: t.Context(), config: app.DefaultConfig()}
	s.config.Data = dir
	if c, err := s.storedTemplates(); c != nil || err != nil {
		t.Errorf("without a registry: %+v, %v", c, err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("a folder was made: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, sqldb.FileName)
	for name, content := range map[string]string{"an empty file": "", "no database": strings.Repeat("no database\n", 1000)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := s.storedTemplates(); c != nil || err == nil {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != content {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	storage, err := app.OpenStorage(t.Context(), s.config)
	if err := use(storage, err, func(*app.Storage) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if c, err := s.storedTemplates(); err != nil || *c != (app.TemplateCount{}) {
		t.Errorf("nobody on record: %+v, %v", c, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.Context = ended
	if c, err := s.storedTemplates(); c != nil || err == nil {
		t.Errorf("stopped: %+v, %v", c, err)
	}
}
