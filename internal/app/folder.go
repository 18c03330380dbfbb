package app

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/fileperm"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// checkFolder refuses a data folder, or database files in it, that others may
// read or change. An empty folder, such as an operator makes before the first
// start, gets mode 0700. What is not there yet is made for the owner alone, and
// what cannot be looked at is reported by whoever opens it. The master key files are
// checked by package keyring.
func checkFolder(c Config) error {
	if emptyFolder(c.Data) && !(c.Registry != "" && c.MasterKey != "") {
		_ = os.Chmod(c.Data, 0o700) // below it is an error if that has failed
	}
	return checkPrivate(c)
}

// emptyFolder reports whether there is a folder with nothing in it.
func emptyFolder(path string) bool {
	entries, err := os.ReadDir(path)
	return err == nil && len(entries) == 0
}

// checkPrivate is checkFolder without a change.
func checkPrivate(c Config) error {
	if c.Registry != "" && c.MasterKey != "" {
		return nil // nothing private is in it
	}
	database := filepath.Join(c.Data, sqldb.FileName)
	for _, path := range []string{c.Data, database, database + "-wal", database + "-shm"} {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if err := fileperm.Private(info); err != nil {
			what := "data folder"
			if !info.IsDir() {
				what = "file"
			}
			return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: fmt.Sprintf("%s %s %v", what, path, err)}
		}
	}
	return nil
}
