package access

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
)

const (
	// recordInterval is how often Activity writes when clients were last accepted,
	// and how long it leaves between two events of one client and reason.
	recordInterval = time.Minute
	// refusalDelay is the time between a refusal and the writing of its event. An
	// event that is written at once delays the refusal, which then takes longer than
	// that of a wrong password.
	refusalDelay = time.Second
	// recordTimeout bounds one writing.
	recordTimeout = 15 * time.Second
)

// ActivityOptions are what an Activity is made of. All are required.
type ActivityOptions struct {
	Clients Clients
	Events  audit.Log
	// Failed is called if something could not be recorded. It is tried again.
	Failed func(error)
}

// Activity records when clients were last accepted, and in the audit trail that
// clients with the right credentials were refused. Requests do not wait for it: what
// they report is written soon after, and lost if the process is killed before. A
// client has one event for each reason in a minute at most, from each node, however
// often it is refused. Its size is bounded by the number of clients. It is safe for
// concurrent use. A nil Activity records nothing.
type Activity struct {
	o    ActivityOptions
	wake chan struct{}

	mu       sync.Mutex
	uses     map[string]time.Time // by the client's ID, not yet written
	refusals map[refusalKey]*event
}

// refusalKey is what there is one event of in a minute.
type refusalKey struct {
	client string
	why    Failure
}

// event is the last event of a refusal.
type event struct {
	at      time.Time
	written bool
}

// NewActivity returns a new Activity. Nothing is written unless it runs.
func NewActivity(o ActivityOptions) *Activity {
	return &Activity{o: o, wake: make(chan struct{}, 1), uses: make(map[string]time.Time), refusals: make(map[refusalKey]*event)}
}

// used notes that a client was accepted.
func (a *Activity) used(client string, now time.Time) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.uses[client] = now
}

// refused notes that a client was refused.
func (a *Activity) refused(client string, why Failure, now time.Time) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.refusals[refusalKey{client, why}]
	if last != nil && (!last.written || now.Sub(last.at) < recordInterval) {
		return
	}
	a.refusals[refusalKey{client, why}] = &event{at: now}
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Run writes what happens until ctx ends, and what remains then.
func (a *Activity) Run(ctx context.Context) {
	ticker := time.NewTicker(recordInterval)
	defer ticker.Stop()
	for {
		select {
		case <-a.wake:
			select {
			case <-time.After(refusalDelay):
				a.writeRefusals(ctx)
			case <-ctx.Done():
			}
		case <-ticker.C:
			a.writeRefusals(ctx) // those that could not be written
			a.writeUses(ctx)
		case <-ctx.Done():
			ctx := context.WithoutCancel(ctx)
			a.writeRefusals(ctx)
			a.writeUses(ctx)
			return
		}
	}
}

func (a *Activity) writeUses(ctx context.Context) {
	a.mu.Lock()
	uses := a.uses
	a.uses = make(map[string]time.Time)
	a.mu.Unlock()
	if len(uses) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	err := a.o.Clients.RecordUses(ctx, uses)
	if err == nil {
		return
	}
	a.o.Failed(err)
	a.mu.Lock()
	defer a.mu.Unlock()
	for client, at := range uses {
		if _, later := a.uses[client]; !later {
			a.uses[client] = at
		}
	}
}

func (a *Activity) writeRefusals(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	for r, at := range a.pending() {
		err := a.o.Events.Append(ctx, audit.Event{
			Time: at, Client: r.client, Result: audit.Refused, Reason: strings.ToUpper(string(r.why)), NameScore: -1,
			Endpoint: audit.Access,
		})
		if err != nil {
			a.o.Failed(err)
			return
		}
		a.mu.Lock()
		a.refusals[r].written = true
		a.mu.Unlock()
	}
}

// pending returns the refusals that are not written, and drops those whose minute is
// over.
func (a *Activity) pending() map[refusalKey]time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make(map[refusalKey]time.Time)
	for r, e := range a.refusals {
		switch {
		case !e.written:
			all[r] = e.at
		case time.Since(e.at) >= recordInterval:
			delete(a.refusals, r)
		}
	}
	return all
}
