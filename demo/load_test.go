package main

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestLoadOfAnyNumberOfRequests: each request is timed and the memory is sampled
// evenly, whatever the number of requests.
func TestLoadOfAnyNumberOfRequests(t *testing.T) {
	for _, requests := range []int{2, 3, 99, 100, 101, 128, 129, 199, 200, 1000, 1234} {
		synctest.Test(t, func(t *testing.T) { // which notices what waits for ever
			request := func() error {
				time.Sleep(time.Second)
				return nil
			}
			one, other := newLoaded(os.Getpid(), requests, request), newLoaded(os.Getpid(), requests, request)
			if err := inTurns(requests, 8, one, other); err != nil {
				t.Fatal(err)
			}
			for _, l := range []*loaded{one, other} {
				for n, took := range l.times {
					if took != time.Second {
						t.Errorf("request %d of %d took %s", n, requests, took)
					}
				}
				for n, rss := range l.memory {
					if rss == 0 {
						t.Errorf("sample %d of %d was not taken", n, requests)
					}
				}
				if l.perSecond() <= 0 || len(l.memory) != min(requests, 100) {
					t.Errorf("%d requests: %.1f a second, %d samples", requests, l.perSecond(), len(l.memory))
				}
			}
		})
	}
}

// TestLoadNeedsRequests: the memory of one request has no halves.
func TestLoadNeedsRequests(t *testing.T) {
	b := &benchCommand{Requests: 1, Concurrency: 8}
	if err := b.load(context.Background(), &commandLine{}, nil, nil, time.Millisecond); err == nil {
		t.Error("a load of one request was accepted")
	}
}
