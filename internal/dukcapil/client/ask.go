package client

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

// Ask implements registry.Registry. It makes the data check and, if the person is
// found and active, the face check. While the data check waits for its answer, Ask
// prepares the face check: it encodes the picture, encrypts the private fields and
// starts the call's entry in the call log. It cancels that entry if the face check
// is not made. If the process is killed in between, the entry has no completion.
//
// With Config.Parallel, Ask makes both checks at the same time. It discards the
// face check of a person who is not found or not active; it may be billed.
func (r *Registry) Ask(ctx context.Context, q registry.Question) (registry.Answer, error) {
	if q.Probe == nil {
		return r.checkData(ctx, q, nil)
	}
	face := &faceCheck{r: r, q: q}
	// The preparation is not cancelled: what it starts in the call log must be
	// known, so that it can be cancelled there.
	early, stop := ctx, context.CancelFunc(func() {})
	step := face.prepare
	if r.parallel {
		early, stop = context.WithCancel(ctx)
		step = face.run
	}
	var running sync.WaitGroup
	var earlyErr error
	start := sync.OnceFunc(func() {
		running.Go(func() { earlyErr = r.recovered(func() error { return step(early) }) })
	})
	defer func() { // nothing of this question outlives Ask
		stop()
		running.Wait()
		face.cancel(ctx)
	}()

	if r.parallel {
		start()
	}
	answer, err := r.checkData(ctx, q, start)
	if err != nil || !answer.Found || answer.Status != sesuai.Active {
		return answer, err
	}
	running.Wait()
	if err = earlyErr; err == nil && !r.parallel {
		err = face.run(ctx)
	}
	if err != nil {
		return registry.Answer{}, err
	}
	answer.Face = face.comparison
	return answer, nil
}

// recovered turns a panic of f, which runs in a goroutine of its own, into an
// error. The error names only the type of the panic's value, because the value may
// hold what was asked.
func (r *Registry) recovered(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = (&failure{service: r.face.name, class: NotPrepared, what: fmt.Sprintf("panic: %T", p)}).unavailable(later)
		}
	}()
	return f()
}

// checkData makes the data check. It calls waiting, unless that is nil, each time
// it is about to wait for an answer.
func (r *Registry) checkData(ctx context.Context, q registry.Question, waiting func()) (registry.Answer, error) {
	release, err := r.data.admit()
	if err != nil {
		return registry.Answer{}, err
	}
	defer release()
	wire := &r.settings.data
	var answer registry.Answer
	disputed := false
	err = r.data.ask(ctx, inquiry{caller: q.Caller, waiting: waiting, prepare: func() (request, error) {
		user, _ := r.dataUser.get()
		password, _ := r.dataPassword.get()
		body, err := wire.body(q.Claim, user, password)
		return request{r.settings.dataURL, body, func(b []byte) (got reading) {
			answer, got, disputed = wire.read(b, q.Claim)
			return got
		}}, err
	}})
	if err != nil {
		return registry.Answer{}, err
	}
	if disputed {
		r.disagree(r.data, "name_threshold")
	}
	return answer, nil
}

// faceCheck is the face check of one question. It is not safe for concurrent use.
type faceCheck struct {
	r *Registry
	q registry.Question

	jpeg    []byte // nil until the picture is encoded
	started *call  // the call that prepare started and run has not taken over

	// What the answer says.
	comparison registry.Comparison
	rejected   bool
	differs    disagreement
}

// prepare does what can be done before it is known whether the check is made. If
// the service is closed it does nothing: run reports that, if it is still so.
func (c *faceCheck) prepare(ctx context.Context) error {
	service := c.r.face
	if _, why := service.closed(service.now()); why != "" {
		return nil
	}
	if err := c.encode(ctx); err != nil {
		return err
	}
	started, failed := service.start(ctx, c.inquiry())
	if failed.failure != nil {
		return failed.failure.unavailable(failed.after)
	}
	c.started = &started
	return nil
}

// run makes the check, with the call that prepare started if there is one.
func (c *faceCheck) run(ctx context.Context) error {
	service := c.r.face
	release, err := service.admit()
	if err != nil {
		return err
	}
	defer release()
	if err := c.encode(ctx); err != nil {
		return err
	}
	inquiry := c.inquiry()
	inquiry.started, c.started = c.started, nil
	if err := service.ask(ctx, inquiry); err != nil {
		return err
	}
	if c.rejected {
		return &sesuai.Error{
			Kind: sesuai.KindInvalidImage, Err: &failure{service: service.name, class: InvalidImage},
		}
	}
	if c.differs != "" {
		c.r.disagree(service, string(c.differs))
	}
	return nil
}

// cancel cancels the call that prepare started, if run has not taken it over.
func (c *faceCheck) cancel(ctx context.Context) {
	if c.started != nil {
		c.r.face.cancel(ctx, *c.started)
		c.started = nil
	}
}

// encode encodes the picture as the upstream accepts it, unless that is done.
func (c *faceCheck) encode(ctx context.Context) error {
	if c.jpeg != nil {
		return nil
	}
	f := &failure{service: c.r.face.name, class: NotPrepared}
	if f.cause = ctx.Err(); f.cause != nil {
		return f.unavailable(aMoment)
	}
	f.what = "no photograph"
	if c.q.Probe.Picture == nil {
		return f.unavailable(later)
	}
	var err error
	if c.jpeg, err = c.q.Probe.Picture.JPEG(c.r.budget); err != nil {
		return f.unavailable(later)
	}
	return nil
}

// inquiry asks about the encoded picture.
func (c *faceCheck) inquiry() inquiry {
	return inquiry{caller: c.q.Caller, prepare: func() (request, error) {
		nik := c.q.Claim.NIK
		p, err := c.r.encrypted(nik)
		if err != nil {
			return request{}, err
		}
		wire, transaction := &c.r.settings.face, newTransaction()
		body, err := wire.body(transaction, p, c.jpeg)
		return request{c.r.faceURL(), body, func(b []byte) (got reading) {
			c.comparison, got, c.differs = wire.read(b, transaction, nik)
			c.rejected = got.class == InvalidImage
			return got
		}}, err
	}}
}

// encrypted returns the private fields in the form in which they are sent.
func (r *Registry) encrypted(nik sesuai.NIK) (p private, err error) {
	key, _ := r.faceKey.get()
	user, _ := r.faceUser.get()
	password, _ := r.facePassword.get()
	for _, f := range []struct {
		into *string
		text string
	}{{&p.nik, nik.Reveal()}, {&p.user, user}, {&p.password, password}} {
		if *f.into, err = r.settings.encrypt(key, f.text); err != nil {
			return private{}, err
		}
	}
	return p, nil
}

func (r *Registry) faceURL() string {
	credential, _ := r.faceCredential.get()
	return strings.ReplaceAll(r.settings.faceURL, credentialPlace, url.PathEscape(credential))
}

// disagree notes that the upstream concludes otherwise from its number than this
// side, which goes by the number.
func (r *Registry) disagree(s *service, what string) {
	r.metrics.disagreements.WithLabelValues(string(s.name), what).Inc()
	r.log.Warn("the upstream concludes otherwise from its number", "service", string(s.name), "what", what)
}
