package console

import (
	"fmt"
	"math"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/operator"
)

// finding is how one comparison, or one check, came out.
type finding struct {
	What, Outcome, Meaning string
	State                  string
}

// explainer says in words what led to a result.
type explainer struct {
	language locale
	// hide leaves out numbers under their threshold. Who sees them after each attempt can
	// climb to the threshold.
	hide bool
}

// seesScores reports whether the operator sees numbers under their threshold.
func (c *call) seesScores() bool { return c.operator.Role != operator.Support }

// findings explains an event to the operator. Of a trial, who does not see scores is told the
// reason alone, and what to do about a photograph that was refused: who may try again and again
// could climb to the threshold otherwise.
func (c *call) findings(e audit.Entry) []finding {
	if !c.seesScores() && e.Flags.Has(audit.Trial) && e.Result != audit.Refused {
		return nil
	}
	return explainer{c.language, !c.seesScores()}.explain(e)
}

func (x explainer) explain(e audit.Entry) (all []finding) {
	if e.Result == audit.Refused {
		return x.refusal(e)
	}
	if e.Result == audit.Measured {
		return x.liveness(e)
	}
	if e.Endpoint == audit.FaceVerification || e.Endpoint == audit.DataVerification {
		nik := x.attribute("nik", e.NIKOutcome)
		nik.Outcome = x.language.text("nik." + e.NIKOutcome.String())
		all = append(all, nik)
	}
	switch e.Endpoint {
	case audit.DataVerification:
		for _, text := range strings.Fields(e.Attributes) {
			name, outcome, _ := strings.Cut(text, "=")
			if name == string(sesuai.NameAttribute) {
				all = append(all, x.name(e))
				continue
			}
			all = append(all, x.attribute(sesuai.Attribute(name), outcomeOf(outcome)))
		}
		return all
	case audit.FaceVerification:
		all = append(all, x.name(e), x.attribute(sesuai.DateOfBirthAttribute, e.DateOfBirth))
	}
	all = append(all, x.face(e)...)
	if e.Endpoint == audit.FaceVerification && e.Compared {
		all = append(all, x.replay(e))
	}
	return append(all, x.liveness(e)...)
}

// outcomeOf reads what sesuai.Outcome.String returns.
func outcomeOf(text string) sesuai.Outcome {
	for _, o := range [...]sesuai.Outcome{sesuai.Match, sesuai.NonMatch} {
		if o.String() == text {
			return o
		}
	}
	return sesuai.NotCompared
}

func (x explainer) attribute(a sesuai.Attribute, o sesuai.Outcome) finding {
	f := finding{What: x.attributeName(a), Outcome: x.language.text("outcome." + o.String()), State: neutral}
	switch o {
	case sesuai.Match:
		f.State = good
	case sesuai.NonMatch:
		f.State = bad
	}
	return f
}

// attributeName returns the name of an attribute; that on the wire for one without words.
func (x explainer) attributeName(a sesuai.Attribute) string {
	if text, ok := x.language.find("attribute." + string(a)); ok {
		return text
	}
	return strings.ReplaceAll(string(a), "_", " ")
}

func (x explainer) name(e audit.Entry) finding {
	f := x.attribute(sesuai.NameAttribute, e.Name)
	if e.NameScore < 0 || e.NameThreshold == 0 {
		return f
	}
	f.Meaning = x.language.text("name.meaning", x.number(float64(e.NameScore), float64(e.NameThreshold)), e.NameThreshold)
	return f
}

// number writes a number, or that it is hidden since it is under the threshold.
func (x explainer) number(v, threshold float64) string {
	if x.hide && v < threshold {
		return x.language.text("hidden")
	}
	return x.language.decimal(v)
}

// face explains the percentage of a face by what the percentages mean.
func (x explainer) face(e audit.Entry) []finding {
	f := finding{What: x.language.text("face"), Outcome: x.language.text("outcome.not_compared"), State: neutral}
	if !e.Compared || e.Percentage < 0 {
		return []finding{f}
	}
	percentage, threshold := float64(e.Percentage)/100, float64(e.Threshold)/100
	f.State, f.Outcome = good, x.language.text("face.reached")
	if percentage < threshold {
		f.State, f.Outcome = bad, x.language.text("face.under")
	}
	f.Meaning = x.language.text("face.meaning", x.number(percentage, threshold), x.rate(percentage))
	if x.hide && percentage < threshold {
		f.Meaning = x.language.text("face.hidden")
	}
	from := "threshold.meaning"
	if e.Flags.Has(audit.Trial) {
		from = "threshold.default"
	}
	return []finding{f, {
		What: x.language.text("threshold"), Outcome: x.language.decimal(threshold), State: neutral,
		Meaning: x.language.text(from, x.rate(threshold)),
	}}
}

// million is of how many pairs a rate is given.
const million = 1_000_000

// rate says how many of a million pairs of different people reach a percentage.
func (x explainer) rate(percentage float64) string {
	fmr, ok := face.FMROfPercentage(percentage)
	switch {
	case ok:
		return x.language.text("rate.about", x.language.count(int64(math.Round(fmr*million))))
	case percentage > 50:
		return x.language.text("rate.fewer")
	default:
		return x.language.text("rate.more", x.language.count(million/100))
	}
}

func (x explainer) replay(e audit.Entry) finding {
	f := finding{What: x.language.text("replay"), Outcome: x.language.text("replay.unchecked"), State: neutral}
	switch {
	case e.Flags.Has(audit.SuspectedReplay):
		f.Outcome, f.State = x.language.text("replay.seen"), bad
	case e.ReplayChecked:
		f.Outcome, f.State = x.language.text("replay.unseen"), good
	}
	return f
}

func (x explainer) liveness(e audit.Entry) []finding {
	if !e.LivenessKnown {
		return nil
	}
	f := finding{What: x.language.text("liveness"), Outcome: x.language.text("liveness.good"), State: good}
	if e.Liveness < e.LivenessThreshold {
		f.Outcome, f.State = x.language.text("liveness.bad"), bad
	}
	f.Meaning = x.language.text("liveness.meaning", x.number(e.Liveness, e.LivenessThreshold), x.language.decimal(e.LivenessThreshold))
	return []finding{f}
}

// refusal explains why a photograph was not used, or a client not accepted.
func (x explainer) refusal(e audit.Entry) []finding {
	what := "photograph"
	if e.Endpoint == audit.Access {
		what = "client"
	}
	f := finding{What: x.language.text(what), Outcome: e.Reason, State: bad}
	if text, ok := x.language.find("reason." + e.Reason); ok {
		f.Outcome = text
	}
	var measures []string
	for _, m := range strings.Fields(e.Measures) {
		measures = append(measures, x.language.text("measure."+m))
	}
	if len(measures) > 0 {
		f.Meaning = fmt.Sprintf("%s: %s", x.language.text("measures"), strings.Join(measures, ", "))
	}
	return append([]finding{f}, x.liveness(e)...)
}
