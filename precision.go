package sesuai

// Precision is how exactly a percentage under the threshold is given to a client. A
// greater one says less.
type Precision uint8

// The precisions.
const (
	// PrecisionExact: with two decimals.
	PrecisionExact Precision = iota
	// PrecisionTens: rounded down to a multiple of ten.
	PrecisionTens
	// PrecisionNone: 0.
	PrecisionNone
)

var precisionNames = [...]string{"exact", "tens", "none"}

// String returns exact, tens or none; unknown for any other value.
func (p Precision) String() string {
	if int(p) >= len(precisionNames) {
		return "unknown"
	}
	return precisionNames[p]
}

// MarshalText implements encoding.TextMarshaler.
func (p Precision) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// ParsePrecision parses exact, tens or none. The error has kind KindConfiguration.
func ParsePrecision(s string) (Precision, error) {
	for p := range Precision(len(precisionNames)) {
		if p.String() == s {
			return p, nil
		}
	}
	return 0, &Error{Kind: KindConfiguration, Detail: "a percentage is given as exact, tens or none"}
}
