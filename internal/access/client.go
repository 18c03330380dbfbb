package access

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/name"
)

// The limits of a client's settings.
const (
	MaxNameLength = 64 // characters
	MinThreshold  = 75 // percent

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
	case len(c.Scopes) == 0:
		return invalid("a client needs a scope: %s", scopeList())
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
	next := c
	next.Scopes = slices.Clone(c.Scopes)
	if err := change(&next); err != nil {
		return Client{}, err
	}
	next.ID, next.Name, next.AddedAt = c.ID, c.Name, c.AddedAt
	return next, next.Validate()
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
	n := utf8.RuneCountInString(name)
	if n < 1 || n > MaxNameLength || !utf8.ValidString(name) || strings.TrimSpace(name) != name {
		return false
	}
	for _, r := range name {
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
