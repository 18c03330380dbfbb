// Package report draws an evaluation of the face engine as one HTML page that
// needs nothing beside it: the order in which a risk officer asks, tables, and
// plots as inline SVG. It measures nothing: every figure on the page is in the
// evaluation.Report or is a rounding of one. It must not know how a rate came
// about, open a file, or trust a name that a list brought along.
package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"

	"github.com/sesuai/sesuai/internal/evaluation"
)

//go:embed page.html.tmpl
var pageText string

//go:embed page.css
var pageStyle string

// page is the parsed template; it is part of the program, so that a mistake in
// it shows in every test.
var page = template.Must(template.New("page").Parse(pageText))

// HTML writes the page. The same Report gives the same bytes. A figure that is
// not a number, or a rate of nothing, is shown as a dash; a part that the
// Report lacks is left out, or said to be missing.
//
// The page runs no script, loads nothing, and carries a Content-Security-Policy
// that forbids both and allows its one style sheet by digest; nothing on it
// needs a laxer one. Errors are those of w, or of the plotting library.
func HTML(w io.Writer, r *evaluation.Report) error {
	v, err := newView(r)
	if err != nil {
		return err
	}
	v.Style = template.CSS(pageStyle)
	digest := sha256.Sum256([]byte(pageStyle))
	v.Policy = template.HTMLAttr(`content="default-src 'none'; style-src 'sha256-` +
		base64.StdEncoding.EncodeToString(digest[:]) + `'; base-uri 'none'; form-action 'none'"`)

	// Whole or not at all: half a page could be taken for a short one.
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}
