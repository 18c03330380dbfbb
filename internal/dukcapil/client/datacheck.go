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
	// duplicate is what the operator makes of a NIK with several records.
	duplicate sesuai.Status
}

// body is the request about the claim.
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
	return json.Marshal(fields)
}

// read is what an answer about the claim says. The record is of use if the
// class is one of Found, NotFound, Deceased, Inactive and Duplicate. disputed
// says that the upstream's word about the name is not what its number and the
// threshold give.
func (w *dataWire) read(body []byte, claim sesuai.Claim) (record registry.Record, got reading, disputed bool) {
	envelope, err := parseObject(body)
	if err != nil {
		return record, unexpected("json"), false
	}
	row, what := w.row(envelope)
	if what != "" {
		return record, unexpected(what), false
	}
	class, what := w.class(row)
	if what == "" {
		record, disputed, what = w.record(class, row, claim)
	}
	if what != "" {
		record, got = registry.Record{}, unexpected(what)
	} else {
		got = reading{class: class}
	}
	// The quota is for watching alone: one that cannot be read spoils nothing.
	if text, present, ok := envelope.text(w.keys["quota"]); present && ok {
		got.quota, got.quotaKnown = parseWhole(text)
	}
	return record, got, disputed && what == ""
}

// row is the one row of the answer: that of content, or in old deployments the
// answer itself.
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
		return nil, "contradiction" // it speaks twice
	}
	return row, ""
}

// class is the class of the row's code; without one that of its text; without
// either Found, if elements were compared. A text that is known and says
// something else than the code is a contradiction, one that is not known says
// nothing.
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

// record is what the row says about the claim.
func (w *dataWire) record(class Class, row object, claim sesuai.Claim) (record registry.Record, disputed bool, what string) {
	switch class {
	case Found:
		record.Status = sesuai.Active
	case Deceased:
		record.Status = sesuai.Deceased
	case Inactive:
		record.Status = sesuai.Inactive
	case Duplicate:
		record.Status, record.Duplicate = w.duplicate, true
	default: // nobody to speak of
		nik, _, what := w.element(row, "nik")
		if what == "" && nik.agrees {
			what = "contradiction"
		}
		return record, false, what
	}
	record.Found, record.Portrait = true, true
	nik, hasNIK, what := w.element(row, "nik")
	if what != "" {
		return record, false, what
	}
	if hasNIK && (!nik.agrees || nik.scored) {
		return record, false, "nik"
	}
	compared := record.Status == sesuai.Active
	if compared && !hasNIK {
		return record, false, "nik"
	}

	name, hasName, what := agreement{}, false, ""
	if !claim.Name.IsZero() {
		if name, hasName, what = w.element(row, "name"); what != "" {
			return record, false, what
		}
	}
	date, hasDate, what := agreement{}, false, ""
	if !claim.DateOfBirth.IsZero() {
		if date, hasDate, what = w.element(row, "date"); what != "" {
			return record, false, what
		}
	}
	switch {
	case compared && !hasName:
		return record, false, "name"
	case compared && !hasDate, hasDate && date.scored:
		return record, false, "date"
	case !hasNIK || !hasName || !hasDate: // of somebody who is not active
		record.NameScore = -1
		return record, false, ""
	}
	record.NameScore, disputed = name.nameScore(w.threshold)
	record.DateOfBirth = sesuai.OutcomeOf(date.agrees)
	return record, disputed, ""
}

// element is what the row says about an element that was sent.
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
