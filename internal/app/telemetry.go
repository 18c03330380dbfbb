package app

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/telemetry"
	"github.com/sesuai/sesuai/internal/telemetry/otlp"
)

// requestMetrics are the metrics of requests. Their labels have routes of the server,
// ids of clients that exist, and fixed words.
type requestMetrics struct {
	requests, verdicts, shed             *prometheus.CounterVec
	seconds, stages, percentage, quality *prometheus.HistogramVec
}

// noClient is the label client of a request whose caller is not known.
const noClient = "none"

func newRequestMetrics(r prometheus.Registerer) *requestMetrics {
	hundred := prometheus.LinearBuckets(10, 10, 9)
	m := &requestMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sesuai_requests_total", Help: "Requests that were answered, by the class of the status.",
		}, []string{"route", "client", "class"}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sesuai_verdicts_total", Help: "Answers with a verdict, by its outcome.",
		}, []string{"route", "outcome"}),
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sesuai_requests_shed_total", Help: "Requests that were refused because there was too much to do, by the reason.",
		}, []string{"route", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sesuai_request_seconds", Help: "How long requests took, from their header to the answer.",
			Buckets: []float64{.001, .005, .01, .02, .03, .05, .075, .1, .15, .2, .3, .5, 1, 2, 5, 10, 30},
		}, []string{"route"}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sesuai_stage_seconds", Help: "How long the stages of requests took. Face has those of the face engine in it.",
			Buckets: []float64{.0001, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}, []string{"stage"}),
		percentage: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sesuai_face_percentage", Help: "The percentages of compared faces.",
			Buckets: []float64{10, 20, 30, 40, 50, 60, 65, 70, 75, 80, 85, 90, 95},
		}, []string{"route"}),
		quality: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sesuai_face_quality", Help: "The quality measures of photographs with a face.", Buckets: hundred,
		}, []string{"measure"}),
	}
	r.MustRegister(m.requests, m.verdicts, m.shed, m.seconds, m.stages, m.percentage, m.quality)
	for _, reason := range httpapi.ShedReasons {
		m.shed.WithLabelValues("POST "+httpapi.FaceVerificationPath, string(reason))
	}
	for _, s := range telemetry.Stages {
		m.stages.WithLabelValues(string(s))
	}
	for _, q := range face.QualityMeasures {
		m.quality.WithLabelValues(string(q))
	}
	return m
}

// observe counts a request that was answered.
func (m *requestMetrics) observe(r *telemetry.Request) {
	client := r.Client
	if client == "" {
		client = noClient
	}
	m.requests.WithLabelValues(r.Route, client, fmt.Sprintf("%dxx", r.Status/100)).Inc()
	if r.Outcome != "" {
		m.verdicts.WithLabelValues(r.Route, r.Outcome).Inc()
	}
	if r.Shed != "" {
		m.shed.WithLabelValues(r.Route, r.Shed).Inc()
	}
	observe := func(h prometheus.Observer, value float64) { h.Observe(value) }
	if id := r.TraceID(); id != "" {
		exemplar := prometheus.Labels{"trace_id": id}
		observe = func(h prometheus.Observer, value float64) {
			h.(prometheus.ExemplarObserver).ObserveWithExemplar(value, exemplar)
		}
	}
	observe(m.seconds.WithLabelValues(r.Route), r.Took.Seconds())
	r.EachStage(func(s telemetry.Stage, took time.Duration) {
		observe(m.stages.WithLabelValues(string(s)), took.Seconds())
	})
	if percentage, compared := r.Percentage(); compared {
		m.percentage.WithLabelValues(r.Route).Observe(percentage)
	}
	for _, q := range r.Quality() {
		m.quality.WithLabelValues(q.Name).Observe(q.Value)
	}
}

// watchLoad registers what waits and what is in progress.
func watchLoad(r prometheus.Registerer, queue *admission.Queue, load func() httpapi.Load) {
	gauge := func(name, help string, value func() int64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
	}
	gauge("sesuai_queue_waiting", "Photographs and bodies that wait for a worker.", func() int64 { return int64(queue.Load().Waiting) })
	gauge("sesuai_queue_running", "Photographs and bodies that are processed.", func() int64 { return int64(queue.Load().Running) })
	gauge("sesuai_verifications_in_flight", "Verifications in progress.", func() int64 { return load().InFlight })
	gauge("sesuai_body_bytes", "Memory for bodies that are read, decoded or verified.", func() int64 { return load().Memory })
}

// tracing is where spans go.
type tracing struct {
	// Tracer is nil if there are no traces.
	Tracer telemetry.Tracer
	stop   func()
}

// openTracing starts the export of traces, if c says so. Call stop of the result.
func openTracing(ctx context.Context, c otlp.Config, log *slog.Logger, metrics prometheus.Registerer) (tracing, error) {
	if !c.Enabled() {
		return tracing{stop: func() {}}, nil
	}
	failures := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "sesuai_trace_export_failures_total", Help: "Exports of spans that failed. The spans are lost.",
	})
	metrics.MustRegister(failures)
	exporter, err := otlp.New(ctx, c, otlp.Options{Version: programVersion(), Failed: func(err error) {
		failures.Inc()
		log.Warn("traces cannot be exported", "error", err)
	}})
	if err != nil {
		return tracing{}, err
	}
	log.Info("traces", "endpoint", c.OTLPEndpoint, "sample_ratio", c.SampleRatio)
	return tracing{exporter, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastExport)
		defer cancel()
		if err := exporter.Close(ctx); err != nil {
			log.Warn("the last traces are not exported", "error", err)
		}
	}}, nil
}

// lastExport is how long the last spans may take to be exported when the service stops.
const lastExport = 2 * time.Second

// programVersion is the revision that the program was built from; "" if that is not known.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}
