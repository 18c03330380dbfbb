package enrol

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

// MaxPhotoSize is how large, in bytes, a photograph of an import may be.
const MaxPhotoSize = 10 << 20

// Import is one run over a file of people. It can be stopped at any time and
// run again: each person is on record either wholly or not at all, and who is
// there already, unchanged, is passed over.
type Import struct {
	Enroller *Enroller
	// People is the file: see peopleReader for its form.
	People io.Reader
	// Photos is the folder that the photo column's paths are relative to; no
	// path leads out of it.
	Photos *os.Root
	// Now says which day it is, for dates in the future; time.Now if nil.
	Now func() time.Time
	// Rejected, if not nil, is told of every row that was not enrolled; the
	// error says why and holds nothing of the row. It is called from one
	// goroutine at a time, in no particular order.
	Rejected func(line int, why error)
	// Progress, if not nil, is told how many rows are done; as Rejected.
	Progress func(rows int)
}

// Summary counts what an Import did with the rows.
type Summary struct {
	Rows      int `json:"rows"`
	Added     int `json:"added"`
	Replaced  int `json:"replaced"`
	Unchanged int `json:"unchanged"`
	Rejected  int `json:"rejected"`
}

// Run imports. Rows that cannot be enrolled are reported and counted. An error
// means that the rest of the file was not tried: the header is wrong, the
// registry fails, or ctx has ended. The summary holds in any case.
func (i *Import) Run(ctx context.Context) (Summary, error) {
	now := i.Now
	if now == nil {
		now = time.Now
	}
	people, err := newPeopleReader(i.People, now())
	if err != nil {
		return Summary{}, err
	}
	t := tally{job: i}
	group, running := errgroup.WithContext(ctx)
	// One more than there are cores: while one row waits for the disk the
	// others keep the cores busy.
	group.SetLimit(runtime.GOMAXPROCS(0) + 1)
	for running.Err() == nil {
		r, err := people.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if _, own := errors.AsType[*sesuai.Error](err); err != nil && !own {
			group.Go(func() error { return unreadable(err) })
			break
		}
		if err != nil {
			t.count(r.line, registry.Unchanged, err)
			continue
		}
		group.Go(func() error {
			change, err := i.enrol(running, r)
			if errors.Is(err, registry.ErrDamaged) {
				err = errDamaged
			}
			if err != nil && !ofRow(err) {
				return err
			}
			t.count(r.line, change, err)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return t.summary, err
	}
	return t.summary, ctx.Err()
}

// errDamaged is the reason for a row whose NIK is on record, but not as it was
// written. It is the row's: the import of all others goes on, and nothing is
// overwritten before the operator has seen it.
var errDamaged = &sesuai.Error{
	Kind:   sesuai.KindConflict,
	Detail: "what is on record of this NIK is damaged; remove the person, then import again",
}

// ofRow reports whether an error is about one row, not about the registry or
// the run.
func ofRow(err error) bool {
	switch sesuai.KindOf(err) {
	case sesuai.KindUnavailable, sesuai.KindOverloaded, sesuai.KindInternal:
		return false
	default:
		return true
	}
}

func (i *Import) enrol(ctx context.Context, r row) (registry.Change, error) {
	if r.photo == "" {
		return i.Enroller.Enrol(ctx, r.person, nil)
	}
	photo, err := i.read(r.photo)
	if err != nil {
		return registry.Unchanged, err
	}
	return i.Enroller.Enrol(ctx, r.person, photo)
}

// read reads a photograph from the folder. What is wrong with the path is the
// row's fault; the path itself may hold a name and is not repeated.
func (i *Import) read(path string) ([]byte, error) {
	return readOpened(i.Photos.OpenFile(path, openPhoto, 0))
}

// tally counts rows from several goroutines.
type tally struct {
	job     *Import
	mu      sync.Mutex
	summary Summary
}

func (t *tally) count(line int, change registry.Change, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Rows++
	switch {
	case err != nil:
		t.summary.Rejected++
		if t.job.Rejected != nil {
			t.job.Rejected(line, err)
		}
	case change == registry.Added:
		t.summary.Added++
	case change == registry.Replaced:
		t.summary.Replaced++
	default:
		t.summary.Unchanged++
	}
	if t.job.Progress != nil {
		t.job.Progress(t.summary.Rows)
	}
}
