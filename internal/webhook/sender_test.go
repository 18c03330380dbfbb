package webhook_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/webhook"
)

// receiver is a client's server that checks what it gets, fails now and then, and
// can be stopped and started on the same port.
type receiver struct {
	t       testing.TB
	secret  func() webhook.Secret
	address string
	// fails is the share of requests that it answers with 503, after it has
	// received them, or does not answer.
	fails float64

	mu sync.Mutex
	// bodies are by id, accepted and requests count.
	bodies             map[string]string
	accepted           map[string]int
	requests, rejected int
	server             *http.Server
	stopped            chan struct{}
}

func newReceiver(t testing.TB, fails float64) *receiver {
	t.Helper()
	r := &receiver{t: t, fails: fails, address: "127.0.0.1:0", bodies: make(map[string]string), accepted: make(map[string]int)}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *receiver) url() string { return "http://" + r.address + "/webhooks" }

// start listens on the address of before.
func (r *receiver) start() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.address = l.Addr().String()
	server, stopped := &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}, make(chan struct{})
	r.server, r.stopped = server, stopped
	go func() {
		defer close(stopped)
		_ = server.Serve(l)
	}()
}

// stop closes the listener and all connections, also those with a request.
func (r *receiver) stop() {
	_ = r.server.Close()
	<-r.stopped
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // one of both sides was killed
	}
	id, timestamp := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
	seconds, _ := strconv.ParseInt(timestamp, 10, 64)
	want := make(http.Header)
	webhook.Webhook{Secret: r.secret()}.Sign(want, id, time.Unix(seconds, 0), body)
	valid := strings.Contains(req.Header.Get("webhook-signature"), want.Get("webhook-signature")) &&
		time.Since(time.Unix(seconds, 0)).Abs() < 5*time.Minute

	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if before, known := r.bodies[id]; !valid || known && before != string(body) {
		r.t.Errorf("message %s: the signature is valid: %v; its body was %q and is %q", id, valid, before, body)
	}
	r.bodies[id] = string(body)
	switch {
	case rand.Float64() >= r.fails:
		r.accepted[id]++
	case rand.IntN(2) == 0:
		r.rejected++
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		r.rejected++
		panic(http.ErrAbortHandler)
	}
}

func (r *receiver) counts() (accepted, requests, rejected int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.accepted), r.requests, r.rejected
}

// wait returns when n messages were accepted.
func (r *receiver) wait(n int) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%d messages are not accepted", n), func() bool { accepted, _, _ := r.counts(); return accepted >= n })
}

// eventually waits for a condition; a minute later the test has failed.
func eventually(t testing.TB, otherwise string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatal(otherwise)
		}
	}
}

// run runs a sender until the test ends or stop is called.
func run(t testing.TB, s *webhook.Store, change func(*webhook.SenderOptions)) (stop func()) {
	t.Helper()
	o := webhook.SenderOptions{Outbox: s, Interval: 20 * time.Millisecond, Poster: webhook.NewPoster(webhook.PosterOptions{Policy: policy(t, local)})}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		webhook.NewSender(o).Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

// localOptions are of a store whose webhooks may be on this machine.
func localOptions(t testing.TB, c *clock) webhook.StoreOptions {
	t.Helper()
	o := webhook.StoreOptions{Policy: policy(t, local)}
	if c != nil {
		o.Now = c.Now
	}
	return o
}

// ticking moves a clock much faster than time passes, until the test ends.
func (c *clock) ticking(t testing.TB) {
	t.Helper()
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				c.Move(time.Second)
			}
		}
	}()
	t.Cleanup(func() {
		close(done)
		<-stopped
	})
}

// TestDeliveredAtLeastOnce: a receiver that fails 30 % of the requests and is stopped
// twice gets every message, with one id and a valid signature each time.
func TestDeliveredAtLeastOnce(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		const messages = 120
		c := newClock()
		s := open(t, d, localOptions(t, c))
		r := newReceiver(t, 0.3)
		w := s.register(t, "cli_a", r.url())
		r.secret = func() webhook.Secret { return w.Secret }
		c.ticking(t) // the delays between tries are passed quickly
		var mu sync.Mutex
		attempts := make(map[webhook.Failure]int)
		observe := func(o *webhook.SenderOptions) {
			o.Now = c.Now
			o.Observe = func(_ webhook.State, a webhook.Attempt) {
				mu.Lock()
				defer mu.Unlock()
				attempts[a.Failure]++
			}
		}
		stop := run(t, s.Store, observe)
		s.add(t, "cli_a", messages)
		for _, after := range []int{messages / 4, messages / 2} {
			r.wait(after)
			r.stop()
			failed := func() int {
				mu.Lock()
				defer mu.Unlock()
				return attempts[webhook.FailedConnection]
			}
			before := failed()
			eventually(t, "nothing is tried while the receiver is stopped", func() bool { return failed() > before })
			r.start()
		}
		r.wait(messages)
		eventually(t, "not all are recorded as delivered", func() bool { return s.pending(t) == 0 })
		stop()
		accepted, requests, rejected := r.counts()
		if accepted != messages || rejected == 0 || requests < messages+rejected {
			t.Errorf("%d of %d messages were accepted; %d of %d requests were not", accepted, messages, rejected, requests)
		}
		for _, v := range s.deliveries(t, "cli_a", false) {
			if last := len(v.Attempts) - 1; v.State != webhook.Delivered || v.Attempts[last].Status != 200 || r.accepted[v.ID] == 0 {
				t.Errorf("%+v; accepted %d times", v, r.accepted[v.ID])
			}
		}
		t.Logf("%d messages, %d requests, %d of them failed by the receiver; attempts %v", messages, requests, rejected, attempts)
	})
}

// TestHeldClient: the messages of a client to which nothing is sent wait, and those of
// others do not.
func TestHeldClient(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d, localOptions(t, nil))
		r, other := newReceiver(t, 0), newReceiver(t, 0)
		for client, r := range map[string]*receiver{"cli_held": r, "cli_other": other} {
			w := s.register(t, client, r.url())
			r.secret = func() webhook.Secret { return w.Secret }
		}
		s.add(t, "cli_held", 3)
		s.add(t, "cli_other", 3)
		var rounds, enabled atomic.Int64
		run(t, s.Store, func(o *webhook.SenderOptions) {
			o.Held = func(context.Context) (map[string]bool, error) {
				rounds.Add(1)
				return map[string]bool{"cli_held": enabled.Load() == 0}, nil
			}
		})
		other.wait(3)
		before := rounds.Load()
		eventually(t, "the sender does not look again", func() bool { return rounds.Load() > before+2 })
		if _, requests, _ := r.counts(); requests != 0 {
			t.Errorf("%d messages are sent to a client that is held", requests)
		}
		enabled.Store(1)
		r.wait(3)
	})
}

// TestExpired: messages that are still pending when their log would end are given up and
// counted: there are more than the receiver takes.
func TestExpired(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		c := newClock()
		s := open(t, d, localOptions(t, c))
		s.register(t, "cli_a", "http://127.0.0.1:1/")
		s.add(t, "cli_a", 3)
		s.lease(t, "cli_a", 3) // they are being tried
		counts, expired := webhook.NewMetrics(s.Store), make(chan int, 1)
		run(t, s.Store, func(o *webhook.SenderOptions) {
			o.KeepLog = 48 * time.Hour
			o.Now = func() time.Time { return c.Now().Add(o.KeepLog + time.Second) }
			o.Expired = func(n int) {
				counts.Expired(n)
				expired <- n
			}
		})
		if n := <-expired; n != 3 || s.pending(t) != 0 {
			t.Errorf("%d are given up, %d are pending", n, s.pending(t))
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(counts)
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if n := f.GetMetric()[0].GetCounter().GetValue(); f.GetName() == "sesuai_webhook_given_up_total" && n != 3 {
				t.Errorf("%v are counted", n)
			}
		}
	})
}

// TestSlowReceiver: a receiver that does not answer delays nobody else, and has at
// most so many connections.
func TestSlowReceiver(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d, localOptions(t, nil))
		var mu sync.Mutex
		open, most := 0, 0
		release := make(chan struct{})
		slow := serve(t, func(http.ResponseWriter, *http.Request) {
			mu.Lock()
			open++
			most = max(most, open)
			mu.Unlock()
			<-release
			mu.Lock()
			open--
			mu.Unlock()
		})
		s.register(t, "cli_slow", slow)
		r := newReceiver(t, 0)
		w := s.register(t, "cli_a", r.url())
		r.secret = func() webhook.Secret { return w.Secret }
		s.add(t, "cli_slow", 50)
		run(t, s.Store, func(o *webhook.SenderOptions) { o.PerClient = 3 })
		eventually(t, "the slow one is not reached", func() bool { mu.Lock(); defer mu.Unlock(); return open == 3 })
		s.add(t, "cli_a", 30)
		r.wait(30)
		mu.Lock()
		if most != 3 {
			t.Errorf("%d at once", most)
		}
		mu.Unlock()
		close(release)
		eventually(t, "the slow one does not get the rest", func() bool { return s.pending(t) == 0 })
	})
}

// TestGivenUp: a message that fails for a day is given up, listed and counted, and
// delivered when it is retried.
func TestGivenUp(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		c := newClock()
		s := open(t, d, localOptions(t, c))
		r := newReceiver(t, 1)
		w := s.register(t, "cli_a", r.url())
		r.secret = func() webhook.Secret { return w.Secret }
		s.add(t, "cli_a", 1)
		var mu sync.Mutex
		states := make(map[webhook.State]int)
		start := c.Now()
		run(t, s.Store, func(o *webhook.SenderOptions) {
			o.Now = c.Now
			o.Observe = func(state webhook.State, _ webhook.Attempt) {
				mu.Lock()
				states[state]++
				mu.Unlock()
			}
		})
		var given webhook.Delivery
		var last time.Time // of the try after which the clock was moved
		eventually(t, "it is not given up", func() bool {
			given = s.deliveries(t, "cli_a", false)[0]
			if n := len(given.Attempts); given.State == webhook.Pending && n > 0 && !given.Attempts[n-1].At.Equal(last) {
				last = given.Attempts[n-1].At
				c.Move(given.DueAt.Sub(c.Now()))
			}
			return given.State == webhook.GivenUp
		})
		if age := c.Now().Sub(start); age < webhook.MaxAge || age > webhook.MaxAge+time.Hour || states[webhook.GivenUp] != 1 || states[webhook.Pending] < 10 {
			t.Errorf("given up after %s and %v", age, states)
		}
		if failed := s.deliveries(t, "cli_a", true); len(failed) != 1 || failed[0].ID != given.ID {
			t.Errorf("%+v", failed)
		}
		r.mu.Lock()
		r.fails = 0
		r.mu.Unlock()
		if found, err := s.Retry(t.Context(), given.ID); !found || err != nil {
			t.Error(found, err)
		}
		r.wait(1)
		if r.accepted[given.ID] != 1 {
			t.Errorf("accepted: %v", r.accepted)
		}
	})
}

// TestChangesCount: a sender that runs learns of another URL, of a new secret and of
// the end of a webhook.
func TestChangesCount(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d, localOptions(t, nil))
		one, other := newReceiver(t, 0), newReceiver(t, 0)
		secret := s.register(t, "cli_a", one.url()).Secret
		one.secret, other.secret = func() webhook.Secret { return secret }, func() webhook.Secret { return secret }
		run(t, s.Store, nil)
		s.add(t, "cli_a", 1)
		one.wait(1)
		s.register(t, "cli_a", other.url())
		s.add(t, "cli_a", 1)
		other.wait(1)
		// The secret from before is valid for a while: the receiver still has it.
		rotated, _, err := s.Rotate(t.Context(), "cli_a", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.add(t, "cli_a", 1)
		other.wait(2)
		other.mu.Lock()
		secret = rotated.Secret
		other.mu.Unlock()
		s.add(t, "cli_a", 1)
		other.wait(3)
		if _, err := s.Remove(t.Context(), "cli_a"); err != nil {
			t.Fatal(err)
		}
		s.add(t, "cli_a", 1)
		eventually(t, "the webhook is still known", func() bool { return !s.Wants("cli_a", webhook.BatchFinished) })
		if waiting, err := s.Waiting(t.Context()); len(waiting) != 0 || err != nil {
			t.Errorf("Waiting = %q, %v", waiting, err)
		}
	})
}

// TestStop: a try that takes too long after the sender was told to stop is broken off,
// and the message is due at once.
func TestStop(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d, localOptions(t, nil))
		reached, release := make(chan struct{}, 1), make(chan struct{})
		s.register(t, "cli_a", serve(t, func(http.ResponseWriter, *http.Request) {
			reached <- struct{}{}
			<-release
		}))
		defer close(release)
		s.add(t, "cli_a", 1)
		stop := run(t, s.Store, nil)
		<-reached
		stop()
		again := s.lease(t, "cli_a", 1)
		if len(again) != 1 || len(again[0].Attempts) != 0 {
			t.Errorf("%+v", again)
		}
	})
}
