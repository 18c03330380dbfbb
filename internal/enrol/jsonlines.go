package enrol

import (
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader reads a file of people in lines of JSON.
type jsonReader struct {
	lines *lineReader
	known []string
}

func newJSONReader(r io.Reader) *jsonReader {
	return &jsonReader{lines: newLineReader(r), known: columns()}
}

// next implements recordReader.
func (j *jsonReader) next() (record, error) {
	line, err := j.lines.next()
	if err != nil {
		return record{}, err
	}
	r := record{line: line.number, broken: line.broken}
	if r.broken == "" {
		r.columns, r.values, r.broken = j.parse(line.text)
	}
	return r, nil
}

// parse reads an object of strings; broken says why it cannot.
func (j *jsonReader) parse(line []byte) (columns, values []string, broken string) {
	if !utf8.Valid(line) {
		return nil, nil, "not UTF-8"
	}
	// It refuses a key that is there twice, halves of surrogate pairs, and
	// anything behind the object.
	var object map[string]jsontext.Value
	switch err := json.Unmarshal(line, &object); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return nil, nil, "a key is there twice"
	case err != nil || object == nil: // nil: null
		return nil, nil, "not one object of JSON"
	}
	for _, name := range j.known {
		value, ok := object[name]
		if !ok {
			continue
		}
		text, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return nil, nil, "the value of " + name + " is not a string"
		}
		columns, values = append(columns, name), append(values, string(text))
	}
	if len(columns) < len(object) {
		return nil, nil, "a key has a name that is not known"
	}
	for _, name := range required() {
		if _, ok := object[name]; !ok {
			return nil, nil, "the key " + name + " is missing"
		}
	}
	return columns, values, ""
}
