package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/fileperm"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/subject"
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

// Backup writes a copy of the database in the data folder to a new file at path,
// which only its owner may read, and returns its size in bytes. If apart is not empty,
// the tables that open or name a person in a copy are in that file instead, and its
// size is the second: see subject.Places. The service may be running. The master keys
// are not in the copy. Errors of kind sesuai.KindConfiguration are for the operator:
// there is a file at path, or the registry is in PostgreSQL.
func Backup(ctx context.Context, c Config, path, apart string) (size, sizeApart int64, err error) {
	if c.Registry != "" {
		return 0, 0, &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: "the registry is in PostgreSQL: back it up with pg_dump, as docs/operate/privacy.md says",
		}
	}
	if err := requireStorage(ctx, c); err != nil {
		return 0, 0, err
	}
	if err := checkFolder(c); err != nil {
		return 0, 0, err
	}
	if apart != "" {
		return sqldb.BackupApart(ctx, c.Data, path, apart, subject.TablesApart())
	}
	size, err = sqldb.Backup(ctx, c.Data, path)
	return size, 0, err
}

// Restore puts a backup into the data folder, and what was written apart from it if
// apart is not empty. The folder must have no database, and the service must not run.
// Errors of kind sesuai.KindConfiguration are for the operator.
func Restore(ctx context.Context, c Config, path, apart string) (size int64, err error) {
	if c.Registry != "" {
		return 0, &sesuai.Error{
			Kind: sesuai.KindConfiguration, Detail: "the registry is in PostgreSQL: restore it with pg_restore, as docs/operate/restore.md says",
		}
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return 0, &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "the data folder cannot be made", Err: err}
	}
	if err := checkFolder(c); err != nil {
		return 0, err
	}
	return sqldb.Restore(ctx, c.Data, path, apart, subject.TablesApart())
}
