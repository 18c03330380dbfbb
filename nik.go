package sesuai

// NIK is a citizen's Nomor Induk Kependudukan (population registration
// number): 16 digits. It is private: only Reveal returns its text.
type NIK struct{ private }

// Equal reports whether n and other have the same digits.
func (n NIK) Equal(other NIK) bool { return n.same(other.private) }

// ParseNIK accepts exactly 16 ASCII digits. It does not check what they encode
// (region, birth date, serial): region codes are retired, and the birth digits
// may lawfully differ from the date of birth. Its error has kind
// KindInvalidNIK and does not contain s.
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
