package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/jobs"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/telemetry"
	"github.com/sesuai/sesuai/internal/verify"
)

// ServeOptions are what Serve needs of the process that it runs in.
type ServeOptions struct {
	// Log is required. Level is its level; if nil, it cannot be changed.
	Log   *slog.Logger
	Level *slog.LevelVar
	// Started is called with the address once the service is ready. It may be nil.
	Started func(net.Addr)
	// Sandbox has the fixed outcomes of package sandbox, which serves only synthetic
	// people and does not ask Dukcapil. Of whoever is enrolled later, only synthetic
	// people are looked up.
	Sandbox bool
	// Reload has the service read again, for each signal, what can change while it
	// runs. If nil, nothing is.
	Reload <-chan os.Signal
	// Load loads the configuration again. It is needed with Reload.
	Load func() (Config, error)
}

// Serve runs the service until ctx ends and then for shutdown.delay, and lets the
// requests in flight finish. From the first moment it answers whether it is alive; it is
// ready once the store is open, the models are checked and the self-test has passed, and
// until ctx ends. An error before that means that it could not start. The log says when
// it starts to stop, with the cause of ctx's end, and when all is closed.
func Serve(ctx context.Context, c Config, o ServeOptions) (err error) {
	log := o.Log
	if o.Sandbox && c.Dukcapil.Enabled {
		return refuseSandbox("dukcapil.enabled is true, and a sandbox asks nobody")
	}
	if err := c.Check(); err != nil {
		return err
	}
	configured := c
	c.Limits = c.Limits.fitCgroup(log)
	s, err := OpenStorage(ctx, c)
	if err != nil {
		return err
	}
	serves := false
	defer func() {
		err = errors.Join(err, s.Close())
		switch {
		case !serves: // the caller says why it could not start
		case err != nil:
			log.Error("stopped", "error", err)
		default:
			log.Info("stopped")
		}
	}()
	if o.Sandbox {
		if err := s.checkSynthetic(ctx); err != nil {
			return err
		}
		log.Warn("this is a sandbox: the answers about some NIKs are fixed")
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return &sesuai.Error{
			Kind: sesuai.KindConfiguration, Err: err,
			Detail: fmt.Sprintf("cannot listen on %s", c.Listen),
		}
	}

	proxies, err := c.Proxies.proxies()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	metrics := newMetrics()
	files, err := openTLS(c.TLS, log, metrics)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	header := furtherHeader(c.TLS, o.Sandbox)
	if err := s.Observe(log, metrics); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := s.recordConfiguration(ctx, configured, log); err != nil {
		return err
	}
	checker, err := s.newChecker(c, log)
	if err != nil {
		return err
	}
	metrics.MustRegister(checker)
	if err := checker.Start(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	metrics.MustRegister(ages{s})
	watchClock(metrics, s.removed.Held)
	watchDisks(metrics, map[string]string{"data": c.Data, "temporary": c.spoolFolder()})
	traces, err := openTracing(ctx, c.Telemetry, log, metrics)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer traces.stop() // when nothing is being served any more
	asked, err := OpenRegistry(c, s, log, metrics)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	// Closed when nothing is being served any more.
	defer asked.Close()
	sender, err := openSender(c, s, asked, log, metrics)
	if err != nil {
		return errors.Join(err, listener.Close())
	}

	hooks, err := newWebhookSender(c, s, log, metrics)
	if err != nil {
		return errors.Join(err, listener.Close())
	}

	activity := access.NewActivity(access.ActivityOptions{Clients: s.Clients, Events: s.Events, Failed: s.alerts.activityUnrecorded})
	authenticator := access.NewAuthenticator(access.AuthenticatorOptions{
		Clients: s.Clients, Hash: s.Hash, Failed: countFailures(metrics), Activity: activity,
	})
	// One queue for all that takes much CPU time, so that a client takes turns
	// with the others whatever it sends.
	queue := admission.NewQueue(cmp.Or(c.Face.Workers, runtime.GOMAXPROCS(0)), c.Limits.pixels())
	var late lateVerifier
	writable := newWriteCheck(s.CheckWritable)
	overload := &overloadCheck{after: c.Limits.UnreadyAfter}
	observe := newRequestMetrics(metrics).observe
	limiter := access.NewLimiter(limit.NewRates(limit.RatesOptions{DB: s.db, Refused: s.alerts.limited}))
	defer limiter.Close()
	batches := NewBatches(c, s, limiter)
	signer, err := s.AnswerSigner(o.Sandbox)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := httpapi.New(httpapi.Options{
		Verifier:      &late,
		Answers:       s.Answers,
		Keys:          s.answers,
		Liveness:      c.Face.Liveness,
		Authenticator: authenticator,
		Limiter:       limiter,
		Batches:       batches,
		MaxUpload:     c.Batches.MaxBody,
		MaxRows:       c.Batches.MaxRows,
		MaxUploads:    c.Batches.Uploads,
		SpoolFolder:   c.Batches.Folder,
		LocalRegistry: !c.Dukcapil.Enabled,
		Hash:          s.Hash,
		Ready:         func() error { return ready(ctx, &late, writable, checker, overload) },
		Detail:        asked.Detail,
		Log:           log,
		MaxBody:       c.Limits.MaxBody,
		MaxInFlight:   c.Limits.MaxInFlight,
		Memory:        c.Limits.bodies(),
		Queue:         queue,
		BodyTimeout:   c.Times.Body,
		Timeout:       c.Times.Request,
		Proxies:       proxies,
		Header:        header,
		Signer:        signer,
		Tracer:        traces.Tracer,
		Observe: func(r *telemetry.Request) {
			observe(r)
			overload.observe(r)
		},
	})
	watchLoad(metrics, queue, server.Load)
	stopAdmin, err := serveAdmin(ctx, c.Admin, o, server, metrics)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, stopAdmin()) }()
	stopConsole, err := serveConsole(ctx, c, s, &late, files, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, stopConsole()) }()

	defer limitHeap(c.Limits)()
	all, each := c.Limits.connections()
	limited := httpapi.LimitConnections(listener, httpapi.ConnectionOptions{
		All: all, Each: each, Proxies: proxies, Refused: countRefused(metrics), Log: log, Header: header, Silent: files != nil,
	})
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	served := make(chan error, 1)
	go func() {
		if files == nil {
			served <- httpapi.Serve(serving, limited, server, log)
			return
		}
		served <- httpapi.ServeTLS(serving, limited, server, files.Config(), log)
	}()

	engine, err := openEngine(c, ManyPhotographs, runtime.GOMAXPROCS(0), queue)
	if err != nil {
		stop()
		return errors.Join(err, <-served)
	}
	// Closed when nothing is being served any more.
	defer engine.Close()
	verifier := newVerifier(c, s, asked, engine, o.Sandbox)
	late.enroller.Store(NewEnroller(s, engine))
	late.trials.Store(newTrials(c, s, asked, engine, o.Sandbox))
	late.verifier.Store(&verifier)
	var running sync.WaitGroup
	running.Go(func() { checker.Run(serving) })
	running.Go(func() { s.answers.Run(serving, s.alerts.unremoved("old answers")) })
	running.Go(func() { s.Limits.Run(serving, s.alerts.unremoved("old counts")) })
	running.Go(func() { s.removed.Run(serving, s.retentionRules(c), s.alerts.unremoved("old data, or their counts,")) })
	running.Go(func() { batches.Run(serving, s.alerts.unremoved("old batches")) })
	running.Go(func() {
		s.jobs.Run(serving, jobs.RunOptions{
			Kinds: []jobs.Kind{batches.Kind(server)}, Log: log, StopTimeout: httpapi.DefaultShutdownTimeout,
		})
	})
	defer running.Wait() // stop ends it
	defer stop()
	// They run on while the requests in flight finish, and take what these leave.
	draining, stopDraining := context.WithCancel(context.WithoutCancel(ctx))
	running.Go(func() { activity.Run(draining) })
	running.Go(func() { hooks.Run(draining) })
	if sender != nil {
		running.Go(func() { sender.Run(draining) })
	}
	defer stopDraining()
	if files != nil {
		running.Go(func() { files.Run(serving) })
	}
	running.Go(func() { (&reloader{o, configured, files}).run(serving) })
	log.Info("ready", "address", listener.Addr().String(), "model", engine.Model(), "calibration", engine.Calibration().ID)
	serves = true
	if o.Started != nil {
		o.Started(listener.Addr())
	}
	select {
	case err := <-served:
		return err // it could not go on
	case <-ctx.Done():
	}
	log.Info("stopping", "why", context.Cause(ctx), "delay", c.Shutdown.Delay)
	select {
	case err := <-served:
		return err
	case <-time.After(c.Shutdown.Delay):
	}
	stop()
	return <-served
}

// ready says why the service cannot answer, or nil if it can.
func ready(ctx context.Context, late *lateVerifier, writable *writeCheck, checker *audit.Checker, overload *overloadCheck) error {
	if late.verifier.Load() == nil {
		return notReady("the face engine is starting")
	}
	if ctx.Err() != nil {
		return notReady("stopping")
	}
	if checker.Err() != nil { // which the log says
		return notReady("the audit trail is broken")
	}
	if overload.overloaded() {
		return notReady("nearly all requests have been refused for limits.unready_after")
	}
	return writable.check(ctx)
}

func notReady(why string) error {
	return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.New(why)}
}

// lateVerifier is a Verifier that is there once the engine is.
type lateVerifier struct {
	verifier atomic.Pointer[httpapi.Verifier]
	trials   atomic.Pointer[verify.Verifier]
	enroller atomic.Pointer[enrol.Enroller]
}

// add is enrol.Enroller.Add.
func (l *lateVerifier) add(ctx context.Context, p registry.Person, photo []byte) (registry.Change, error) {
	e := l.enroller.Load()
	if e == nil {
		return registry.Unchanged, starting()
	}
	return e.Add(ctx, p, photo)
}

// Try implements console.Trials.
func (l *lateVerifier) Try(ctx context.Context, t verify.Trial) (audit.Event, error) {
	v := l.trials.Load()
	if v == nil {
		return audit.Event{}, starting()
	}
	return v.Try(ctx, t)
}

// Verify implements httpapi.Verifier.
func (l *lateVerifier) Verify(ctx context.Context, r verify.Request) (sesuai.Verdict, error) {
	v, err := l.load()
	if err != nil {
		return sesuai.Verdict{}, err
	}
	return v.Verify(ctx, r)
}

// VerifyData implements httpapi.Verifier.
func (l *lateVerifier) VerifyData(ctx context.Context, r verify.DataRequest) (sesuai.DataVerdict, error) {
	v, err := l.load()
	if err != nil {
		return sesuai.DataVerdict{}, err
	}
	return v.VerifyData(ctx, r)
}

// Match implements httpapi.Verifier.
func (l *lateVerifier) Match(ctx context.Context, r verify.MatchRequest) (sesuai.MatchVerdict, error) {
	v, err := l.load()
	if err != nil {
		return sesuai.MatchVerdict{}, err
	}
	return v.Match(ctx, r)
}

// Liveness implements httpapi.Verifier.
func (l *lateVerifier) Liveness(ctx context.Context, r verify.LivenessRequest) (sesuai.LivenessVerdict, error) {
	v, err := l.load()
	if err != nil {
		return sesuai.LivenessVerdict{}, err
	}
	return v.Liveness(ctx, r)
}

func (l *lateVerifier) load() (httpapi.Verifier, error) {
	if v := l.verifier.Load(); v != nil {
		return *v, nil
	}
	return nil, starting()
}

func starting() error {
	return &sesuai.Error{
		Kind: sesuai.KindOverloaded, RetryAfter: time.Second, Err: errors.New("the face engine is starting"),
	}
}
