package app

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadinessWritesOnceASecond: pollers share a result, so that they cannot
// make the database busy, and a result is never older than a second.
func TestReadinessWritesOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writes, full := 0, errors.New("the disk is full")
		var fails error
		w := newWriteCheck(func(context.Context) error {
			writes++
			time.Sleep(100 * time.Millisecond) // the others arrive meanwhile
			return fails
		})
		ask := func(want error) {
			t.Helper()
			var pollers sync.WaitGroup
			for range 100 {
				pollers.Go(func() {
					if err := w.check(t.Context()); !errors.Is(err, want) {
						t.Errorf("check = %v, want %v", err, want)
					}
				})
			}
			pollers.Wait()
		}
		ask(nil)
		fails = full
		time.Sleep(writeInterval - time.Nanosecond)
		ask(nil)
		if writes != 1 {
			t.Errorf("%d writes in the first second", writes)
		}
		time.Sleep(time.Nanosecond)
		ask(full)
		fails = nil
		time.Sleep(writeInterval)
		ask(nil)
		if writes != 3 {
			t.Errorf("%d writes in three seconds", writes)
		}
	})
}

// TestReadinessDoesNotWaitForEver: a database that hangs makes it not ready.
func TestReadinessDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriteCheck(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if err := w.check(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("check = %v", err)
		}
	})
}
