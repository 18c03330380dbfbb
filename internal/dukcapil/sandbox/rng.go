package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// Latency is the distribution of the time that answers take: log-normal, with a
// median and a 99th percentile. The zero Latency is none. Without a 99th
// percentile, all answers take the median.
type Latency struct {
	// Median is the median of the time that answers take.
	Median time.Duration `yaml:"median"`
	// P99 is its 99th percentile. With 0, every answer takes the median.
	P99 time.Duration `yaml:"p99"`
}

func (l Latency) check() error {
	if l.Median < 0 || l.P99 != 0 && l.P99 < l.Median || l.Median == 0 && l.P99 != 0 {
		return errors.New("a latency's 99th percentile must not be below its median")
	}
	return nil
}

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263478740408408

// draw returns a random latency.
func (l Latency) draw(rng *rand.Rand) time.Duration {
	z := rng.NormFloat64()
	if l.P99 == 0 {
		return l.Median
	}
	sigma := math.Log(float64(l.P99)/float64(l.Median)) / z99
	return time.Duration(float64(l.Median) * math.Exp(sigma*z))
}

// wait waits for d. It returns early, and reports false, if ctx ends.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// occurrences counts the calls about each NIK.
type occurrences struct {
	mu sync.Mutex
	n  map[occurrence]uint64
}

type occurrence struct {
	service Name
	nik     string
}

// next counts a call and returns the number of earlier calls about the NIK.
func (o *occurrences) next(service Name, nik string) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n == nil {
		o.n = make(map[occurrence]uint64)
	}
	k := occurrence{service, nik}
	o.n[k]++
	return o.n[k] - 1
}

// rngOf returns the random number generator of the n-th call about a NIK. Equal
// seeds give equal generators.
func (s *Server) rngOf(service Name, nik string, n uint64) *rand.Rand {
	b := binary.BigEndian.AppendUint64(nil, uint64(s.o.Seed))
	b = binary.BigEndian.AppendUint64(b, n)
	b = append(append(b, service...), nik...)
	return rand.New(rand.NewChaCha8(sha256.Sum256(b))) //nolint:gosec // must be reproducible
}
