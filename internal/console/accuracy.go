package console

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
)

const (
	// movedDays is how many days of verifications are compared with another threshold.
	movedDays = 30
	// The thresholds that can be asked about. A client has none below, and the scale says
	// nothing about percentages above.
	minAsked, maxAsked, stepAsked = access.MinThreshold, 95, 0.5
)

// accuracyPage says what thresholds mean, and what another one would have done.
type accuracyPage struct {
	// Calibration is that in force; nil if there is none.
	Calibration *face.Calibration
	Rates       []rateRow
	// Asked is the threshold that is asked about, as the form has it, and Shown as it is read.
	Asked, Shown string
	Min, Max     int
	Step         float64
	Rate         string
	Days         int
	Clients      []movedRow
}

// rateRow is what a threshold means.
type rateRow struct{ Threshold, Rate string }

// movedRow are the verifications of a client, or of all.
type movedRow struct{ Client, Verified, Below, ToBelow, ToVerified string }

// accuracy shows the page, for the threshold of the URL.
func (c *call) accuracy() error {
	data := accuracyPage{Calibration: c.o.Calibration, Min: minAsked, Max: maxAsked, Step: stepAsked, Days: movedDays}
	x := explainer{language: c.language}
	for threshold := minAsked; threshold <= maxAsked; threshold += 5 {
		data.Rates = append(data.Rates, rateRow{c.language.decimal(float64(threshold)), x.rate(float64(threshold))})
	}
	asked, err := askedThreshold(c.r.URL.Query().Get("threshold"))
	if err != nil {
		return c.failForm(err, "accuracy", data)
	}
	data.Asked, data.Shown, data.Rate = strconv.FormatFloat(asked, 'f', -1, 64), c.language.decimal(asked), x.rate(asked)
	moved, err := c.o.Counts.Moved(c.ctx, c.o.Now().Add(-movedDays*24*time.Hour), sesuai.PercentageOf(asked))
	if err != nil {
		if c.ctx.Err() == nil {
			return err
		}
		return c.renderWith(http.StatusServiceUnavailable, "accuracy", page{Problem: c.language.text("accuracy.slow"), Data: data})
	}
	data.Clients = c.movedRows(moved)
	return c.render("accuracy", data)
}

// movedRows has a row for each client, and one for all of them.
func (c *call) movedRows(moved []audit.Moved) (rows []movedRow) {
	names := namesOf(c.clientsIfAny())
	all := audit.Moved{}
	row := func(name string, m audit.Moved) {
		n := c.language.count
		rows = append(rows, movedRow{name, n(m.Verified), n(m.Below), n(m.ToBelow), n(m.ToVerified)})
	}
	for _, m := range moved {
		name := names[m.Client]
		if name == "" {
			name = m.Client // of a client that was removed
		}
		row(name, m)
		all.Verified += m.Verified
		all.Below += m.Below
		all.ToBelow += m.ToBelow
		all.ToVerified += m.ToVerified
	}
	if len(moved) > 1 {
		row(c.language.text("accuracy.all"), all)
	}
	return rows
}

// askedThreshold reads a threshold; the default one if there is none. The error has kind
// sesuai.KindMalformed.
func askedThreshold(text string) (float64, error) {
	if text == "" {
		return access.DefaultThreshold, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= minAsked && v <= maxAsked) {
		return 0, &sesuai.Error{Kind: sesuai.KindMalformed, Err: err}
	}
	return v, nil
}
