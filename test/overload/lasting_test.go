package overload_test

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

const (
	// atOnce is how many requests for each core find the rate that can be sustained.
	atOnce = 4
	// pause is that of the polite client between its requests.
	pause = 20 * time.Millisecond
	// The limits of what lasting overload may do: the share of the goodput that is
	// left, and how many times the p99 of a verification grows, of those that are
	// accepted and of a polite client's.
	minGoodput, maxAccepted, maxPolite = 0.9, 4, 1.5
	// maxGrowth is by how much the resident set may grow meanwhile, in MiB.
	maxGrowth = 32
)

// questions returns verifications by a client of all demo people with photographs of
// their own and of others, and the right answers to them.
func (w *world) questions(t *testing.T, s *sender, client string) (all []question) {
	t.Helper()
	f, err := os.Open(root + "/demo/people.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	photos := []string{"ayu-selfie.jpg", "rani-selfie.jpg", "ayu-720.jpg"}
	for _, row := range rows[1:] {
		photos = append(photos, row[3])
	}
	right := 0
	for i, name := range photos {
		photo, err := os.ReadFile(filepath.Join(photosDir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range [][]string{rows[1+i%2], rows[1+(i+5)%(len(rows)-1)]} {
			q := question{raw: w.rawRequest(t, client, process.Claim{NIK: row[0], Name: row[1], DateOfBirth: row[2]}, photo)}
			for range 2 {
				a, err := s.send(q.raw)
				if err != nil {
					t.Fatal(err)
				}
				if q.body != "" && (a.status != q.status || a.body != q.body) {
					t.Fatalf("two answers to one question: %d %s, %d %s", q.status, q.body, a.status, a.body)
				}
				q.status, q.body = a.status, a.body
			}
			if q.status != 200 {
				t.Fatalf("%s: %d %s", name, q.status, q.body)
			}
			if strings.Contains(q.body, `"verification_status":true`) {
				right++
			}
			all = append(all, q)
		}
	}
	if right < 2 || right > len(all)-10 {
		t.Fatalf("%d of %d questions are about the right person", right, len(all))
	}
	return all
}

// figures are what became of the requests of a client.
type figures struct {
	mu       sync.Mutex
	accepted []time.Duration
	refused  int
	wrong    []string // what must not be
}

// note notes the answer to a question.
func (f *figures) note(q question, a answered, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil:
		f.wrong = append(f.wrong, err.Error())
	case a.status == 503:
		f.refused++
		if a.retryAfter == "" {
			f.wrong = append(f.wrong, "503 without Retry-After")
		}
	case a.status != q.status || a.body != q.body:
		f.wrong = append(f.wrong, fmt.Sprintf("%d %s, not %d %s", a.status, a.body, q.status, q.body))
	default:
		f.accepted = append(f.accepted, a.took)
	}
}

func (f *figures) quantile(q float64) time.Duration {
	slices.Sort(f.accepted)
	return f.accepted[int(q*float64(len(f.accepted)-1))]
}

// stage is a part of the test.
type stage struct {
	name         string
	busy, polite *figures
	took         time.Duration
	rss          []int // of each second, in MiB
	server, own  time.Duration
}

// goodput returns how many verifications a second were answered.
func (s *stage) goodput() float64 {
	return float64(len(s.busy.accepted)+len(s.polite.accepted)) / s.took.Seconds()
}

func (s *stage) String() string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %.0f s: %.1f verifications a second; the cores %.2f the program, %.2f the sender", s.name, s.took.Seconds(), s.goodput(),
		s.server.Seconds()/s.took.Seconds(), s.own.Seconds()/s.took.Seconds())
	for name, f := range map[string]*figures{"busy": s.busy, "polite": s.polite} {
		if len(f.accepted) > 0 {
			fmt.Fprintf(&b, "\n  %-6s %d answered, %d refused, p50 %s, p99 %s", name, len(f.accepted), f.refused, ms(f.quantile(0.5)), ms(f.quantile(0.99)))
		}
	}
	if n := len(s.rss); n > 1 {
		fmt.Fprintf(&b, "\n  RSS %d MiB in the second second, %d at the end", s.rss[1], s.rss[n-1])
	}
	return b.String()
}

// trial is the program and those who send to it.
type trial struct {
	*world
	sender       *sender
	busy, polite []question
}

// run runs a stage: the polite client sends one request after another, and load, which
// ends at a time, what else there is.
func (r *trial) run(t *testing.T, name string, d time.Duration, load func(end time.Time, send func(n int) (refused bool))) *stage {
	t.Helper()
	s := &stage{name: name, busy: new(figures), polite: new(figures)}
	start := time.Now()
	end := start.Add(d)
	server, own := process.CPUTime(t, r.PID()), process.CPUTime(t, os.Getpid())
	send := func(f *figures, questions []question, n int) (refused bool) {
		q := questions[n%len(questions)]
		a, err := r.sender.send(q.raw)
		f.note(q, a, err)
		return a.status == 503
	}
	var group sync.WaitGroup
	group.Go(func() {
		for n := 0; time.Now().Before(end); n++ {
			send(s.polite, r.polite, n)
			time.Sleep(pause)
		}
	})
	group.Go(func() { load(end, func(n int) bool { return send(s.busy, r.busy, n) }) })
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	for running := true; running; {
		select {
		case <-tick.C:
			s.rss = append(s.rss, r.memoryMiB(t, "VmRSS"))
		case <-done:
			running = false
		}
	}
	s.took = time.Since(start)
	s.server, s.own = process.CPUTime(t, r.PID())-server, process.CPUTime(t, os.Getpid())-own
	t.Log(s)
	for _, f := range []*figures{s.busy, s.polite} {
		if len(f.wrong) > 0 {
			t.Errorf("%s: %d wrong answers, the first: %s", name, len(f.wrong), f.wrong[0])
		}
	}
	if s.polite.refused > 0 {
		t.Errorf("%s: %d requests of the polite client were refused", name, s.polite.refused)
	}
	return s
}

// nobody sends nothing.
func nobody(time.Time, func(int) bool) {}

// closed has so many requests in progress. Whoever is refused waits for a second, as the
// answer says.
func closed(atOnce int) func(end time.Time, send func(n int) bool) {
	return func(end time.Time, send func(n int) bool) {
		var group sync.WaitGroup
		for i := range atOnce {
			group.Go(func() {
				for n := i; time.Now().Before(end); n += atOnce {
					if send(n) {
						time.Sleep(min(time.Second, time.Until(end)))
					}
				}
			})
		}
		group.Wait()
	}
}

// open sends so many a second at random times, whether earlier ones are answered or not.
func open(rate float64) func(end time.Time, send func(n int) bool) {
	return func(end time.Time, send func(n int) bool) {
		rng := rand.New(rand.NewPCG(18, 3))
		var group sync.WaitGroup
		due := time.Now()
		for n := 0; ; n++ {
			due = due.Add(time.Duration(rng.ExpFloat64() / rate * float64(time.Second)))
			if due.After(end) {
				break
			}
			time.Sleep(time.Until(due))
			group.Go(func() { send(n) })
		}
		group.Wait()
	}
}

// TestLastingOverload sends the program what it can do, then twice and ten times as
// much, for half and a tenth of OVERLOAD_MINUTES (make overload: 5 minutes and one) or
// for some seconds if that is not set. The answers must be those to the same
// questions when there is nothing else to do.
func TestLastingOverload(t *testing.T) {
	lasts, whole := process.Minutes(t, "OVERLOAD_MINUTES", 4*time.Second)
	w := start(t, "busy", "polite")
	r := &trial{world: w, sender: &sender{address: w.address}}
	defer r.sender.close()
	r.busy, r.polite = w.questions(t, r.sender, "busy"), w.questions(t, r.sender, "polite")

	short := max(lasts/20, time.Second)
	alone := r.run(t, "alone", short, nobody)
	sustained := r.run(t, "what it can do", short, closed(atOnce*runtime.NumCPU()))
	rate := float64(len(sustained.busy.accepted)) / sustained.took.Seconds()
	twice := r.run(t, "twice", lasts/2, open(2*rate))
	tenfold := r.run(t, "ten times", max(lasts/10, time.Second), open(10*rate))
	if tenfold.busy.refused == 0 {
		t.Error("nothing is refused")
	}
	best := sustained.goodput()
	if whole {
		again := r.run(t, "what it can do, afterwards", short, closed(atOnce*runtime.NumCPU()))
		best = max(best, again.goodput())
	}
	unloaded := alone.polite.quantile(0.99)
	for _, s := range []*stage{twice, tenfold} {
		goodput := s.goodput() / best
		accepted, polite := float64(s.busy.quantile(0.99))/float64(unloaded), float64(s.polite.quantile(0.99))/float64(unloaded)
		t.Logf("%s: goodput %.2f of the best; p99 of what is accepted %.1f times that alone, of the polite client %.1f", s.name, goodput, accepted, polite)
		if !whole {
			continue
		}
		if goodput < minGoodput || accepted > maxAccepted || polite > maxPolite {
			t.Errorf("%s: at least %v, at most %v and at most %v are allowed", s.name, minGoodput, float64(maxAccepted), maxPolite)
		}
		if half := len(s.rss) / 2; slices.Max(s.rss[half:]) > slices.Max(s.rss[:half])+maxGrowth {
			t.Errorf("%s: RSS grew from %d to %d MiB", s.name, slices.Max(s.rss[:half]), slices.Max(s.rss[half:]))
		}
	}
	w.checkMemory(t)
	w.Stop(t)
	if text := w.Log.String(); text != "" {
		t.Errorf("the log says %s", text)
	}
}
