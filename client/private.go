package client

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is printed in place of what is private.
const redacted = "[redacted]"

// private keeps a struct in which it is embedded from being printed: by fmt with any
// verb, log/slog and encoding/json. The struct must have no fields that print
// themselves.
type private struct{}

// String implements fmt.Stringer.
func (private) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (private) GoString() string { return redacted }

// Format implements fmt.Formatter, which covers the verbs that String does not.
func (private) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue implements slog.LogValuer.
func (private) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, for encoding/json among others.
func (private) MarshalText() ([]byte, error) { return []byte(redacted), nil }
