package sqldb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// Copy writes a copy of the SQLite database in the folder dir into the folder to, which
// must have none. The copy is of one moment: transactions that commit meanwhile are not in
// it, and do not wait for it. It is not of the schema that this program needs, but of the
// one that the database has. Only its owner may read the file, which is not durable yet.
//
// Errors have kind sesuai.KindConfiguration if the operator has to act, and
// otherwise sesuai.KindUnavailable.
func Copy(ctx context.Context, dir, to string) error {
	source, err := filepath.Abs(filepath.Join(dir, FileName))
	if err != nil {
		return unusable(dir, "cannot be found", err)
	}
	if _, err := os.Stat(source); err != nil {
		return unusable(dir, "holds no database", err)
	}
	target, err := filepath.Abs(filepath.Join(to, FileName))
	if err != nil {
		return unusable(to, "cannot be found", err)
	}
	// SQLite would make the file with the mode that the umask leaves. It accepts
	// an empty file.
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return unusable(to, "cannot be written to", err)
	}
	if err := errors.Join(f.Close(), vacuumInto(ctx, source, target)); err != nil {
		return openingSQLite(ctx, dir, err)
	}
	return nil
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
