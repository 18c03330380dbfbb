package admission_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai/internal/admission"
)

func of(client string) context.Context {
	return admission.WithClient(context.Background(), client)
}

// run acquires, works for that long and releases.
func run(t *testing.T, q *admission.Queue, client string, bytes int64, work time.Duration) {
	release, err := q.Acquire(of(client), bytes)
	if err != nil {
		t.Error(err)
		return
	}
	time.Sleep(work)
	release()
}

// received returns what a closed channel holds.
func received(c <-chan string) (all []string) {
	for s := range c {
		all = append(all, s)
	}
	return all
}

// TestClientsTakeTurns: three clients with very different numbers of requests are
// served one by one, in turns.
func TestClientsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(1, 100)
		// Two clients hold both workers.
		first, _ := q.Acquire(of("x"), 0)
		second, _ := q.Acquire(of("y"), 0)
		var group sync.WaitGroup
		order := make(chan string, 8)
		for _, client := range []string{"a", "a", "a", "a", "a", "b", "c", "c"} {
			group.Go(func() {
				release, err := q.Acquire(of(client), 0)
				if err != nil {
					t.Error(err)
					return
				}
				order <- client
				time.Sleep(time.Second)
				release()
			})
			synctest.Wait()
		}
		first() // the first requests run on the other worker
		time.Sleep(time.Minute)
		second()
		group.Wait()
		close(order)
		want := []string{"a", "b", "c", "a", "c", "a", "a", "a"}
		if got := received(order); !slices.Equal(got, want) {
			t.Errorf("served %v, want %v", got, want)
		}
	})
}

// TestWithoutMemoryFirst: requests for no memory precede the others of their client,
// and keep their order.
func TestWithoutMemoryFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(1, 100)
		x, _ := q.Acquire(of("x"), 0)
		y, _ := q.Acquire(of("y"), 0)
		var group sync.WaitGroup
		order := make(chan string, 5)
		for _, r := range []struct {
			client, name string
			bytes        int64
		}{{"a", "a photograph", 10}, {"b", "b photograph", 10}, {"a", "a photograph 2", 10}, {"a", "a body", 0}, {"a", "a body 2", 0}} {
			group.Go(func() {
				release, err := q.Acquire(of(r.client), r.bytes)
				if err != nil {
					t.Error(err)
					return
				}
				order <- r.name
				time.Sleep(time.Second)
				release()
			})
			synctest.Wait()
		}
		x()
		time.Sleep(time.Minute)
		y()
		group.Wait()
		close(order)
		want := []string{"b photograph", "a body", "a body 2", "a photograph", "a photograph 2"}
		if got := received(order); !slices.Equal(got, want) {
			t.Errorf("served %q, want %q", got, want)
		}
	})
}

// TestClientAloneHasAllWorkers: one client alone uses all workers and not more.
func TestClientAloneHasAllWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(3, 100)
		start := time.Now()
		var group sync.WaitGroup
		for range 12 {
			group.Go(func() { run(t, q, "a", 1, time.Second) })
		}
		group.Wait()
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("12 requests of a second took %v on 3 workers", took)
		}
	})
}

// TestBusyClientsShare: clients that always have several requests share the workers
// that are left while another one sends one request after another.
func TestBusyClientsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers = 3
		q := admission.NewQueue(workers, 100)
		stop := make(chan struct{})
		var group sync.WaitGroup
		var running atomic.Int64
		var served [3]atomic.Int64
		for client := range served {
			for i := range 8 {
				group.Go(func() {
					time.Sleep(time.Duration(i) * 17 * time.Millisecond) // never all at once
					for {
						select {
						case <-stop:
							return
						default:
						}
						release, err := q.Acquire(of(fmt.Sprint("busy ", client)), 1)
						if err != nil {
							t.Error(err)
							return
						}
						running.Add(1)
						time.Sleep(100 * time.Millisecond)
						running.Add(-1)
						served[client].Add(1)
						release()
					}
				})
			}
		}
		for i := range 100 {
			run(t, q, "polite", 1, 50*time.Millisecond)
			if others := running.Load(); i > 10 && others != workers-1 {
				t.Errorf("%d requests of others run", others)
			}
			time.Sleep(50 * time.Millisecond)
		}
		close(stop)
		group.Wait()
		// 10 seconds on two workers, and what was waiting at the end.
		for client := range served {
			if n := served[client].Load(); n < 65 || n > 80 {
				t.Errorf("client %d was served %d times", client, n)
			}
		}
	})
}

// TestOtherClientRunsAtOnce: a client that has nothing running does not wait for
// another client's requests, neither those that run nor those that wait.
func TestOtherClientRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(2, 100)
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { run(t, q, "greedy", 10, time.Minute) })
		}
		synctest.Wait()
		start := time.Now()
		for range 5 {
			run(t, q, "polite", 10, time.Second)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("5 requests of a second took %v", took)
		}
		group.Wait()
	})
}

// TestWorkerIsKept: while a client sends one request after another, a greedy one
// leaves a worker free for it, also between its requests. Once it has gone, the
// greedy one has all workers.
func TestWorkerIsKept(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 8} {
		synctest.Test(t, func(t *testing.T) {
			const long, short, pause = 200 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond
			q := admission.NewQueue(workers, 100)
			var group sync.WaitGroup
			var running atomic.Int64 // of the greedy client
			for range 40 * workers {
				group.Go(func() {
					release, err := q.Acquire(of("greedy"), 1)
					if err != nil {
						t.Error(err)
						return
					}
					running.Add(1)
					time.Sleep(long)
					running.Add(-1)
					release()
				})
			}
			start := time.Now()
			for time.Since(start) < 5*time.Second {
				asked := time.Now()
				run(t, q, "polite", 1, short)
				if took := time.Since(asked); took != short {
					t.Errorf("with %d workers: a request of %v took %v", workers, short, took)
				}
				if others := int(running.Load()); time.Since(start) > 2*long && others != workers-1 && workers > 1 {
					t.Errorf("with %d workers: %d requests run beside it", workers, others)
				}
				time.Sleep(pause)
			}
			time.Sleep(2*long + long/2)
			if others := int(running.Load()); others != workers {
				t.Errorf("afterwards %d requests run on %d workers", others, workers)
			}
			group.Wait()
		})
	}
}

// TestLargeRequestIsPassed: a request that waits for memory does not keep back
// those that fit, and has its turn when enough is free.
func TestLargeRequestIsPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(4, 100)
		go run(t, q, "a", 80, 10*time.Second)
		synctest.Wait()
		large := make(chan time.Time, 1)
		start := time.Now()
		go func() {
			run(t, q, "b", 1000, 0) // all of the memory
			large <- time.Now()
		}()
		synctest.Wait()
		run(t, q, "c", 20, time.Second)
		if took := time.Since(start); took != time.Second {
			t.Errorf("a small request took %v behind a large one", took)
		}
		if took := (<-large).Sub(start); took != 10*time.Second {
			t.Errorf("the large one was admitted after %v", took)
		}
	})
}

// TestLargeRequestDoesNotStarve: requests of others that always leave too little
// memory do not keep a large one waiting for ever.
func TestLargeRequestDoesNotStarve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(4, 100)
		stop := make(chan struct{})
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * 250 * time.Millisecond) // never all at once
				for {
					select {
					case <-stop:
						return
					default:
						run(t, q, fmt.Sprint(i), 25, time.Second)
					}
				}
			})
		}
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(of("large"), time.Minute)
		defer cancel()
		release, err := q.Acquire(ctx, 100)
		if err != nil {
			t.Error("a large request starves")
		} else {
			release()
		}
		close(stop)
		group.Wait()
	})
}

// TestWaitingEndsWithContext: a request whose context ends leaves the queue at
// once, and those behind it move up.
func TestWaitingEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(1, 100)
		one, _ := q.Acquire(of("x"), 60)
		two, _ := q.Acquire(of("y"), 20)
		start := time.Now()
		ctx, cancel := context.WithTimeout(of("a"), time.Second)
		defer cancel()
		if _, err := q.Acquire(ctx, 10); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		ended, stop := context.WithCancel(of("a"))
		stop()
		if _, err := q.Acquire(ended, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended context: %v", err)
		}
		one()
		two()
		// All is free again.
		all, err := q.Acquire(of("a"), 100)
		if err != nil {
			t.Fatal(err)
		}
		all()
	})
}

// TestQueueAtRandom: under a random load with contexts that end, the limits hold,
// nobody waits for ever and all is free at the end.
func TestQueueAtRandom(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			const workers, memory = 3, 1000
			q := admission.NewQueue(workers, memory)
			var mu sync.Mutex
			var running, admitted int
			var used int64
			perClient := make(map[string]int)
			count := func(client string, n int, bytes int64) {
				mu.Lock()
				defer mu.Unlock()
				running += n
				used += bytes
				perClient[client] += n
				if running > q.MaxRunning() || perClient[client] > workers || used > memory {
					t.Errorf("%d running, %d of one client, %d bytes", running, perClient[client], used)
				}
			}
			var group sync.WaitGroup
			for i := range 200 {
				rng := rand.New(rand.NewPCG(seed, uint64(i)))
				group.Go(func() {
					client := fmt.Sprint(rng.IntN(6))
					bytes := min(rng.Int64N(1500), memory)
					time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
					ctx, cancel := context.WithTimeout(of(client), time.Duration(rng.IntN(100_000))*time.Millisecond)
					defer cancel()
					release, err := q.Acquire(ctx, bytes)
					if err != nil {
						return
					}
					count(client, 1, bytes)
					time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
					count(client, -1, -bytes)
					release()
					mu.Lock()
					admitted++
					mu.Unlock()
				})
			}
			group.Wait()
			if admitted < 100 {
				t.Errorf("only %d of 200 were admitted", admitted)
			}
			all, err := q.Acquire(of("last"), memory)
			if err != nil {
				t.Fatal(err)
			}
			all()
		})
	}
}
