package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
)

// role is what a colour stands for. The library knows colours alone, so each
// role has one of its own on the way through it; on the page it is a class,
// whose colour the style sheet has for light, dark and paper.
type role uint8

const (
	ink role = iota // text and axes: black, which the library leaves unsaid
	grid
	genuine
	impostor
	mark
)

// classes are the roles' names in the style sheet.
var classes = [...]string{ink: "ink", grid: "grid", genuine: "genuine", impostor: "impostor", mark: "mark"}

// RGBA gives the role its colour on the way: opaque, and told apart by blue. It
// lies half way to the next shade, since the library cuts fractions off.
func (r role) RGBA() (red, green, blue, alpha uint32) {
	return 0, 0, uint32(r)*0x101 + 0x80, 0xffff
}

// classOf reads back a colour that the library wrote.
func classOf(colour string) (string, error) {
	for r, class := range classes {
		if colour == fmt.Sprintf("#0000%02X", r) {
			return class, nil
		}
	}
	return "", fmt.Errorf("the plot has a colour of no role: %s", colour)
}

// figure is a plot on its way onto the page.
type figure struct {
	// id is unique on the page; title and description are for those who
	// cannot see the plot.
	id, title, description string
}

// inline turns what the library wrote, a document of its own, into an element
// of the page: named and described, as wide as there is room, its colours by
// class, and with no style attribute, which a strict Content-Security-Policy
// would ignore. Whatever the library did not write when this was made is an
// error, so that a new version of it cannot put anything onto the page unseen.
func (f figure) inline(document []byte) (template.HTML, error) {
	var b bytes.Buffer
	d := xml.NewDecoder(bytes.NewReader(document))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return template.HTML(b.String()), nil
		}
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.StartElement:
			err = f.start(&b, t)
		case xml.EndElement:
			b.WriteString("</" + t.Name.Local + ">")
		case xml.CharData:
			if text := strings.TrimSpace(string(t)); text != "" {
				b.WriteString(template.HTMLEscapeString(text))
			}
		}
		if err != nil {
			return "", err
		}
	}
}

// start writes the beginning of one element.
func (f figure) start(b *bytes.Buffer, e xml.StartElement) error {
	kind := e.Name.Local
	switch kind {
	case "svg":
		for _, a := range e.Attr {
			if a.Name.Local == "viewBox" {
				fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="%s" role="img" aria-labelledby="%s-title" aria-describedby="%s-description">`,
					template.HTMLEscapeString(a.Value), f.id, f.id)
			}
		}
		fmt.Fprintf(b, `<title id="%s-title">%s</title><desc id="%s-description">%s</desc>`,
			f.id, template.HTMLEscapeString(f.title), f.id, template.HTMLEscapeString(f.description))
		return nil
	case "g", "path", "text":
	default:
		return fmt.Errorf("the plot has an element %s", kind)
	}

	fill, attributes := "ink", ""
	stroke := ""
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "style":
			for declaration := range strings.SplitSeq(a.Value, ";") {
				property, value, _ := strings.Cut(declaration, ":")
				var err error
				switch property {
				case "fill":
					if fill = "none"; value != "none" {
						fill, err = classOf(value)
					}
				case "stroke":
					stroke, err = classOf(value)
				case "font-family", "font-variant", "font-weight", "font-style":
					// The style sheet's, for all text.
				case "font-size", "stroke-width", "stroke-dasharray", "stroke-dashoffset":
					attributes += fmt.Sprintf(` %s="%s"`, property, template.HTMLEscapeString(value))
				default:
					err = fmt.Errorf("the plot has a style of %s", property)
				}
				if err != nil {
					return err
				}
			}
		case "d", "x", "y", "transform":
			attributes += fmt.Sprintf(` %s="%s"`, a.Name.Local, template.HTMLEscapeString(a.Value))
		default:
			return fmt.Errorf("the plot has an attribute %s", a.Name.Local)
		}
	}
	if kind == "g" {
		fmt.Fprintf(b, "<g%s>", attributes)
		return nil
	}
	fmt.Fprintf(b, `<%s class="fill-%s`, kind, fill)
	if stroke != "" {
		fmt.Fprintf(b, " stroke-%s", stroke)
	}
	fmt.Fprintf(b, `"%s>`, attributes)
	return nil
}
