package access_test

import (
	"errors"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/accesstest"
)

// TestWeaken: what weakens a client, and what does not.
func TestWeaken(t *testing.T) {
	base := func() access.Settings {
		s := access.Settings{Threshold: sesuai.PercentageOf(80), NameThreshold: 90, Rate: 10, Burst: 20}
		s.Limits.RequestsPerDay, s.Limits.InFlight = 100, 0
		return s
	}
	for what, test := range map[string]struct {
		change func(*access.Settings)
		want   bool
	}{
		"nothing":                    {func(*access.Settings) {}, false},
		"a higher threshold":         {func(s *access.Settings) { s.Threshold = sesuai.PercentageOf(80.01) }, false},
		"a lower threshold":          {func(s *access.Settings) { s.Threshold = sesuai.PercentageOf(79.99) }, true},
		"a higher one of the name":   {func(s *access.Settings) { s.NameThreshold++ }, false},
		"a lower one of the name":    {func(s *access.Settings) { s.NameThreshold-- }, true},
		"a lower rate":               {func(s *access.Settings) { s.Rate = 9 }, false},
		"a higher rate":              {func(s *access.Settings) { s.Rate = 11 }, true},
		"no rate":                    {func(s *access.Settings) { s.Rate = 0 }, true},
		"fewer at once":              {func(s *access.Settings) { s.Burst = 19 }, false},
		"one second's worth at once": {func(s *access.Settings) { s.Burst = 0 }, false},
		"more at once":               {func(s *access.Settings) { s.Burst = 21 }, true},
		"a lower limit":              {func(s *access.Settings) { s.Limits.RequestsPerDay = 99 }, false},
		"a higher limit":             {func(s *access.Settings) { s.Limits.RequestsPerDay = 101 }, true},
		"no limit":                   {func(s *access.Settings) { s.Limits.RequestsPerDay = -1 }, true},
		"a limit as configured":      {func(s *access.Settings) { s.Limits.RequestsPerDay = 0 }, true},
		"one in place of configured": {func(s *access.Settings) { s.Limits.InFlight = 1 }, true},
	} {
		after := base()
		test.change(&after)
		if after.Weaken(base()) != test.want {
			t.Errorf("%s weakens: %t", what, !test.want)
		}
	}
	limited, unlimited := base(), base()
	unlimited.Rate, unlimited.Limits.RequestsPerDay = 0, -1
	if limited.Weaken(unlimited) {
		t.Error("a limit in place of none weakens")
	}
}

// TestChangeSettings: a change holds against the settings that it was made for alone.
func TestChangeSettings(t *testing.T) {
	clients := new(accesstest.Memory)
	c := accesstest.Client("bank")
	if err := clients.AddClient(t.Context(), c, accesstest.HashesOf(c.ID)); err != nil {
		t.Fatal(err)
	}
	before := c.Settings()
	after := before
	after.NameThreshold = 97
	changed, found, err := access.ChangeSettings(t.Context(), clients, c.Name, before, after)
	if err != nil || !found || changed.NameThreshold != 97 {
		t.Errorf("%+v, %t, %v", changed, found, err)
	}
	if _, _, err := access.ChangeSettings(t.Context(), clients, c.Name, before, after); !errors.Is(err, access.ErrChanged) {
		t.Errorf("against other settings: %v", err)
	}
	if _, found, err := access.ChangeSettings(t.Context(), clients, "none", before, after); found || err != nil {
		t.Errorf("a client that is not there: %t, %v", found, err)
	}
}
