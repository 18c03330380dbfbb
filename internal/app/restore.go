package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/backup"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/subject"
)

// RestoreOptions are what is restored. Path is required.
type RestoreOptions struct {
	// Path is the backup, and Apart the file that was written apart with it; without that
	// the people are damaged.
	Path, Apart string
	// Identities open the files if they are sealed.
	Identities backup.Identities
	// WithoutManifest accepts a file of SQLite that has no manifest, as they were before
	// there were manifests.
	WithoutManifest bool
	// AcceptBroken restores a database whose audit trail, people or clients were not as
	// they were recorded when the backup was made.
	AcceptBroken bool
}

// Restored is the result of Restore.
type Restored struct {
	// Time is when the backup was made; zero if it does not say so. Program is the
	// version of the program that did.
	Time    time.Time `json:"time,omitzero"`
	Program string    `json:"program,omitempty"`
	People  int       `json:"people"`
	// Events is the number of the last event of the audit trail.
	Events int64 `json:"events"`
	// PeopleChecked reports whether everybody on record is who the trail says; without
	// the file that was written apart, nobody is.
	PeopleChecked bool `json:"people_checked"`
	// Broken says what is not as it was recorded: see RestoreOptions.AcceptBroken.
	Broken string `json:"broken,omitempty"`
	// Lost is the number of the last event that the former trail had, if its checkpoints
	// say that it had more than the backup. Checkpoints are the files to which they were
	// moved, since they do not belong to the restored trail.
	Lost        int64    `json:"lost_up_to,omitempty"`
	Checkpoints []string `json:"former_checkpoints,omitempty"`
}

// Restore puts a backup where c says that the database is: there must be none, and the
// service must not run. It verifies that the files are authentic before anything reads
// them, and then the restored database: the rows of each table, the audit trail up to the
// checkpoint of the backup, the clients, and everybody on record. Nobody can use the
// database before that. After an error there is none, as before; after a crash the next
// Restore removes what is there. Errors of kind sesuai.KindConfiguration are for the operator.
func Restore(ctx context.Context, c Config, o RestoreOptions) (done Restored, err error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return done, cannot("the data folder cannot be made", err)
	}
	if err := checkFolder(c); err != nil {
		return done, err
	}
	if c.Registry == "" {
		if err := sqldb.CheckVacant(c.Data); err != nil {
			return done, err
		}
	}
	size, err := fileSizes(o.Path, o.Apart)
	if err != nil {
		return done, cannot("the backup cannot be read", err)
	}
	work, remove, err := workFolder(c.Data, size)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	r := restoring{c: c, o: o, work: work, done: &done}
	if err := r.open(ctx); err != nil {
		return done, err
	}
	if c.Registry != "" {
		return done, r.postgres(ctx)
	}
	return done, r.sqlite(ctx)
}

// restoring is a restore in progress.
type restoring struct {
	c    Config
	o    RestoreOptions
	work string
	done *Restored
	// manifests are those of the files; there is none with WithoutManifest.
	manifests []backup.Manifest
}

// unusable is an error about a backup.
func unusable(path string, err error) error {
	return cannot(fmt.Sprintf("the backup %s cannot be used", path), err)
}

func (r *restoring) folder(part backup.Part) string { return filepath.Join(r.work, string(part)) }

// open unpacks the files, and verifies that they are authentic.
func (r *restoring) open(ctx context.Context) error {
	if err := r.openFile(ctx, r.o.Path, backup.Whole); err != nil {
		return err
	}
	if r.o.Apart == "" {
		return nil
	}
	if err := r.openFile(ctx, r.o.Apart, backup.Apart); err != nil {
		return err
	}
	if len(r.manifests) == 2 && r.manifests[0].ID != r.manifests[1].ID || len(r.manifests) == 1 {
		return unusable(r.o.Path, errors.New("its two files are not of one backup"))
	}
	return nil
}

// openFile unpacks a file into the folder of its role: that which was written apart, or
// the other one.
func (r *restoring) openFile(ctx context.Context, path string, role backup.Part) error {
	if err := os.Mkdir(r.folder(role), 0o700); err != nil {
		return cannot("the backup cannot be unpacked", err)
	}
	opened, err := backup.Open(path, r.o.Identities, filepath.Join(r.folder(role), sqldb.FileName))
	if errors.Is(err, backup.ErrNoManifest) && r.o.WithoutManifest && r.c.Registry == "" {
		return nil
	}
	if err == nil {
		err = r.authenticate(ctx, opened)
	}
	if own, ok := errors.AsType[*sesuai.Error](err); ok {
		return own
	}
	m := opened.Manifest
	switch engine := databaseEngine(r.c); {
	case err != nil:
	case m.Engine != engine.String():
		err = fmt.Errorf("it is of a database in %s, and the registry is in %s", m.Engine, engine)
	case (role == backup.Apart) != (m.Part == backup.Apart):
		err = errors.New("it is the other one of the two files of a backup")
	case m.Part == backup.Whole && r.o.Apart != "":
		err = errors.New("it has everything: nothing was written apart with it")
	}
	if err != nil {
		return unusable(path, err)
	}
	r.manifests = append(r.manifests, m)
	return nil
}

func databaseEngine(c Config) sqldb.Engine {
	if c.Registry != "" {
		return sqldb.PostgreSQL
	}
	return sqldb.SQLite
}

// authenticate verifies a manifest under the current master key of its backup, and that
// all the keys that it needs are there.
func (r *restoring) authenticate(ctx context.Context, opened backup.Opened) error {
	if len(opened.MasterKeys) == 0 {
		return errors.New("its manifest names no master key")
	}
	ring, err := openRing(ctx, r.c, false)
	if err != nil {
		return err
	}
	for i, need := range opened.MasterKeys {
		key, ok := ring.Key(need.Number)
		check, err := hex.DecodeString(need.Check)
		switch {
		case err != nil:
			return errors.New("its manifest was changed, or is damaged")
		case !ok:
			return fmt.Errorf("it needs master key %d: put its file at %s", need.Number, r.c.MasterKeyPath(need.Number))
		case !key.Matches(check):
			return fmt.Errorf("it was made with another master key %d than %s", need.Number, r.c.MasterKeyPath(need.Number))
		case i == 0 && !opened.Authentic(func(b []byte) [32]byte { return key.Hash(keyring.BackupManifest, b) }):
			return errors.New("its manifest was changed, or is damaged")
		}
	}
	return nil
}

// sqlite verifies the database in the folder that it was unpacked to, and then gives it
// its place.
func (r *restoring) sqlite(ctx context.Context) error {
	at := r.c
	at.Data, at.MasterKey = r.folder(backup.Whole), r.c.masterKeyPath()
	if r.c.MasterKey != "" {
		at.MasterKey = r.c.MasterKey // it may be a credential
	}
	if r.o.Apart != "" {
		if err := sqldb.Join(ctx, at.Data, r.folder(backup.Apart), subject.TablesApart()); err != nil {
			return unusable(r.o.Apart, err)
		}
	}
	if err := r.verify(ctx, at); err != nil {
		return unusable(r.o.Path, err)
	}
	file := filepath.Join(at.Data, sqldb.FileName)
	if _, err := os.Lstat(file + "-wal"); !errors.Is(err, fs.ErrNotExist) { // SQLite removes it when it closes the database
		return cannot("the database cannot be closed", err)
	}
	if err := syncFile(file); err != nil {
		return cannot("the database cannot be made durable", err)
	}
	back, err := r.moveCheckpoints()
	if err != nil {
		return errors.Join(err, back())
	}
	err = os.Link(file, filepath.Join(r.c.Data, sqldb.FileName)) // unlike a rename, it replaces nothing
	if err != nil {
		return errors.Join(cannot("the database cannot be given its name", err), back())
	}
	return atomicfile.SyncFolder(r.c.Data)
}

// postgres has pg_restore fill the database, and empties it again if that is not what the
// manifest says.
func (r *restoring) postgres(ctx context.Context) (err error) {
	if err := sqldb.StartRestore(ctx, databaseOptions(r.c)); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, sqldb.AbandonRestore(context.WithoutCancel(ctx), databaseOptions(r.c)))
		}
	}()
	tools := sqldb.Tools{URL: r.c.Registry, Bin: r.c.Postgres.Bin}
	parts := []backup.Part{backup.Whole}
	if r.o.Apart != "" {
		parts = append(parts, backup.Apart)
	}
	for _, part := range parts {
		if err := tools.Restore(ctx, filepath.Join(r.folder(part), sqldb.FileName)); err != nil {
			return err
		}
	}
	at := r.c
	at.Postgres.Migrate = true
	if err := r.verify(ctx, at); err != nil {
		return unusable(r.o.Path, err)
	}
	back, err := r.moveCheckpoints()
	if err == nil {
		err = sqldb.CompleteRestore(ctx, databaseOptions(r.c))
	}
	if err != nil {
		return errors.Join(err, back())
	}
	return nil
}

// syncFile makes a file durable.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
