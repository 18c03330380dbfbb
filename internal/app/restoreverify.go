package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/backup"
	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/subject"
)

// verify verifies a database against the manifests, and itself. It brings the schema up to
// date, as a start of the service does.
func (r *restoring) verify(ctx context.Context, at Config) (err error) {
	o := databaseOptions(at)
	o.Restoring = true
	if err := r.compareRows(ctx, o); err != nil {
		return err
	}
	s, err := openStorage(ctx, at, o, func() error { return noStorage(at) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	_, err = s.trail.Verify(ctx)
	if err := r.broken(err); err != nil {
		return err
	}
	head, err := s.trail.Head(ctx) // it has the number even of a broken one
	if err := r.broken(err); err != nil {
		return err
	}
	for _, m := range r.manifests {
		// An upgrade of the schema appends no event.
		if m.Events != head.Seq {
			return fmt.Errorf("its audit trail ends with event %d, and its manifest with %d", head.Seq, m.Events)
		}
		if err := r.compareCheckpoint(ctx, s, m); err != nil {
			return err
		}
		r.done.Time, r.done.Program = m.Time, m.Program
	}
	r.done.PeopleChecked = r.o.Apart != "" || len(r.manifests) == 1 && r.manifests[0].Part == backup.Whole
	for _, state := range s.states {
		if state == audit.State(s.people) && !r.done.PeopleChecked {
			continue
		}
		for part := range state.Parts() {
			if err := r.broken(state.CheckPart(ctx, part)); err != nil {
				return err
			}
		}
	}
	r.done.Events = head.Seq
	if r.done.People, err = s.People.Count(ctx); err != nil {
		return err
	}
	return r.former(ctx, s)
}

// compareCheckpoint compares the trail with the checkpoint of a manifest. One without was
// made of a broken trail.
func (r *restoring) compareCheckpoint(ctx context.Context, s *Storage, m backup.Manifest) error {
	if m.Checkpoint == "" {
		return r.broken(&audit.BrokenError{Why: m.Broken})
	}
	heads, err := s.trail.ParseCheckpoints([]byte(m.Checkpoint))
	if err != nil {
		return err
	}
	return r.broken(s.trail.CompareCheckpoints(ctx, heads))
}

// broken returns err, unless it says that something is not as it was recorded, and that is
// accepted: then it is part of the result. A file that is authentic was broken before it
// was made.
func (r *restoring) broken(err error) error {
	broken, ok := errors.AsType[*audit.BrokenError](err)
	switch {
	case !ok:
		return err
	case !r.o.AcceptBroken && len(r.manifests) > 0:
		return fmt.Errorf("%w; it was so when the backup was made: to restore it as it was, add --accept-broken", broken)
	case !r.o.AcceptBroken:
		return broken
	}
	if r.done.Broken == "" {
		r.done.Broken = broken.Error()
	}
	return nil
}

// compareRows compares the rows of each table with the manifests.
func (r *restoring) compareRows(ctx context.Context, o sqldb.Options) (err error) {
	db, schema, err := sqldb.OpenUnmigrated(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, m := range r.manifests {
		if m.Schema != schema.Database {
			return fmt.Errorf("it has schema %d, and its manifest %d", schema.Database, m.Schema)
		}
		for _, table := range slices.Sorted(maps.Keys(m.Rows)) {
			if _, ok := subject.PlaceOf(table); !ok {
				return fmt.Errorf("it has a table %s, which this program does not know: restore it with the program that made it", table)
			}
			var n int64
			// #nosec G202 -- the name is one of the program's
			if err := db.Read().QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n); err != nil {
				return sqldb.Unavailable(ctx, "counting rows", err)
			}
			if n != m.Rows[table] {
				return fmt.Errorf("the table %s has %d rows, and its manifest says %d", table, n, m.Rows[table])
			}
		}
	}
	return nil
}

// former finds the checkpoints of the former trail that do not belong to the restored one,
// because they are of later events, of others or of another database. The service would
// take it for one that was cut or changed.
func (r *restoring) former(ctx context.Context, s *Storage) error {
	for _, path := range r.c.checkpointFiles() {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return config.About("audit.checkpoint_file", err)
		}
		kept, err := s.trail.ParseCheckpoints(b)
		if err == nil {
			err = s.trail.CompareCheckpoints(ctx, kept)
			for _, h := range kept {
				if h.Seq > r.done.Events {
					r.done.Lost = max(r.done.Lost, h.Seq)
				}
			}
		}
		if sesuai.KindOf(err) == sesuai.KindUnavailable {
			return err
		}
		if err != nil {
			r.done.Checkpoints = append(r.done.Checkpoints, path)
		}
	}
	return nil
}

// moveCheckpoints moves the files that former has found to names that say so. back moves
// them back.
func (r *restoring) moveCheckpoints() (back func() error, err error) {
	var moved [][2]string
	back = func() (err error) {
		for _, names := range moved {
			err = errors.Join(err, os.Rename(names[1], names[0]))
		}
		return err
	}
	suffix := time.Now().UTC().Format(".before-20060102T150405Z")
	for i, path := range r.done.Checkpoints {
		if err := os.Rename(path, path+suffix); err != nil {
			return back, cannot("the checkpoints of the former audit trail cannot be moved", err)
		}
		moved = append(moved, [2]string{path, path + suffix})
		r.done.Checkpoints[i] = path + suffix
		if err := atomicfile.SyncFolder(filepath.Dir(path)); err != nil {
			return back, cannot("the checkpoints of the former audit trail cannot be moved", err)
		}
	}
	return back, nil
}
