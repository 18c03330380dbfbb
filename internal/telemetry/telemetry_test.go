package telemetry_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/telemetry"
)

// TestWithoutRequest: code that measures stages costs nothing where there is no
// request, as in an import.
func TestWithoutRequest(t *testing.T) {
	ctx := t.Context()
	allocated := testing.AllocsPerRun(100, func() {
		within, timing := telemetry.Start(ctx, telemetry.Detect)
		timing.End()
		telemetry.Of(within).Measure("sharpness", 50)
		telemetry.Of(within).Compare(75, "model")
	})
	if allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
	if id := telemetry.Of(ctx).TraceID(); id != "" {
		t.Errorf("the trace %q", id)
	}
}

// TestWithoutTracer: without a tracer a stage allocates nothing.
func TestWithoutTracer(t *testing.T) {
	ctx, r := telemetry.New(t.Context(), nil, "")
	allocated := testing.AllocsPerRun(100, func() {
		_, timing := telemetry.Start(ctx, telemetry.Detect)
		timing.End()
	})
	if allocated != 0 || r.Span() != nil {
		t.Errorf("%v allocations, span %v", allocated, r.Span())
	}
}

// TestStages: times of a stage are added, those of other goroutines as well, and only
// stages that were done are reported, in their order.
func TestStages(t *testing.T) {
	ctx, r := telemetry.New(t.Context(), nil, "")
	var running sync.WaitGroup
	for _, stage := range []telemetry.Stage{telemetry.Audit, telemetry.Decode, telemetry.Decode, telemetry.Registry} {
		running.Go(func() {
			_, timing := telemetry.Start(ctx, stage)
			timing.End()
		})
	}
	running.Wait()
	var done []telemetry.Stage
	r.EachStage(func(s telemetry.Stage, took time.Duration) {
		if took < 0 {
			t.Errorf("%s took %v", s, took)
		}
		done = append(done, s)
	})
	if want := []telemetry.Stage{telemetry.Decode, telemetry.Registry, telemetry.Audit}; !slices.Equal(done, want) {
		t.Errorf("stages %v, want %v", done, want)
	}
}

// TestMeasures: what was measured is what was given.
func TestMeasures(t *testing.T) {
	ctx, r := telemetry.New(t.Context(), nil, "")
	if _, compared := r.Percentage(); compared {
		t.Error("compared before")
	}
	telemetry.Of(ctx).Compare(81.5, "model")
	telemetry.Of(ctx).Measure("sharpness", 30)
	telemetry.Of(ctx).Measure("eyes_open", 40)
	if p, compared := r.Percentage(); !compared || p != 81.5 {
		t.Errorf("percentage %v, %v", p, compared)
	}
	if got := fmt.Sprint(r.Quality()); got != "[{sharpness 30} {eyes_open 40}]" {
		t.Errorf("quality %s", got)
	}
}

// tracer writes what becomes of spans.
type tracer struct{ strings.Builder }

func (t *tracer) StartRequest(traceparent string) telemetry.Span {
	fmt.Fprintf(t, "request(%s) ", traceparent)
	return span{t, "request"}
}

type span struct {
	t    *tracer
	name string
}

func (s span) TraceID() string           { return "trace" }
func (s span) Set(key string, value any) { fmt.Fprintf(s.t, "%s.%s=%v ", s.name, key, value) }
func (s span) Name(string)               {}
func (s span) Fail(string)               {}
func (s span) End()                      { fmt.Fprintf(s.t, "end(%s) ", s.name) }
func (s span) Child(name string) telemetry.Span {
	child := span{s.t, s.name + "/" + name}
	fmt.Fprintf(s.t, "start(%s) ", child.name)
	return child
}

// TestSpans: a stage is a span below that of the stage around it, also in a context
// that does not end with the request's.
func TestSpans(t *testing.T) {
	var told tracer
	ctx, r := telemetry.New(t.Context(), &told, "parent")
	faceCtx, face := telemetry.Start(ctx, telemetry.Face)
	_, decode := telemetry.Start(faceCtx, telemetry.Decode)
	decode.End()
	face.End()
	_, audit := telemetry.Start(context.WithoutCancel(ctx), telemetry.Audit)
	audit.End()
	telemetry.Of(ctx).Compare(75, "m")
	r.Span().End()
	want := "request(parent) start(request/face) start(request/face/decode) end(request/face/decode) end(request/face) " +
		"start(request/audit) end(request/audit) request.sesuai.model=m end(request) "
	if told.String() != want {
		t.Errorf("spans\n%s, want\n%s", told.String(), want)
	}
	if r.TraceID() != "trace" {
		t.Errorf("trace %q", r.TraceID())
	}
}
