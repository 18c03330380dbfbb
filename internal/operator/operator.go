// Package operator decides who may use the console: operators, their roles, passwords,
// one-time codes, passkeys, identities at a provider, and sessions. It leaves pages and cookies to package console, and what
// a role may see to whoever shows it.
package operator

import (
	"regexp"
	"time"

	"github.com/sesuai/sesuai"
)

// Role is what an operator may do.
type Role string

// The roles.
const (
	// Admin may do everything.
	Admin Role = "admin"
	// Auditor may see everything, and changes nothing.
	Auditor Role = "auditor"
	// Support may see verdicts and their reasons, without what would help to climb to a
	// threshold.
	Support Role = "support"
)

// Roles are all roles.
var Roles = [...]Role{Admin, Auditor, Support}

// Operator is somebody who may use the console.
type Operator struct {
	// ID identifies the operator in audit events. Add generates it.
	ID string
	// Name is unique: see CheckName.
	Name    string
	Role    Role
	AddedAt time.Time
	// Disabled means that the operator is not accepted, and has no session.
	Disabled bool
	// Subject is who the operator is at the OpenID provider, for one who signs in there; else "".
	Subject string
	// Enrolled means that the operator has a way to sign in: a password and an authenticator,
	// a passkey, or a provider.
	Enrolled bool
	// InvitedUntil is when the invitation ends; zero if there is none.
	InvitedUntil time.Time
}

// Actor is how acts of the operator are recorded: see audit.WithActor. No user of the
// operating system has such a name.
func (o Operator) Actor() string { return "operator:" + o.Name }

const (
	idPrefix         = "opr_"
	invitationPrefix = "inv_"
)

// name is the form of names: what everybody can type, and what needs no escaping.
var name = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?$`)

// CheckName returns an error of kind sesuai.KindConfiguration for a name that no
// operator can have.
func CheckName(s string) error {
	if !name.MatchString(s) {
		return mistake("an operator's name has 1 to 32 small letters, digits, dots, hyphens and underscores")
	}
	return nil
}

func mistake(detail string) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: detail}
}
