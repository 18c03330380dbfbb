package sesuai

// NIK is a citizen's Nomor Induk Kependudukan: 16 digits. It is private: see
// Reveal.
type NIK struct{ private }

// Equal reports whether both are the same NIK.
func (n NIK) Equal(other NIK) bool { return n.same(other.private) }

// ParseNIK accepts exactly 16 ASCII digits and nothing else. The structure
// (region, birth date, serial) is deliberately not looked at: region codes are
// retired, and birth digits may lawfully differ from the date of birth.
// The error has kind KindInvalidNIK and does not repeat the text.
func ParseNIK(s string) (NIK, error) {
	if len(s) != 16 {
		return NIK{}, &Error{Kind: KindInvalidNIK}
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return NIK{}, &Error{Kind: KindInvalidNIK}
		}
	}
	return NIK{hide(s)}, nil
}
