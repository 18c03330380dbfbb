package client

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

// dataWire is the data check's wire: what is sent about a claim, and what the
// answer says.
type dataWire struct {
	keys      keyNames
	codes     codes
	texts     map[string]Class
	threshold int
	// asNumber sends the threshold as a number, not as a string.
	asNumber bool
	ip       string
	// duplicate is the status that the operator gives a NIK with several
	// records.
	duplicate sesuai.Status
}

// body is the request about the claim. It sends what is claimed.
func (w *dataWire) body(claim sesuai.Claim, user, password string) ([]byte, error) {
	fields := map[string]any{
		w.keys["user"]: user, w.keys["password"]: password, w.keys["ip"]: w.ip,
		w.keys["threshold"]: strconv.Itoa(w.threshold),
		w.keys["nik"]:       claim.NIK.Reveal(),
	}
	if w.asNumber {
		fields[w.keys["threshold"]] = w.threshold
	}
	if !claim.Name.IsZero() {
		fields[w.keys["name"]] = strings.ToUpper(strings.TrimSpace(claim.Name.Reveal()))
	}
	if !claim.DateOfBirth.IsZero() {
		fields[w.keys["date"]] = claim.DateOfBirth.Reveal()
	}
	w.addElements(fields, claim)
	return json.Marshal(fields)
}

// read reads the answer about a claim. The result is valid if the class is Found,
// NotFound, Deceased, Inactive or Duplicate. disputed is whether the upstream's
// word about an element contradicts its number and the threshold.
func (w *dataWire) read(body []byte, claim sesuai.Claim) (answer registry.Answer, got reading, disputed bool) {
	envelope, err := parseObject(body)
	if err != nil {
		return answer, unexpected("json"), false
	}
	row, what := w.row(envelope)
	if what != "" {
		return answer, unexpected(what), false
	}
	class, what := w.class(row)
	if what == "" {
		answer, disputed, what = w.answer(class, row, claim)
	}
	if what != "" {
		answer, got = registry.Answer{}, unexpected(what)
	} else {
		got = reading{class: class}
	}
	// The quota is for monitoring alone: an unreadable one does no harm.
	if text, present, ok := envelope.text(w.keys["quota"]); present && ok {
		got.quota, got.quotaKnown = parseWhole(text)
	}
	return answer, got, disputed && what == ""
}

// row returns the one row of the answer: that of content, or in old deployments
// the answer itself.
func (w *dataWire) row(envelope object) (row object, what string) {
	raw := bytes.TrimSpace(envelope[w.keys["content"]])
	if len(raw) == 0 || string(raw) == "null" {
		if _, old := envelope[w.keys["text"]]; old {
			return envelope, ""
		}
		return nil, "no_content"
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(raw, &rows); err != nil {
		return nil, "content"
	}
	switch len(rows) {
	case 0:
		return nil, "empty_content"
	case 1:
	default:
		return nil, "several_rows"
	}
	row, err := parseObject(rows[0])
	switch {
	case err != nil:
		return nil, "content"
	case len(row) == 0:
		return nil, "empty_content"
	}
	if _, both := envelope[w.keys["text"]]; both {
		return nil, "contradiction" // there are two answers
	}
	return row, ""
}

// class returns the class of the row's code, or else of its text, or else Found.
// A known text of another class than the code's is a contradiction. An unknown
// text is ignored where there is a code.
func (w *dataWire) class(row object) (class Class, what string) {
	text, coded, ok := row.text(w.keys["code"])
	if !ok {
		return "", "code"
	}
	coded = coded && strings.TrimSpace(text) != ""
	if coded {
		if class, ok = w.codes[code(text)]; !ok {
			return "", "unknown_code"
		}
	}
	said := false
	for _, key := range []string{"text", "description", "response"} {
		words, present, ok := row.text(w.keys[key])
		if !ok {
			return "", "text"
		}
		if !present || fold(words) == "" {
			continue
		}
		said = true
		means, known := w.texts[fold(words)]
		switch {
		case !known && !coded && key == "text":
			return "", "unknown_text"
		case !known:
		case class != "" && class != means:
			return "", "contradiction"
		default:
			class = means
		}
	}
	if class == "" && said {
		return "", "unknown_text"
	}
	if class == "" {
		class = Found
	}
	return class, ""
}

// answer reads what the row says about the claim. what is a fixed word for what
// was not as expected, or empty.
func (w *dataWire) answer(class Class, row object, claim sesuai.Claim) (answer registry.Answer, disputed bool, what string) {
	switch class {
	case Found:
		answer.Status = sesuai.Active
	case Deceased:
		answer.Status = sesuai.Deceased
	case Inactive:
		answer.Status = sesuai.Inactive
	case Duplicate:
		answer.Status, answer.Duplicate = w.duplicate, true
	default: // the answer is not about a person
		nik, _, what := w.element(row, "nik")
		if what == "" && nik.agrees {
			what = "contradiction"
		}
		return answer, false, what
	}
	answer.Found, answer.NameScore, answer.Attributes = true, registry.NotScored, notCompared(claim)
	nik, hasNIK, what := w.element(row, "nik")
	if what != "" {
		return answer, false, what
	}
	if hasNIK && (!nik.agrees || nik.scored) || !hasNIK && answer.Status == sesuai.Active {
		return answer, false, "nik"
	}
	complete := hasNIK
	var name, date agreement
	for _, e := range []struct {
		key     string
		claimed bool
		into    *agreement
	}{{"name", !claim.Name.IsZero(), &name}, {"date", !claim.DateOfBirth.IsZero(), &date}} {
		if !e.claimed {
			continue
		}
		got, has, what := w.element(row, e.key)
		switch {
		case what != "":
			return answer, false, what
		case !has && answer.Status == sesuai.Active, e.key == "date" && got.scored:
			return answer, false, e.key
		}
		*e.into = got
		complete = complete && has
	}
	if !complete { // the person is not active, and not everything was compared
		return answer, false, ""
	}
	if !claim.Name.IsZero() {
		answer.NameScore, disputed = name.nameScore(w.threshold)
	}
	if !claim.DateOfBirth.IsZero() {
		answer.DateOfBirth = sesuai.OutcomeOf(date.agrees)
	}
	agreements, contradicted, what := w.agreements(row, claim)
	if what != "" {
		return answer, false, what
	}
	answer.Attributes = agreements
	return answer, disputed || contradicted, ""
}

// element reads what the row says about an element that was sent.
func (w *dataWire) element(row object, key string) (a agreement, present bool, what string) {
	text, present, ok := row.text(w.keys[key])
	if !ok {
		return a, false, key
	}
	if !present {
		return a, false, ""
	}
	if a, ok = parseAgreement(text); !ok {
		return a, false, key
	}
	return a, true, ""
}
