package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/telemetry"
)

// reading is a question that the registry prepares while the face is extracted. It
// is nil if the registry is no registry.Preparer.
type reading struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when answer and err are set
	answer func(*face.Probe) (registry.Answer, error)
	err    error
}

// prepare has the registry prepare the question, if it can.
func (v *Verifier) prepare(ctx context.Context, q registry.Question) *reading {
	if v.preparer == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, v.o.RegistryTimeout)
	r := &reading{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		ctx, timing := telemetry.Start(ctx, telemetry.Prepare)
		defer timing.End()
		r.answer, r.err = guard(ctx, func() (func(*face.Probe) (registry.Answer, error), error) { return v.preparer.Prepare(ctx, q) })
	}()
	return r
}

// stop cancels the reading and returns when it has ended.
func (r *reading) stop() {
	if r == nil {
		return
	}
	r.cancel()
	<-r.done
}

// answerTo returns the answer with the probe, once the reading has ended.
func (r *reading) answerTo(probe *face.Probe) (registry.Answer, error) {
	<-r.done
	if r.err != nil {
		return registry.Answer{}, r.err
	}
	return r.answer(probe)
}

// ask asks the registry, which may have read the record. Whatever prevents a
// possible answer is an error of kind KindUnavailable, so that no failure can be
// read as "not found" or "differs". An error of kind KindInvalidImage about a probe
// stays what it is.
func (v *Verifier) ask(ctx context.Context, q registry.Question, r *reading) (registry.Answer, error) {
	ctx, timing := telemetry.Start(ctx, telemetry.Registry)
	defer timing.End()
	ctx, cancel := context.WithTimeout(ctx, v.o.RegistryTimeout)
	defer cancel()
	a, err := guard(ctx, func() (registry.Answer, error) {
		if r != nil {
			return r.answerTo(q.Probe)
		}
		return v.o.Registry.Ask(ctx, q)
	})
	if err == nil {
		err = check(a, q.Claim)
	}
	switch {
	case q.Probe != nil && sesuai.KindOf(err) == sesuai.KindInvalidImage:
		return registry.Answer{}, err
	case err != nil:
		return registry.Answer{}, unavailable("asking the registry", err)
	case !a.Found:
		return registry.Answer{}, nil
	case a.Status != sesuai.Active:
		a.Face = registry.Comparison{}
	}
	return a, nil
}

// guard returns call's result unless ctx has ended: an answer that comes too late
// does not count. A panic becomes an error that says only its type, since its
// value may hold what was asked.
func guard[T any](ctx context.Context, call func() (T, error)) (got T, err error) {
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

// describePanic describes a panic without its value. The runtime's own texts hold
// only indices and types.
func describePanic(p any) string {
	if e, ok := p.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("%T", p)
}

// check refuses an answer about a claim that the contract of registry.Answer rules
// out, so that no verdict is built on it.
func check(a registry.Answer, claim sesuai.Claim) error {
	if !a.Found {
		return nil
	}
	if a.Status > sesuai.Inactive {
		return errors.New("the registry gave an unknown status")
	}
	if err := checkAttributes(a, claim); err != nil {
		return err
	}
	uncompared := a.NameScore == registry.NotScored && a.DateOfBirth == sesuai.NotCompared
	switch named, dated := !claim.Name.IsZero(), !claim.DateOfBirth.IsZero(); {
	case a.Status != sesuai.Active && uncompared:
		return nil
	case named && (a.NameScore < 0 || a.NameScore > 100):
		return errors.New("the registry gave a name score outside 0 to 100")
	case dated && a.DateOfBirth != sesuai.Match && a.DateOfBirth != sesuai.NonMatch:
		return errors.New("the registry did not compare the date of birth")
	case !named && a.NameScore != registry.NotScored, !dated && a.DateOfBirth != sesuai.NotCompared:
		return errors.New("the registry compared what was not claimed")
	case a.Status != sesuai.Active || !a.Face.Portrait:
		return nil
	case !a.Face.Percentage.Known():
		return errors.New("the registry compared the face but gave no percentage")
	case math.IsNaN(a.Face.Score) || math.IsInf(a.Face.Score, 0):
		return errors.New("the registry gave a score that is not a number")
	default:
		return nil
	}
}

// checkAttributes is check of the optional attributes.
func checkAttributes(a registry.Answer, claim sesuai.Claim) error {
	for claimed := range claim.Attributes {
		if agreement, ok := a.Attributes[claimed]; !ok || agreement.Outcome > sesuai.NonMatch {
			return errors.New("the registry gave no outcome of an attribute")
		}
	}
	if len(a.Attributes) > len(claim.Attributes) {
		return errors.New("the registry compared an attribute that was not claimed")
	}
	return nil
}
