package console

import (
	"context"
	"net/http"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
)

// trailPage is the page of the audit trail.
type trailPage struct {
	Checkpoint audit.Checkpoint
	Changes    []change
}

// change is a line of the table of changes.
type change struct {
	Seq                   int64
	Time                  time.Time
	Action, Actor, Client string
}

func (c *call) trail() error { return c.showTrail(http.StatusOK, page{}) }

// showTrail shows the trail, on a page that has a notice or a problem.
func (c *call) showTrail(status int, p page) error {
	checkpoint, err := c.o.Trail.LatestCheckpoint()
	if err != nil { // it is not as it was written
		status, p.Problem = http.StatusOK, c.language.text("verify.broken", err.Error())
	}
	names := namesOf(c.clientsIfAny())
	events, err := c.o.Events.Events(c.ctx, audit.Filter{Of: audit.OnlyChanges, Limit: pageSize})
	if err != nil {
		return err
	}
	var changes []change
	for _, e := range events {
		name, known := names[e.Client]
		if !known {
			name = e.Client
		}
		changes = append(changes, change{e.Seq, time.UnixMicro(e.Time), string(e.Action), e.Actor, name})
	}
	p.Data = trailPage{checkpoint, changes}
	return c.renderWith(status, "trail", p)
}

// verifyTimeout is the time for verifying the trail. The connection allows it:
// httpapi.NewHTTPServer.
const verifyTimeout = 150 * time.Second

// verifyTrail verifies everything, once at a time.
func (c *call) verifyTrail() error {
	select {
	case c.verifying <- struct{}{}:
		defer func() { <-c.verifying }()
	default:
		return c.showTrail(http.StatusConflict, page{Problem: c.language.text("verify.busy")})
	}
	if err := c.o.Record(c.ctx, audit.Change{Action: audit.TrailVerified}); err != nil {
		return err
	}
	var cancel context.CancelFunc
	c.ctx, cancel = context.WithTimeout(context.WithoutCancel(c.ctx), verifyTimeout)
	defer cancel()
	events, why, err := c.o.Trail.Verify(c.ctx)
	if err != nil {
		return err
	}
	if why != "" {
		return c.showTrail(http.StatusOK, page{Problem: c.language.text("verify.broken", why)})
	}
	return c.showTrail(http.StatusOK, page{Notice: c.language.text("verify.whole", events)})
}
