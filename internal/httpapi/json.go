package httpapi

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"
)

// decodeJSON reads a JSON object key by key. It skips unknown keys and refuses a
// known one that is given twice, of which encoding/json would take the last.
func decodeJSON(body io.Reader) (_ *form, err error) {
	var start [4]byte
	n, _ := io.ReadFull(body, start[:]) // the decoder meets its error again
	mark, err := byteOrderMark(start[:n])
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(io.MultiReader(bytes.NewReader(start[mark:n]), body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, notAnObject(err)
	}
	var f form
	defer func() {
		if err != nil {
			f.wipe()
		}
	}()
	for n := 0; d.More(); n++ {
		if n == maxFields {
			return nil, malformed("too many keys")
		}
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		// Token fails if a key is not a string.
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

// byteOrderMark returns the length of the mark at the start of a text in UTF-8, which
// RFC 8259, 8.1 lets a reader skip. It refuses UTF-16 and UTF-32, by their marks or by
// the zeros in their first four bytes.
func byteOrderMark(start []byte) (length int, err error) {
	if bytes.HasPrefix(start, []byte("\ufeff")) {
		return len("\ufeff"), nil
	}
	if bytes.HasPrefix(start, []byte("\xff\xfe")) || bytes.HasPrefix(start, []byte("\xfe\xff")) || bytes.IndexByte(start, 0) >= 0 {
		return 0, advised(guideUTF8, "JSON in UTF-16 or UTF-32")
	}
	return 0, nil
}

// decodeValue reads the value of a key.
func (f *form) decodeValue(d *json.Decoder, key string) error {
	name, known, err := f.take(key)
	if err != nil {
		return err
	}
	if !known {
		return d.Decode(&skipped{})
	}
	if name == fieldFaceImage {
		return d.Decode((*jsonPhotograph)(&f.photo))
	}
	return d.Decode((*jsonText)(&f.texts[name]))
}

// notAnObject returns the reader's error, or a new one if it is nil.
func notAnObject(err error) error {
	if err == nil {
		err = malformed("not a JSON object")
	}
	return err
}

// trailing returns the reader's error, or a new one if it is nil.
func trailing(err error) error {
	if err == nil {
		err = malformed("something follows the JSON object")
	}
	return err
}

// skipped discards a JSON value.
type skipped struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (*skipped) UnmarshalJSON([]byte) error { return nil }

// jsonText is a JSON string of at most maxText bytes. Every other value becomes
// an empty text, which is never valid, so that the error is that of its field.
type jsonText string

// UnmarshalJSON implements json.Unmarshaler.
func (t *jsonText) UnmarshalJSON(raw []byte) error {
	if s, ok := unquote(raw); ok && len(s) <= maxText {
		*t = jsonText(s)
	}
	return nil
}

// jsonPhotograph is a photograph in a JSON string. Every other value gives no
// photograph.
type jsonPhotograph []byte

// UnmarshalJSON implements json.Unmarshaler.
func (p *jsonPhotograph) UnmarshalJSON(raw []byte) error {
	if len(raw) < 2 || raw[0] != '"' {
		return nil
	}
	text := raw[1 : len(raw)-1]
	if bytes.IndexByte(text, '\\') >= 0 { // PHP escapes / as \/
		s, ok := unquote(raw)
		if !ok {
			return nil
		}
		text = []byte(s)
	}
	file, ok := fromText(text)
	if !ok {
		file = bytes.Clone(text) // the decoder reuses its buffer
	}
	*p = file
	return nil
}

// unquote returns the text of a JSON string. It reports false if raw is not a
// string of valid Unicode: encoding/json puts U+FFFD in place of invalid
// characters, and a name must not be read in part.
func unquote(raw []byte) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, !strings.ContainsRune(s, utf8.RuneError)
}
