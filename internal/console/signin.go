package console

import (
	"fmt"
	"image/color"
	"net/http"
	"strings"

	"github.com/boombuler/barcode/qr"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/operator"
)

func (c *call) signInPage() error {
	if c.session != "" {
		return c.home()
	}
	return c.render("signin", nil)
}

func (c *call) attempt() operator.Attempt {
	return operator.Attempt{
		From: c.from(), Name: c.input("name"), Invitation: c.input("invitation"), Password: c.r.PostForm.Get("password"), Code: c.input("code"),
	}
}

// signIn makes a session under a new id, whatever the browser has sent, and ends that
// which it had.
func (c *call) signIn() error {
	id, o, err := c.o.Operators.SignIn(c.ctx, c.attempt())
	if err != nil {
		return c.failForm(err, "signin", nil)
	}
	return c.enter(id, o)
}

// enter has the browser keep the session of an operator, and shows the first page.
func (c *call) enter(id sesuai.Text, o operator.Operator) error {
	if err := c.keep(id, o); err != nil {
		return err
	}
	return c.home()
}

// keep has the browser keep the session of an operator, instead of one that it had.
func (c *call) keep(id sesuai.Text, o operator.Operator) error {
	if c.session != "" {
		if err := c.o.Operators.SignOut(c.ctx, c.session, c.operator); err != nil {
			return err
		}
	}
	c.o.Log.Info("an operator has signed in", "operator", o.ID)
	setSession(c.w, id)
	return nil
}

func (c *call) signOut() error {
	if err := c.o.Operators.SignOut(c.ctx, c.session, c.operator); err != nil {
		return err
	}
	clearSession(c.w)
	c.redirect("/signin")
	return nil
}

func (c *call) enrolPage() error { return c.render("enrol", nil) }

// enrolment is the page on which an invited operator chooses a password.
type enrolment struct {
	Name, Invitation string
	// Key is that of the authenticator, in base32, and Picture a QR code of it.
	Key         string
	Picture     picture
	MinPassword int
}

// invited shows the key of the authenticator to who has the invitation.
func (c *call) invited() error {
	a := c.attempt()
	data, err := c.enrolment(a)
	if err != nil {
		return c.failForm(err, "enrol", nil)
	}
	return c.render("password", data)
}

func (c *call) enrolment(a operator.Attempt) (enrolment, error) {
	key, err := c.o.Operators.AuthenticatorKey(c.ctx, a)
	if err != nil {
		return enrolment{}, err
	}
	picture, err := pictureOf(key.URL())
	if err != nil {
		return enrolment{}, err
	}
	return enrolment{a.Name, a.Invitation, key.Secret(), picture, operator.MinPassword}, nil
}

// enrol gives the operator the password.
func (c *call) enrol() error {
	a := c.attempt()
	if a.Password != c.r.PostForm.Get("again") {
		return c.enrolAgain(a, &sesuai.Error{Kind: sesuai.KindMalformed}, "problem.again")
	}
	switch err := c.o.Operators.Enrol(c.ctx, a); sesuai.KindOf(err) {
	case "":
	case sesuai.KindConfiguration:
		return c.enrolAgain(a, err, "problem.password")
	case sesuai.KindUnauthenticated:
		return c.enrolAgain(a, err, "problem.code")
	default:
		return err
	}
	return c.renderWith(http.StatusOK, "signin", page{Notice: c.language.text("enrolled")})
}

// enrolAgain shows the page again, with what is wrong.
func (c *call) enrolAgain(a operator.Attempt, why error, text string) error {
	data, err := c.enrolment(a)
	if err != nil {
		return c.failForm(err, "enrol", nil)
	}
	status, _ := c.problem(why)
	return c.renderWith(status, "password", page{Problem: c.language.text(text), Data: data})
}

// picture is a QR code, as the path of an SVG of so many units.
type picture struct {
	Size int
	Path string
}

// quiet is the margin of a QR code: ISO/IEC 18004, 6.3.8.
const quiet = 4

func pictureOf(text string) (picture, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return picture{}, err
	}
	size := code.Bounds().Dx()
	var b strings.Builder
	for y := range size {
		for x := range size {
			if code.At(x, y) == color.Black {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	return picture{size + 2*quiet, b.String()}, nil
}
