package access

// Policy is what happens to a suspicious request. The zero Policy is not set: Add
// replaces it by the default.
type Policy uint8

// The policies.
const (
	// Off: the check is not made.
	Off Policy = iota + 1
	// Log: the suspicion is flagged in the audit event. The answer is unchanged.
	Log
	// Enforce: the suspicion is flagged and the request refused.
	Enforce
)

// The default policies of a client.
const (
	DefaultReplay   = Log
	DefaultLiveness = Off
)

var policyNames = [...]string{"", "off", "log", "enforce"}

// String returns off, log or enforce; "" for the zero Policy.
func (p Policy) String() string {
	if int(p) >= len(policyNames) {
		return ""
	}
	return policyNames[p]
}

// MarshalText implements encoding.TextMarshaler.
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// ParsePolicy parses off, log or enforce. The error has kind
// sesuai.KindConfiguration.
func ParsePolicy(s string) (Policy, error) {
	for p := Off; p <= Enforce; p++ {
		if p.String() == s {
			return p, nil
		}
	}
	return 0, invalid("there is no such policy; there is off, log, enforce")
}
