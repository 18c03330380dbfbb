package main

import (
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/operator"
)

type operatorArgument struct {
	Name string `arg:"" help:"The operator's name: small letters, digits, dots, hyphens and underscores."`
}

type operatorAdd struct {
	operatorArgument
	Role string `help:"What it may do: admin (everything), auditor (see everything) or support (see verdicts and reasons, without scores under a threshold)." required:"" placeholder:"admin|auditor|support"`
	OIDC string `name:"oidc" help:"The operator signs in at the OpenID provider console.oidc.issuer, as this subject (sub)." placeholder:"SUBJECT"`
}

// Help is what --help says of the command besides its flags.
func (operatorAdd) Help() string {
	return "The operator opens /enrol of the console with the invitation, within a day, and adds a passkey or chooses a password there. Who has the " +
		"invitation can do that: hand it over in person. --json prints it with its end. With --oidc there is no invitation: the operator " +
		"signs in at the OpenID provider, and in no other way."
}

func (c *operatorAdd) Run(s *session) error {
	return s.withNewStorage(func(storage *app.Storage) error {
		if c.OIDC != "" {
			return c.addSubject(s, storage)
		}
		o, invitation, err := storage.Operators.Add(s, c.Name, operator.Role(c.Role))
		if err != nil {
			return err
		}
		return s.printInvitation(o, invitation)
	})
}

// addSubject adds an operator who signs in at the provider.
func (c *operatorAdd) addSubject(s *session, storage *app.Storage) error {
	issuer := s.config.Console.OIDC.Issuer
	if issuer == "" {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "--oidc needs the OpenID provider: set console.oidc.issuer"}
	}
	o, err := storage.Operators.AddSubject(s, c.Name, operator.Role(c.Role), issuer, c.OIDC)
	if err != nil {
		return err
	}
	return s.print(showOperator(o, time.Now()), "%s signs in at %s\n", o.Name, issuer)
}

type operatorList struct{}

func (operatorList) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		all, err := storage.Operators.List(s)
		if err != nil {
			return err
		}
		shown := make([]shownOperator, 0, len(all))
		lines := [][]string{{"NAME", "ID", "ROLE", "STATE", "ADDED"}}
		for _, o := range all {
			v := showOperator(o, time.Now())
			shown = append(shown, v)
			lines = append(lines, []string{v.Name, v.ID, string(v.Role), v.State, v.AddedAt.Format(time.DateOnly)})
		}
		if s.json {
			return s.printJSON(shown)
		}
		return s.printTable(lines)
	})
}

// shownOperator is an operator as it is printed.
type shownOperator struct {
	Name    string        `json:"name"`
	ID      string        `json:"id"`
	Role    operator.Role `json:"role"`
	AddedAt time.Time     `json:"added_at"`
	// State is enabled, disabled, invited, or not invited: the invitation has ended.
	State string `json:"state"`
	// OIDC is the subject of one who signs in at the provider.
	OIDC string `json:"oidc,omitempty"`
}

func showOperator(o operator.Operator, now time.Time) shownOperator {
	state := "enabled"
	switch {
	case o.Disabled:
		state = "disabled"
	case o.Enrolled:
	case now.Before(o.InvitedUntil):
		state = "invited"
	default:
		state = "not invited"
	}
	return shownOperator{o.Name, o.ID, o.Role, o.AddedAt.In(sesuai.Jakarta), state, o.Subject}
}

type operatorDisable struct{ operatorArgument }

func (c *operatorDisable) Run(s *session) error {
	return s.changeOperator(func(all *operator.Store) (bool, error) { return all.SetDisabled(s, c.Name, true) })
}

type operatorEnable struct{ operatorArgument }

func (c *operatorEnable) Run(s *session) error {
	return s.changeOperator(func(all *operator.Store) (bool, error) { return all.SetDisabled(s, c.Name, false) })
}

type operatorReset struct{ operatorArgument }

// Help is what --help says of the command besides its flags.
func (operatorReset) Help() string {
	return "For an operator who has lost the password, the authenticator or the device with the passkey, or has to wait after failed attempts. Its passkeys and sessions end."
}

func (c *operatorReset) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		o, invitation, found, err := storage.Operators.Reset(s, c.Name)
		if err != nil {
			return err
		}
		if !found {
			return s.printFound(false)
		}
		return s.printInvitation(o, invitation)
	})
}

type operatorRemove struct{ operatorArgument }

// Help is what --help says of the command besides its flags.
func (operatorRemove) Help() string {
	return "The audit trail keeps its name with what it did. Exit status: 0 if there was one, 1 if there was none."
}

func (c *operatorRemove) Run(s *session) error {
	return s.changeOperator(func(all *operator.Store) (bool, error) { return all.Remove(s, c.Name) })
}

// changeOperator runs change, which reports whether there is such an operator, and prints
// that.
func (s *session) changeOperator(change func(*operator.Store) (bool, error)) error {
	return s.withStorage(func(storage *app.Storage) error {
		found, err := change(storage.Operators)
		if err != nil {
			return err
		}
		return s.printFound(found)
	})
}

// printFound prints that an operator was changed, or that there is none.
func (s *session) printFound(found bool) error {
	text := "done"
	if !found {
		text = "there is no such operator"
	}
	if err := s.print(map[string]bool{"found": found}, "%s\n", text); err != nil {
		return err
	}
	if !found {
		return negativeAnswer{}
	}
	return nil
}

// printInvitation prints an invitation, which is shown once.
func (s *session) printInvitation(o operator.Operator, invitation sesuai.Text) error {
	until := o.InvitedUntil.In(sesuai.Jakarta)
	return s.print(struct {
		Name       string        `json:"name"`
		ID         string        `json:"id"`
		Role       operator.Role `json:"role"`
		Invitation string        `json:"invitation"`
		Until      time.Time     `json:"invited_until"`
	}{o.Name, o.ID, o.Role, invitation.Reveal(), until},
		"invitation  %s\nvalid       once, until %s\n", invitation.Reveal(), until.Format(time.RFC3339))
}
