package openapi

import (
	"bytes"
	_ "embed" // for the template
	"fmt"
	"html/template"
	"slices"
	"strings"
)

//go:embed page.html
var pageTemplate string

// Page returns the description as a page in HTML. It has neither scripts nor styles of
// its own; it links to the style sheet at /docs/style.css.
func Page() ([]byte, error) {
	root, err := parse()
	if err != nil {
		return nil, err
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"prose": prose, "operations": operations, "fields": fields, "rule": rule, "anchor": anchor, "line": line,
	}).Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, root); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// operation is a method of a path.
type operation struct {
	Method, Path string
	node
}

// methods are the keys of a path that are operations.
var methods = []string{"get", "put", "post", "delete", "patch"}

// operations returns the operations of paths or of webhooks, in their order.
func operations(paths node) []operation {
	var all []operation
	for _, path := range paths.Entries() {
		for _, e := range path.Entries() {
			if slices.Contains(methods, e.Name) {
				all = append(all, operation{strings.ToUpper(e.Name), path.Name, e.node})
			}
		}
	}
	return all
}

// field is a field of an object, or of an object in it: then its name has a dot.
type field struct {
	Name     string
	Required bool
	node
}

// fields returns the fields of a schema. Of alternatives it returns those of all, and
// requires what all of them do.
func fields(schema node) []field {
	alternatives := schema.Get("oneOf").Items()
	if len(alternatives) == 0 {
		return fieldsBelow(schema, "")
	}
	var all []field
	count := make(map[string]int) // of the alternatives that require it
	for _, alternative := range alternatives {
		for _, f := range fieldsBelow(alternative, "") {
			if f.Required {
				count[f.Name]++
			}
			if at := slices.IndexFunc(all, func(other field) bool { return other.Name == f.Name }); at < 0 {
				all = append(all, f)
			}
		}
	}
	for i := range all {
		all[i].Required = count[all[i].Name] == len(alternatives)
	}
	return all
}

func fieldsBelow(schema node, prefix string) []field {
	var all []field
	required := schema.Get("required").Items()
	for _, p := range schema.Get("properties").Entries() {
		all = append(all, field{
			prefix + p.Name,
			slices.ContainsFunc(required, func(name node) bool { return name.Text() == p.Name }),
			p.node,
		})
		all = append(all, fieldsBelow(p.node, prefix+p.Name+".")...)
		all = append(all, fieldsBelow(p.Get("items"), prefix+p.Name+"[].")...)
	}
	return all
}

// rule returns what a schema says about a value, in words and in HTML.
func rule(schema node) template.HTML {
	var said []string
	kinds := schema.Get("type").Items()
	if len(kinds) == 0 && schema.Get("type").Exists() {
		kinds = []node{schema.Get("type")}
	}
	var names []string
	for _, kind := range kinds {
		names = append(names, kind.Text())
	}
	if len(names) > 0 {
		said = append(said, template.HTMLEscapeString(strings.Join(names, " or ")))
	}
	if of := schema.Get("items"); of.Exists() {
		said = append(said, "of "+string(rule(of)))
	}
	if v := schema.Get("const"); v.Exists() {
		said = append(said, code(v.JSON()))
	}
	for _, word := range []struct{ key, before, after string }{
		{"format", "format ", ""},
		{"contentEncoding", "in ", ""},
		{"minLength", "at least ", " characters"},
		{"maxLength", "at most ", " characters"},
		{"minItems", "at least ", " items"},
		{"maxItems", "at most ", " items"},
		{"minimum", "from ", ""},
		{"maximum", "to ", ""},
		{"default", "default ", ""},
		{"pattern", "matches ", ""},
	} {
		if v := schema.Get(word.key); v.Exists() {
			said = append(said, word.before+code(v.Text())+word.after)
		}
	}
	if values := schema.Get("enum").Items(); len(values) > 0 {
		var texts []string
		for _, v := range values {
			texts = append(texts, code(v.JSON()))
		}
		said = append(said, "one of "+strings.Join(texts, ", "))
	}
	return template.HTML(strings.Join(said, ", ")) // every part is escaped
}

func code(text string) string { return "<code>" + template.HTMLEscapeString(text) + "</code>" }

// anchor returns the id of an operation on the page.
func anchor(o operation) string { return o.Get("operationId").Text() }

// prose returns a text of the description in HTML. It knows paragraphs, `code` and
// **strong**, which are all that the description has.
func prose(n node) template.HTML {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(n.Text()), "\n\n") {
		if paragraph != "" {
			fmt.Fprintf(&b, "<p>%s</p>\n", inline(template.HTMLEscapeString(paragraph)))
		}
	}
	return template.HTML(b.String()) // the text is escaped
}

// line is prose for a text of one line.
func line(n node) template.HTML {
	return template.HTML(inline(template.HTMLEscapeString(n.Text()))) // the text is escaped
}

func inline(escaped string) string {
	for _, sign := range []struct{ sign, element string }{{"`", "code"}, {"**", "strong"}} {
		parts := strings.Split(escaped, sign.sign)
		for i := 1; i+1 < len(parts); i += 2 {
			parts[i] = "<" + sign.element + ">" + parts[i] + "</" + sign.element + ">"
		}
		escaped = strings.Join(parts, "")
	}
	return escaped
}
