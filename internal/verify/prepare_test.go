package verify_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/verify"
)

// prepared is a world whose registry is a Preparer. Its Ask is never called.
type prepared struct {
	*world
	// read is how the reading goes.
	read func(ctx context.Context) error
	// ended is set when a reading has ended.
	ended bool
}

func newPrepared() *prepared {
	return &prepared{world: newWorld(), read: func(context.Context) error { return nil }}
}

func (p *prepared) Ask(context.Context, registry.Question) (registry.Answer, error) {
	panic("a Preparer was asked")
}

func (p *prepared) Prepare(ctx context.Context, q registry.Question) (func(*face.Probe) (registry.Answer, error), error) {
	if q.Probe != nil {
		panic("there is a probe before the face is extracted")
	}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = true
	}()
	if err := p.read(ctx); err != nil {
		return nil, err
	}
	return func(probe *face.Probe) (registry.Answer, error) {
		p.note("answer")
		q.Probe = probe
		p.asked = q
		return p.ask(context.Background())
	}, nil
}

// verify verifies in this world, and reports a reading that is still going on.
func (p *prepared) verify(t *testing.T, ctx context.Context, req verify.Request) (sesuai.Verdict, error) {
	t.Helper()
	o := p.options()
	o.Registry = p
	verdict, err := verify.New(o).Verify(ctx, req)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		t.Error("the reading outlives the request")
	}
	return verdict, err
}

// TestPrepare: the record is read while the face is extracted, and the answer and
// the event are those of a registry that is asked afterwards.
func TestPrepare(t *testing.T) {
	for about, change := range map[string]step{
		"everything matches":        func(*world) {},
		"the NIK is not on record":  answer(func(a *registry.Answer) { *a = registry.Answer{} }),
		"deceased":                  answer(func(a *registry.Answer) { a.Status = sesuai.Deceased }),
		"the name differs":          answer(func(a *registry.Answer) { a.NameScore = 84 }),
		"sent before":               sentBefore,
		"the registry's answer bad": answer(func(a *registry.Answer) { a.NameScore = 101 }),
		"it panics":                 func(w *world) { w.ask = func(context.Context) (registry.Answer, error) { panic("9999010101900001") } },
		"it fails": func(w *world) {
			w.ask = func(context.Context) (registry.Answer, error) { return registry.Answer{}, errors.New("down") }
		},
	} {
		t.Run(about, func(t *testing.T) {
			asked, p := newWorld(), newPrepared()
			change(asked)
			change(p.world)
			want, wantErr := asked.verifier().Verify(t.Context(), request(t))
			got, err := p.verify(t, t.Context(), request(t))
			if got != want || sesuai.KindOf(err) != sesuai.KindOf(wantErr) {
				t.Errorf("got %+v, %v, want %+v, %v", got, err, want, wantErr)
			}
			if err != nil && strings.Contains(err.Error(), "9999010101900001") {
				t.Errorf("the cause holds what was asked: %v", err)
			}
			if diff := cmp.Diff(asked.events, p.events, cmpopts.EquateComparable(sesuai.Percentage{})); diff != "" {
				t.Errorf("recorded (-asked +prepared):\n%s", diff)
			}
			if diary := strings.ReplaceAll(strings.Join(asked.diary, " "), "ask", "answer"); diary != strings.Join(p.diary, " ") {
				t.Errorf("%q, want %q", p.diary, diary)
			}
			if err == nil && p.asked.Probe.Template.Model != "fake-model" {
				t.Error("it was asked about another probe")
			}
		})
	}
}

// TestReadingAndExtractionOverlap: each waits until the other has begun.
func TestReadingAndExtractionOverlap(t *testing.T) {
	p := newPrepared()
	extracting, reading := make(chan struct{}), make(chan struct{})
	p.extracting = func() {
		close(extracting)
		<-reading
	}
	p.read = func(context.Context) error {
		close(reading)
		<-extracting
		return nil
	}
	if verdict, err := p.verify(t, t.Context(), request(t)); err != nil || !verdict.Verified {
		t.Errorf("got %+v, %v", verdict, err)
	}
}

// TestRefusedWhileReading: a photograph that is refused, or that cannot be
// processed, is answered as such whatever becomes of the reading. The answer waits
// for nothing of the reading before the event is recorded.
func TestRefusedWhileReading(t *testing.T) {
	readings := map[string]func(context.Context) error{
		"it succeeds": func(context.Context) error { return nil },
		"it fails":    func(context.Context) error { return errors.New("down") },
		"it panics":   func(context.Context) error { panic("9999010101900001") },
		"it hangs":    func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	}
	for _, tt := range []struct {
		about   string
		step    step
		enforce bool // the client's policy for liveness is to enforce
		kind    sesuai.Kind
		diary   string
	}{
		{"no face", func(w *world) { w.extraction.Finding = face.NoFace }, false, sesuai.KindFaceNotDetected, "extract append"},
		{"no photograph", func(w *world) { w.extractErr = &sesuai.Error{Kind: sesuai.KindUnsupportedImage} }, false, sesuai.KindUnsupportedImage, "extract append"},
		{"not alive", func(w *world) { w.extraction.Liveness = face.Liveness{Known: true} }, true, sesuai.KindSuspectedAttack, "extract append"},
		{"liveness is not known", func(*world) {}, true, sesuai.KindUnavailable, "extract append"},
		{"too much to do", func(w *world) { w.extractErr = &sesuai.Error{Kind: sesuai.KindOverloaded} }, false, sesuai.KindOverloaded, "extract"},
		{"a defect", func(w *world) { w.extractErr = errors.New("a defect") }, false, sesuai.KindInternal, "extract"},
	} {
		for about, read := range readings {
			t.Run(tt.about+", "+about, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPrepared()
					p.read = read
					tt.step(p.world)
					req := request(t)
					if tt.enforce {
						p.live, req.Client.Liveness = true, access.Enforce
					}
					start := time.Now()
					verdict, err := p.verify(t, t.Context(), req)
					if sesuai.KindOf(err) != tt.kind || verdict != (sesuai.Verdict{}) {
						t.Errorf("got %+v, %v", verdict, err)
					}
					if got := strings.Join(p.diary, " "); got != tt.diary {
						t.Errorf("%q, want %q", got, tt.diary)
					}
					if took := time.Since(start); took != 0 {
						t.Errorf("the refusal waited %v for the reading", took)
					}
				})
			})
		}
	}
}

// TestRefusalIsRecordedBeforeTheReadingEnds: so its time says nothing of the NIK.
func TestRefusalIsRecordedBeforeTheReadingEnds(t *testing.T) {
	p := newPrepared()
	p.extraction.Finding = face.NoFace
	recorded := make(chan struct{})
	p.recorded = func() { close(recorded) }
	p.read = func(context.Context) error {
		<-recorded
		return nil
	}
	if _, err := p.verify(t, t.Context(), request(t)); sesuai.KindOf(err) != sesuai.KindFaceNotDetected {
		t.Errorf("got %v", err)
	}
}

// TestReadingTimeout: the registry's time does not include that of the extraction.
func TestReadingTimeout(t *testing.T) {
	for _, tt := range []struct {
		about         string
		extract, read time.Duration
		answered      bool
		took          time.Duration
	}{
		{"a long extraction", 20 * registryTimeout, registryTimeout - time.Second, true, 20 * registryTimeout},
		{"a long reading", time.Second, registryTimeout - 1, true, registryTimeout - 1},
		{"too long a reading", time.Second, time.Hour, false, registryTimeout},
		{"both too long", 20 * registryTimeout, time.Hour, false, 20 * registryTimeout},
	} {
		t.Run(tt.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPrepared()
				p.extracting = func() { time.Sleep(tt.extract) }
				p.read = func(ctx context.Context) error {
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(tt.read):
						return nil
					}
				}
				start := time.Now()
				verdict, err := p.verify(t, t.Context(), request(t))
				if verdict.Verified != tt.answered || (err == nil) != tt.answered ||
					err != nil && (sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.DeadlineExceeded)) {
					t.Errorf("got %+v, %v", verdict, err)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if len(p.events) != 1 || !tt.answered && p.events[0].Result != audit.Unavailable {
					t.Errorf("recorded %+v", p.events)
				}
			})
		})
	}
}

// TestCallerGoneWhileReading: the reading ends at once, and there is no verdict.
func TestCallerGoneWhileReading(t *testing.T) {
	p := newPrepared()
	ctx, cancel := context.WithCancel(t.Context())
	p.read = func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	_, err := p.verify(t, ctx, request(t))
	if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(p.diary, []string{"extract", "append"}) || p.events[0].Result != audit.Unavailable {
		t.Errorf("%q, recorded %+v", p.diary, p.events)
	}
}

// TestExtractionPanics: the reading does not outlive the request.
func TestExtractionPanics(t *testing.T) {
	p := newPrepared()
	p.extracting = func() { panic("a defect") }
	p.read = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	defer func() {
		if recover() == nil {
			t.Error("the panic is lost")
		}
		if !p.ended {
			t.Error("the reading outlives the request")
		}
	}()
	_, _ = p.verify(t, t.Context(), request(t))
}

// TestFakeIsPrepared: the registry of other tests takes the same way as the built-in one.
func TestFakeIsPrepared(t *testing.T) {
	w, m := newWorld(), registrytest.NewMemory()
	o := w.options()
	o.Registry = m
	verdict, err := verify.New(o).Verify(t.Context(), request(t))
	if err != nil || verdict.Reason != sesuai.ReasonNIKNotFound || m.Calls("Prepare") != 1 || m.Calls("Ask") != 0 {
		t.Errorf("got %+v, %v", verdict, err)
	}
}
