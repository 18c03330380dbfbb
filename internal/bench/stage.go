package bench

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sesuai/sesuai/internal/httpapi"
)

// Stage is what the service did under one load.
type Stage struct {
	// AtOnce is how many requests were in progress all the time. It is 0 where
	// requests came at a rate.
	AtOnce int `json:"at_once,omitzero"`
	// Rate is how many requests came a second on average, at random times
	// (Poisson), whether earlier ones were answered or not. It is 0 where
	// AtOnce is not.
	Rate float64 `json:"rate,omitzero"`
	// Seconds is the time from the first request to the last answer.
	Seconds float64 `json:"seconds"`
	// Verdicts is how many requests were answered with a verdict, and Refused
	// how many with 503: they were over a limit of the configuration, or more than
	// the machine does. Whoever sent one of these waited for as long as the answer
	// said.
	Verdicts int `json:"verdicts"`
	Refused  int `json:"refused"`
	// PerSecond is Verdicts / Seconds. The cores are busy until all but the last
	// few are answered, so the end does not lower it.
	PerSecond float64 `json:"per_second"`
	// P50MS and P99MS are the times, in milliseconds, that half and 99 % of the
	// verdicts did not exceed. Time is from the request to the whole answer, as
	// its sender sees it; where requests came at a rate, from the moment at
	// which the request was due.
	P50MS float64 `json:"p50_ms"`
	P99MS float64 `json:"p99_ms"`
	// CPUMS is the CPU time of the process for a verdict, in milliseconds.
	CPUMS float64 `json:"cpu_ms"`
}

// meter measures a stage.
type meter struct {
	start, end time.Time
	cpu        time.Duration // at the start

	mu      sync.Mutex
	times   []time.Duration
	refused int
	last    time.Time // the last answer
}

func newMeter(d time.Duration) *meter {
	now := time.Now()
	return &meter{start: now, end: now.Add(d), cpu: CPUTime()}
}

// running reports whether requests are to be sent.
func (m *meter) running(ctx context.Context) bool {
	return ctx.Err() == nil && time.Now().Before(m.end)
}

// note notes the result of a request that was due at a time.
func (m *meter) note(verdict bool, due time.Time) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = now
	if !verdict {
		m.refused++
		return
	}
	m.times = append(m.times, now.Sub(due))
}

// stage returns the result, once all requests are answered.
func (m *meter) stage(s Stage) Stage {
	s.Verdicts, s.Refused = len(m.times), m.refused
	if s.Verdicts == 0 {
		return s
	}
	took := m.last.Sub(m.start).Seconds()
	s.Seconds, s.PerSecond = rounded(took), rounded(float64(s.Verdicts)/took)
	s.P50MS, s.P99MS = ms(Quantile(m.times, 0.5)), ms(Quantile(m.times, 0.99))
	s.CPUMS = ms((CPUTime() - m.cpu) / time.Duration(s.Verdicts))
	return s
}

// closed has that many requests in progress.
func (s *service) closed(ctx context.Context, atOnce int, d time.Duration, send request) (Stage, error) {
	m := newMeter(d)
	err := Closed(atOnce, func(int) bool { return m.running(ctx) }, func(goroutine, _ int) error {
		due := time.Now()
		verdict, retryAfter, err := s.verify(ctx, send, goroutine/requestsOfClient)
		if err != nil {
			return err
		}
		m.note(verdict, due)
		wait(ctx, min(retryAfter, time.Until(m.end)))
		return nil
	})
	return m.stage(Stage{AtOnce: atOnce}), err
}

// open has requests come at a rate. It returns once all are answered.
func (s *service) open(ctx context.Context, rate float64, d time.Duration) (Stage, error) {
	m := newMeter(d)
	rng := rand.New(rand.NewPCG(3, 4)) // the same arrivals every time
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	next := m.start
	for n := 0; ; n++ {
		next = next.Add(time.Duration(rng.ExpFloat64() / rate * float64(time.Second)))
		due := next
		if due.After(m.end) {
			break
		}
		wait(ctx, time.Until(due))
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			verdict, _, err := s.verify(ctx, withPhoto, n)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = err
				return
			}
			m.note(verdict, due)
		})
	}
	all.Wait()
	return m.stage(Stage{Rate: rounded(rate)}), failed
}

// wait waits, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// senderTime returns the CPU time, in milliseconds, of sending a request and reading
// its answer. It measures this on a server that reads the request and does nothing,
// so what that takes is in it.
func (s *service) senderTime(ctx context.Context, d time.Duration) (float64, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	answer := []byte(`{"verification_status":true}`)
	go func() {
		served <- httpapi.Serve(serving, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				_, _ = w.Write(answer)
			}
		}), slog.New(slog.DiscardHandler))
	}()
	sender := s.senders[0]
	sender.URL, sender.HTTP = "http://"+listener.Addr().String(), NewHTTPClient(requestsOfClient)
	m := newMeter(d)
	err = Closed(requestsOfClient, func(int) bool { return m.running(ctx) }, func(_, n int) error {
		due := time.Now()
		_, err := sender.Verify(ctx, s.claims[n%len(s.claims)], s.photo)
		m.note(err == nil, due)
		return err
	})
	took := m.stage(Stage{}).CPUMS
	sender.HTTP.CloseIdleConnections()
	end()
	if stopped := <-served; err == nil {
		err = stopped
	}
	return took, err
}
