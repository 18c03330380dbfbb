package console

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/telemetry"
	"github.com/sesuai/sesuai/internal/verify"
)

// Trials tries out photographs; *verify.Verifier implements it.
type Trials interface {
	// Try verifies a photograph and a claim as an operator's trial, and returns the
	// event that it has recorded. See verify.Verifier.
	Try(ctx context.Context, t verify.Trial) (audit.Event, error)
}

// tryTimeout is the time for a trial. The registry may be a slow one.
const tryTimeout = 60 * time.Second

// An operator may try maxTries times at once, and once more in each tryEvery. Who tries
// many claims learns who is on record.
const (
	maxTries = 5
	tryEvery = 10 * time.Second
)

// tries are the limits of operators, by their ids. There are dozens of operators.
type tries struct {
	mu  sync.Mutex
	all map[string]*rate.Limiter
}

// take counts one of an operator's trials. The error has kind sesuai.KindRateLimited.
func (t *tries) take(operator string, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = make(map[string]*rate.Limiter)
	}
	one := t.all[operator]
	if one == nil {
		one = rate.NewLimiter(rate.Every(tryEvery), maxTries)
		t.all[operator] = one
	}
	if !one.AllowN(now, 1) {
		return &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: tryEvery}
	}
	return nil
}

// tried is the page of a trial. Nothing of the claim is in it.
type tried struct {
	// Price says what a trial may cost; "" if nothing.
	Price string
	// Result is that of the trial; nil if none was made.
	Result   *row
	Findings []finding
	// Measures and Stages are empty for who does not see scores.
	Measures []measured
	Stages   []took
	// Hidden reports whether scores are left out.
	Hidden bool
}

// measured is a quality measure, and what its name is.
type measured struct{ What, Value string }

// took is the time of a stage.
type took struct{ What, Time string }

func (c *call) tryPage() error {
	return c.showTry(http.StatusOK, page{}, tried{})
}

// showTry shows the form, below the result if there is one. Only this page may use the camera.
func (c *call) showTry(status int, p page, t tried) (err error) {
	if t.Price, err = c.o.TrialPrice(c.o.Now()); err != nil {
		return err
	}
	c.w.Header().Set("Permissions-Policy", "camera=(self), microphone=(), geolocation=()")
	p.Data = t
	return c.renderWith(status, "try", p)
}

// try verifies what the form has, and explains the verdict.
func (c *call) try() error {
	trial, err := c.trial()
	if err == nil {
		err = c.tries.take(c.operator.ID, c.o.Now())
	}
	if err != nil {
		return c.failTry(err)
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), tryTimeout)
	defer cancel()
	ctx, request := telemetry.New(ctx, nil, "")
	event, err := c.o.Trials.Try(ctx, trial)
	if err != nil {
		return c.failTry(err)
	}
	return c.showTry(http.StatusOK, page{}, c.explainTrial(event, request))
}

// failTry shows the form again, with why there is no verdict.
func (c *call) failTry(err error) error {
	status, text := c.problem(err)
	switch sesuai.KindOf(err) {
	case sesuai.KindUnavailable:
		text = c.language.text("try.unavailable")
	case sesuai.KindRateLimited:
		text = c.language.text("try.wait")
	}
	c.note(err, status)
	return c.showTry(status, page{Problem: text}, tried{})
}

// trial returns what the form has. The errors have the kinds of the parsers.
func (c *call) trial() (verify.Trial, error) {
	claim, err := c.claim()
	if err == nil && len(c.file) == 0 {
		err = &sesuai.Error{Kind: sesuai.KindNoFile}
	}
	return verify.Trial{Actor: c.operator.Actor(), Claim: claim, Photo: c.file}, err
}

// claim returns the claim that the form has. The errors have the kinds of the parsers.
func (c *call) claim() (one sesuai.Claim, err error) {
	if one.NIK, err = sesuai.ParseNIK(c.input("nik")); err != nil {
		return one, err
	}
	if one.Name, err = sesuai.ParseName(c.input("name")); err != nil {
		return one, err
	}
	born := c.input("born") // as browsers write a date
	if day, err := time.Parse(time.DateOnly, born); err == nil {
		born = day.Format(sesuai.DateLayout)
	}
	one.DateOfBirth, err = sesuai.ParseDate(born, c.o.Now())
	return one, err
}

// explainTrial explains a verdict.
func (c *call) explainTrial(event audit.Event, request *telemetry.Request) tried {
	e := audit.NewEntry(event, [32]byte{})
	one := c.rowOf(e, nil)
	t := tried{Result: &one, Hidden: !c.seesScores()}
	if t.Findings = c.findings(e); t.Hidden {
		return t
	}
	for _, m := range request.Quality() {
		t.Measures = append(t.Measures, measured{c.language.text("quality." + m.Name), c.language.decimal(m.Value)})
	}
	request.EachStage(func(stage telemetry.Stage, d time.Duration) {
		t.Stages = append(t.Stages, took{c.language.text("stage." + string(stage)), c.language.decimal(float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond))})
	})
	return t
}
