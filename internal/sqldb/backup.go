package sqldb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sesuai/sesuai"
)

// Backup writes a copy of the SQLite database in the folder dir to a new file at
// path and returns the size of the file in bytes. The copy is of one moment:
// transactions that commit meanwhile are not in it, and do not wait for it. It
// is not of the schema that this program needs, but of the one that the database
// has. Only its owner may read the file. It is complete and durable before it
// appears under its name, and it never replaces another.
//
// Errors have kind sesuai.KindConfiguration if the operator has to act, and
// otherwise sesuai.KindUnavailable.
func Backup(ctx context.Context, dir, path string) (size int64, err error) {
	source, err := sourceOf(dir)
	if err != nil {
		return 0, err
	}
	return newFile("backup", path, func(temporary string) error {
		if err := vacuumInto(ctx, source, temporary); err != nil {
			return openingSQLite(ctx, dir, err)
		}
		return nil
	})
}

// sourceOf returns the path of the database in a folder.
func sourceOf(dir string) (string, error) {
	source, err := filepath.Abs(filepath.Join(dir, FileName))
	if err != nil {
		return "", unusable(dir, "cannot be found", err)
	}
	if _, err := os.Stat(source); err != nil {
		return "", unusable(dir, "holds no database", err)
	}
	return source, nil
}

// newFile has fill write a new file, which it finds empty at a temporary path in the
// same folder, and gives it its name. what names it in errors. An error of fill is
// returned as it is.
func newFile(what, path string, fill func(temporary string) error) (size int64, err error) {
	refuse := func(why string, err error) error {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: fmt.Sprintf("the %s %s %s", what, path, why), Err: err}
	}
	if _, err := os.Lstat(path); err == nil {
		return 0, refuse("is there already; name a new file", nil)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return 0, refuse("cannot be made", err)
	}
	folder, base := filepath.Split(absolute)
	// SQLite would make the file with the mode that the umask leaves. It accepts
	// an empty file.
	temporary := filepath.Join(folder, "."+base+"."+rand.Text()+".new")
	f, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, refuse("cannot be made", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if removed := os.Remove(temporary); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, refuse("leaves a temporary file", removed))
		}
	}()
	if err := fill(temporary); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil { // SQLite does not wait for the disk here
		return 0, refuse("cannot be made durable", err)
	}
	info, err := f.Stat()
	if err != nil {
		return 0, refuse("cannot be made", err)
	}
	// Unlike a rename, a link fails if there is a file.
	if err := os.Link(temporary, absolute); err != nil {
		return 0, refuse("cannot be given its name", err)
	}
	if err := syncFolder(filepath.Clean(folder)); err != nil {
		return 0, refuse("cannot be made durable", err)
	}
	return info.Size(), nil
}

// vacuumInto copies the database at source into the file at target, which is
// empty.
func vacuumInto(ctx context.Context, source, target string) error {
	db, err := sqlitePool(source, sqliteCommon())
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO $1`, target)
	return errors.Join(err, db.Close())
}
