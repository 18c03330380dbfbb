// Package openapitest holds what the service answers to the description of the API in
// package openapi, for the tests of other packages. It leaves making requests to them.
package openapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/sesuai/sesuai/internal/openapi"
)

// T is what Check needs of a test.
type T interface {
	Helper()
	Errorf(format string, args ...any)
}

// description is the description of the API, parsed.
type description struct {
	*openapi3.T
	router routers.Router
	// sandbox has the further headers of a sandbox's responses.
	sandbox map[string]string
	// known has the responses that were found to be as described. They come again and
	// again in tests, and a validator is made for each.
	known sync.Map
	// others has the responses to requests that are not described, by status.
	others map[string]struct {
		Ref string `json:"$ref"`
	}
}

var load = sync.OnceValues(func() (*description, error) {
	loader := openapi3.NewLoader()
	d := new(description)
	var err error
	if d.T, err = loader.LoadFromData(openapi.Description()); err != nil {
		return nil, err
	}
	if err := d.Validate(loader.Context, openapi3.EnableExamplesValidation()); err != nil {
		return nil, err
	}
	if d.router, err = gorillamux.NewRouter(d.T); err != nil {
		return nil, err
	}
	for name, into := range map[string]any{"x-other-requests": &d.others, "x-sandbox-headers": &d.sandbox} {
		b, err := json.Marshal(d.Extensions[name])
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, into); err != nil {
			return nil, err
		}
	}
	return d, nil
})

// Load returns the description. It is an error if it is not valid, or an example in it
// is not one of its schema.
func Load() (*openapi3.T, error) {
	d, err := load()
	if err != nil {
		return nil, err
	}
	return d.T, nil
}

// Check reports a response with a status, a header or a body that the description does
// not have for requests of the method and the path. An empty path stands for a request
// that the test has no value of, such as one that is not HTTP: its response must be one that is
// described for some request.
func Check(t T, method, target string, resp *http.Response, body []byte) {
	t.Helper()
	d, err := load()
	if err != nil {
		t.Errorf("openapi.yaml: %v", err)
		return
	}
	if err := d.check(method, target, resp, body); err != nil {
		t.Errorf("openapi.yaml does not describe the response %d %v %.300s to %s: %v", resp.StatusCode, resp.Header, body, method, err)
	}
}

func (d *description) check(method, target string, resp *http.Response, body []byte) error {
	described, err := d.responses(method, target, resp.StatusCode)
	if err != nil {
		return err
	}
	var errs []error
	for _, one := range described {
		err := d.valid(one, method, resp, body)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// responses returns the responses that are described for the status of a request; of
// all operations if the path is empty. There is at least one.
func (d *description) responses(method, target string, status int) (described []*openapi3.Response, err error) {
	var operations []*openapi3.Operation
	if target == "" {
		for _, item := range d.Paths.Map() {
			operations = slices.AppendSeq(operations, maps.Values(item.Operations()))
		}
	} else {
		operation, err := d.operation(method, target)
		if err != nil {
			return nil, err
		}
		if operation != nil {
			operations = append(operations, operation)
		}
	}
	for _, operation := range operations {
		if response := operation.Responses.Status(status); response != nil {
			described = append(described, response.Value)
		}
	}
	if target == "" || len(operations) == 0 {
		name := strings.TrimPrefix(d.others[strconv.Itoa(status)].Ref, "#/components/responses/")
		if response := d.Components.Responses[name]; response != nil {
			described = append(described, response.Value)
		}
	}
	if len(described) == 0 {
		return nil, errors.New("the status is not described")
	}
	return described, nil
}

// valid returns why a response is not as it is described.
func (d *description) valid(described *openapi3.Response, method string, resp *http.Response, body []byte) error {
	if err := d.checkHeaders(described, resp.Header); err != nil {
		return err
	}
	if len(described.Content) == 0 || method == http.MethodHead && len(body) == 0 {
		if len(body) != 0 {
			return errors.New("there is a body")
		}
		return nil
	}
	switch resp.Header.Get("Content-Type") {
	case "application/json":
	case "application/x-ndjson":
		return d.validLines(described.Content["application/x-ndjson"], body)
	default:
		return nil // a document for people or tools
	}
	header := resp.Header.Clone()
	header.Del("Date")
	header.Del("Request-Id")
	key := fmt.Sprintf("%p %d %v %s", described, resp.StatusCode, header, body)
	if _, known := d.known.Load(key); known {
		return nil
	}
	if err := d.validate(described, resp, body); err != nil {
		return err
	}
	d.known.Store(key, true)
	return nil
}

// validLines returns why one of the lines of a body is not as x-line says.
func (d *description) validLines(content *openapi3.MediaType, body []byte) error {
	reference, _ := content.Extensions["x-line"].(map[string]any)
	schema := d.Components.Schemas[strings.TrimPrefix(fmt.Sprint(reference["$ref"]), "#/components/schemas/")]
	if schema == nil {
		return errors.New("x-line refers to no schema")
	}
	for line := range bytes.Lines(body) {
		var value any
		if err := json.Unmarshal(line, &value); err != nil {
			return err
		}
		if err := schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
			return err
		}
	}
	return nil
}

// validate has the validator judge a response in JSON.
func (d *description) validate(described *openapi3.Response, resp *http.Response, body []byte) error {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "/", nil)
	if err != nil {
		return err
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true}
	options.WithCustomSchemaErrorFunc(func(e *openapi3.SchemaError) string { return e.Reason })
	only := openapi3.NewResponses(openapi3.WithStatus(resp.StatusCode, &openapi3.ResponseRef{Value: described}))
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: request, Route: &routers.Route{Spec: d.T, Operation: &openapi3.Operation{Responses: only}},
		},
		Status:  resp.StatusCode,
		Header:  resp.Header,
		Body:    io.NopCloser(bytes.NewReader(body)),
		Options: options,
	})
}

// operation returns the operation of a method and a path, nil if there is none. The
// service ignores slashes at the end and doubled ones, and answers HEAD as GET.
func (d *description) operation(method, target string) (*openapi3.Operation, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	request := &http.Request{Method: method, URL: &url.URL{Path: path.Clean("/" + target)}}
	route, _, err := d.router.FindRoute(request)
	if errors.Is(err, routers.ErrPathNotFound) || errors.Is(err, routers.ErrMethodNotAllowed) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return route.Operation, nil
}

// transport are the headers that describe the connection and the message, and stand in no
// description.
var transport = []string{"Connection", "Content-Length", "Content-Type", "Date", "Strict-Transport-Security"}

// checkHeaders reports a header that is not described or is given twice, and a
// Content-Type other than the one that is described. Whether the described headers are
// there is left to the validator.
func (d *description) checkHeaders(described *openapi3.Response, header http.Header) error {
	for name, values := range header {
		_, known := described.Headers[name]
		known = known || slices.Contains(transport, name) || name == "Www-Authenticate" && described.Headers["WWW-Authenticate"] != nil ||
			name == "Etag" && described.Headers["ETag"] != nil ||
			d.sandbox[name] != "" && slices.Equal(values, []string{d.sandbox[name]})
		if !known || len(values) != 1 {
			return fmt.Errorf("the header %s is not described, or there are %d of it", name, len(values))
		}
	}
	if got := header.Get("Content-Type"); len(described.Content) > 0 && described.Content[got] == nil {
		return fmt.Errorf("the Content-Type is %q", got)
	}
	for name, h := range described.Headers {
		if h.Value.Required && header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	return nil
}
