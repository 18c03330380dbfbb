package admission_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai/internal/admission"
)

const (
	// takes is how long a photograph takes in these tests.
	takes = 20 * time.Millisecond
	// longest is how long one may wait in lasting overload on two workers: for three
	// others on each, and for those that run.
	longest = 4 * takes
	// burst is how many may wait for longer, at the start of the overload, and lasts
	// is for how long the overload lasts.
	burst, lasts = 2 * 24, 20 * time.Second
)

// load is what becomes of requests.
type load struct {
	t *testing.T
	q *admission.Queue

	mu      sync.Mutex
	waited  []time.Duration // of those that were served
	refused map[admission.Reason]int
	group   sync.WaitGroup
}

func newLoad(t *testing.T, q *admission.Queue) *load {
	return &load{t: t, q: q, refused: make(map[admission.Reason]int)}
}

// send has one request of the client served, or refused, as the API does. It reports
// whether it was served.
func (l *load) send(client string) bool {
	if r, refused := l.q.Refuse(client, time.Minute); refused {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.refused[r.Reason]++
		return false
	}
	start := time.Now()
	release, err := l.q.Acquire(of(client), 10)
	if err != nil {
		l.t.Error(err)
		return false
	}
	waited := time.Since(start)
	time.Sleep(takes)
	release()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waited = append(l.waited, waited)
	return true
}

// open sends requests of clients at random times, so many a second, whether earlier
// ones are answered or not.
func (l *load) open(rate float64, d time.Duration, client func(n int) string) {
	rng := rand.New(rand.NewPCG(5, 6))
	end := time.Now().Add(d)
	var group sync.WaitGroup
	for n := 0; time.Now().Before(end); n++ {
		group.Go(func() { l.send(client(n)) })
		time.Sleep(time.Duration(rng.ExpFloat64() / rate * float64(time.Second)))
	}
	group.Wait()
}

// late returns how many waited for longer than longest.
func (l *load) late() (n int) {
	for _, waited := range l.waited {
		if waited > longest {
			n++
		}
	}
	return n
}

func always(client string) func(int) string { return func(int) string { return client } }

// TestLastingOverload: at twice and ten times what two workers do, they are busy all
// the time, what is admitted waits for about three others on each worker, and a polite
// client waits for nobody.
func TestLastingOverload(t *testing.T) {
	for _, times := range []float64{2, 10} {
		synctest.Test(t, func(t *testing.T) {
			q := admission.NewQueue(2, 1000)
			busy, polite := newLoad(t, q), newLoad(t, q)
			stop := make(chan struct{})
			polite.group.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						polite.send("polite")
						time.Sleep(takes)
					}
				}
			})
			busy.open(times*100, lasts, always("busy"))
			close(stop)
			polite.group.Wait()
			// One worker is kept for the polite client.
			if n := float64(len(busy.waited)); n < 0.95*float64(lasts/takes) {
				t.Errorf("at %v times: %v were served, of %v", times, n, float64(lasts/takes))
			}
			if n := busy.late(); n > burst {
				t.Errorf("at %v times: %d of %d waited for longer than %v", times, n, len(busy.waited), longest)
			}
			if longest := slices.Max(polite.waited); len(polite.refused) != 0 || longest != 0 {
				t.Errorf("at %v times: of the polite client %v are refused, and it waits up to %v", times, polite.refused, longest)
			}
		})
	}
}

// TestManyClients: clients that each have one request at a time are too many
// together.
func TestManyClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoad(t, admission.NewQueue(2, 1000))
		l.open(500, lasts, func(n int) string { return fmt.Sprint(n % 1000) })
		// On four workers, since each request is its client's only one.
		if n := float64(len(l.waited)); n < 0.95*float64(4*lasts/takes) || l.refused[admission.Backlog] < 1000 {
			t.Errorf("%v were served, and %v refused", n, l.refused)
		}
		if n := l.late(); n > burst {
			t.Errorf("%d of %d waited for longer than %v", n, len(l.waited), longest)
		}
	})
}

// TestBurst: a burst that the workers can do in less than a second is served, also of
// a client beside one that sends too much all the time.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(2, 1000)
		busy, other := newLoad(t, q), newLoad(t, q)
		busy.group.Go(func() { busy.open(200, 10*time.Second, always("busy")) })
		time.Sleep(5 * time.Second)
		for range 48 {
			other.group.Go(func() { other.send("other") })
			time.Sleep(time.Millisecond)
		}
		other.group.Wait()
		busy.group.Wait()
		if len(other.waited) != 48 || busy.refused[admission.Backlog] == 0 {
			t.Errorf("%d of 48 were served; of the busy client %v were refused", len(other.waited), busy.refused)
		}
	})
}

// TestFewAtOnce: a client with four requests for each worker at once is never refused,
// however long it goes on.
func TestFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers = 3
		l := newLoad(t, admission.NewQueue(workers, 1000))
		for i := range 4 * workers {
			l.group.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				for range 500 {
					l.send("a")
				}
			})
		}
		l.group.Wait()
		if len(l.refused) != 0 {
			t.Errorf("refused: %v", l.refused)
		}
	})
}

// TestOverloadEnds: after a lasting overload, what the workers can do is not refused.
func TestOverloadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(2, 1000)
		over := newLoad(t, q)
		over.open(500, 10*time.Second, always("a"))
		if over.refused[admission.Backlog] == 0 {
			t.Fatal("nothing was refused")
		}
		time.Sleep(time.Second)
		after := newLoad(t, q)
		after.open(70, time.Minute, always("a"))
		if len(after.refused) != 0 {
			t.Errorf("%v of %d are refused at 70 %%", after.refused, len(after.waited))
		}
	})
}

// TestDeadline: a request that would not be finished in time is refused, however short
// the overload is, with the time that it would have waited; one for which nothing is
// in the way never is.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(2, 1000)
		const took = time.Second
		run(t, q, "a", 10, took)
		if r, refused := q.Refuse("a", took/2); refused {
			t.Errorf("an idle queue: %+v", r)
		}
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { run(t, q, "a", 10, took) })
		}
		synctest.Wait()
		// Two run, six wait: three on each worker.
		if r, refused := q.Refuse("a", 4*took); refused {
			t.Errorf("there is time enough: %+v", r)
		}
		if r, refused := q.Refuse("a", 4*took-1); !refused || r.Reason != admission.Deadline || r.Wait != 3*took {
			t.Errorf("too late: %+v, %v", r, refused)
		}
		if r, refused := q.Refuse("b", took); refused {
			t.Errorf("another client: %+v", r)
		}
		group.Wait()
	})
}
