package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The upstream gives numbers and booleans as JSON values or as strings,
// interchangeably, and its texts in whatever case and spacing. So every scalar
// is read as its text; only what that means is strict.

// errNotJSON is of everything that is not one JSON object.
var errNotJSON = errors.New("not an object")

// object is a JSON object whose values are not parsed yet.
type object map[string]jsontext.Value

// parseObject parses one JSON object and nothing else. A key that is there twice
// is refused: nobody can tell which of the two is meant.
func parseObject(b []byte) (object, error) {
	var o object
	if err := jsonv2.Unmarshal(b, &o); err != nil || o == nil { // nil: null
		return nil, errNotJSON
	}
	return o, nil
}

// text is the scalar under the key: a string's content, a number or a boolean
// as it is written. A null and a key that is not there are absent. ok is false
// if there is something else: an object or an array.
func (o object) text(key string) (text string, present, ok bool) {
	raw := bytes.TrimSpace(o[key])
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "", false, true
	case raw[0] == '{' || raw[0] == '[':
		return "", false, false
	case raw[0] == '"':
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", false, false
		}
		return text, true, true
	default:
		return string(raw), true, true
	}
}

// fold is a text in lower case, with single spaces and none around it.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// decimal is how a number may be written: as in JSON, so not as a hexadecimal
// one, not Infinity, and not with a comma, which might be either of two things.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// parseNumber reads a finite number.
func parseNumber(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if !decimal.MatchString(s) {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64) // an error is what is out of range
	return v, err == nil
}

// parseWhole reads a whole number that is not negative.
func parseWhole(s string) (int64, bool) {
	v, ok := parseNumber(s)
	if !ok || v < 0 || v > 1<<53 || v != float64(int64(v)) {
		return 0, false
	}
	return int64(v), true
}

// parseBool reads true or false.
func parseBool(s string) (value, ok bool) {
	switch fold(s) {
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		return false, false
	}
}
