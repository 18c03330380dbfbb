package access

import "github.com/sesuai/sesuai"

// ConsentPolicy is what a request must state of the ground for it. The zero policy is
// ConsentOptional.
type ConsentPolicy uint8

// The policies.
const (
	// ConsentOptional: nothing.
	ConsentOptional ConsentPolicy = iota
	// ConsentPurpose: the purpose.
	ConsentPurpose
	// ConsentRequired: the purpose, the id of the consent, and when it was given.
	ConsentRequired
)

var consentNames = [...]string{"optional", "purpose", "required"}

// String returns optional, purpose or required; unknown for another policy.
func (p ConsentPolicy) String() string {
	if int(p) >= len(consentNames) {
		return "unknown"
	}
	return consentNames[p]
}

// MarshalText implements encoding.TextMarshaler.
func (p ConsentPolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// ParseConsentPolicy parses optional, purpose or required. The error has kind
// sesuai.KindConfiguration.
func ParseConsentPolicy(s string) (ConsentPolicy, error) {
	for p := ConsentOptional; p <= ConsentRequired; p++ {
		if p.String() == s {
			return p, nil
		}
	}
	return 0, invalid("there is no such consent policy; there is optional, purpose, required")
}

// Missing returns the name on the wire of the first thing that the policy requires and
// that is not stated; "" if there is none.
func (p ConsentPolicy) Missing(c sesuai.Consent) string {
	switch {
	case p >= ConsentRequired && c.ID == "":
		return "consent_id"
	case p >= ConsentRequired && c.GivenAt.IsZero():
		return "consent_given_at"
	case p >= ConsentPurpose && c.Purpose == "":
		return "purpose"
	default:
		return ""
	}
}
