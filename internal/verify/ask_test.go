package verify_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/verify"
)

// TestRegistryRefusesPhotograph: a registry with a matcher of its own may not
// be able to work with it. That is told as what it is, and recorded.
func TestRegistryRefusesPhotograph(t *testing.T) {
	w := newWorld()
	w.compare = func(context.Context) (registry.Comparison, error) {
		return registry.Comparison{}, &sesuai.Error{Kind: sesuai.KindInvalidImage}
	}
	verdict, err := w.verifier().Verify(t.Context(), request(t))
	if sesuai.KindOf(err) != sesuai.KindInvalidImage || verdict != (sesuai.Verdict{}) {
		t.Errorf("got %+v, %v", verdict, err)
	}
	if len(w.events) != 1 || w.events[0].Result != audit.Refused || w.events[0].Reason != "INVALID_IMAGE" {
		t.Errorf("recorded %+v", w.events)
	}
}

// TestFlags: what a registry finds odd is recorded, and changes no verdict.
func TestFlags(t *testing.T) {
	w := newWorld()
	record(func(r *registry.Record) { r.Duplicate = true })(w)
	comparison(func(c *registry.Comparison) { c.Suspect = true })(w)
	verdict, err := w.verifier().Verify(t.Context(), request(t))
	if err != nil || !verdict.Verified {
		t.Errorf("got %+v, %v", verdict, err)
	}
	if got := w.events[0].Flags.String(); got != "SCORE_TOO_HIGH DUPLICATE_RECORD" {
		t.Errorf("flags %q", got)
	}
}

// TestParallel: the face is compared while the claim is checked, and counts
// only if the check finds an active person. It never outlasts the check where
// it is not wanted.
func TestParallel(t *testing.T) {
	absent := record(func(r *registry.Record) { *r = registry.Record{} })
	broken := func(w *world) {
		w.check = func(context.Context) (registry.Record, error) { return registry.Record{}, errors.New("broken") }
	}
	fails := func(w *world) {
		w.compare = func(context.Context) (registry.Comparison, error) {
			return registry.Comparison{}, errors.New("broken")
		}
	}
	waits := func(w *world) {
		w.compare = func(ctx context.Context) (registry.Comparison, error) {
			<-ctx.Done()
			return registry.Comparison{}, ctx.Err()
		}
	}
	for _, tt := range []struct {
		about string
		steps []step
		kind  sesuai.Kind
		want  sesuai.Reason
	}{
		{"both answer", nil, "", sesuai.ReasonVerified},
		{"nobody is there, and the comparison waits", []step{absent, waits}, "", sesuai.ReasonNIKNotFound},
		{"nobody is there, and the comparison fails", []step{absent, fails}, "", sesuai.ReasonNIKNotFound},
		{"the check fails, and the comparison waits", []step{broken, waits}, sesuai.KindUnavailable, ""},
		{"the comparison fails", []step{fails}, sesuai.KindUnavailable, ""},
	} {
		t.Run(tt.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				for _, s := range tt.steps {
					s(w)
				}
				// Each takes a second, and both together no more.
				check, compare := w.check, w.compare
				w.check = func(ctx context.Context) (registry.Record, error) {
					time.Sleep(time.Second)
					return check(ctx)
				}
				w.compare = func(ctx context.Context) (registry.Comparison, error) {
					time.Sleep(time.Second)
					return compare(ctx)
				}
				start := time.Now()
				verdict, err := parallel(w).Verify(t.Context(), request(t))
				if sesuai.KindOf(err) != tt.kind || verdict.Reason != tt.want {
					t.Errorf("got %+v, %v", verdict, err)
				}
				if took := time.Since(start); took != time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// preparer is a world's registry whose comparisons take a second of work ahead.
type preparer struct {
	*world
	err               error
	prepared, dropped atomic.Int32
}

func (p *preparer) Prepare(ctx context.Context, nik sesuai.NIK, probe face.Probe) (registry.Prepared, error) {
	p.prepared.Add(1)
	time.Sleep(time.Second)
	return prepared{p, nik, probe}, p.err
}

type prepared struct {
	*preparer
	nik   sesuai.NIK
	probe face.Probe
}

func (p prepared) Compare(ctx context.Context) (registry.Comparison, error) {
	return p.world.Compare(ctx, p.nik, p.probe)
}

func (p prepared) Drop(ctx context.Context) { p.dropped.Add(1) }

// TestPreparesAhead: while the registry waits for the answer to the claim, once;
// what is not wanted then is dropped.
func TestPreparesAhead(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		about             string
		waits             bool
		check             step
		err               error
		verdict           sesuai.Reason
		kind              sesuai.Kind
		prepared, dropped int32
		took              time.Duration
	}{
		{"while it waits", true, nil, nil, sesuai.ReasonVerified, "", 1, 0, time.Second},
		{"when it is wanted, if it does not wait", false, nil, nil, sesuai.ReasonVerified, "", 1, 0, 2 * time.Second},
		{"for nothing", true, record(func(r *registry.Record) { *r = registry.Record{} }), nil, sesuai.ReasonNIKNotFound, "", 1, 1, time.Second},
		{"never", false, record(func(r *registry.Record) { *r = registry.Record{} }), nil, sesuai.ReasonNIKNotFound, "", 0, 0, time.Second},
		{"in vain", true, nil, broken, "", sesuai.KindUnavailable, 1, 1, time.Second},
		{"in vain and for nothing", true, record(func(r *registry.Record) { *r = registry.Record{} }), broken, sesuai.ReasonNIKNotFound, "", 1, 1, time.Second},
	} {
		t.Run(tt.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				if tt.check != nil {
					tt.check(w)
				}
				check := w.check
				w.check = func(ctx context.Context) (registry.Record, error) {
					if tt.waits {
						registry.Waits(ctx)
						registry.Waits(ctx)
					}
					time.Sleep(time.Second)
					return check(ctx)
				}
				p := &preparer{world: w, err: tt.err}
				o := w.options()
				o.Registry = p
				start := time.Now()
				verdict, err := verify.New(o).Verify(t.Context(), request(t))
				if took := time.Since(start); sesuai.KindOf(err) != tt.kind || verdict.Reason != tt.verdict || took != tt.took {
					t.Errorf("%+v, %v after %v", verdict, err, took)
				}
				if p.prepared.Load() != tt.prepared || p.dropped.Load() != tt.dropped {
					t.Errorf("%d prepared and %d dropped", p.prepared.Load(), p.dropped.Load())
				}
			})
		})
	}
}

// TestAsker: a registry that keeps account of its calls is told who asks.
func TestAsker(t *testing.T) {
	w := newWorld()
	var asked []registry.Asker
	note := func(ctx context.Context) { asked = append(asked, registry.AskerOf(ctx)) }
	check, compare := w.check, w.compare
	w.check = func(ctx context.Context) (registry.Record, error) { note(ctx); return check(ctx) }
	w.compare = func(ctx context.Context) (registry.Comparison, error) { note(ctx); return compare(ctx) }
	if _, err := w.verifier().Verify(t.Context(), request(t)); err != nil {
		t.Fatal(err)
	}
	who := registry.Asker{Client: "client-1", RequestID: "request-1"}
	if want := []registry.Asker{who, who}; !slices.Equal(asked, want) {
		t.Errorf("got %+v, want %+v", asked, want)
	}
	if nobody := registry.AskerOf(t.Context()); nobody != (registry.Asker{}) {
		t.Errorf("outside of a verification %+v asks", nobody)
	}
}

// atOnce asks a world's registry without keeping its diary, which has an order.
type atOnce struct{ *world }

func (a atOnce) Check(ctx context.Context, claim sesuai.Claim) (registry.Record, error) {
	a.claim = claim
	return a.check(ctx)
}

func (a atOnce) Compare(ctx context.Context, _ sesuai.NIK, _ face.Probe) (registry.Comparison, error) {
	return a.compare(ctx)
}

func parallel(w *world) *verify.Verifier {
	o := w.options()
	o.Registry, o.Parallel = atOnce{w}, true
	return verify.New(o)
}
