package httpapi

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"
)

// decodeJSON reads a JSON object key by key. Unknown keys are skipped; a known
// one given twice is refused, where encoding/json would take the last.
func decodeJSON(body io.Reader) (*form, error) {
	d := json.NewDecoder(body)
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, notAnObject(err)
	}
	var f form
	for n := 0; d.More(); n++ {
		if n == maxFields {
			return nil, malformed("too many keys")
		}
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		// A key is a string, or Token fails.
		if err := f.decodeValue(d, key.(string)); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, trailing(err)
	}
	return &f, nil
}

// decodeValue reads the value of a key.
func (f *form) decodeValue(d *json.Decoder, key string) error {
	name, known := fieldOf(key)
	if !known {
		return d.Decode(&skipped{})
	}
	if err := f.give(name); err != nil {
		return err
	}
	if name == fieldFaceImage {
		return d.Decode((*jsonPhotograph)(&f.photo))
	}
	return d.Decode((*jsonText)(&f.texts[name]))
}

// notAnObject keeps the reader's error if there is one.
func notAnObject(err error) error {
	if err == nil {
		err = malformed("not a JSON object")
	}
	return err
}

// trailing keeps the reader's error if there is one.
func trailing(err error) error {
	if err == nil {
		err = malformed("something follows the JSON object")
	}
	return err
}

// skipped is a JSON value that nobody wants.
type skipped struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (*skipped) UnmarshalJSON([]byte) error { return nil }

// jsonText is a JSON string of at most maxText bytes; everything else is read
// as empty, which is never valid, so that it becomes its own field's error.
type jsonText string

// UnmarshalJSON implements json.Unmarshaler.
func (t *jsonText) UnmarshalJSON(raw []byte) error {
	if s, ok := unquote(raw); ok && len(s) <= maxText {
		*t = jsonText(s)
	}
	return nil
}

// jsonPhotograph is a JSON string that holds a photograph as text. Everything
// else holds none.
type jsonPhotograph []byte

// UnmarshalJSON implements json.Unmarshaler.
func (p *jsonPhotograph) UnmarshalJSON(raw []byte) error {
	if len(raw) < 2 || raw[0] != '"' {
		return nil
	}
	text := raw[1 : len(raw)-1]
	if bytes.IndexByte(text, '\\') >= 0 { // PHP writes / as \/
		s, ok := unquote(raw)
		if !ok {
			return nil
		}
		text = []byte(s)
	}
	file, ok := fromText(text)
	if !ok {
		file = bytes.Clone(text) // the decoder's buffer is not ours to keep
	}
	*p = file
	return nil
}

// unquote reads a JSON string; false if raw is no string, or not one of valid
// Unicode: encoding/json would put U+FFFD for what it cannot read, and a name
// must not be half understood.
func unquote(raw []byte) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, !strings.ContainsRune(s, utf8.RuneError)
}
