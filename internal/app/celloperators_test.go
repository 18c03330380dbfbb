package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/approval"
	"github.com/sesuai/sesuai/internal/operator"
)

// signInOperator adds an operator, who enrols and signs in, and returns the id of the
// session.
func signInOperator(t *testing.T, s *app.Storage, name string) string {
	t.Helper()
	_, invitation, err := s.Operators.Add(t.Context(), name, operator.Support)
	if err != nil {
		t.Fatal(err)
	}
	a := operator.Attempt{Name: name, Invitation: invitation.Reveal(), Password: "a password for the test"}
	key, err := s.Operators.AuthenticatorKey(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	code := func(at time.Time) string {
		code, err := totp.GenerateCode(key.Secret(), at)
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	now := time.Now()
	a.Code = code(now)
	if err := s.Operators.Enrol(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	a.Code = code(now.Add(30 * time.Second)) // a code is accepted once
	id, _, err := s.Operators.SignIn(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return id.Reveal()
}

// proposeAct has an admin propose an act.
func proposeAct(t *testing.T, s *app.Storage) {
	t.Helper()
	admin, _, err := s.Operators.Add(t.Context(), "budi", operator.Admin)
	if err != nil {
		t.Fatal(err)
	}
	s.Approvals.Register(approval.Kind{
		Name: "test", Describe: func([]byte) (approval.Text, error) { return approval.Text{English: "an act"}, nil },
	})
	if _, err := s.Approvals.Propose(t.Context(), admin, "test", nil); err != nil {
		t.Fatal(err)
	}
}

// observeOperators asks who may use the console, what they have proposed, and whose the
// session is.
func (w *cells) observeOperators(t *testing.T, s *app.Storage, got seen) {
	t.Helper()
	all, err := s.Operators.List(t.Context())
	if got["operators"] = fmt.Sprint(all); err != nil {
		got["operators"] = noticed + err.Error()
	}
	proposed, err := s.Approvals.List(t.Context())
	if got["approvals"] = fmt.Sprint(proposed); err != nil {
		got["approvals"] = noticed + err.Error()
	}
	o, found, err := s.Operators.Session(t.Context(), w.session)
	if got["session"] = o.Name; err != nil || !found {
		got["session"] = noticed + fmt.Sprint("it has ended: ", err)
	}
}
