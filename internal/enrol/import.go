package enrol

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

// MaxPhotoSize is how large, in bytes, a photograph of an import may be.
const MaxPhotoSize = 10 << 20

// batchSize is how many rows are written at once, at most.
const batchSize = 1000

// OnConflict is what an import does about somebody who is on record with other
// values or another portrait.
type OnConflict string

// What an import may do about somebody who is on record already.
const (
	// Replace puts the row in the place of what is there.
	Replace OnConflict = "replace"
	// Skip leaves what is there.
	Skip OnConflict = "skip"
	// Fail leaves what is there and ends the import.
	Fail OnConflict = "fail"
)

// Import is one run over a file of people. It can be stopped at any time and
// run again: each person is on record either wholly or not at all, and who is
// there already, unchanged, is passed over. A NIK that comes again within
// remembered rows is rejected; one that comes later meets the earlier row on
// record.
type Import struct {
	Enroller *Enroller
	// People is the file, Format its form; CSV if empty.
	People io.Reader
	Format Format
	// Photos are what the photo column speaks of; nil if there are none.
	Photos Photographs
	// OnConflict is Replace if empty.
	OnConflict OnConflict
	// DryRun reads and extracts and counts what would be done, and does not
	// do it.
	DryRun bool
	// Journal, if not nil, has the rows that were done before, which are
	// passed over, and gets those that are done now.
	Journal *Journal
	// Now says which day it is, for dates in the future; time.Now if nil.
	Now func() time.Time
	// Rejected, if not nil, is told of every row that is not enrolled; the
	// error why says why and holds nothing of the row. It is called from one
	// goroutine at a time, in no particular order, before the journal says that
	// the row is done. Its own error ends the import.
	Rejected func(line int, why error) error
	// Progress, if not nil, is told now and then how many rows are done; as
	// Rejected.
	Progress func(rows int)
}

// Summary counts what an Import did with the rows.
type Summary struct {
	Rows      int `json:"rows"`
	Added     int `json:"added"`
	Replaced  int `json:"replaced"`
	Unchanged int `json:"unchanged"`
	// Kept are people who are on record otherwise, and stay so.
	Kept int `json:"kept"`
	// Before are rows that an earlier run has put on record, as its journal
	// says.
	Before int `json:"done_before"`
	// Rejected are those that cannot be enrolled, in this run or in an earlier
	// one that it goes on with.
	Rejected int `json:"rejected"`
}

// outcome is what became of a row before it is written.
type outcome struct {
	number, line int
	enrolment    registry.Enrolment
	// before means that an earlier run has put it on record, rejectedBefore
	// that one has rejected it.
	before, rejectedBefore bool
	held                   bool  // exactly this is on record already
	kept                   bool  // something else is, and stays
	err                    error // why it is rejected
}

// run is an Import that runs.
type run struct {
	*Import
	summary  Summary // the writer's alone
	outcomes chan outcome
}

// Run imports. Rows that cannot be enrolled are reported and counted. An error
// means that the rest of the file was not done: the header is wrong, the
// registry fails, ctx has ended, or, of kind sesuai.KindConflict, OnConflict is
// Fail and somebody was there. The summary holds in any case.
func (i *Import) Run(ctx context.Context) (Summary, error) {
	now := i.Now
	if now == nil {
		now = time.Now
	}
	rows, err := newRowReader(i.Format, i.People, now())
	if err != nil {
		return Summary{}, err
	}
	r := &run{Import: i, outcomes: make(chan outcome, batchSize)}
	all, running := errgroup.WithContext(ctx)
	all.Go(func() error {
		defer close(r.outcomes)
		return r.read(running, rows)
	})
	all.Go(func() error { return r.write(running) })
	if err := all.Wait(); err != nil {
		return r.summary, err
	}
	return r.summary, ctx.Err()
}

// read reads the rows and has their portraits made, on all cores.
func (r *run) read(ctx context.Context, rows rowReader) error {
	workers, working := errgroup.WithContext(ctx)
	// One more than there are cores: while one row waits for the disk the
	// others keep the cores busy.
	workers.SetLimit(runtime.GOMAXPROCS(0) + 1)
	seen := newRecent()
	for number := 0; working.Err() == nil; number++ {
		row, err := rows.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if _, own := errors.AsType[*sesuai.Error](err); err != nil && !own {
			workers.Go(func() error { return unreadable(err) })
			break
		}
		if err == nil {
			err = seen.add(row.person.NIK, row.line)
		}
		o := outcome{number: number, line: row.line, err: err}
		if r.Journal != nil {
			done, rejected, failed := r.Journal.has(number)
			if failed != nil {
				workers.Go(func() error { return failed })
				break
			}
			o.before, o.rejectedBefore = done && !rejected, done && rejected
		}
		if err != nil || o.before || o.rejectedBefore {
			r.send(working, o)
			continue
		}
		if row.photo == "" {
			// Nothing to make: as quick as reading.
			o.enrolment = registry.Enrolment{Person: row.person, Portrait: row.portrait}
			o.err = r.wrongModel(row.portrait)
			r.send(working, o)
			continue
		}
		workers.Go(func() error {
			o.enrolment.Person = row.person
			if err := r.portrait(working, row.photo, &o); err != nil {
				return err
			}
			r.send(working, o)
			return nil
		})
	}
	return workers.Wait()
}

// send hands an outcome to the writer, unless nobody writes any more.
func (r *run) send(ctx context.Context, o outcome) {
	select {
	case r.outcomes <- o:
	case <-ctx.Done():
	}
}

// portrait makes the portrait of a photograph, or finds out that there is no
// need. What is wrong with the row is in o; an error is about the run.
func (r *run) portrait(ctx context.Context, photo string, o *outcome) error {
	o.err = r.makePortrait(ctx, photo, o)
	if errors.Is(o.err, registry.ErrDamaged) {
		o.err = errDamaged
	}
	if o.err != nil && !ofRow(o.err) {
		return o.err
	}
	return nil
}

func (r *run) makePortrait(ctx context.Context, name string, o *outcome) error {
	if r.Photos == nil {
		return &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "it was not said where photographs are"}
	}
	photo, err := r.Photos.Photo(name)
	if err != nil {
		return err
	}
	source := sha256.Sum256(photo)
	if o.held, err = r.Enroller.holds(ctx, o.enrolment.Person, source); err != nil || o.held {
		return err
	}
	if !r.replaces() {
		// Whoever is there stays, so there is nothing to make.
		_, o.kept, err = r.Enroller.o.Registry.Lookup(ctx, o.enrolment.Person.NIK)
		if err != nil || o.kept {
			return err
		}
	}
	o.enrolment.Portrait, err = r.Enroller.extract(ctx, photo, source)
	return err
}

// replaces reports whether rows take the place of what is on record.
func (r *run) replaces() bool { return r.OnConflict != Skip && r.OnConflict != Fail }

// wrongModel refuses a ready-made template that could never be compared.
func (r *run) wrongModel(p *registry.Portrait) error {
	if p == nil || p.Template.Model == r.Enroller.o.Model {
		return nil
	}
	return badPortrait("the template is of another model than the one in use")
}

// write writes batches. Nobody waits for a batch to fill: it is what has come
// while the one before was written.
func (r *run) write(ctx context.Context) error {
	batch := make([]outcome, 0, batchSize)
	for first := range r.outcomes {
		batch = append(batch[:0], first)
		for more := true; more && len(batch) < batchSize; {
			select {
			case o, ok := <-r.outcomes:
				if more = ok; ok {
					batch = append(batch, o)
				}
			default:
				more = false
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.writeBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) writeBatch(ctx context.Context, batch []outcome) error {
	changes, err := r.enrol(ctx, batch)
	if err != nil {
		return err
	}
	var recorded, rejected []int
	var conflict error
	for i, o := range batch {
		why := o.err
		switch {
		case o.before || o.rejectedBefore:
		case why != nil:
			rejected = append(rejected, o.number)
		case changes[i] == registry.Kept && r.OnConflict == Fail:
			// Told, and not done: the next run meets it again.
			why, conflict = errConflict, errConflict
		default:
			recorded = append(recorded, o.number)
		}
		r.summary.count(o, why, changes[i])
		if why == nil || o.before || o.rejectedBefore || r.Rejected == nil {
			continue
		}
		if err := r.Rejected(o.line, why); err != nil {
			return err
		}
	}
	if r.Journal != nil && !r.DryRun && len(recorded)+len(rejected) > 0 {
		if err := r.Journal.add(recorded, rejected); err != nil {
			return err
		}
	}
	if r.Progress != nil {
		r.Progress(r.summary.Rows)
	}
	return conflict
}

// errConflict is the reason why an import ends that was not to meet anybody.
var errConflict = &sesuai.Error{
	Kind: sesuai.KindConflict, Detail: "somebody of this NIK is on record with other values or another portrait",
}

// enrol writes those of a batch that are to be written. A person whose record
// is damaged is rejected, and its outcome says so.
func (r *run) enrol(ctx context.Context, batch []outcome) ([]registry.Change, error) {
	changes := make([]registry.Change, len(batch))
	var people []registry.Enrolment
	var at []int
	for i, o := range batch {
		switch {
		case o.before || o.rejectedBefore || o.err != nil || o.held:
		case o.kept:
			changes[i] = registry.Kept
		default:
			people, at = append(people, o.enrolment), append(at, i)
		}
	}
	if len(people) == 0 {
		return changes, nil
	}
	several, err := r.enrolAll(ctx, people)
	if err == nil {
		for j, change := range several {
			changes[at[j]] = change
		}
		return changes, nil
	}
	if !errors.Is(err, registry.ErrDamaged) {
		return nil, err
	}
	for j, e := range people {
		one, err := r.enrolAll(ctx, []registry.Enrolment{e})
		switch {
		case errors.Is(err, registry.ErrDamaged):
			batch[at[j]].err = errDamaged
		case err != nil:
			return nil, err
		default:
			changes[at[j]] = one[0]
		}
	}
	return changes, nil
}

// enrolAll writes a batch, or says what that would do.
func (r *run) enrolAll(ctx context.Context, people []registry.Enrolment) ([]registry.Change, error) {
	store := r.Enroller.o.Registry
	if !r.DryRun {
		return store.EnrolBatch(ctx, people, r.replaces())
	}
	changes := make([]registry.Change, len(people))
	for i, e := range people {
		var source [32]byte
		var model string
		if e.Portrait != nil {
			source, model = e.Portrait.Source, e.Portrait.Template.Model
		}
		held, err := store.Holds(ctx, e.Person, source, model)
		if err != nil {
			return nil, err
		}
		_, there, err := store.Lookup(ctx, e.Person.NIK)
		switch {
		case err != nil:
			return nil, err
		case held:
			changes[i] = registry.Unchanged
		case !there:
			changes[i] = registry.Added
		case r.replaces():
			changes[i] = registry.Replaced
		default:
			changes[i] = registry.Kept
		}
	}
	return changes, nil
}

// count counts a row of which why says that it is rejected, or else what
// changed.
func (s *Summary) count(o outcome, why error, change registry.Change) {
	s.Rows++
	switch {
	case o.before:
		s.Before++
	case o.rejectedBefore || why != nil:
		s.Rejected++
	case change == registry.Added:
		s.Added++
	case change == registry.Replaced:
		s.Replaced++
	case change == registry.Kept:
		s.Kept++
	default:
		s.Unchanged++
	}
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
