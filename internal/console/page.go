package console

import (
	"bytes"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/operator"
)

// parseTemplates parses each page together with the layout and the parts of pages.
func parseTemplates() (map[string]*template.Template, error) {
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	const layout = "templates/layout.html"
	all := make(map[string]*template.Template)
	for _, file := range files {
		if file == layout {
			continue
		}
		t, err := template.ParseFS(templateFiles, layout, "templates/parts/*.html", file)
		if err != nil {
			return nil, err
		}
		all[strings.TrimSuffix(path.Base(file), ".html")] = t
	}
	return all, nil
}

// page is what a template gets.
type page struct {
	Operator operator.Operator
	Language locale
	// Path is that of the page, and Token that of its forms.
	Path, Token string
	// Notice is a text above the page, and Problem one about what went wrong; "" if there
	// is none.
	Notice, Problem string
	Passkeys        passkeyUse
	// Provider is the host of the provider at which operators may sign in; "" if there is none.
	Provider string
	// HasPeople reports whether the registry is the built-in one.
	HasPeople bool
	Data      any
}

// T returns a text in the language of the page.
func (p page) T(key string, args ...any) string { return p.Language.text(key, args...) }

// Time returns a time as it is shown.
func (p page) Time(t time.Time) string { return shownTime(t) }

func shownTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(sesuai.Jakarta).Format("2006-01-02 15:04:05") + " WIB"
}

// menu are the pages that the menu leads to: their paths, which are the keys of their texts.
var menu = []string{"verifications", "try", "accuracy", "clients", "people", "approvals", "audit"}

// Menu returns the pages of the menu that the operator may use.
func (p page) Menu() []string {
	return slices.DeleteFunc(slices.Clone(menu), func(name string) bool {
		return !p.Sees("GET /"+name) || name == "people" && !p.HasPeople
	})
}

// Sees reports whether the operator may use a page.
func (p page) Sees(pattern string) bool {
	return slices.ContainsFunc(routes(), func(r route) bool {
		return r.pattern == pattern && slices.Contains(r.roles, p.Operator.Role)
	})
}

// Under reports whether the page is one of those under a page of the menu.
func (p page) Under(name string) bool { return strings.HasPrefix(p.Path, "/"+name) }

// With returns the page with other data, for a part of it.
func (p page) With(data any) page {
	p.Data = data
	return p
}

// render writes a page with data.
func (c *call) render(name string, data any) error {
	return c.renderWith(http.StatusOK, name, page{Data: data})
}

func (c *call) renderWith(status int, name string, p page) error {
	p.Operator, p.Language, p.Path, p.Passkeys, p.HasPeople = c.operator, c.language, c.r.URL.Path, c.passkeyUse(), c.o.People != nil
	if c.o.Provider != nil {
		p.Provider = c.o.Provider.Host()
	}
	if c.session != "" {
		p.Token = c.o.Operators.FormToken(c.session)
	}
	var b bytes.Buffer
	if err := c.templates[name].ExecuteTemplate(&b, "layout", p); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(c.language))
	h.Set("Vary", "Accept-Language, Cookie")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(b.Bytes()) // the browser has gone
	return nil
}

// problems are the keys of the texts about kinds of errors. Others are problem.internal.
var problems = map[sesuai.Kind]string{
	sesuai.KindUnauthenticated: "problem.signin",
	sesuai.KindRateLimited:     "problem.wait",
	sesuai.KindForbidden:       "problem.forbidden",
	sesuai.KindNotFound:        "problem.notfound",
	sesuai.KindNothingFound:    "problem.notfound",
	sesuai.KindMalformed:       "problem.malformed",
	sesuai.KindConfiguration:   "problem.malformed",
	sesuai.KindInvalidNIK:      "problem.nik",
	sesuai.KindInvalidName:     "problem.name",
	sesuai.KindInvalidDate:     "problem.date",
	sesuai.KindNoFile:          "problem.file",
	sesuai.KindTooLarge:        "problem.large",
	sesuai.KindOverloaded:      "problem.busy",
	sesuai.KindUnavailable:     "problem.unavailable",
}

// problem returns the status and the text of an error.
func (c *call) problem(err error) (status int, text string) {
	kind := sesuai.KindOf(err)
	if kind == sesuai.KindConfiguration { // what an operator has entered
		err = &sesuai.Error{Kind: sesuai.KindMalformed, Err: err}
	}
	status, _ = httpapi.ErrorJSON(err)
	key, ok := problems[kind]
	if !ok {
		key = "problem.internal"
	}
	return status, c.language.text(key)
}

// fail answers with a page about an error.
func (c *call) fail(err error) {
	status, text := c.problem(err)
	c.failWith(err, status, "error", page{Problem: text})
}

// failForm shows the page of a form again, with what is wrong.
func (c *call) failForm(err error, name string, data any) error {
	status, text := c.problem(err)
	if status >= http.StatusInternalServerError {
		return err
	}
	c.failWith(err, status, name, page{Problem: text, Data: data})
	return nil
}

func (c *call) failWith(err error, status int, name string, p page) {
	c.note(err, status)
	if err := c.renderWith(status, name, p); err != nil {
		c.o.Log.Error("the console could not show an error", "error", err)
		c.w.WriteHeader(http.StatusInternalServerError)
	}
}

// note logs an error that is no fault of the browser's, and says when to try again.
func (c *call) note(err error, status int) {
	if status >= http.StatusInternalServerError {
		c.o.Log.Error("the console could not answer", "error", err, "path", c.r.Pattern)
	}
	if e, ok := errors.AsType[*sesuai.Error](err); ok && e.RetryAfter > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter/time.Second)+1))
	}
}
