package sesuai

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// redacted is printed in place of every private value.
const redacted = "[redacted]"

// private is a text about a person that no formatter prints: not fmt with any
// verb, not log/slog, not encoding/json. Only Reveal returns it, so a search
// for that name finds every place that reads the text.
//
// The text is behind a pointer because fmt does not always call the methods
// below: it calls none on unexported fields, and none for a verb that the type
// does not support. In those cases it prints the pointer's address. The array
// of functions makes == a compile error, since it would compare addresses.
type private struct {
	_    [0]func()
	text *string
}

// hide wraps s in a private value. An empty text gives the zero value.
func hide(s string) private {
	if s == "" {
		return private{}
	}
	return private{text: &s}
}

// Reveal returns the text. Compare it, encrypt it or hash it with a key, but
// never log it.
func (p private) Reveal() string {
	if p.IsZero() {
		return ""
	}
	return *p.text
}

// same reports whether p and q have the same text.
func (p private) same(q private) bool { return p.Reveal() == q.Reveal() }

// IsZero reports whether p has no text.
func (p private) IsZero() bool { return p.text == nil }

// String implements fmt.Stringer and hides the value.
func (private) String() string { return redacted }

// Format implements fmt.Formatter, so that no verb (%v, %+v, %#v, %q, %x, %d)
// shows the value.
func (private) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue implements slog.LogValuer and hides the value.
func (private) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler and hides the value, for
// encoding/json among others.
func (private) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Text is the private value of an optional attribute.
type Text struct{ private }

// Equal reports whether t and u have the same text.
func (t Text) Equal(u Text) bool { return t.same(u.private) }

// NewText wraps s. An empty s gives the zero Text.
func NewText(s string) Text { return Text{hide(s)} }

// MaxTextLength is the greatest length of the value of an optional attribute, in
// bytes.
const MaxTextLength = 500

// ParseText accepts one line of valid UTF-8 of at most MaxTextLength bytes. Its
// error has kind KindInvalidAttribute and does not contain s.
func ParseText(s string) (Text, error) {
	if len(s) > MaxTextLength || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return Text{}, &Error{Kind: KindInvalidAttribute}
	}
	return NewText(s), nil
}
