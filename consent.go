package sesuai

import (
	"strings"
	"time"
	"unicode"
)

// The limits of a Consent.
const (
	// MaxConsentID and MaxPurpose are numbers of characters.
	MaxConsentID = 128
	MaxPurpose   = 100
	// consentSkew is how far the caller's clock may be ahead.
	consentSkew = 5 * time.Minute
)

// Consent is what a caller states of the ground on which a person's data are
// processed (UU 27/2022, articles 20 to 24). Nothing of it is checked but its form.
// It is recorded in the audit trail in the clear, so it has nothing about the person.
type Consent struct {
	// ID is the caller's own id of the consent; "" if it gave none.
	ID string
	// GivenAt is when the consent was given; zero if that was not stated.
	GivenAt time.Time
	// Purpose is the purpose of the processing, such as account_opening; "" if it was
	// not stated.
	Purpose string
}

// ParseConsentID parses an id: 1 to MaxConsentID visible ASCII characters that do not
// look like a NIK. The error has kind KindInvalidConsent.
func ParseConsentID(text string) (string, error) {
	if !visibleASCII(text, MaxConsentID) || strings.Contains(text, " ") || looksLikeNIK(text) {
		return "", invalidConsent("consent_id is not valid")
	}
	return text, nil
}

// ParsePurpose parses a purpose: 1 to MaxPurpose characters of ASCII, with spaces
// between words, that do not look like a NIK. The error has kind KindInvalidConsent.
func ParsePurpose(text string) (string, error) {
	text = strings.TrimSpace(text)
	if !visibleASCII(text, MaxPurpose) || looksLikeNIK(text) {
		return "", invalidConsent("purpose is not valid")
	}
	return text, nil
}

// ParseConsentTime parses a time in the form of RFC 3339, such as
// 2026-11-29T10:15:00+07:00. It is not in the future, and not before 2000. The error
// has kind KindInvalidConsent.
func ParseConsentTime(text string, now time.Time) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 2000 || at.After(now.Add(consentSkew)) {
		return time.Time{}, invalidConsent("consent_given_at is not valid")
	}
	return time.UnixMicro(at.UnixMicro()).UTC(), nil
}

func invalidConsent(detail string) error { return &Error{Kind: KindInvalidConsent, Detail: detail} }

// visibleASCII reports whether a text has 1 to limit characters of ASCII, each of
// them visible or a space.
func visibleASCII(text string, limit int) bool {
	return text != "" && len(text) <= limit && !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' })
}

// digitsOfNIK is the number of digits of a NIK.
const digitsOfNIK = 16

// looksLikeNIK reports whether a text has as many digits in a row as a NIK, or exactly
// as many with no letter between them. Ids in hexadecimal, such as a UUID, have
// letters between their digits.
func looksLikeNIK(text string) bool {
	inRow, sinceLetter := 0, 0
	for _, c := range text + "x" {
		switch {
		case '0' <= c && c <= '9':
			inRow++
			sinceLetter++
			continue
		case unicode.IsLetter(c):
			if sinceLetter == digitsOfNIK {
				return true
			}
			sinceLetter = 0
		}
		if inRow >= digitsOfNIK {
			return true
		}
		inRow = 0
	}
	return false
}
