package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
)

type clientList struct{}

func (clientList) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		clients, err := storage.Clients.ListClients(s)
		if err != nil {
			return err
		}
		uses, err := storage.Clients.LastUses(s)
		if err != nil {
			return err
		}
		shown := make([]shownClient, 0, len(clients))
		lines := [][]string{{"NAME", "ID", "SCOPES", "THRESHOLD", "NAME THRESHOLD", "RATE", "REPLAY", "LIVENESS", "ADDED", "STATE", "LAST USED"}}
		for _, c := range clients {
			v := showClient(c, uses, time.Now())
			shown = append(shown, v)
			lines = append(lines, []string{
				v.Name, v.ID, v.scopes(), v.Threshold.String(), fmt.Sprint(v.NameThreshold), v.rate(),
				v.Replay.String(), v.Liveness.String(), v.AddedAt.Format(time.DateOnly), v.State, shortTime(v.LastUsed, "-"),
			})
		}
		if s.json {
			return s.printJSON(shown)
		}
		return s.printTable(lines)
	})
}

// printClient prints the settings of a client, or that there is none.
func (s *session) printClient(storage *app.Storage, c access.Client, found bool) error {
	if !found {
		return s.noClient(map[string]bool{"found": false})
	}
	uses, err := storage.Clients.LastUses(s)
	if err != nil {
		return err
	}
	v := showClient(c, uses, time.Now())
	if s.json {
		return s.printJSON(v)
	}
	return s.printTable(v.lines())
}

// shownClient is a client as it is printed.
type shownClient struct {
	Name          string               `json:"name"`
	ID            string               `json:"id"`
	Scopes        []access.Scope       `json:"scopes"`
	Threshold     sesuai.Percentage    `json:"threshold"`
	NameThreshold int                  `json:"name_threshold"`
	Rate          float64              `json:"rate"`
	Burst         int                  `json:"burst"`
	Replay        access.Policy        `json:"replay"`
	Liveness      access.Policy        `json:"liveness"`
	Consent       access.ConsentPolicy `json:"consent"`
	AddedAt       time.Time            `json:"added_at"`
	Networks      []netip.Prefix       `json:"networks"`
	ExpiresAt     *time.Time           `json:"expires_at"`
	// State is enabled, disabled or expired.
	State string `json:"state"`
	Note  string `json:"note"`
	// PreviousUntil is when the credentials from before the last rotation end, or
	// have ended; null if there was none.
	PreviousUntil *time.Time `json:"previous_credentials_until"`
	// LastUsed is a minute; null if it is not known.
	LastUsed *time.Time `json:"last_used"`
	// Percentage is how exactly percentages are given, at most.
	Percentage sesuai.Precision `json:"percentage"`
	// Limits are those in place of the configured ones, in the form of package limit.
	Limits string `json:"limits"`
	// Certificates are those that it may call with; none if it needs none.
	Certificates []access.Fingerprint `json:"certificates"`

	previousValid bool
}

func showClient(c access.Client, uses map[string]time.Time, now time.Time) shownClient {
	state := "enabled"
	switch {
	case c.Disabled:
		state = "disabled"
	case !c.ActiveAt(now):
		state = "expired"
	}
	used, isUsed := uses[c.ID]
	return shownClient{
		c.Name, c.ID, c.Scopes, c.Threshold, c.NameThreshold, c.Rate, c.Burst, c.Replay, c.Liveness, c.Consent, c.AddedAt.UTC(),
		append([]netip.Prefix{}, c.Networks...), known(!c.ExpiresAt.IsZero(), c.ExpiresAt), state, c.Note,
		known(!c.PreviousUntil.IsZero(), c.PreviousUntil), known(isUsed, used), c.Precision, c.Limits.String(),
		append([]access.Fingerprint{}, c.Certificates...), now.Before(c.PreviousUntil),
	}
}

// lines are the lines of client show, in two columns.
func (c shownClient) lines() [][]string {
	networks := make([]string, len(c.Networks))
	for i, n := range c.Networks {
		networks[i] = n.String()
	}
	certificates := make([]string, len(c.Certificates))
	for i, f := range c.Certificates {
		certificates[i] = f.String()
	}
	previous := "none are valid"
	if c.previousValid {
		previous = "valid until " + shortTime(c.PreviousUntil, "")
	}
	return [][]string{
		{"name", c.Name},
		{"id", c.ID},
		{"scopes", c.scopes()},
		{"threshold", c.Threshold.String()},
		{"name threshold", fmt.Sprint(c.NameThreshold)},
		{"percentage", c.Percentage.String()},
		{"rate", c.rate()},
		{"limits", cmp.Or(c.Limits, "as configured")},
		{"replay", c.Replay.String()},
		{"liveness", c.Liveness.String()},
		{"consent", c.Consent.String()},
		{"networks", cmp.Or(strings.Join(networks, ","), "any")},
		{"certificates", cmp.Or(strings.Join(certificates, ","), "none")},
		{"expires", shortTime(c.ExpiresAt, "never")},
		{"state", c.State},
		{"older credentials", previous},
		{"last used", shortTime(c.LastUsed, "-")},
		{"added", c.AddedAt.Format(time.DateOnly)},
		{"note", cmp.Or(c.Note, "-")},
	}
}

func (c shownClient) scopes() string {
	scopes := make([]string, 0, len(c.Scopes))
	for _, scope := range c.Scopes {
		scopes = append(scopes, string(scope))
	}
	return strings.Join(scopes, ",")
}

func (c shownClient) rate() string {
	if c.Rate == 0 {
		return "no limit"
	}
	return fmt.Sprintf("%g/s, %d at once", c.Rate, access.Client{Rate: c.Rate, Burst: c.Burst}.AtOnce())
}

// shortTime returns a time in Jakarta, to the second, or what to say if there is none.
func shortTime(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return t.In(sesuai.Jakarta).Format(time.RFC3339)
}
