// Package telemetry measures a request: the time of each stage, the quality of the
// photograph, and spans if there is a Tracer. A context carries the measurement from
// the use case to the face engine. Where the measurements go, and the export of spans,
// it leaves to its callers and to package otlp.
package telemetry

import (
	"context"
	"sync"
	"time"
)

// Stage is a part of the work for a request. Its text is the name of its span and the
// value of a label.
type Stage string

// The stages.
const (
	Receive  Stage = "receive"  // the body is read from the connection
	Queue    Stage = "queue"    // waiting for a worker
	Parse    Stage = "parse"    // the body is decoded
	Face     Stage = "face"     // all of the face engine: the stages from Decode to Liveness, and Queue
	Decode   Stage = "decode"   // the photograph is decoded
	Detect   Stage = "detect"   // faces are searched
	Align    Stage = "align"    // landmarks are located, and the face is aligned
	Template Stage = "template" // the template network runs
	Quality  Stage = "quality"  // the quality is measured
	Liveness Stage = "liveness" // the liveness network runs
	Prepare  Stage = "prepare"  // the registry reads the record, beside Face
	Registry Stage = "registry" // the registry answers
	Policy   Stage = "policy"   // the verdict is decided
	Audit    Stage = "audit"    // the event is recorded
)

// Stages are all stages, in the order in which they start.
var Stages = [...]Stage{Receive, Queue, Parse, Face, Decode, Detect, Align, Template, Quality, Liveness, Prepare, Registry, Policy, Audit}

// Tracer starts the spans of requests. It is safe for concurrent use.
type Tracer interface {
	// StartRequest starts the span of a request. traceparent is the value of the
	// caller's header (W3C Trace Context); "" if there is none. It returns nil if the
	// request is not sampled.
	StartRequest(traceparent string) Span
}

// Span is a span that is recorded. Nothing personal may be set on it.
type Span interface {
	// TraceID returns the id of the trace in hexadecimal.
	TraceID() string
	// Child starts a span below this one. It is safe for concurrent use.
	Child(name string) Span
	// Set sets an attribute to a text or an int.
	Set(key string, value any)
	// Name names the span.
	Name(name string)
	// Fail marks the span as one of a failure.
	Fail(kind string)
	// End ends the span.
	End()
}

// Request is the measurement of one request. Its fields are set by the caller before
// the request is reported; its methods are safe for concurrent use, and do nothing if
// it is nil.
type Request struct {
	// Route is one of the server's patterns, Client the id of an authenticated client
	// or "", and Status the HTTP status.
	Route, Client string
	Status        int
	// Outcome is that of the verdict; "" if there is none.
	Outcome string
	// Shed is why the request was refused because there was too much to do; "" if it
	// was not.
	Shed string
	// Took is the time of the whole request.
	Took time.Duration

	span Span // nil if it is not sampled

	mu         sync.Mutex
	stages     [len(Stages)]stageTime
	percentage float64
	compared   bool
	quality    []Measured
}

// stageTime is the time of a stage, if it was done.
type stageTime struct {
	took time.Duration
	done bool
}

// Measured is a quality measure of a photograph, from 0 to 100.
type Measured struct {
	Name  string
	Value float64
}

// scope is what a context carries: the request, and the span below which others start.
type scope struct {
	request *Request
	span    Span
}

type scopeKey struct{}

// New returns a request, with a span unless tracer is nil, and ctx with it.
func New(ctx context.Context, tracer Tracer, traceparent string) (context.Context, *Request) {
	r := new(Request)
	if tracer != nil {
		r.span = tracer.StartRequest(traceparent)
	}
	return context.WithValue(ctx, scopeKey{}, scope{r, r.span}), r
}

// Of returns the request that ctx carries; nil if there is none.
func Of(ctx context.Context) *Request {
	s, _ := ctx.Value(scopeKey{}).(scope)
	return s.request
}

// Span returns the request's span; nil if it is not sampled.
func (r *Request) Span() Span { return r.span }

// TraceID returns the id of the request's trace; "" if it is not sampled.
func (r *Request) TraceID() string {
	if r == nil || r.span == nil {
		return ""
	}
	return r.span.TraceID()
}

// Timing is a stage that has started. The zero Timing measures nothing.
type Timing struct {
	request *Request
	stage   Stage
	start   time.Time
	span    Span
}

// Start starts a stage of ctx's request. Call End of the result. The context that is
// returned is for the stages within it. Without a request, Start does nothing.
func Start(ctx context.Context, stage Stage) (context.Context, Timing) {
	s, ok := ctx.Value(scopeKey{}).(scope)
	if !ok {
		return ctx, Timing{}
	}
	t := Timing{request: s.request, stage: stage, start: time.Now()}
	if s.span != nil {
		t.span = s.span.Child(string(stage))
		ctx = context.WithValue(ctx, scopeKey{}, scope{s.request, t.span})
	}
	return ctx, t
}

// End ends the stage. The times of a stage that is done more than once are added.
func (t Timing) End() {
	if t.request == nil {
		return
	}
	t.request.add(t.stage, time.Since(t.start))
	if t.span != nil {
		t.span.End()
	}
}

func (r *Request) add(stage Stage, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range Stages {
		if s == stage {
			r.stages[i].took += took
			r.stages[i].done = true
		}
	}
}

// EachStage calls f with every stage that was done, and its time.
func (r *Request) EachStage(f func(Stage, time.Duration)) {
	r.mu.Lock()
	stages := r.stages
	r.mu.Unlock()
	for i, s := range Stages {
		if stages[i].done {
			f(s, stages[i].took)
		}
	}
}

// Compare sets the percentage of a comparison of faces, and the model it was made with.
func (r *Request) Compare(percentage float64, model string) {
	if r == nil {
		return
	}
	if r.span != nil {
		r.span.Set("sesuai.model", model)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.percentage, r.compared = percentage, true
}

// Percentage returns what Compare was given, and whether it was called.
func (r *Request) Percentage() (percentage float64, compared bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.percentage, r.compared
}

// Measure adds a quality measure of a photograph.
func (r *Request) Measure(name string, value float64) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.quality = append(r.quality, Measured{name, value})
}

// Quality returns the quality measures of the request's photographs.
func (r *Request) Quality() []Measured {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.quality
}
