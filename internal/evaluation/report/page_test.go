package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/evaluation/report"
)

// node is an element of the page, or a text if its name is empty.
type node struct {
	name     string
	attr     map[string]string
	text     string
	children []*node
}

// parse parses the page as XML. The page must be well-formed, so that an unclosed
// element, or markup in a name, fails the test.
func parse(t interface{ Fatalf(string, ...any) }, b []byte) *node {
	root := &node{}
	open := []*node{root}
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		top := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				n.attr[a.Name.Local] = a.Value
			}
			top.children = append(top.children, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			top.children = append(top.children, &node{text: string(token)})
		}
	}
}

// draw renders a report and parses the page.
func draw(t interface{ Fatalf(string, ...any) }, r *evaluation.Report) ([]byte, *node) {
	var b bytes.Buffer
	if err := report.HTML(&b, r); err != nil {
		t.Fatalf("%v", err)
	}
	return b.Bytes(), parse(t, b.Bytes())
}

// all returns the elements of these names, in the order of the page.
func (n *node) all(names ...string) []*node {
	var found []*node
	for _, c := range n.children {
		if slices.Contains(names, c.name) {
			found = append(found, c)
		}
		found = append(found, c.all(names...)...)
	}
	return found
}

// words returns the text within an element, with single spaces.
func (n *node) words() string {
	var b strings.Builder
	var walk func(*node)
	walk = func(n *node) {
		b.WriteString(n.text)
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// readable returns the page as lines of text, for the golden files.
func (n *node) readable() string {
	var b strings.Builder
	var walk func(*node)
	walk = func(n *node) {
		switch n.name {
		case "head", "svg", "figcaption":
			return
		case "section":
			if n.attr["aria-labelledby"] == "reading" {
				return
			}
		case "h1", "h2", "h3":
			b.WriteString("\n# " + n.words() + "\n")
			return
		case "p", "caption":
			b.WriteString(n.words() + "\n")
			return
		case "dt":
			b.WriteString(n.words() + ": ")
			return
		case "dd":
			b.WriteString(n.words() + "\n")
			return
		case "tr":
			var cells []string
			for _, c := range n.all("th", "td") {
				cells = append(cells, c.words())
			}
			b.WriteString("  " + strings.Join(cells, " | ") + "\n")
			return
		}
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(n)
	return strings.TrimSpace(b.String()) + "\n\n"
}

func TestPageStandsAlone(t *testing.T) {
	b, page := draw(t, realistic())
	for _, n := range page.all("script", "link", "img", "iframe", "object", "embed", "image", "use", "a", "form", "base") {
		t.Errorf("the page has an element %s", n.name)
	}
	var walk func(*node)
	walk = func(n *node) {
		for name, value := range n.attr {
			if name == "style" || strings.HasPrefix(name, "on") || name == "href" || name == "src" {
				t.Errorf("%s has the attribute %s=%q", n.name, name, value)
			}
		}
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(page)
	if bytes.Contains(b, []byte("url(")) || bytes.Contains(b, []byte("@import")) || bytes.Contains(b, []byte("ZgotmplZ")) {
		t.Error("the style sheet loads something, or the template refused a value")
	}
}

func TestPlotsAreNamed(t *testing.T) {
	_, page := draw(t, realistic())
	plots := page.all("svg")
	if len(plots) != 4 {
		t.Fatalf("%d plots, want the DET curve, the histograms, and evenness by length and yaw", len(plots))
	}
	ids := map[string]string{}
	var walk func(*node)
	walk = func(n *node) {
		if id := n.attr["id"]; id != "" {
			if _, twice := ids[id]; twice {
				t.Errorf("two elements have the id %s", id)
			}
			ids[id] = n.words()
		}
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(page)
	for _, plot := range plots {
		title, description := ids[plot.attr["aria-labelledby"]], ids[plot.attr["aria-describedby"]]
		if plot.attr["role"] != "img" || title == "" || len(description) < 80 {
			t.Errorf("role %q, title %q, description %q", plot.attr["role"], title, description)
		}
		if len(plot.all("path")) < 10 || len(plot.all("text")) < 8 {
			t.Errorf("%s has %d paths and %d texts", title, len(plot.all("path")), len(plot.all("text")))
		}
	}
	for _, n := range page.all("section") {
		if ids[n.attr["aria-labelledby"]] == "" {
			t.Error("a section has no heading")
		}
	}
}
