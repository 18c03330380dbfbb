package enrol

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/rows"
)

// batchSize is the largest number of rows that are written at once.
const batchSize = 1000

// OnConflict says what an import does about a person who is on record with
// other values or another portrait.
type OnConflict string

// What an import may do about a person who is on record already.
const (
	// Replace replaces what is on record by the row.
	Replace OnConflict = "replace"
	// Skip keeps what is on record.
	Skip OnConflict = "skip"
	// Fail keeps what is on record and ends the import.
	Fail OnConflict = "fail"
)

// Import is one run over a file of people. Every data line of the file, which is
// a line that is neither the header line nor blank, is read by itself and counted
// once in the Summary.
//
// An import can be stopped at any time and run again from the start: each person
// is on record either wholly or not at all, and a row that is on record already
// is unchanged and costs no face extraction. A NIK that comes again within
// remembered rows is rejected; one that comes later meets the earlier row on
// record.
type Import struct {
	Enroller *Enroller
	// People is the file and Format its form; CSV if empty. A file that is an
	// io.ReadSeeker is read twice: the first time to refuse it if a spreadsheet
	// has rounded its NIKs. Of any other reader the first MiB is looked at for
	// that.
	People io.Reader
	Format rows.Format
	// Photos are the photographs that the photo column names; nil if there are
	// none.
	Photos rows.Photographs
	// RequirePhoto rejects rows without a photograph and without a template.
	RequirePhoto bool
	// OnConflict is Replace if empty.
	OnConflict OnConflict
	// DryRun reads, extracts and counts as a real run does, and writes nothing.
	DryRun bool
	// Now says which day it is, for dates in the future; time.Now if nil.
	Now func() time.Time
	// Rejected, if not nil, is called for every row that is not enrolled. The
	// error why says why and holds nothing of the row but the day and month of a
	// date that does not exist. Calls come one at a time, in no particular order. An error that Rejected returns ends the
	// import.
	Rejected func(line int, why error) error
	// Progress, if not nil, is called now and then with how many of the file's
	// rows are done; of is 0 if their number is not known. Calls come one at a
	// time, and not while Rejected is called.
	Progress func(rows, of int)
}

// Summary counts the data lines that an Import has read, each once: Rows is the
// sum of Added, Replaced, Unchanged, Kept and Rejected. After a run without an
// error it is the number of data lines of the file.
type Summary struct {
	Rows      int `json:"rows"`
	Added     int `json:"added"`
	Replaced  int `json:"replaced"`
	Unchanged int `json:"unchanged"`
	// Kept are people who are on record with other values or another portrait,
	// and stay so.
	Kept int `json:"kept"`
	// Rejected are rows that cannot be enrolled.
	Rejected int `json:"rejected"`
	// AddedWithoutPhoto and ReplacedWithoutPhoto are those of Added and
	// Replaced that have neither a photograph nor a template.
	AddedWithoutPhoto    int `json:"added_without_photo,omitempty"`
	ReplacedWithoutPhoto int `json:"replaced_without_photo,omitempty"`
}

// outcome is what became of a row before it is written.
type outcome struct {
	line      int
	enrolment registry.Enrolment
	held      bool  // exactly this is on record already
	kept      bool  // something else is on record, and stays
	err       error // why the row is rejected
}

// run is the state of an Import that runs.
type run struct {
	*Import
	records  rows.Reader
	of       int       // data lines; 0 if not known
	today    time.Time // for dates in the future
	summary  Summary   // used by write alone
	outcomes chan outcome
	// again is whether most rows of the last batch were unchanged, as where an
	// interrupted import is run again. It only decides how rows are looked up.
	again atomic.Bool
}

// Run imports. Rows that cannot be enrolled are reported and counted, and the
// others are enrolled. The summary is valid whether or not there is an error.
//
// An error means that the file was not read to its end. It is of kind
// sesuai.KindMalformed if the header line is wrong, the NIKs were rounded
// (ErrRounded) or Photos is missing (ErrNoPhotographs), and then nobody was
// enrolled. It is of kind sesuai.KindConflict if OnConflict is Fail and a person was
// on record with other values. Else the file cannot be read, the registry fails, or
// ctx has ended.
func (i *Import) Run(ctx context.Context) (Summary, error) {
	people, lines, err := inspect(ctx, i.Format, i.People, i.Photos != nil)
	if err != nil {
		return Summary{}, err
	}
	r := &run{Import: i, of: lines, today: time.Now(), outcomes: make(chan outcome, batchSize)}
	if i.Now != nil {
		r.today = i.Now()
	}
	if r.records, err = rows.NewReader(i.Format, people, columns()); err != nil {
		return Summary{}, err
	}
	all, running := errgroup.WithContext(ctx)
	all.Go(func() error {
		defer close(r.outcomes)
		return r.read(running)
	})
	all.Go(func() error { return r.write(running) })
	if err := all.Wait(); err != nil {
		return r.summary, err
	}
	return r.summary, ctx.Err()
}

// read reads the rows and makes their portraits, on all cores.
func (r *run) read(ctx context.Context) error {
	workers, working := errgroup.WithContext(ctx)
	// One more than there are cores: while one row waits for the disk the
	// others keep the cores busy.
	workers.SetLimit(runtime.GOMAXPROCS(0) + 1)
	seen := newRecent()
	for working.Err() == nil {
		record, err := r.records.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			workers.Go(func() error { return err })
			break
		}
		row, err := parseRow(record, r.today)
		if err == nil {
			err = seen.add(row.person.NIK, record.Line)
		}
		if err == nil {
			err = r.wrongModel(row.portrait)
		}
		if err == nil && r.RequirePhoto && !row.hasPhoto() {
			err = &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "the row has no photograph"}
		}
		o := outcome{line: record.Line, enrolment: registry.Enrolment{Person: row.person, Portrait: row.portrait}, err: err}
		if err != nil || row.photo == "" && !r.again.Load() {
			r.send(working, o)
			continue
		}
		workers.Go(func() error {
			if err := r.prepare(working, row.photo, &o); err != nil {
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

// prepare looks up whether a row is on record and, if it is not, makes the
// portrait of its photograph; a row without one has photo "". If something is
// wrong with the row, o says so. An error is about the run.
func (r *run) prepare(ctx context.Context, photo string, o *outcome) error {
	if photo == "" {
		o.held, o.err = r.Enroller.holdsAll(ctx, o.enrolment)
	} else {
		o.err = r.makePortrait(ctx, photo, o)
	}
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
		return &sesuai.Error{Kind: sesuai.KindNoFile, Detail: ErrNoPhotographs.Error()}
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
		// A person who is on record stays as they are and needs no portrait.
		_, o.kept, err = r.Enroller.o.Registry.Lookup(ctx, o.enrolment.Person.NIK)
		if err != nil || o.kept {
			return err
		}
	}
	o.enrolment.Portrait, err = r.Enroller.extract(ctx, photo, source)
	return err
}

// replaces reports whether rows replace what is on record.
func (r *run) replaces() bool { return r.OnConflict != Skip && r.OnConflict != Fail }

// wrongModel refuses a ready-made template that could never be compared.
func (r *run) wrongModel(p *registry.Portrait) error {
	if p == nil || p.Template.Model == r.Enroller.o.Model {
		return nil
	}
	return badPortrait("the template is of another model than the one in use")
}

// write writes batches. It does not wait for a batch to fill: a batch is what
// has come while the one before was written.
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

// writeBatch enrols, counts and reports the rows of a batch.
func (r *run) writeBatch(ctx context.Context, batch []outcome) error {
	changes, err := r.enrol(ctx, batch)
	if err != nil {
		return err
	}
	var conflict error
	unchanged := r.summary.Unchanged
	for i, o := range batch {
		why := o.err
		if why == nil && changes[i] == registry.Kept && r.OnConflict == Fail {
			why, conflict = errConflict, errConflict
		}
		r.summary.count(why, changes[i], o.enrolment.Portrait != nil)
		if why == nil || r.Rejected == nil {
			continue
		}
		if err := r.Rejected(o.line, why); err != nil {
			return err
		}
	}
	r.again.Store(r.summary.Unchanged-unchanged > len(batch)/2)
	if r.Progress != nil {
		r.Progress(r.summary.Rows, r.of)
	}
	return conflict
}

// errConflict ends an import that must not meet a person on record.
var errConflict = &sesuai.Error{
	Kind: sesuai.KindConflict, Detail: "somebody of this NIK is on record with other values or another portrait",
}

// enrol writes the rows of a batch that are neither rejected nor on record. If a
// person's record is damaged, it sets the error of that outcome.
func (r *run) enrol(ctx context.Context, batch []outcome) ([]registry.Change, error) {
	changes := make([]registry.Change, len(batch))
	var people []registry.Enrolment
	var at []int
	for i, o := range batch {
		switch {
		case o.err != nil || o.held:
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

// enrolAll writes a batch. In a dry run it says what writing it would do.
func (r *run) enrolAll(ctx context.Context, people []registry.Enrolment) ([]registry.Change, error) {
	store := r.Enroller.o.Registry
	if !r.DryRun {
		return store.EnrolBatch(ctx, people, r.replaces())
	}
	changes := make([]registry.Change, len(people))
	for i, e := range people {
		held, err := r.Enroller.holdsAll(ctx, e)
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

// count counts a row, which is rejected if why is not nil.
func (s *Summary) count(why error, change registry.Change, portrait bool) {
	s.Rows++
	switch {
	case why != nil:
		s.Rejected++
	case change == registry.Added:
		s.Added++
		if !portrait {
			s.AddedWithoutPhoto++
		}
	case change == registry.Replaced:
		s.Replaced++
		if !portrait {
			s.ReplacedWithoutPhoto++
		}
	case change == registry.Kept:
		s.Kept++
	default:
		s.Unchanged++
	}
}

// errDamaged rejects a row whose record is damaged. The import goes on with the
// other rows, and the record is not overwritten before the operator has seen it.
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
