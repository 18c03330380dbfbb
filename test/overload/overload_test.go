package overload_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

// counts counts responses by kind of caller and status.
type counts struct {
	mu sync.Mutex
	by map[string]map[int]int
}

// add counts a response and fails if its status is not one of these. 0 stands for a
// connection that was closed without a response, as to a caller that still sends.
func (c *counts) add(t *testing.T, kind string, status int, err error, allowed ...int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = make(map[string]map[int]int)
	}
	if c.by[kind] == nil {
		c.by[kind] = make(map[int]int)
	}
	c.by[kind][status]++
	if err != nil {
		t.Errorf("%s: %v", kind, err)
	} else if !slices.Contains(allowed, status) {
		t.Errorf("%s: status %d", kind, status)
	}
}

func (c *counts) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(c.by)) {
		fmt.Fprintf(&b, "\n  %-24s", kind)
		for _, status := range slices.Sorted(maps.Keys(c.by[kind])) {
			fmt.Fprintf(&b, "  %d × %d", status, c.by[kind][status])
		}
	}
	return b.String()
}

// largeBodies are bodies of 10.4 MB: a form, and JSON of base64.
func largeBodies() []body {
	photo := append([]byte("\xff\xd8\xff"), make([]byte, 10_400_000)...)
	text := base64.StdEncoding.EncodeToString(photo[:7_790_000])
	return []body{
		form(photo),
		{"application/json", []byte(`{"nik":"9901015203900001","name":"AYU KENCANA PRATIWI","date_of_birth":"12-03-1990","face_image":"` + text + `"}`)},
	}
}

// TestBursts: 64 of the most expensive requests at once, of four clients, do not
// take more memory than is allowed, and each has a proper answer.
func TestBursts(t *testing.T) {
	w := start(t, "a", "b", "c", "d")
	idle := w.memoryMiB(t, "VmRSS")
	bursts := map[string][]body{
		"large bodies":     largeBodies(),
		"progressive JPEG": {form(progressiveJPEG(4000, 3000))},
		"wide PNG":         {form(widePNG(t, 4000, 3000))},
	}
	var seen counts
	for _, kind := range slices.Sorted(maps.Keys(bursts)) {
		var group sync.WaitGroup
		for i := range 64 {
			group.Go(func() {
				status, err := w.send(string(rune('a'+i%4)), bursts[kind][i/4%len(bursts[kind])])
				seen.add(t, kind, status, err, 0, 400, 413, 415, 503)
			})
		}
		group.Wait()
		t.Logf("%s: RSS up to %d MiB", kind, w.memoryMiB(t, "VmHWM"))
	}
	t.Logf("RSS when idle: %d MiB. Answers:%s", idle, &seen)
	w.checkMemory(t)
	if status, err := w.send("a", form(selfie(t))); err != nil || status != 200 {
		t.Errorf("afterwards: %d, %v", status, err)
	}
	w.Stop(t)
}

func selfie(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(photosDir, "ayu-selfie.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// crowd is the callers that run until stop is closed.
type crowd struct {
	t     *testing.T
	stop  chan struct{}
	group sync.WaitGroup
	seen  counts
}

// run calls do in n goroutines, again and again with a pause.
func (c *crowd) run(n int, pause time.Duration, do func(turn int)) {
	for i := range n {
		c.group.Go(func() {
			for turn := i; ; turn++ {
				select {
				case <-c.stop:
					return
				default:
				}
				do(turn)
				select {
				case <-c.stop:
					return
				case <-time.After(pause):
				}
			}
		})
	}
}

// TestOverload loads the program with clients of every bad kind, for
// OVERLOAD_MINUTES (make overload: 10) or some seconds if that is not set, and
// measures the times of a polite client, before and meanwhile.
func TestOverload(t *testing.T) {
	lasts, whole := process.Minutes(t, "OVERLOAD_MINUTES", 8*time.Second)
	w := start(t, "polite", "heavy", "large", "idle 1", "idle 2")
	polite := form(selfie(t))
	c := &crowd{t: t, stop: make(chan struct{})}

	// times sends the polite client's requests for that long.
	times := func(kind string, lasts time.Duration) (took []time.Duration) {
		for end := time.Now().Add(lasts); time.Now().Before(end); {
			start := time.Now()
			status, err := w.send("polite", polite)
			took = append(took, time.Since(start))
			c.seen.add(t, kind, status, err, 200)
			time.Sleep(20 * time.Millisecond)
		}
		slices.Sort(took)
		return took
	}
	times("warm-up", time.Second)
	alone := times("polite, alone", max(lasts/20, 3*time.Second))

	heavy := form(progressiveJPEG(4000, 3000))
	large := largeBodies()
	c.run(8, 0, func(int) {
		status, err := w.send("heavy", heavy)
		c.seen.add(t, "heavy", status, err, 400, 413, 503)
	})
	c.run(4, 100*time.Millisecond, func(turn int) {
		status, err := w.send("large", large[turn%len(large)])
		c.seen.add(t, "large", status, err, 0, 400, 413, 415, 503)
	})
	c.run(136, time.Second, func(turn int) {
		status, err := w.hang(fmt.Sprint("idle ", 1+turn%2), 10_000_000, turn%5*20_000)
		c.seen.add(t, "idle", status, err, 0, 408, 503)
	})
	c.run(150, time.Second, func(turn int) {
		status, err := w.hang("nobody", 10_000+turn%2*10_000_000, 100)
		c.seen.add(t, "without credentials", status, err, 0, 401, 429)
	})
	time.Sleep(time.Second)
	loaded := times("polite, beside the others", lasts)
	close(c.stop)
	c.group.Wait()

	quantile := func(took []time.Duration, q float64) time.Duration { return took[int(q*float64(len(took)-1))] }
	for _, of := range []struct {
		about string
		took  []time.Duration
	}{{"alone", alone}, {"beside the others", loaded}} {
		t.Logf("polite, %s: %d requests, p50 %v, p99 %v", of.about, len(of.took),
			quantile(of.took, 0.5).Round(time.Millisecond/10), quantile(of.took, 0.99).Round(time.Millisecond/10))
	}
	ratio := float64(quantile(loaded, 0.99)) / float64(quantile(alone, 0.99))
	t.Logf("p99 is %.1f times that alone. Answers by status:%s", ratio, &c.seen)
	if whole && ratio > 3 {
		t.Errorf("p99 of a polite client is %.1f times that alone, at most 3 are allowed", ratio)
	}
	w.checkMemory(t)
	w.Stop(t)
	if text := w.Log.String(); text != "" {
		t.Errorf("the log says %s", text)
	}
}
