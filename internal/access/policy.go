package access

// Policy is what is done about a suspicion. The zero Policy is none that
// anybody chose: Add puts the default in its place.
type Policy uint8

// The policies there are.
const (
	// Off: it is not looked for.
	Off Policy = iota + 1
	// Log: it is flagged in the audit event, and the answer is as without.
	Log
	// Enforce: it is flagged, and the request refused.
	Enforce
)

// The policies that a client has unless others are asked for.
const (
	DefaultReplay   = Log
	DefaultLiveness = Off
)

var policyNames = [...]string{"", "off", "log", "enforce"}

// String is off, log or enforce; "" for the zero Policy.
func (p Policy) String() string {
	if int(p) >= len(policyNames) {
		return ""
	}
	return policyNames[p]
}

// MarshalText writes the policy's name.
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// ParsePolicy reads off, log or enforce. The error has kind
// sesuai.KindConfiguration.
func ParsePolicy(s string) (Policy, error) {
	for p := Off; p <= Enforce; p++ {
		if p.String() == s {
			return p, nil
		}
	}
	return 0, invalid("there is no such policy; there is off, log, enforce")
}
