package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
)

// limitText is a limit of a client, as limit.ParseSetting reads it.
func limitText(n int) string {
	switch n {
	case limit.Off:
		return "off"
	case 0:
		return "default"
	default:
		return strconv.Itoa(n)
	}
}

// describe says which settings change, and to what.
func (one clientChange) describe(l locale) string {
	b, a := one.Before, one.After
	var parts []string
	for _, p := range []struct{ key, before, after string }{
		{"threshold", b.Threshold.String(), a.Threshold.String()},
		{"name_threshold", strconv.Itoa(b.NameThreshold), strconv.Itoa(a.NameThreshold)},
		{"rate", fmt.Sprint(b.Rate), fmt.Sprint(a.Rate)},
		{"burst", strconv.Itoa(b.Burst), strconv.Itoa(a.Burst)},
		{"requests_day", limitText(b.Limits.RequestsPerDay), limitText(a.Limits.RequestsPerDay)},
		{"in_flight", limitText(b.Limits.InFlight), limitText(a.Limits.InFlight)},
		{"niks_day", limitText(b.Limits.NIKsPerDay), limitText(a.Limits.NIKsPerDay)},
		{"nonmatches_day", limitText(b.Limits.NonMatchesPerDay), limitText(a.Limits.NonMatchesPerDay)},
		{"expires", shownTime(b.ExpiresAt), shownTime(a.ExpiresAt)},
		{"scopes", fmt.Sprint(b.Scopes), fmt.Sprint(a.Scopes)},
	} {
		if p.before != p.after {
			parts = append(parts, l.text("change."+p.key, p.before, p.after))
		}
	}
	return l.text("change.client", one.Name, strings.Join(parts, "; "))
}

// settingsForm is what the form of settings shows.
type settingsForm struct {
	access.Settings
	// All are all scopes that can be ticked.
	All []access.Scope
	// Expires is the last day on which the client is accepted; "" if there is none.
	Expires string
}

func formOf(s access.Settings) settingsForm {
	all := slices.Clone(access.Scopes[:])
	for _, scope := range s.Scopes { // those of single attributes
		if !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	f := settingsForm{Settings: s, All: all}
	if !s.ExpiresAt.IsZero() {
		f.Expires = s.ExpiresAt.Add(-time.Microsecond).In(sesuai.Jakarta).Format(time.DateOnly)
	}
	return f
}

// Has reports whether a scope is ticked.
func (f settingsForm) Has(s access.Scope) bool { return slices.Contains(f.Scopes, s) }

// LimitFields are the fields of limits: their names, and what they have.
func (f settingsForm) LimitFields() [][2]string {
	l := f.Limits
	return [][2]string{
		{"requests_day", limitText(l.RequestsPerDay)},
		{"in_flight", limitText(l.InFlight)},
		{"niks_day", limitText(l.NIKsPerDay)},
		{"nonmatches_day", limitText(l.NonMatchesPerDay)},
	}
}

// day returns the end of the day of a field; zero if it is empty.
func (c *call) day(field string) (time.Time, error) {
	text := c.input(field)
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, sesuai.Jakarta)
	return day.AddDate(0, 0, 1).UTC(), err
}

func (c *call) scopes() (all []access.Scope) {
	for _, scope := range c.r.PostForm["scope"] {
		all = append(all, access.Scope(scope))
	}
	slices.Sort(all)
	return all
}

// settings reads the form. before has the time of day at which the client expires, which
// the form does not show.
func (c *call) settings(before access.Settings) (s access.Settings, err error) {
	s.Scopes = c.scopes()
	threshold, wrong := strconv.ParseFloat(c.input("threshold"), 64)
	if wrong == nil && threshold >= access.MinThreshold && threshold <= 100 {
		s.Threshold = sesuai.PercentageOf(threshold)
	}
	s.NameThreshold, _ = strconv.Atoi(c.input("name_threshold")) // 0 is out of range
	var ofRate, ofBurst error
	s.Rate, ofRate = strconv.ParseFloat(c.input("rate"), 64)
	s.Burst, ofBurst = strconv.Atoi(c.input("burst"))
	err = errors.Join(wrong, ofRate, ofBurst)
	for field, value := range map[string]*int{
		"requests_day": &s.Limits.RequestsPerDay, "in_flight": &s.Limits.InFlight, "niks_day": &s.Limits.NIKsPerDay,
		"nonmatches_day": &s.Limits.NonMatchesPerDay,
	} {
		var wrong error
		*value, wrong = limit.ParseSetting(c.input(field))
		err = errors.Join(err, wrong)
	}
	s.ExpiresAt = before.ExpiresAt
	if c.input("expires") != formOf(before).Expires {
		var wrong error
		s.ExpiresAt, wrong = c.day("expires")
		err = errors.Join(err, wrong)
	}
	return s, err
}

// setClient changes the settings of a client, or proposes to if that weakens.
func (c *call) setClient() error {
	one, err := c.named()
	if err != nil {
		return err
	}
	before := one.Settings()
	after, err := c.settings(before)
	if err == nil {
		_, err = one.Changed(func(n *access.Client) error {
			n.Scopes, n.Threshold, n.NameThreshold, n.Rate, n.Burst = after.Scopes, after.Threshold, after.NameThreshold, after.Rate, after.Burst
			n.Limits, n.ExpiresAt = after.Limits, after.ExpiresAt
			return nil
		})
	}
	if err != nil {
		return c.showClient(one, http.StatusBadRequest, page{Problem: c.language.text("clients.invalid")})
	}
	change := clientChange{one.ID, one.Name, before, after}
	if after.Weaken(before) {
		if _, err := c.o.Approvals.Propose(c.ctx, c.operator, changeOfClient, change); err != nil {
			return err
		}
		return c.showClient(one, http.StatusAccepted, page{Notice: c.language.text("approvals.sent")})
	}
	now, found, err := access.ChangeSettings(c.ctx, c.o.Clients, one.Name, before, after)
	if errors.Is(err, access.ErrChanged) {
		return c.showClient(one, http.StatusConflict, page{Problem: c.language.text("approvals.differs")})
	}
	if err != nil {
		return err
	}
	if !found {
		return notFound(c)
	}
	return c.showClient(now, http.StatusOK, page{Notice: c.language.text("clients.changed")})
}

func (c *call) newClient() error { return c.render("newclient", formOf(newClient().Settings())) }

// newClient has the default settings.
func newClient() access.Client {
	return access.Client{
		Scopes: []access.Scope{access.DefaultScope}, Threshold: sesuai.PercentageOf(access.DefaultThreshold), NameThreshold: access.DefaultNameThreshold,
	}
}

// addClient shows the credentials in its answer, and nowhere else.
func (c *call) addClient() error {
	one := newClient()
	one.Name, one.Scopes, one.AddedAt = c.input("name"), c.scopes(), c.o.Now()
	var err error
	if one.ExpiresAt, err = c.day("expires"); err != nil {
		return c.refuseClient(one, http.StatusBadRequest, "clients.invalid")
	}
	_, credentials, err := access.Add(c.ctx, c.o.Clients, c.o.Hash, one)
	switch sesuai.KindOf(err) {
	case sesuai.KindConfiguration:
		return c.refuseClient(one, http.StatusBadRequest, "clients.invalid")
	case sesuai.KindConflict:
		return c.refuseClient(one, http.StatusConflict, "clients.taken")
	}
	if err != nil {
		return err
	}
	return c.render("rotated", rotated{one.Name, credentials.Reveal(), time.Time{}})
}

func (c *call) refuseClient(one access.Client, status int, key string) error {
	return c.renderWith(status, "newclient", page{Problem: c.language.text(key), Data: formOf(one.Settings())})
}
