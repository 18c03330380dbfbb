package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// answers is what the registry said.
type answers struct {
	record     registry.Record
	comparison registry.Comparison // zero if there was nothing to compare
	whole      bool                // both are about one state of the record
}

// maxAsks is how often a claim is put to the registry while the record keeps
// changing.
const maxAsks = 3

// ask puts the claim, and then the probe, to the registry. Whatever keeps it
// from a whole and possible answer is an error of kind KindUnavailable, so
// that no failure can be read as "not found" or "differs".
//
// If the record was replaced between the two, the answers are about two
// records, and of no use together: then it asks again.
func (v *Verifier) ask(ctx context.Context, claim sesuai.Claim, probe face.Probe) (answers, error) {
	ctx, cancel := context.WithTimeout(ctx, v.o.RegistryTimeout)
	defer cancel()
	for range maxAsks {
		a, err := v.askOnce(ctx, claim, probe)
		if err != nil || a.whole {
			return a, err
		}
	}
	return answers{}, unavailable("asking the registry", errors.New("the record keeps changing"))
}

func (v *Verifier) askOnce(ctx context.Context, claim sesuai.Claim, probe face.Probe) (answers, error) {
	compare := func(ctx context.Context) (registry.Comparison, error) {
		return answer(ctx, func() (registry.Comparison, error) { return v.o.Registry.Compare(ctx, claim.NIK, probe) })
	}
	if preparer, ok := v.o.Registry.(registry.Preparer); v.o.Parallel {
		var end func()
		compare, end = ahead(ctx, compare)
		defer end()
	} else if ok {
		p := prepareAhead(ctx, func(ctx context.Context) (registry.Prepared, error) { return preparer.Prepare(ctx, claim.NIK, probe) })
		defer p.end()
		compare, ctx = p.compare, registry.WithWaits(ctx, p.begin)
	}
	record, err := answer(ctx, func() (registry.Record, error) { return v.o.Registry.Check(ctx, claim) })
	if err == nil {
		err = checkRecord(record)
	}
	if err != nil {
		return answers{}, unavailable("asking the registry", err)
	}
	// A differing name or date does not spare the comparison: the contract
	// gives the real percentage with them (R3, R4).
	if !record.Found || record.Status != sesuai.Active || !record.Portrait {
		return answers{record: record, whole: true}, nil
	}

	comparison, err := compare(ctx)
	if err == nil {
		err = checkComparison(comparison)
	}
	if sesuai.KindOf(err) == sesuai.KindInvalidImage {
		return answers{}, err
	}
	if err != nil {
		return answers{}, unavailable("comparing the face", err)
	}
	return answers{record, comparison, record.Revision == comparison.Revision}, nil
}

// preparation is a comparison that is prepared when begin is called, or when it
// is wanted.
type preparation struct {
	ctx     context.Context
	begin   func()
	wait    func(context.Context) (registry.Prepared, error)
	stop    func()
	decided bool // by compare: what is prepared is not to be dropped
}

func prepareAhead(ctx context.Context, prepare func(context.Context) (registry.Prepared, error)) *preparation {
	begun := make(chan struct{})
	p := &preparation{ctx: ctx, begin: sync.OnceFunc(func() { close(begun) })}
	p.wait, p.stop = ahead(ctx, func(ctx context.Context) (registry.Prepared, error) {
		select {
		case <-begun:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return answer(ctx, func() (registry.Prepared, error) { return prepare(ctx) })
	})
	return p
}

func (p *preparation) compare(ctx context.Context) (registry.Comparison, error) {
	p.begin()
	prepared, err := p.wait(ctx)
	if err != nil {
		return registry.Comparison{}, err
	}
	p.decided = true
	return answer(ctx, func() (registry.Comparison, error) { return prepared.Compare(ctx) })
}

// end drops what was prepared for nothing.
func (p *preparation) end() {
	p.stop()
	if prepared, _ := p.wait(p.ctx); prepared != nil && !p.decided {
		prepared.Drop(p.ctx)
	}
}

// ahead begins call at once and returns what waits for its answer, and what
// ends it if that is not wanted: it returns when the call has.
func ahead[T any](ctx context.Context, call func(context.Context) (T, error)) (wait func(context.Context) (T, error), end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var got T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		got, err = call(ctx)
	}()
	wait = func(context.Context) (T, error) {
		<-done
		return got, err
	}
	end = func() {
		cancel()
		<-done
	}
	return wait, end
}

// answer is call's, unless ctx has ended: an answer that comes too late is
// none. A panic is an error like any other, told by its type alone, since its
// value may hold what was asked.
func answer[T any](ctx context.Context, call func() (T, error)) (got T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %s", describePanic(p))
		}
	}()
	got, err = call()
	if err == nil {
		err = ctx.Err()
	}
	return got, err
}

// describePanic says what a panic was about without its value, but for the
// runtime's own texts, which hold indices and types.
func describePanic(p any) string {
	if e, ok := p.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("%T", p)
}

// checkRecord refuses what registry.Record's contract rules out. No verdict
// is built on it.
func checkRecord(r registry.Record) error {
	switch {
	case !r.Found:
		return nil
	case r.Status > sesuai.Inactive:
		return errors.New("the registry gave a status that there is not")
	case r.Status != sesuai.Active && r.NameScore == -1 && r.DateOfBirth == sesuai.NotCompared:
		return nil // no more is said of who is not active
	case r.NameScore < 0 || r.NameScore > 100:
		return errors.New("the registry gave a name score outside 0 to 100")
	case r.DateOfBirth != sesuai.Match && r.DateOfBirth != sesuai.NonMatch:
		return errors.New("the registry did not compare the date of birth")
	default:
		return nil
	}
}

// checkComparison refuses what registry.Comparison's contract rules out.
func checkComparison(c registry.Comparison) error {
	switch {
	case !c.Portrait:
		return nil
	case !c.Percentage.Known():
		return errors.New("the registry compared the face but gave no percentage")
	case math.IsNaN(c.Score) || math.IsInf(c.Score, 0):
		return errors.New("the registry gave a score that is not a number")
	default:
		return nil
	}
}
