package client

import (
	"fmt"
	"slices"
	"strings"
)

// Class classifies an answer of the upstream, or the reason why there is none. It
// is the class of a call in the call log and in the metrics.
type Class string

// The classes of the data check's answers.
const (
	Found     Class = "found"
	NotFound  Class = "not_found"
	Deceased  Class = "deceased"
	Inactive  Class = "inactive"
	Duplicate Class = "duplicate"
)

// The classes of the face check's answers.
const (
	FaceMatch    Class = "match"
	FaceNoMatch  Class = "no_match"
	NoPortrait   Class = "no_portrait"
	InvalidImage Class = "image"
)

// The classes of replies in which the upstream says that it does not answer.
const (
	Busy          Class = "busy"
	Quota         Class = "quota"
	Configuration Class = "configuration" // account, address, parameters or keys, which the operator has to fix
)

// The classes of calls without an answer that could be read.
const (
	Unexpected Class = "unexpected" // an answer that this side does not understand
	HTTPStatus Class = "http"       // a status of 500 or more
	Refused    Class = "refused"    // no connection was made
	Broken     Class = "broken"     // the connection ended before the answer did
	TimedOut   Class = "timeout"
	Untrusted  Class = "tls"       // one side's certificate is not trusted by the other
	Cancelled  Class = "cancelled" // the caller cancelled the question
)

// The classes of calls that were not made.
const (
	NotPrepared Class = "not_prepared" // the request could not be made
	NotRecorded Class = "not_recorded" // the call log could not record it
	BreakerOpen Class = "breaker"
	InFlight    Class = "in_flight"
	Hours       Class = "hours"
	Maintenance Class = "maintenance"
	// QuotaHeld follows a Quota earlier on the same day.
	QuotaHeld Class = "quota_held"
)

var (
	dataClasses = []Class{Found, NotFound, Deceased, Inactive, Duplicate, Busy, Quota, Configuration}
	faceClasses = []Class{FaceMatch, FaceNoMatch, NoPortrait, InvalidImage, Busy, Quota, Configuration}
)

// codes are the classes of the upstream's codes.
type codes map[string]Class

// code is a code as the tables have it: 05, "05", 5 and " 5 " are one.
func code(text string) string {
	text = strings.ToUpper(strings.TrimSpace(text))
	if trimmed := strings.TrimLeft(text, "0"); trimmed != "" {
		return trimmed
	}
	if text != "" {
		return "0"
	}
	return ""
}

// parseCodes reads a table such as "00=found 13=not_found".
func parseCodes(text string, known []Class) (codes, error) {
	table := make(codes)
	for _, field := range strings.Fields(text) {
		name, class, ok := strings.Cut(field, "=")
		if !ok || name == "" || !slices.Contains(known, Class(class)) {
			return nil, fmt.Errorf("%q is not a code and one of the classes %s, such as 13=%s", field, join(known), known[1])
		}
		if _, twice := table[code(name)]; twice {
			return nil, fmt.Errorf("%q: the code is there twice", field)
		}
		table[code(name)] = Class(class)
	}
	if len(table) == 0 {
		return nil, fmt.Errorf("no codes")
	}
	return table, nil
}

// parseTexts reads the codes that texts stand for, where the upstream gives no
// code: "data tidak ditemukan=13; login gagal=03".
func parseTexts(text string, table codes) (map[string]Class, error) {
	found := make(map[string]Class)
	for entry := range strings.SplitSeq(text, ";") {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		words, stands, ok := strings.Cut(entry, "=")
		class, known := table[code(stands)]
		words = fold(words)
		if !ok || words == "" || !known {
			return nil, fmt.Errorf("%q is not a text and a code of the table, such as data tidak ditemukan=13", strings.TrimSpace(entry))
		}
		if _, twice := found[words]; twice {
			return nil, fmt.Errorf("%q: the text is there twice", strings.TrimSpace(entry))
		}
		found[words] = class
	}
	return found, nil
}

// parseClasses reads a list of classes.
func parseClasses(text string, known []Class) (map[Class]bool, error) {
	found := make(map[Class]bool)
	for _, field := range strings.Fields(text) {
		if !slices.Contains(known, Class(field)) {
			return nil, fmt.Errorf("%q is not one of the classes %s", field, join(known))
		}
		found[Class(field)] = true
	}
	return found, nil
}

func join(classes []Class) string {
	words := make([]string, len(classes))
	for i, c := range classes {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}
