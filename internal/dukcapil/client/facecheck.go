package client

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

// maxTransaction is how many characters the id of a transaction may have.
const maxTransaction = 20

// faceWire is the face check's wire: what is sent about a face, and what the
// answer says.
type faceWire struct {
	keys             keyNames
	codes            codes
	curve            Curve
	model            string
	suspect          float64
	threshold        float64
	source, customer string
	ip               string
}

// newTransaction returns an id for one call: 100 random bits, so that nodes need no
// common counter.
func newTransaction() string { return rand.Text()[:maxTransaction] }

// private are the fields that are sent encrypted.
type private struct{ nik, user, password string }

// body is the request about the photograph. The photograph is by far the largest of
// its texts and needs no escapes, so it is encoded where it is sent from.
func (w *faceWire) body(transaction string, p private, jpeg []byte) ([]byte, error) {
	others, err := json.Marshal(map[string]any{
		w.keys["transaction"]: transaction,
		w.keys["source"]:      w.source,
		w.keys["customer"]:    w.customer,
		w.keys["nik"]:         p.nik,
		w.keys["threshold"]:   w.threshold,
		w.keys["template"]:    "",
		w.keys["type"]:        "Face",
		w.keys["position"]:    "F", // frontal
		w.keys["user"]:        p.user,
		w.keys["password"]:    p.password,
		w.keys["ip"]:          w.ip,
	})
	if err != nil {
		return nil, err
	}
	image, err := json.Marshal(w.keys["image"])
	if err != nil {
		return nil, err
	}
	text := base64.StdEncoding
	body := make([]byte, 0, len(others)+len(image)+text.EncodedLen(len(jpeg))+len(`{:"",`))
	body = append(append(append(body, '{'), image...), `:"`...)
	body = append(text.AppendEncode(body, jpeg), `",`...)
	return append(body, others[1:]...), nil
}

// disagreement is a fixed word for how the upstream's conclusion differs from this
// side's; empty if it does not.
type disagreement string

const (
	upstreamMatches disagreement = "upstream_match"    // under our threshold
	upstreamDiffers disagreement = "upstream_no_match" // at our threshold or above
)

// read reads the answer to that transaction about that NIK. The comparison is
// valid if the class is FaceMatch, FaceNoMatch or NoPortrait.
func (w *faceWire) read(body []byte, transaction string, nik sesuai.NIK) (c registry.Comparison, got reading, d disagreement) {
	answer, err := parseObject(body)
	if err != nil {
		return c, unexpected("json"), ""
	}
	class, what := w.class(answer, transaction, nik)
	if what == "" && (class == FaceMatch || class == FaceNoMatch) {
		c, d, what = w.comparison(class, answer)
	}
	if what != "" {
		c, got, d = registry.Comparison{}, unexpected(what), ""
	} else {
		got = reading{class: class}
	}
	if text, present, ok := answer.text(w.keys["quota"]); present && ok {
		got.quota, got.quotaKnown = parseWhole(text)
	}
	return c, got, d
}

// class returns the class of the answer's code, if the answer is about that
// transaction and NIK.
func (w *faceWire) class(answer object, transaction string, nik sesuai.NIK) (class Class, what string) {
	if text, present, ok := answer.text(w.keys["transaction"]); !ok || present && text != "" && text != transaction {
		return "", "transaction"
	}
	if text, present, ok := answer.text(w.keys["uid"]); !ok || present && text != "" && text != nik.Reveal() {
		return "", "uid"
	}
	inner, err := parseObject(answer[w.keys["error"]])
	if err != nil {
		return "", "error"
	}
	text, present, ok := inner.text(w.keys["code"])
	if !ok || !present {
		return "", "code"
	}
	if class, ok = w.codes[code(text)]; !ok {
		return "", "unknown_code"
	}
	return class, ""
}

// comparison reads an answer of class FaceMatch or FaceNoMatch.
func (w *faceWire) comparison(class Class, answer object) (c registry.Comparison, d disagreement, what string) {
	if text, present, ok := answer.text(w.keys["status"]); !ok || present && strings.TrimSpace(text) != "200" {
		return c, "", "inner_status"
	}
	text, present, ok := answer.text(w.keys["score"])
	score, number := parseNumber(text)
	if !ok || !present || !number || score < 0 {
		return c, "", "score"
	}
	// The upstream concludes twice, by its code and by its result.
	byCode := class == FaceMatch
	byResult := byCode
	if text, present, ok := answer.text(w.keys["result"]); present || !ok {
		if byResult, ok = parseBool(text); !ok {
			return c, "", "result"
		}
	}
	c = registry.Comparison{
		Portrait: true, Score: score, Percentage: w.curve.Percentage(score),
		Model: w.model, Calibration: w.curve.ID(), Suspect: score >= w.suspect,
	}
	switch passes := w.curve.passes(score); {
	case !passes && (byCode || byResult):
		d = upstreamMatches
	case passes && !(byCode && byResult):
		d = upstreamDiffers
	}
	return c, d, ""
}
