package audit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sesuai/sesuai"
)

// Explain says in words what led to the result: "name differs: 62 of 85; date of
// birth matches; face 91.20 of 75; replay not seen". The second number is the
// threshold. What was not recorded is left out.
func (e Entry) Explain() string {
	if e.Flags.Has(Trial) {
		return "trial by " + e.Actor + ": " + e.explain()
	}
	if e.Endpoint == FaceVerification {
		return e.explain()
	}
	return strings.ReplaceAll(string(e.Endpoint), "_", " ") + ": " + e.explain()
}

func (e Entry) explain() string {
	switch e.Result {
	case Changed:
		return e.explainChange()
	case Refused:
		return e.explainRefusal()
	case Matched, NotMatched:
		if !e.Compared {
			return strings.ToLower(strings.ReplaceAll(e.Reason, "_", " "))
		}
		return e.explainFace()
	case Measured:
		return join([]string{strings.ToLower(e.Reason), e.explainLiveness()})
	case Unavailable:
		return "no answer: the line of the request in the log has the cause"
	default:
		return e.explainVerdict()
	}
}

func (e Entry) explainVerdict() string {
	if e.Reason == string(sesuai.ReasonNIKNotFound) {
		return "NIK not on record"
	}
	var all []string
	if e.Reason == string(sesuai.ReasonNotActive) {
		all = append(all, "record not active")
	}
	if e.Endpoint == DataVerification {
		return join(append(all, e.explainAttributes(), e.explainFlags()))
	}
	all = append(all, e.explainName(), "date of birth "+verb(e.DateOfBirth), e.explainFace())
	return join(append(all, e.explainReplay(), e.explainLiveness(), e.explainFlags()))
}

// verb says how an attribute compares.
func verb(o sesuai.Outcome) string {
	switch o {
	case sesuai.Match:
		return "matches"
	case sesuai.NonMatch:
		return "differs"
	default:
		return "not compared"
	}
}

func (e Entry) explainName() string {
	text := "name " + verb(e.Name)
	if e.NameScore < 0 {
		return text
	}
	text += fmt.Sprintf(": %d", e.NameScore)
	if e.NameThreshold > 0 {
		text += fmt.Sprintf(" of %d", e.NameThreshold)
	}
	return text
}

// explainAttributes says how everything that was claimed compares.
func (e Entry) explainAttributes() string {
	var all []string
	for _, text := range strings.Fields(e.Attributes) {
		name, outcome, _ := strings.Cut(text, "=")
		if name == string(sesuai.NameAttribute) {
			all = append(all, e.explainName())
			continue
		}
		all = append(all, strings.ReplaceAll(name, "_", " ")+" "+verb(parseOutcome(outcome)))
	}
	return join(all)
}

// parseOutcome parses what sesuai.Outcome.String returns.
func parseOutcome(text string) sesuai.Outcome {
	for _, o := range [...]sesuai.Outcome{sesuai.Match, sesuai.NonMatch} {
		if o.String() == text {
			return o
		}
	}
	return sesuai.NotCompared
}

func (e Entry) explainFace() string {
	if !e.Compared || e.Percentage < 0 {
		return "face not compared"
	}
	return fmt.Sprintf("face %.2f of %s", float64(e.Percentage)/100, shortest(float64(e.Threshold)/100))
}

func (e Entry) explainReplay() string {
	switch {
	case e.Flags.Has(SuspectedReplay):
		return "replay seen"
	case e.ReplayChecked:
		return "replay not seen"
	case e.NameThreshold > 0:
		return "replay not checked"
	default:
		return ""
	}
}

func (e Entry) explainLiveness() string {
	if !e.LivenessKnown {
		return ""
	}
	text := fmt.Sprintf("liveness %.2f", e.Liveness)
	if e.LivenessThreshold > 0 {
		text += " of " + shortest(e.LivenessThreshold)
	}
	return text
}

// explainFlags names the flags that nothing else is said about.
func (e Entry) explainFlags() string {
	var all []string
	if e.Flags.Has(ScoreTooHigh) {
		all = append(all, "score higher than two photographs of one person give")
	}
	if e.Flags.Has(DuplicateRecord) {
		all = append(all, "several records of the NIK")
	}
	if e.Flags.Has(CoarseAnswer) {
		all = append(all, "the client was told less")
	}
	return join(all)
}

// refusals are the words for the kinds of errors for which a photograph is refused.
var refusals = map[sesuai.Kind]string{
	sesuai.KindUnsupportedImage: "the photograph is neither JPEG nor PNG",
	sesuai.KindInvalidImage:     "the photograph cannot be read",
	sesuai.KindTooLarge:         "the photograph is too large",
	sesuai.KindFaceNotDetected:  "no face found",
	sesuai.KindMultipleFaces:    "several faces found",
	sesuai.KindFaceQuality:      "quality too low",
	sesuai.KindSuspectedReplay:  "replay seen",
	sesuai.KindSuspectedAttack:  "presentation attack suspected",
}

// notAccepted are the words for why a client was not accepted.
var notAccepted = map[string]string{
	"DISABLED":    "the client is disabled",
	"EXPIRED":     "the client has expired",
	"REPLACED":    "the credentials ended after a rotation",
	"NETWORK":     "from a network that is not among the client's",
	"CERTIFICATE": "without a certificate that the client is bound to",
}

func (e Entry) explainRefusal() string {
	if text, ok := notAccepted[e.Reason]; ok && e.Endpoint == Access {
		return text
	}
	text, ok := refusals[sesuai.Kind(e.Reason)]
	if !ok {
		text = e.Reason
	}
	if e.Measures != "" {
		text += ": " + strings.ReplaceAll(e.Measures, " ", ", ")
	}
	return join([]string{text, e.explainLiveness()})
}

func (e Entry) explainChange() string {
	text := string(e.Action)
	switch e.Action {
	default:
		if strings.HasPrefix(text, retention) {
			text += fmt.Sprintf(": %d rows", e.Count)
		}
	case SubjectReported, SubjectErased:
		text += fmt.Sprintf(": %d rows", e.Count)
	case PeopleImported, PeopleRecounted:
		text += fmt.Sprintf(": %d people", e.Count)
	case KeyAdded, RotationStarted, KeyRetired, KeySealed, KeyUnsealed:
		text += fmt.Sprintf(": master key %d", e.Count)
	case EventsRemoved:
		text += fmt.Sprintf(": the events up to %d", e.Count)
	}
	return text + " by " + e.Actor
}

// shortest writes a number without trailing zeros.
func shortest(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// join joins the texts that are not empty.
func join(all []string) string {
	var some []string
	for _, text := range all {
		if text != "" {
			some = append(some, text)
		}
	}
	return strings.Join(some, "; ")
}
