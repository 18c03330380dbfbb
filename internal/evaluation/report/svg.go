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

// role is the meaning of a colour in a plot. The plotting library knows only
// colours, so each role has a placeholder colour. On the page a role is a class,
// for which the style sheet has a colour for light, dark and print.
type role uint8

const (
	ink role = iota // text and axes: black, which the library does not write
	grid
	genuine
	impostor
	threshold
)

// classes are the roles' names in the style sheet.
var classes = [...]string{ink: "ink", grid: "grid", genuine: "genuine", impostor: "impostor", threshold: "threshold"}

// RGBA implements color.Color with the role's placeholder colour: opaque, with
// the role in the blue channel. It is half way to the next shade of blue, since
// the library truncates fractions.
func (r role) RGBA() (red, green, blue, alpha uint32) {
	return 0, 0, uint32(r)*0x101 + 0x80, 0xffff
}

// classOf returns the class of a placeholder colour that the library wrote.
func classOf(colour string) (string, error) {
	for r, class := range classes {
		if colour == fmt.Sprintf("#0000%02X", r) {
			return class, nil
		}
	}
	return "", fmt.Errorf("the plot has a colour of no role: %s", colour)
}

// figure describes a plot on the page.
type figure struct {
	// id is unique on the page. title and description are for readers who
	// cannot see the plot.
	id, title, description string
}

// inline turns the SVG document that the library wrote into an element of the
// page. The element has a title and a description, takes the available width,
// has classes in place of colours, and has no style attributes, which the
// Content-Security-Policy would block. Any SVG that the library is not known to
// write is an error, so that a new version of the library cannot add content to
// the page unnoticed.
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

// start writes the start tag of one element.
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
					// The style sheet sets these for all text.
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
