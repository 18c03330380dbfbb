package openapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Example is an example of a response, and of the request that it answers.
type Example struct {
	// Name and Summary are those of the example.
	Name, Summary string
	// Method and Path are those of the request; empty if the response is one of
	// x-other-requests. Path has {name} where a parameter stands.
	Method, Path string
	Status       int
	// Body is the body of the response. Its keys are in the order of the description.
	Body json.RawMessage
	// When is x-when: in what state of the service, or with which other change of the
	// request, the response is given. It may be empty.
	When string
	// Request holds the fields of the request's body, nil if the example has no request
	// of its own. ContentType is how they are sent; any way if it is empty.
	Request     json.RawMessage
	ContentType string
}

// Examples returns the examples of all responses, in the order of the description.
func Examples() ([]Example, error) {
	root, err := parse()
	if err != nil {
		return nil, err
	}
	var all []Example
	for _, o := range operations(root.Get("paths")) {
		for _, e := range examplesOf(o.Get("responses")) {
			e.Method, e.Path = o.Method, o.Path
			if e.Request == nil {
				e.Request, e.ContentType = requestOf(o, e.Name)
			}
			all = append(all, e)
		}
	}
	return append(all, examplesOf(root.Get("x-other-requests"))...), nil
}

// examplesOf returns the examples of responses, which have their statuses as keys.
func examplesOf(responses node) []Example {
	var all []Example
	for _, response := range responses.Entries() {
		status, _ := strconv.Atoi(response.Name)
		for _, content := range response.Get("content").Entries() {
			for _, e := range content.Get("examples").Entries() {
				example := Example{
					Name: e.Name, Summary: e.Get("summary").Text(), Status: status,
					Body: json.RawMessage(e.Get("value").JSON()), When: e.Get("x-when").Text(),
				}
				if request := e.Get("x-request"); request.Exists() {
					example.Request = json.RawMessage(request.JSON())
				}
				all = append(all, example)
			}
		}
	}
	return all
}

// requestOf returns the operation's example of a request with that name, and its
// content type.
func requestOf(o operation, name string) (json.RawMessage, string) {
	for _, content := range o.Get("requestBody", "content").Entries() {
		if value := content.Get("examples", name, "value"); value.Exists() {
			return json.RawMessage(value.JSON()), content.Name
		}
	}
	return nil, ""
}

// errorBody is what the body of an error has besides its guidance.
type errorBody struct{ Reason, Error, Code string }

// ErrorTable returns the errors of the API as a table in Markdown, one row for each
// status and code in the order of the description.
func ErrorTable() (string, error) {
	examples, err := Examples()
	if err != nil {
		return "", err
	}
	var rows []string
	seen := make(map[string]bool)
	for _, e := range examples {
		var body errorBody
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return "", err
		}
		key := strconv.Itoa(e.Status) + body.Code + body.Error
		if e.Status < http.StatusBadRequest || body.Code == "" && body.Error == "" || seen[key] {
			continue
		}
		seen[key] = true
		said := body.Reason + body.Error
		rows = append(rows, "| "+strings.Join([]string{strconv.Itoa(e.Status), e.Summary, "`" + said + "`", body.Code}, " | ")+" |\n")
	}
	slices.SortStableFunc(rows, func(a, b string) int { return strings.Compare(a[:len("| 400")], b[:len("| 400")]) })
	return "| HTTP | when | reason or error | code |\n|---|---|---|---|\n" + strings.Join(rows, ""), nil
}
