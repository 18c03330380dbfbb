package access

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
)

// Settings are those of a client that an operator changes in the console, in a form that
// encoding/json keeps.
type Settings struct {
	Scopes        []Scope           `json:"scopes"`
	Threshold     sesuai.Percentage `json:"threshold"`
	NameThreshold int               `json:"name_threshold"`
	Rate          float64           `json:"rate"`
	Burst         int               `json:"burst"`
	Limits        limit.Settings    `json:"limits"`
	ExpiresAt     time.Time         `json:"expires_at,omitzero"`
}

// Settings returns those of the client.
func (c Client) Settings() Settings {
	c = c.Rounded()
	slices.Sort(c.Scopes)
	return Settings{c.Scopes, c.Threshold, c.NameThreshold, c.Rate, c.Burst, c.Limits, c.ExpiresAt}
}

// Weaken reports whether the settings let pass what earlier ones would not: a threshold is
// lower, or a limit is higher. A limit as configured is compared with no other one, since
// the configuration may change: to change to it or from it weakens.
func (s Settings) Weaken(before Settings) bool {
	return !s.Threshold.AtLeast(before.Threshold) || s.NameThreshold < before.NameThreshold ||
		s.Rate != before.Rate && (s.Rate == 0 || before.Rate != 0 && s.Rate > before.Rate) ||
		s.Rate != 0 && before.Rate != 0 && (Client{Rate: s.Rate, Burst: s.Burst}).AtOnce() > (Client{Rate: before.Rate, Burst: before.Burst}).AtOnce() ||
		raised(s.Limits.RequestsPerDay, before.Limits.RequestsPerDay) || raised(s.Limits.InFlight, before.Limits.InFlight) ||
		raised(s.Limits.NIKsPerDay, before.Limits.NIKsPerDay) || raised(s.Limits.NonMatchesPerDay, before.Limits.NonMatchesPerDay)
}

// raised reports whether a limit of a client is not known to be at most the one before.
func raised(after, before int) bool {
	switch {
	case after == before:
		return false
	case after <= 0 || before == 0:
		return true
	default:
		return before != limit.Off && after > before
	}
}

// ErrChanged is that the settings of a client are not those that a change was made
// against.
var ErrChanged = errors.New("the settings of the client have changed meanwhile")

// ChangeSettings gives a client settings in place of earlier ones. The error is ErrChanged
// if it has others than those, or is one of Clients.ChangeClient.
func ChangeSettings(ctx context.Context, clients Clients, name string, before, after Settings) (c Client, found bool, err error) {
	changed := false
	c, found, err = clients.ChangeClient(ctx, name, func(c *Client) error {
		if changed = !reflect.DeepEqual(c.Settings(), before); changed {
			return invalid("the settings of the client have changed meanwhile")
		}
		c.Scopes, c.Threshold, c.NameThreshold, c.Rate, c.Burst = after.Scopes, after.Threshold, after.NameThreshold, after.Rate, after.Burst
		c.Limits, c.ExpiresAt = after.Limits, after.ExpiresAt
		return nil
	})
	if changed {
		return Client{}, found, ErrChanged
	}
	return c, found, err
}
