// Package report renders an evaluation of the face engine as one self-contained
// HTML page, with tables, and plots as inline SVG. Its sections follow the
// questions of a risk officer. It leaves measuring to package evaluation: every
// figure on the page is a figure of the evaluation.Report, possibly rounded. It
// leaves files to the caller. Names from a list are untrusted and escaped.
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

// page is the parsed template. The template is embedded, so an error in it fails
// every test.
var page = template.Must(template.New("page").Parse(pageText))

// HTML writes the page. Equal Reports give equal bytes. A figure that is not a
// number, or a rate over no trials, is shown as a dash. A part that the Report
// lacks is omitted or said to be missing.
//
// The page runs no script and loads nothing. Its Content-Security-Policy forbids
// both, and allows its style sheet by digest. The error is that of w or of the
// plotting library.
func HTML(w io.Writer, r *evaluation.Report) error {
	v, err := newView(r)
	if err != nil {
		return err
	}
	v.Style = template.CSS(pageStyle)
	digest := sha256.Sum256([]byte(pageStyle))
	v.Policy = template.HTMLAttr(`content="default-src 'none'; style-src 'sha256-` +
		base64.StdEncoding.EncodeToString(digest[:]) + `'; base-uri 'none'; form-action 'none'"`)

	// The page is written only if it is complete.
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}
