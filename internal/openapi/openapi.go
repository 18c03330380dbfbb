// Package openapi holds the description of the API, openapi.yaml, and presents it to
// people: as a page and as the table of error codes in docs/integrate/api.md. It
// leaves serving these to package httpapi, and holding the description to the code to
// the tests that use package openapitest.
package openapi

import _ "embed" // for the description

var (
	//go:embed openapi.yaml
	description []byte
	//go:embed style.css
	style []byte
)

// Description returns the description of the API: OpenAPI 3.1 in YAML. The caller
// must not change it.
func Description() []byte { return description }

// Style returns the style sheet of the page. The caller must not change it.
func Style() []byte { return style }
