package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
)

// scalar is the text of a JSON string, number or truth value, since callers send
// one in place of another. null is the empty text.
type scalar string

// UnmarshalJSON implements json.Unmarshaler. It refuses objects and arrays.
func (s *scalar) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	switch {
	case len(b) == 0 || b[0] == '{' || b[0] == '[':
		return errors.New("a text or a number is needed")
	case b[0] == '"':
		var text string
		err := json.Unmarshal(b, &text)
		*s = scalar(text)
		return err
	case string(b) == "null":
		*s = ""
	default:
		*s = scalar(b)
	}
	return nil
}
