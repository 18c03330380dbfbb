package httpapi

import (
	"bytes"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// decodeJSON reads a JSON object key by key. It skips unknown keys and refuses a
// known one that is given twice.
func (f *form) decodeJSON(body *steps) error {
	text := body.join()
	defer clear(text)
	mark, err := byteOrderMark(text)
	if err != nil {
		return err
	}
	// It reads each byte once and makes no copy of a bytes.Buffer, so that 10 MB
	// take a tenth of the time of encoding/json. Its own rules about keys are for
	// all of them. What is not Unicode is left to the fields.
	d := jsontext.NewDecoder(bytes.NewBuffer(text[mark:]), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != jsontext.KindBeginObject {
		return notAnObject(err)
	}
	for n := 0; d.PeekKind() != jsontext.KindEndObject; n++ {
		if n == maxFields {
			return malformed("too many keys")
		}
		key, err := d.ReadToken() // which fails if it is not a string
		if err != nil {
			return err
		}
		if err := f.decodeValue(d, key.String()); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil { // the closing brace
		return err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return trailing(err)
	}
	return nil
}

// byteOrderMark returns the length of the mark at the start of a text in UTF-8, which
// RFC 8259, 8.1 lets a reader skip. It refuses UTF-16 and UTF-32, by their marks or by
// the zeros in their first four bytes.
func byteOrderMark(text []byte) (length int, err error) {
	start := text[:min(4, len(text))]
	if bytes.HasPrefix(start, []byte("\ufeff")) {
		return len("\ufeff"), nil
	}
	if bytes.HasPrefix(start, []byte("\xff\xfe")) || bytes.HasPrefix(start, []byte("\xfe\xff")) || bytes.IndexByte(start, 0) >= 0 {
		return 0, advised(guideUTF8, "JSON in UTF-16 or UTF-32")
	}
	return 0, nil
}

// decodeValue reads the value of a key.
func (f *form) decodeValue(d *jsontext.Decoder, key string) error {
	i, known, err := f.take(key)
	if err != nil {
		return err
	}
	if !known {
		return d.SkipValue()
	}
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	field := &f.fields[i]
	field.found = raw.Kind() != jsontext.KindNull
	if f.schema[i].file {
		field.file = jsonPhotograph(raw)
	} else {
		var readable bool
		field.text, readable = jsonText(raw)
		field.unreadable = field.found && !readable
	}
	return nil
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

// jsonText returns a JSON string of at most maxText bytes. Every other value
// becomes an empty text and false. That is never valid, so that the error is that of
// its field.
func jsonText(raw jsontext.Value) (string, bool) {
	if text, ok := unquote(raw); ok && len(text) <= maxText {
		return string(text), true
	}
	return "", false
}

// jsonPhotograph returns a photograph in a JSON string, in a new slice. Every other
// value gives no photograph.
func jsonPhotograph(raw jsontext.Value) []byte {
	if raw.Kind() != jsontext.KindString {
		return nil
	}
	text := []byte(raw[1 : len(raw)-1])
	if bytes.IndexByte(text, '\\') >= 0 { // PHP escapes / as \/
		unquoted, ok := unquote(raw)
		if !ok {
			return nil
		}
		return photograph(unquoted)
	}
	if file, ok := fromText(text); ok {
		return file
	}
	return bytes.Clone(text)
}

// unquote returns the text of a JSON string. It reports false if raw is not a
// string of valid Unicode, or has a U+FFFD, which other programs put in place of
// invalid characters: a name must not be read in part.
func unquote(raw jsontext.Value) ([]byte, bool) {
	text, err := jsontext.AppendUnquote(nil, raw)
	return text, err == nil && !bytes.ContainsRune(text, utf8.RuneError)
}
