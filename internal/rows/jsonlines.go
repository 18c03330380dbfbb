package rows

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader reads a file in lines of JSON.
type jsonReader struct {
	lines   *lineReader
	columns Columns
}

// Next implements Reader.
func (j *jsonReader) Next() (Record, error) {
	line, err := j.lines.next()
	if err != nil {
		return Record{}, err
	}
	r := Record{Line: line.number, Broken: line.broken}
	if r.Broken == "" {
		r.Columns, r.Values, r.Broken = j.parse(line.text)
	}
	return r, nil
}

// parse reads an object of strings; broken says why it cannot.
func (j *jsonReader) parse(line []byte) (columns, values []string, broken string) {
	// It refuses a key that is there twice, halves of surrogate pairs, and
	// anything behind the object.
	var object map[string]jsontext.Value
	switch err := json.Unmarshal(line, &object); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return nil, nil, "a key is there twice"
	case err != nil || object == nil: // nil: null
		return nil, nil, "not one object of JSON"
	}
	for _, name := range j.columns.Known {
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
	for _, name := range j.columns.Required {
		if _, ok := object[name]; !ok {
			return nil, nil, "the key " + name + " is missing"
		}
	}
	return columns, values, ""
}
