package webhook

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// DefaultInterval is the default of SenderOptions.Interval.
	DefaultInterval = 500 * time.Millisecond
	// sweepInterval is how often old deliveries are removed.
	sweepInterval = time.Hour
	// stopTimeout is how long tries that were started may take after the sender was
	// told to stop.
	stopTimeout = 3 * time.Second
	// leaseMargin is how much longer a lease is than a try: for recording it.
	leaseMargin = commitTimeout + 5*time.Second
)

// SenderOptions are what a Sender is made of. Outbox and Poster are required.
type SenderOptions struct {
	// Config has defaults for what is 0.
	Config
	Outbox Outbox
	Poster *Poster
	// Interval is how often the sender looks for webhooks that were changed and for
	// messages that are due; DefaultInterval if 0.
	Interval time.Duration
	// Held returns the IDs of clients to which nothing is sent now. Their messages
	// wait. Nil means that there are none.
	Held func(context.Context) (map[string]bool, error)
	// Observe is called with what became of each try. It may be nil.
	Observe func(State, Attempt)
	// Expired is called with how many messages were given up because they were still
	// pending after Config.KeepLog. It may be nil.
	Expired func(n int)
	// Log receives what went wrong in the database, and nothing of messages or
	// URLs. It is discarded if nil.
	Log *slog.Logger
	// Now decides when a message is due again; time.Now if nil.
	Now func() time.Time
}

// Sender delivers the messages of an outbox. Several may run at once, in one
// process or in many.
type Sender struct {
	o SenderOptions
	// wake has the sender look again at once.
	wake chan struct{}

	mu sync.Mutex
	// sending is the number of messages that are being sent, by client.
	sending map[string]int
	group   sync.WaitGroup
}

// NewSender makes a Sender.
func NewSender(o SenderOptions) *Sender {
	defaults := DefaultConfig()
	o.PerClient = cmp.Or(o.PerClient, defaults.PerClient)
	o.KeepLog = cmp.Or(o.KeepLog, defaults.KeepLog)
	o.Interval = cmp.Or(o.Interval, DefaultInterval)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Observe == nil {
		o.Observe = func(State, Attempt) {}
	}
	if o.Held == nil {
		o.Held = func(context.Context) (map[string]bool, error) { return nil, nil }
	}
	if o.Expired == nil {
		o.Expired = func(int) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Sender{o: o, wake: make(chan struct{}, 1), sending: make(map[string]int)}
}

// Run delivers messages until ctx ends. It returns when the tries that it has
// started are recorded. Those that take too long then are broken off; their
// messages are due at once, for another node or the next start.
func (s *Sender) Run(ctx context.Context) {
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s.group.Go(func() { s.sweepNowAndThen(ctx) })
	s.deliver(ctx, sending)
	defer time.AfterFunc(stopTimeout, stop).Stop()
	s.group.Wait()
	s.o.Poster.Close()
}

// deliver has messages sent until ctx ends.
func (s *Sender) deliver(ctx, sending context.Context) {
	ticker := time.NewTicker(s.o.Interval)
	defer ticker.Stop()
	failures := 0
	for {
		err := s.round(ctx, sending)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failures = 0
		default:
			if failures++; failures&(failures-1) == 0 { // 1, 2, 4, 8: not each half second
				s.o.Log.Warn("webhooks are not delivered", "why", err, "failures", failures)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.wake:
		}
	}
}

// round leases messages that are due, and has them sent.
func (s *Sender) round(ctx, sending context.Context) error {
	if err := s.o.Outbox.Refresh(ctx); err != nil {
		return err
	}
	clients, err := s.o.Outbox.Waiting(ctx)
	if err != nil {
		return err
	}
	if len(clients) == 0 {
		return nil
	}
	held, err := s.o.Held(ctx)
	if err != nil {
		return err
	}
	for _, client := range clients {
		w, ok := s.o.Outbox.Current(client)
		free := s.free(client)
		if !ok || free == 0 || held[client] {
			continue
		}
		leased, err := s.o.Outbox.Lease(ctx, client, free, s.o.Poster.o.Timeout+leaseMargin)
		if err != nil {
			return err
		}
		s.add(client, len(leased))
		for _, m := range leased {
			s.group.Go(func() {
				s.send(sending, w, m)
				s.add(client, -1)
				if len(leased) == free { // there may be more
					s.signal()
				}
			})
		}
	}
	return nil
}

// free is how many more messages may be sent to a client.
func (s *Sender) free(client string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.o.PerClient - s.sending[client]
}

func (s *Sender) add(client string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sending[client] += n; s.sending[client] == 0 {
		delete(s.sending, client)
	}
}

func (s *Sender) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// send tries to deliver a message and records how that ended.
func (s *Sender) send(ctx context.Context, w Webhook, m Due) {
	a := s.o.Poster.Post(ctx, w, m.ID, m.Body)
	now := s.o.Now()
	r := Result{Due: m, State: Pending, DueAt: now, Attempt: &a}
	switch due, again := next(m.Tries, now, m.GiveUpAt); {
	case a.Failure == "":
		r.State = Delivered
	case ctx.Err() != nil:
		r.Attempt = nil // it was broken off
	case again:
		r.DueAt = due
	default:
		r.State = GivenUp
	}
	if r.Attempt != nil {
		s.o.Observe(r.State, a)
	}
	// The database may not answer. Then the lease expires, and the message is sent
	// again.
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := s.o.Outbox.Record(recording, r); err != nil {
		s.o.Log.Warn("the delivery of a webhook is not recorded, and may be repeated", "why", err)
	}
}

// sweepNowAndThen removes old deliveries until ctx ends.
func (s *Sender) sweepNowAndThen(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("old deliveries of webhooks could not be removed", "why", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Sender) sweep(ctx context.Context) error {
	for {
		swept, err := s.o.Outbox.Sweep(ctx, s.o.Now().Add(-s.o.KeepLog))
		if swept.GivenUp > 0 {
			s.o.Expired(swept.GivenUp)
		}
		if err != nil || !swept.More {
			return err
		}
	}
}
