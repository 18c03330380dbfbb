package sesuai

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what every formatter prints for a private value.
const redacted = "[redacted]"

// private is a text about a person that no formatter prints: not fmt with any
// verb, not log/slog, not encoding/json. Reveal is the only way out, so every
// place that reads the value can be found by that name.
//
// The text is behind a pointer because fmt does not call methods everywhere:
// not on unexported fields, and not for a verb that it finds wrong. There it
// prints an address. Since == would compare addresses, it is made impossible.
type private struct {
	_    [0]func()
	text *string
}

// hide makes a private value; that of an empty text is the zero value.
func hide(s string) private {
	if s == "" {
		return private{}
	}
	return private{text: &s}
}

// Reveal returns the text itself. Compare, encrypt or key it; never log it.
func (p private) Reveal() string {
	if p.IsZero() {
		return ""
	}
	return *p.text
}

// same reports whether the texts are the same.
func (p private) same(q private) bool { return p.Reveal() == q.Reveal() }

// IsZero reports whether there is no value.
func (p private) IsZero() bool { return p.text == nil }

// String implements fmt.Stringer and hides the value.
func (private) String() string { return redacted }

// Format implements fmt.Formatter, so that no verb (%v, %+v, %#v, %q, %x, %d)
// shows the value.
func (private) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue implements slog.LogValuer and hides the value.
func (private) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the value from encoding/json and its like.
func (private) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Text is the private value of an optional attribute.
type Text struct{ private }

// Equal reports whether both are of the same text.
func (t Text) Equal(u Text) bool { return t.same(u.private) }

// NewText wraps a text; an empty one is the zero Text.
func NewText(s string) Text { return Text{hide(s)} }
