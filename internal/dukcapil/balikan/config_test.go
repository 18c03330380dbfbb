package balikan_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
)

// TestConfig: without a URL nothing is needed; with one the rest is.
func TestConfig(t *testing.T) {
	complete := balikan.DefaultConfig()
	if err := complete.Validate(); err != nil {
		t.Error(err)
	}
	complete.URL, complete.TokenFile, complete.InstitutionID, complete.InstitutionName = "https://dukcapil.invalid", "token", "L-1", "Bank"
	if err := complete.Validate(); err != nil {
		t.Error(err)
	}
	for says, change := range map[string]func(*balikan.Config){
		"dukcapil.balikan.url":                func(c *balikan.Config) { c.URL = "http://dukcapil.invalid" },
		"dukcapil.balikan.token_file":         func(c *balikan.Config) { c.TokenFile = "" },
		"dukcapil.balikan.institution_id":     func(c *balikan.Config) { c.InstitutionID = "" },
		"institution_name: it is needed with": func(c *balikan.Config) { c.InstitutionName = "" },
	} {
		c := complete
		change(&c)
		if err := c.Validate(); sesuai.KindOf(err) != sesuai.KindConfiguration || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}

// backlog is a fixed balikan.Backlog.
type backlog struct {
	n      int64
	oldest time.Time
	err    error
}

func (b backlog) Pending(context.Context) (int64, time.Time, error) { return b.n, b.oldest, b.err }

// TestCollector: count and age, an age of 0 if there is nothing, and an error
// if the backlog has one.
func TestCollector(t *testing.T) {
	gather := func(b backlog) (map[string]float64, error) {
		r := prometheus.NewPedanticRegistry()
		r.MustRegister(balikan.NewCollector(b))
		families, err := r.Gather()
		values := make(map[string]float64)
		for _, f := range families {
			values[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
		}
		return values, err
	}
	got, err := gather(backlog{n: 3, oldest: time.Now().Add(-time.Hour)})
	if age := got["sesuai_balikan_oldest_seconds"]; err != nil || got["sesuai_balikan_pending"] != 3 || age < 3600 || age > 3700 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := gather(backlog{}); err != nil || len(got) != 2 || got["sesuai_balikan_oldest_seconds"] != 0 {
		t.Errorf("nothing to return: %v, %v", got, err)
	}
	if got, err := gather(backlog{err: errors.New("no")}); err == nil {
		t.Errorf("the backlog fails: %v", got)
	}
}
