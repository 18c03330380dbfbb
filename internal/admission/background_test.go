package admission_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai/internal/admission"
)

// behind is what is done in the background for a client.
func behind(client string) context.Context { return admission.InBackground(of(client)) }

// acquired acquires without waiting for it, and returns the release once there is one.
func acquired(ctx context.Context, q *admission.Queue, bytes int64) <-chan func() {
	got := make(chan func(), 1)
	go func() {
		if release, err := q.Acquire(ctx, bytes); err == nil {
			got <- release
		}
	}()
	synctest.Wait()
	return got
}

// TestBackground: what is in the background takes all workers while nothing else
// waits, gives way to what does, and is kept from the worker of a client that is
// present.
func TestBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(2, 100)
		one, two := <-acquired(behind("b"), q, 10), <-acquired(behind("b"), q, 10)
		third := acquired(behind("b"), q, 10)
		if len(third) != 0 {
			t.Fatal("three run on two workers")
		}
		// A client's only request runs beside them, its second one waits.
		single := <-acquired(of("a"), q, 10)
		second := acquired(of("a"), q, 10)
		one()
		synctest.Wait()
		if len(second) != 0 || len(third) != 0 {
			t.Fatal("there is no free worker: one runs in the background, and one for the client")
		}
		two()
		synctest.Wait()
		if len(second) != 1 || len(third) != 0 {
			t.Fatal("the request that waits does not come first")
		}
		single()
		(<-second)()
		// The client is present: one of two workers is kept for it.
		release := <-third
		fourth := acquired(behind("b"), q, 10)
		if len(fourth) != 0 {
			t.Fatal("the worker of a client that is present is taken")
		}
		time.Sleep(time.Second)
		release()
		fifth := acquired(behind("c"), q, 10)
		synctest.Wait()
		if len(fourth) != 1 || len(fifth) != 1 {
			t.Fatal("nobody is present, but a worker is kept")
		}
		(<-fourth)()
		(<-fifth)()
	})
}

// TestBackgroundIsNeverStuck: one at a time runs in the background even if there is
// one worker and a client is always present.
func TestBackgroundIsNeverStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(1, 100)
		for range 10 {
			(<-acquired(of("a"), q, 10))()
			(<-acquired(behind("b"), q, 10))()
		}
	})
}
