package access_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
)

// events is an audit.Log that fails while it is told to.
type events struct {
	fails atomic.Bool
	mu    sync.Mutex
	all   []string
}

func (e *events) Append(_ context.Context, event audit.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fails.Load() {
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.New("down")}
	}
	e.all = append(e.all, fmt.Sprint(event.Endpoint, " ", event.Result, " ", event.Reason, " ", event.Client != "", " ", event.NameScore))
	return nil
}

// take returns the events since the last time.
func (e *events) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() { e.all = nil }()
	return e.all
}

// TestActivity: a client that is refused has one event for each reason in a minute,
// however often it tries, also if it cannot be written at first. When a client was last
// accepted is written every minute, and in the end.
func TestActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, trail := newDoor(t), new(events)
		var failures atomic.Int64
		activity := access.NewActivity(access.ActivityOptions{
			Clients: d.clients, Events: trail, Failed: func(error) { failures.Add(1) },
		})
		d.observe(activity)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { activity.Run(ctx) })
		try := func(about string, want ...string) {
			t.Helper()
			for range 3 {
				d.try(t, d.right)
			}
			time.Sleep(time.Second) // refusals are written later
			synctest.Wait()
			if diff := cmp.Diff(want, trail.take()); diff != "" {
				t.Errorf("%s: events (-want +got):\n%s", about, diff)
			}
		}
		uses := func() string {
			t.Helper()
			all, err := d.clients.LastUses(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range all {
				return at.Format(time.TimeOnly)
			}
			return ""
		}
		start := time.Now().Truncate(time.Minute)

		try("accepted")
		if got := uses(); got != "" {
			t.Errorf("a use is written at once: %s", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, want := uses(), start.Format(time.TimeOnly); got != want {
			t.Errorf("last used at %s, want %s", got, want)
		}

		disabled, expired := "access refused DISABLED true -1", "access refused EXPIRED true -1"
		d.set(t, func(c *access.Client) { c.Disabled = true })
		try("disabled", disabled)
		time.Sleep(time.Minute - 2*time.Second)
		try("disabled, within a minute")
		d.set(t, func(c *access.Client) { c.Disabled, c.ExpiresAt = false, time.Unix(1, 0) })
		trail.fails.Store(true)
		try("expired, while nothing can be written")
		if failures.Load() == 0 {
			t.Error("nothing failed")
		}
		trail.fails.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{expired}, trail.take()); diff != "" {
			t.Errorf("what could not be written (-want +got):\n%s", diff)
		}
		try("expired, a minute later", expired)

		d.set(t, func(c *access.Client) { c.ExpiresAt = time.Time{} })
		try("accepted again")
		last := time.Now().Truncate(time.Minute)
		d.clients.Fail(errors.New("down"))
		before := failures.Load()
		time.Sleep(time.Minute)
		synctest.Wait()
		if failures.Load() != before+1 {
			t.Error("the use was not written, and nothing failed")
		}
		d.clients.Fail(nil)
		cancel()
		running.Wait()
		if got, want := uses(), last.Format(time.TimeOnly); got != want {
			t.Errorf("last used at %s, want %s", got, want)
		}
	})
}
