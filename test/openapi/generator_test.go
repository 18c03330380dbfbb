package openapi_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"

	"github.com/sesuai/sesuai/test/process"
)

// operation is an operation of the description.
type operation struct {
	method, path string
	*openapi3.Operation
}

// operations returns the operations of a description.
func operations(d *openapi3.T) []operation {
	var all []operation
	for _, path := range slices.Sorted(maps.Keys(d.Paths.Map())) {
		item := d.Paths.Find(path)
		for _, method := range slices.Sorted(maps.Keys(item.Operations())) {
			all = append(all, operation{method, path, item.Operations()[method]})
		}
	}
	return all
}

// request is a generated request.
type request struct {
	operation operation
	target    string // path and query
	header    http.Header
	body      []byte
}

// generator draws requests from the schemas of a description.
type generator struct {
	photographs []string // in base64
	credentials process.Credentials
	// plain is whether forms have no percent sign: Prism takes it for an escape.
	plain bool
}

// draw draws a request of an operation. One that is valid has the credentials of the client, and every
// parameter and field is one of its schema. Of another one some are not.
func (g *generator) draw(t *rapid.T, o operation, valid bool) request {
	r := request{operation: o, header: make(http.Header)}
	r.target = g.parameters(t, &r, valid)
	signed := http.Request{Header: r.header}
	g.credentials.Sign(&signed)
	if !valid && rapid.IntRange(0, 49).Draw(t, "credentials") == 0 {
		r.header.Set("X-Api-Key", "wrong")
	}
	if o.RequestBody == nil {
		return r
	}
	content := o.RequestBody.Value.Content
	media := rapid.SampledFrom(slices.Sorted(maps.Keys(content))).Draw(t, "media type")
	fields := g.fields(t, content[media].Schema.Value, media, valid)
	if media == "application/json" {
		r.header.Set("Content-Type", media)
		r.body = must(json.Marshal(fields))
		return r
	}
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if fields[name] == nil {
			continue // a form has no null
		}
		text := fmt.Sprint(fields[name])
		if g.plain {
			text = strings.ReplaceAll(text, "%", "-")
		}
		_ = must(io.WriteString(must(form.CreateFormField(name)), text))
	}
	if err := form.Close(); err != nil {
		panic(err)
	}
	r.header.Set("Content-Type", form.FormDataContentType())
	r.body = b.Bytes()
	return r
}

// must returns v. What it is for fails only if this test is wrong.
func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// parameters draws the parameters, and returns the path and the query.
func (g *generator) parameters(t *rapid.T, r *request, valid bool) string {
	path, query := r.operation.path, make(url.Values)
	for _, p := range r.operation.Parameters {
		name := p.Value.Name
		if p.Value.In != "path" && !p.Value.Required && rapid.Bool().Draw(t, "without "+name) {
			continue
		}
		value := fmt.Sprint(g.value(t, name, p.Value.Schema.Value))
		if !valid && p.Value.In != "header" && rapid.IntRange(0, 3).Draw(t, "hostile "+name) == 0 {
			value = fmt.Sprint(rapid.SampledFrom(hostileTexts).Draw(t, name))
		}
		switch p.Value.In {
		case "path":
			// Without a value it is another path.
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(cmp.Or(value, " ")))
		case "query":
			query.Set(name, value)
		case "header":
			r.header.Set(name, value)
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// hostileTexts are what clients and attackers send in the place of a value.
var hostileTexts = []string{
	"", " ", "undefined", "null", "123", "99999999999999999", "30-02-1990", "31-12-9999", "-", "a\nb", "\x00", "\u202e", "é", "'; DROP TABLE people; --",
	"%00", "../../etc/passwd", strings.Repeat("x", 129), strings.Repeat("9", 2000), "data:image/png;base64,", "iVBORw0KGgo=", "R0lGODlhAQABAAAAACw=",
}

// fields draws the fields of a body.
func (g *generator) fields(t *rapid.T, schema *openapi3.Schema, media string, valid bool) map[string]any {
	fields := make(map[string]any)
	names := slices.Sorted(maps.Keys(schema.Properties))
	wrong := ""
	if !valid {
		wrong = rapid.SampledFrom(names).Draw(t, "wrong")
	}
	for _, name := range names {
		required := slices.Contains(schema.Required, name)
		if name != wrong {
			if required || rapid.Bool().Draw(t, "with "+name) {
				fields[name] = g.value(t, name, schema.Properties[name].Value)
			}
			continue
		}
		switch kind := rapid.IntRange(0, 3).Draw(t, "how"); {
		case kind == 0: // not given
		case kind == 1 && media == "application/json":
			fields[name] = rapid.SampledFrom([]any{nil, 7, true, []string{"x"}, map[string]string{"x": "y"}, -1e300}).Draw(t, name)
		default:
			fields[name] = rapid.SampledFrom(hostileTexts).Draw(t, name)
		}
	}
	return fields
}

// value draws a value of a schema: one of its examples, or what its pattern says.
func (g *generator) value(t *rapid.T, name string, schema *openapi3.Schema) any {
	if schema.Format == "binary" || schema.ContentEncoding == "base64" {
		return rapid.SampledFrom(g.photographs).Draw(t, name)
	}
	if len(schema.Enum) > 0 {
		return rapid.SampledFrom(schema.Enum).Draw(t, name)
	}
	if schema.Type.Includes("null") && rapid.IntRange(0, 9).Draw(t, "null "+name) == 0 {
		return nil
	}
	if len(schema.Examples) > 0 && rapid.IntRange(0, 3).Draw(t, "an example") > 0 {
		return rapid.SampledFrom(schema.Examples).Draw(t, name)
	}
	if schema.Type.Includes("integer") {
		return rapid.IntRange(bound(schema.Min, 0), bound(schema.Max, 100)).Draw(t, name)
	}
	text := rapid.StringN(0, 40, 400)
	if schema.Pattern != "" {
		text = rapid.StringMatching(schema.Pattern)
	}
	return text.Filter(func(s string) bool {
		n := uint64(len([]rune(s)))
		return n >= schema.MinLength && (schema.MaxLength == nil || n <= *schema.MaxLength)
	}).Draw(t, name)
}

// bound returns a limit of a schema, or otherwise if it has none.
func bound(limit *float64, otherwise int) int {
	if limit == nil {
		return otherwise
	}
	return int(*limit)
}
