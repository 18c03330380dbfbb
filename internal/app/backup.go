package app

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/backup"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/subject"
)

// BackupOptions are what a backup is made with. Path is required.
type BackupOptions struct {
	// Path is the file to write, and Apart that of the tables that open or name a person
	// in a copy (subject.Places); if it is empty they are in the first one. Neither may
	// exist.
	Path, Apart string
	// Seal are the public keys to seal the files to.
	Seal backup.Seal
	// Program is the version of this program.
	Program string
}

// BackedUp is the result of Backup.
type BackedUp struct {
	Files []BackupFile `json:"files"`
	// Broken says what is wrong with the end of the audit trail; empty if nothing is. The
	// backup is made nevertheless, and has no checkpoint.
	Broken string `json:"broken,omitempty"`
}

// BackupFile is a file of a backup.
type BackupFile struct {
	Path  string `json:"file"`
	Bytes int64  `json:"bytes"`
}

// Backup backs the database up. The service may be running. The files are of one moment,
// are complete and durable before they have their names, and only their owner may read
// them. The master keys are not in them, and are needed: a manifest is authenticated under
// one. That a backup was made is recorded, behind the events that are in it. Errors of
// kind sesuai.KindConfiguration are for the operator.
func Backup(ctx context.Context, c Config, o BackupOptions) (done BackedUp, err error) {
	// OpenExistingStorage would migrate the database of a service that may be running.
	db, schema, err := openUnmigrated(ctx, c)
	if err != nil {
		return done, err
	}
	if err := db.Close(); err != nil {
		return done, err
	}
	s, err := OpenExistingStorage(ctx, c)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	b := backingUp{Storage: s, o: o, id: rand.Text(), schema: schema, done: &done}
	if c.Registry != "" {
		err = b.postgres(ctx, c)
	} else {
		err = b.sqlite(ctx, c)
	}
	if err != nil || done.Broken != "" { // nothing is appended to a broken trail
		return done, err
	}
	if err := s.trail.Record(ctx, audit.Change{Action: audit.BackedUp, After: []byte(b.id)}); err != nil {
		return done, cannot("the backup is made, but that cannot be recorded in the audit trail", err)
	}
	return done, nil
}

// backingUp is a backup in the making.
type backingUp struct {
	*Storage
	o      BackupOptions
	id     string
	schema int64
	done   *BackedUp
}

// source is the copy of a part: q reads its tables, and copy writes it.
type source struct {
	part backup.Part
	q    sqldb.Querier
	copy func(io.Writer) error
}

// sqlite backs up a database by a copy in the data folder: what is not sealed is nowhere
// else.
func (b *backingUp) sqlite(ctx context.Context, c Config) (err error) {
	parts := []backup.Part{backup.Whole}
	if b.o.Apart != "" {
		parts = []backup.Part{backup.Rest, backup.Apart}
	}
	size, err := fileSizes(filepath.Join(c.Data, sqldb.FileName), filepath.Join(c.Data, sqldb.FileName+"-wal"))
	if err != nil {
		return cannot("the backup cannot be prepared", err)
	}
	work, remove, err := workFolder(c.Data, size*int64(len(parts)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	folder := func(part backup.Part) string { return filepath.Join(work, string(part)) }
	for _, part := range parts {
		if err := os.Mkdir(folder(part), 0o700); err != nil {
			return cannot("the backup cannot be prepared", err)
		}
	}
	if b.o.Apart != "" {
		err = sqldb.CopyApart(ctx, c.Data, folder(backup.Rest), folder(backup.Apart), subject.TablesApart())
	} else {
		err = sqldb.Copy(ctx, c.Data, folder(backup.Whole))
	}
	if err != nil {
		return err
	}
	var sources []source
	for _, part := range parts {
		c.Data = folder(part)
		db, _, err := sqldb.OpenUnmigrated(ctx, databaseOptions(c))
		if err != nil {
			return err
		}
		defer db.Close() //nolint:errcheck // it was read
		sources = append(sources, source{part, db.Read(), func(w io.Writer) error {
			return copyTo(w, filepath.Join(folder(part), sqldb.FileName))
		}})
	}
	return b.write(ctx, sources)
}

// postgres backs up a database by pg_dump, which reads the snapshot that the manifest
// describes.
func (b *backingUp) postgres(ctx context.Context, c Config) error {
	tools := sqldb.Tools{URL: c.Registry, Bin: c.Postgres.Bin}
	return b.db.Snapshot(ctx, func(tx *sql.Tx) error {
		snapshot, err := sqldb.ExportSnapshot(ctx, tx)
		if err != nil {
			return sqldb.Unavailable(ctx, "exporting a snapshot", err)
		}
		dump := func(part backup.Part, without, only []string) source {
			return source{part, tx, func(w io.Writer) error { return tools.Dump(ctx, snapshot, without, only, w) }}
		}
		if b.o.Apart == "" {
			return b.write(ctx, []source{dump(backup.Whole, nil, nil)})
		}
		apart := subject.TablesApart()
		return b.write(ctx, []source{dump(backup.Rest, apart, nil), dump(backup.Apart, nil, apart)})
	})
}

// write writes the first source to the path, and the second one, if there is one, apart.
// The first file gets its name once the second is written, and is removed again if that
// cannot be given its own.
func (b *backingUp) write(ctx context.Context, sources []source) error {
	if len(sources) == 1 {
		return b.create(ctx, b.o.Path, sources[0], nil)
	}
	err := b.create(ctx, b.o.Apart, sources[1], func() error { return b.create(ctx, b.o.Path, sources[0], nil) })
	if err != nil && len(b.done.Files) > 0 {
		err = errors.Join(err, os.Remove(b.o.Path))
	}
	return err
}

// create writes a file of the backup. before, if not nil, runs before the file has its
// name.
func (b *backingUp) create(ctx context.Context, path string, from source, before func() error) error {
	m, err := b.manifest(ctx, from)
	if err != nil {
		return err
	}
	key := b.vault.Keys().Current
	mac := func(m []byte) [32]byte { return key.Hash(keyring.BackupManifest, m) }
	err = atomicfile.Create(path, 0o600, func(w io.Writer) error {
		if err := backup.Write(w, b.o.Seal, m, mac, from.copy); err != nil || before == nil {
			return err
		}
		return before()
	})
	own, isOwn := errors.AsType[*sesuai.Error](err)
	switch {
	case err == nil:
	case isOwn:
		return own
	case errors.Is(err, fs.ErrExist):
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: fmt.Sprintf("the backup %s is there already; name a new file", path)}
	default:
		return cannot(fmt.Sprintf("the backup %s cannot be made", path), err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return cannot(fmt.Sprintf("the backup %s cannot be read", path), err)
	}
	b.done.Files = append(b.done.Files, BackupFile{path, info.Size()})
	return nil
}

// manifest describes a source. A trail that is broken at its end is described, too.
func (b *backingUp) manifest(ctx context.Context, from source) (backup.Manifest, error) {
	now := time.Now()
	m := backup.Manifest{
		ID: b.id, Part: from.part, Time: now.UTC().Truncate(time.Second), Program: b.o.Program,
		Engine: b.db.Engine().String(), Schema: b.schema,
	}
	head, err := b.trail.HeadIn(ctx, from.q)
	m.Events = head.Seq
	if broken, ok := errors.AsType[*audit.BrokenError](err); ok {
		// Such a backup is better than none.
		m.Broken, b.done.Broken = broken.Error(), broken.Error()
	} else if err != nil {
		return m, err
	} else {
		checkpoint, err := b.trail.SignCheckpoint(head, now)
		if err != nil {
			return m, err
		}
		m.Checkpoint = string(checkpoint)
	}
	for _, key := range b.vault.Keys().All() {
		check := key.Check()
		m.MasterKeys = append(m.MasterKeys, backup.MasterKey{Number: key.ID(), Check: hex.EncodeToString(check[:])})
	}
	m.Rows, err = countRows(ctx, from.q, b.db.Engine(), from.part)
	m.People = m.Rows["people"]
	return m, err
}

// countRows counts the rows of the tables of a part.
func countRows(ctx context.Context, q sqldb.Querier, engine sqldb.Engine, part backup.Part) (map[string]int64, error) {
	rows := make(map[string]int64)
	for _, place := range subject.Places {
		if place.OnlyPostgreSQL && engine != sqldb.PostgreSQL || part != backup.Whole && place.Apart != (part == backup.Apart) {
			continue
		}
		var n int64
		// #nosec G202 -- the names are constants
		if err := q.QueryRowContext(ctx, `SELECT count(*) FROM `+place.Table).Scan(&n); err != nil {
			return nil, sqldb.Unavailable(ctx, "counting rows", err)
		}
		rows[place.Table] = n
	}
	return rows, nil
}

// copyTo writes what is in a file.
func copyTo(w io.Writer, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
