package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// pageSize is the number of events on a page.
const pageSize = 50

// question is what the search form has. The NIK is not shown again.
type question struct {
	ID, Client, Reason, From, To string
	Flags                        audit.Flags
	nik                          string
}

// found is the page of verifications.
type found struct {
	Question question
	Clients  []access.Client
	Rows     []row
	// Older is the number of the last event, if there may be older ones.
	Older int64
	// ByNIK reports whether a NIK was searched for. Further pages need it again.
	ByNIK bool
	Flags []choice
	// Live is nil if there is nothing to show.
	Live *live
}

// choice is one of a list of things to search for.
type choice struct {
	Name, Text string
	Chosen     bool
}

// row is a line of a table of verifications.
type row struct {
	Seq                                  int64
	Time                                 time.Time
	Client, Result, Reason, ID, Endpoint string
	State                                string
}

// verifications shows the last ones.
func (c *call) verifications() error { return c.find(question{}, 0) }

// search shows those that the form selects. The form is sent by POST, so that no NIK gets
// into a URL, a history or the log of a proxy. A search is recorded.
func (c *call) search() error {
	q := question{
		ID: c.input("id"), nik: c.input("nik"), Client: c.input("client"), Reason: c.input("reason"), From: c.input("from"), To: c.input("to"),
	}
	var err error
	if name := c.input("flag"); name != "" {
		if q.Flags, err = audit.ParseFlags(name); err != nil {
			return &sesuai.Error{Kind: sesuai.KindMalformed, Err: err}
		}
	}
	before, err := strconv.ParseInt("0"+c.input("before"), 10, 64)
	if err != nil {
		return &sesuai.Error{Kind: sesuai.KindMalformed, Err: err}
	}
	return c.find(q, before)
}

func (c *call) find(q question, before int64) error {
	clients := c.clientsIfAny()
	page := found{Question: q, Clients: clients, ByNIK: q.nik != "", Flags: c.flagChoices(q.Flags)}
	f, err := c.filter(q)
	if err != nil {
		return c.failForm(err, "verifications", page)
	}
	f.Before = before
	if c.r.Method == http.MethodPost {
		err := c.o.Record(c.ctx, audit.Change{Action: audit.EventsSearched, NIK: f.NIK, After: fmt.Appendf(nil, "%+v", q)})
		if err != nil {
			return err
		}
	}
	events, err := c.o.Events.Events(c.ctx, f)
	if err != nil {
		return c.tooMuch(err, page)
	}
	names := namesOf(clients)
	for _, e := range events {
		page.Rows = append(page.Rows, c.rowOf(e, names))
	}
	if len(events) == pageSize {
		page.Older = events[len(events)-1].Seq
	}
	if page.Live, err = c.live(); err != nil {
		return c.tooMuch(err, page)
	}
	return c.render("verifications", page)
}

// tooMuch asks for a narrower search where the time was not enough.
func (c *call) tooMuch(err error, data found) error {
	if c.ctx.Err() == nil {
		return err
	}
	return c.renderWith(http.StatusServiceUnavailable, "verifications", page{Problem: c.language.text("problem.slow"), Data: data})
}

// filter returns what a search selects. The error has kind sesuai.KindInvalidNIK or
// sesuai.KindMalformed.
func (c *call) filter(q question) (f audit.Filter, err error) {
	f = audit.Filter{Of: audit.OnlyVerifications, Client: q.Client, Reason: q.Reason, Flags: q.Flags, Limit: pageSize}
	if q.nik != "" {
		if f.NIK, err = sesuai.ParseNIK(q.nik); err != nil {
			return f, err
		}
	}
	if q.ID != "" {
		// As it was sent, or as it was recorded.
		f.IDs = []string{q.ID, httpapi.RecordedID(c.o.Hash, q.ID), httpapi.RecordedReference(c.o.Hash, q.ID)}
	}
	if f.Since, err = dayOf(q.From, 0); err != nil {
		return f, err
	}
	f.Until, err = dayOf(q.To, 1)
	return f, err
}

// dayOf returns the start of a day in Jakarta, so many days later; zero if there is none.
func dayOf(text string, later int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, sesuai.Jakarta)
	if err != nil {
		return day, &sesuai.Error{Kind: sesuai.KindMalformed, Err: err}
	}
	return day.AddDate(0, 0, later), nil
}

// clientsIfAny returns the clients; none if one of them cannot be read, which must not keep
// events from being read: they may say why.
func (c *call) clientsIfAny() []access.Client {
	clients, err := c.o.Clients.ListClients(c.ctx)
	if err != nil {
		c.o.Log.Warn("the console leaves out the names of clients", "error", err)
	}
	return clients
}

// namesOf returns the names of clients by their IDs.
func namesOf(clients []access.Client) map[string]string {
	names := make(map[string]string, len(clients))
	for _, c := range clients {
		names[c.ID] = c.Name
	}
	return names
}

func (c *call) rowOf(e audit.Entry, names map[string]string) row {
	r := row{
		Seq: e.Seq, Time: time.UnixMicro(e.Time), Client: names[e.Client], ID: e.RequestID,
		Result: c.language.text("result." + string(e.Result)), Reason: c.reason(e), State: stateOf(e.Result),
		Endpoint: c.language.text("endpoint." + e.Endpoint.String()),
	}
	if e.Flags.Has(audit.Trial) {
		r.Client = c.language.text("trial.by", e.Actor)
	}
	if r.Client == "" {
		r.Client = e.Client
	}
	return r
}

// The states of a row or a comparison, which are classes of the style sheet.
const (
	good    = "good"
	bad     = "bad"
	neutral = "neutral"
)

func stateOf(r audit.Result) string {
	switch r {
	case audit.Verified, audit.Matched:
		return good
	case audit.NotVerified, audit.NotMatched, audit.Refused:
		return bad
	default:
		return neutral
	}
}

// reason returns the reason of an event in the language of the page, or as it is recorded.
func (c *call) reason(e audit.Entry) string {
	if text, ok := c.language.find("reason." + e.Reason); ok {
		return text
	}
	return e.Reason
}

// explained is the page of one verification.
type explained struct {
	row
	Reference, Flags, Model, Calibration, Purpose, Consent string
	Duration                                               string
	Findings                                               []finding
	// Hidden reports whether numbers are left out.
	Hidden bool
}

// verification explains one event.
func (c *call) verification() error {
	seq, err := strconv.ParseInt(c.r.PathValue("seq"), 10, 64)
	if err != nil || seq < 1 {
		return notFound(c)
	}
	events, err := c.o.Events.Events(c.ctx, audit.Filter{Of: audit.OnlyVerifications, After: seq - 1, Before: seq + 1, Limit: 1})
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return notFound(c)
	}
	e := events[0]
	return c.render("verification", explained{
		row: c.rowOf(e, namesOf(c.clientsIfAny())), Reference: e.Reference, Flags: strings.Join(c.flags(e.Flags), ", "), Model: e.Model,
		Calibration: e.Calibration, Purpose: e.Purpose, Consent: e.ConsentID,
		Duration: fmt.Sprintf("%.0f ms", float64(e.Duration)/1000), Findings: c.findings(e), Hidden: !c.seesScores(),
	})
}

// flags returns what is remarkable about a verification, in words.
func (c *call) flags(f audit.Flags) (all []string) {
	for _, name := range strings.Fields(f.String()) {
		all = append(all, c.language.text("flag."+name))
	}
	return all
}
