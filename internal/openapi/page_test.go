package openapi_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/openapi"
	"github.com/sesuai/sesuai/internal/openapi/openapitest"
)

// TestDescriptionIsValid: it is OpenAPI 3.1, and its examples are those of their
// schemas.
func TestDescriptionIsValid(t *testing.T) {
	d, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("it is of version %s", d.OpenAPI)
	}
}

// TestPage: the page has every operation, example and field, runs and loads nothing,
// and says all of it.
func TestPage(t *testing.T) {
	b, err := openapi.Page()
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	if bad := regexp.MustCompile(`(?i)<script|<style|\sstyle=|\son[a-z]+=|https?://|javascript:|<img|<iframe|&lt;nil&gt;|\x60`).FindString(page); bad != "" {
		t.Errorf("the page has %q", bad)
	}
	d, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			for _, want := range []string{
				`<section id="` + operation.OperationID + `">`, `href="#` + operation.OperationID + `"`, "<b>" + method + "</b> " + path,
			} {
				if !strings.Contains(page, want) {
					t.Errorf("the page lacks %s", want)
				}
			}
		}
	}
	for _, want := range []string{
		"<code>result.face_image_percentage</code>", "UNSUPPORTED_CONTENT_TYPE", "<h2>Other requests</h2>", `<th scope="col">field</th>`,
		"<pre>{&#34;error&#34;:&#34;Rate limit exceeded&#34;}</pre>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// TestEveryResponseHasAnExample: since examples are sent, a status that is never
// answered would be found.
func TestEveryResponseHasAnExample(t *testing.T) {
	d, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				for kind, content := range response.Value.Content {
					if kind == "application/json" && len(content.Examples) == 0 {
						t.Errorf("%s %s: %s has no example", method, path, status)
					}
				}
			}
		}
	}
}
