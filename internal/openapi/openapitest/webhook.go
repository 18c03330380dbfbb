package openapitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
)

// CheckWebhook reports a message with a header or a body that the description does not
// have for its type.
func CheckWebhook(t T, header http.Header, body []byte) {
	t.Helper()
	d, err := load()
	if err != nil {
		t.Errorf("openapi.yaml: %v", err)
		return
	}
	if err := d.checkWebhook(header, body); err != nil {
		t.Errorf("openapi.yaml does not describe the message %v %s: %v", header, body, err)
	}
}

func (d *description) checkWebhook(header http.Header, body []byte) error {
	var message map[string]any
	if err := json.Unmarshal(body, &message); err != nil {
		return err
	}
	item := d.Webhooks[fmt.Sprint(message["type"])]
	if item == nil {
		return errors.New("there is no such type")
	}
	content := item.Post.RequestBody.Value.Content[header.Get("Content-Type")]
	if content == nil {
		return fmt.Errorf("the Content-Type is %q", header.Get("Content-Type"))
	}
	if err := content.Schema.Value.VisitJSON(message, openapi3.EnableJSONSchema2020()); err != nil {
		return err
	}
	for _, p := range item.Post.Parameters {
		schema := p.Value.Schema.Value
		var value any = header.Get(p.Value.Name)
		if schema.Type.Is("integer") {
			var number float64
			if err := json.Unmarshal([]byte(header.Get(p.Value.Name)), &number); err != nil {
				return fmt.Errorf("%s: %w", p.Value.Name, err)
			}
			value = number
		}
		if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
			return fmt.Errorf("%s: %w", p.Value.Name, err)
		}
	}
	return nil
}
