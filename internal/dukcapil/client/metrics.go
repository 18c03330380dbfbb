package client

import (
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
)

// metrics are what can be watched. No label holds anything of a request: each
// has fixed words of this package.
type metrics struct {
	calls         *prometheus.CounterVec // service, class
	turnedAway    *prometheus.CounterVec // service, why
	unexpected    *prometheus.CounterVec // service, what
	disagreements *prometheus.CounterVec // service, what
	seconds       *prometheus.HistogramVec
	inFlight      *prometheus.GaugeVec
	files         *prometheus.CounterVec // key
	ledger        *prometheus.CounterVec // service
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sesuai_dukcapil_" + name, Help: help}, labels)
	}
	m := &metrics{
		calls:         counter("calls_total", "Calls made, each try by itself, by what they came to.", "service", "class"),
		turnedAway:    counter("turned_away_total", "Questions that were not put to the upstream, by why.", "service", "why"),
		unexpected:    counter("unexpected_total", "Answers that this side does not know, by what was not as expected.", "service", "what"),
		disagreements: counter("disagreements_total", "Answers in which the upstream draws another conclusion from its numbers than this side.", "service", "what"),
		files:         counter("file_failures_total", "Files that have changed and cannot be used, by their key; the earlier content is.", "key"),
		ledger:        counter("ledger_failures_total", "Calls whose completion could not be recorded.", "service"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sesuai_dukcapil_call_seconds", Help: "How long calls took, each try by itself.",
			Buckets: []float64{.025, .05, .1, .2, .3, .5, .75, 1, 1.5, 2, 3, 5, 8, 13, 20},
		}, []string{"service"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sesuai_dukcapil_in_flight", Help: "Questions being put to the upstream now.",
		}, []string{"service"}),
	}
	for _, c := range []prometheus.Collector{m.calls, m.turnedAway, m.unexpected, m.disagreements, m.files, m.ledger, m.seconds, m.inFlight} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// watch registers what a service is asked for when somebody looks.
func (s *service) watch(r prometheus.Registerer, forecast func(ledger.Service, int64) (time.Time, bool)) error {
	gauge := func(name, help string, value func() float64) error {
		return r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sesuai_dukcapil_" + name, Help: help, ConstLabels: prometheus.Labels{"service": string(s.name)},
		}, value))
	}
	if err := gauge("breaker_state", "0: closed. 1: half open. 2: open.", func() float64 {
		return breakerNumbers[s.state().Breaker]
	}); err != nil {
		return err
	}
	if err := gauge("held_seconds", "How long the service is not to be called, for its quota, hours or maintenance.", func() float64 {
		return max(0, s.state().HeldUntil.Sub(s.now()).Seconds())
	}); err != nil {
		return err
	}
	if err := gauge("quota_left", "The quota left today, as the upstream last said; NaN if it has not today.", func() float64 {
		if left, known := s.quota.get(s.now()); known {
			return float64(left)
		}
		return math.NaN()
	}); err != nil {
		return err
	}
	if forecast == nil {
		return nil
	}
	return gauge("quota_ends_timestamp_seconds", "When the quota ends at the pace of today; NaN if it lasts.", func() float64 {
		if left, known := s.quota.get(s.now()); known {
			if ends, ok := forecast(s.name, left); ok {
				return float64(ends.UnixMilli()) / 1000
			}
		}
		return math.NaN()
	})
}

var breakerNumbers = map[string]float64{"closed": 0, "half-open": 1, "open": 2}

// quota is what the upstream last said of today's.
type quota struct {
	mu    sync.Mutex
	left  int64
	until time.Time // the end of the day of which it was said
}

// set notes what was said in a call that was made at that time.
func (q *quota) set(left int64, at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	// Of calls at once any may be answered last: within a day the quota only
	// falls, but for a top-up, which a later call will show.
	if until := midnight(at); !until.Before(q.until) {
		q.left, q.until = left, until
	}
}

func (q *quota) get(now time.Time) (left int64, known bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.left, now.Before(q.until)
}
