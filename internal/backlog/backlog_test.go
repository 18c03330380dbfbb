package backlog_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/backlog"
)

// pending is a fixed backlog.Backlog.
type pending struct {
	n      int64
	oldest time.Time
	err    error
}

func (p pending) Pending(context.Context) (int64, time.Time, error) { return p.n, p.oldest, p.err }

// TestCollector: count and age, an age of 0 if there is nothing, and an error
// if the backlog has one.
func TestCollector(t *testing.T) {
	metricsOf := func(p pending) (map[string]float64, error) {
		r := prometheus.NewPedanticRegistry()
		r.MustRegister(backlog.NewCollector(p, "rows", "Rows", "the first was added"))
		families, err := r.Gather()
		values := make(map[string]float64)
		for _, f := range families {
			values[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
		}
		return values, err
	}
	got, err := metricsOf(pending{n: 3, oldest: time.Now().Add(-time.Hour)})
	if age := got["rows_oldest_seconds"]; err != nil || got["rows_pending"] != 3 || age < 3600 || age > 3700 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := metricsOf(pending{}); err != nil || len(got) != 2 || got["rows_oldest_seconds"] != 0 {
		t.Errorf("nothing is pending: %v, %v", got, err)
	}
	if got, err := metricsOf(pending{err: errors.New("no")}); err == nil {
		t.Errorf("the backlog fails: %v", got)
	}
}
