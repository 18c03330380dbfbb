package access

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/name"
)

// The limits of a client's settings.
const (
	MaxNameLength = 64  // characters
	MaxNoteLength = 200 // characters
	MaxNetworks   = 64
	// MaxCertificates is enough for several nodes, each with an old and a new one.
	MaxCertificates = 16
	MinThreshold    = 75 // percent

	MinNameThreshold = name.MinThreshold
	MaxNameThreshold = name.MaxThreshold
)

// The default settings of a client. A new client has the DefaultScope alone: an
// operator grants every other endpoint.
const (
	DefaultScope         = FaceVerification
	DefaultThreshold     = 75 // percent
	DefaultNameThreshold = name.DefaultThreshold
)

// Validate returns an error of kind sesuai.KindConfiguration if a setting of the
// client is not valid. Its detail says which and may be shown.
func (c Client) Validate() error {
	switch {
	case !visible(c.Name):
		return invalid("a client's name has 1 to %d visible characters, and no space at either end", MaxNameLength)
	case !c.Threshold.AtLeast(sesuai.PercentageOf(MinThreshold)):
		return invalid("a client's threshold is a percentage from %d to 100", MinThreshold)
	case c.NameThreshold < MinNameThreshold || c.NameThreshold > MaxNameThreshold:
		return invalid("a client's name threshold is a number from %d to %d", MinNameThreshold, MaxNameThreshold)
	case !(c.Rate >= 0) || math.IsInf(c.Rate, 0):
		return invalid("a client's rate is a number of requests a second, 0 for no limit")
	case c.Burst < 0:
		return invalid("a client's burst is a number of requests, 0 for one second's worth")
	case c.Replay < Off || c.Replay > Enforce:
		return invalid("a client's replay policy is off, log or enforce")
	case c.Liveness < Off || c.Liveness > Enforce:
		return invalid("a client's liveness policy is off, log or enforce")
	case c.Precision > sesuai.PrecisionNone:
		return invalid("a client's percentage is exact, tens or none")
	case c.Consent > ConsentRequired:
		return invalid("a client's consent policy is optional, purpose or required")
	case len(c.Scopes) == 0:
		return invalid("a client needs a scope: %s", scopeList())
	case !printable(c.Note, MaxNoteLength):
		return invalid("a note has at most %d visible characters, in one line", MaxNoteLength)
	case !c.ExpiresAt.IsZero() && c.ExpiresAt.Before(time.Unix(1, 0)):
		return invalid("a client cannot expire before 1970")
	}
	if err := c.Limits.Validate(); err != nil {
		return err
	}
	if err := validateNetworks(c.Networks); err != nil {
		return err
	}
	if err := validateCertificates(c.Certificates); err != nil {
		return err
	}
	return c.validateScopes()
}

func (c Client) validateScopes() error {
	for i, s := range c.Scopes {
		whole, _, part := strings.Cut(string(s), partOf)
		switch {
		case !slices.Contains(Scopes[:], s) && !slices.ContainsFunc(sesuai.Claimable, func(a sesuai.Attribute) bool { return s == DataVerificationOf(a) }):
			return invalid("there is no such scope; there is %s", scopeList())
		case slices.Contains(c.Scopes[:i], s):
			return invalid("scope %s is given twice", s)
		case part && c.Allows(Scope(whole)):
			// Who gives a part wants to limit the client, and it would not be.
			return invalid("scope %s allows every attribute: give it, or those of single attributes", whole)
		}
	}
	return nil
}

// Changed returns the client with the settings that change has given it: see
// Clients.ChangeClient.
func (c Client) Changed(change func(*Client) error) (Client, error) {
	next := c.Rounded()
	if err := change(&next); err != nil {
		return Client{}, err
	}
	next.ID, next.Name, next.AddedAt, next.PreviousUntil = c.ID, c.Name, c.AddedAt, c.PreviousUntil
	return next.Rounded(), next.Validate()
}

// Rounded returns a copy of the client as it is stored: times to a microsecond. The
// threshold, to a hundredth of a percent, is rounded already.
func (c Client) Rounded() Client {
	c.Scopes, c.Networks, c.Certificates = slices.Clone(c.Scopes), slices.Clone(c.Networks), slices.Clone(c.Certificates)
	c.ExpiresAt, c.AddedAt, c.PreviousUntil = rounded(c.ExpiresAt), rounded(c.AddedAt), rounded(c.PreviousUntil)
	return c
}

// rounded returns a time as it is stored. Zero means that there is none.
func rounded(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// ActiveAt reports whether the client is neither disabled nor expired.
func (c Client) ActiveAt(now time.Time) bool { return c.inactive(now) == "" }

// inactive returns why the client is not accepted at that time; "" if it is.
func (c Client) inactive(now time.Time) Failure {
	switch {
	case c.Disabled:
		return FailureDisabled
	case !c.ExpiresAt.IsZero() && !now.Before(c.ExpiresAt):
		return FailureExpired
	default:
		return ""
	}
}

// AtOnce returns the maximum number of requests at once: Burst, or the number of
// requests of one second if Burst is 0.
func (c Client) AtOnce() int {
	if c.Burst > 0 {
		return c.Burst
	}
	return int(min(math.Ceil(c.Rate), math.MaxInt32))
}

// Authorize returns an error of kind sesuai.KindForbidden unless the client has
// the scope of an endpoint, or that of a part of it.
func (c Client) Authorize(s Scope) error {
	if !slices.ContainsFunc(c.Scopes, func(have Scope) bool { return have == s || strings.HasPrefix(string(have), string(s)+partOf) }) {
		return &sesuai.Error{Kind: sesuai.KindForbidden}
	}
	return nil
}

// AuthorizeClaim returns an error of kind sesuai.KindForbidden unless the client may
// have each of these attributes compared in a data verification.
func (c Client) AuthorizeClaim(claimed []sesuai.Attribute) error {
	for _, a := range claimed {
		if !c.Allows(DataVerification) && !c.Allows(DataVerificationOf(a)) {
			return &sesuai.Error{Kind: sesuai.KindForbidden, Err: fmt.Errorf("no scope for %s", a)}
		}
	}
	return nil
}

// visible reports whether a name has only visible characters, and spaces between
// words. Two names that look alike on a screen should not differ by invisible
// characters.
func visible(name string) bool {
	return name != "" && strings.TrimSpace(name) == name && printable(name, MaxNameLength)
}

// printable reports whether a text has only visible characters and spaces, and at
// most so many.
func printable(text string, maxLength int) bool {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxLength {
		return false
	}
	for _, r := range text {
		if r != ' ' && (unicode.IsSpace(r) || !unicode.IsGraphic(r)) {
			return false
		}
	}
	return true
}

func scopeList() string {
	var names []string
	for _, s := range Scopes {
		names = append(names, string(s))
	}
	return strings.Join(append(names, string(DataVerificationOf("ATTRIBUTE"))), ", ")
}

func invalid(format string, args ...any) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: fmt.Sprintf(format, args...)}
}
