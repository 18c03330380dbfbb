package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestMissingField: that a field is not in the request is in the guidance and in the
// log. R6 and R7 keep the contract's two keys. A field that is there and not valid
// does not read like a missing one.
func TestMissingField(t *testing.T) {
	const (
		r6    = `{"verification_status":false,"reason":"Invalid NIK number format"}`
		r7    = `{"verification_status":false,"reason":"Invalid date_of_birth format"}`
		name  = `{"verification_status":false,"reason":"Invalid name format","code":"INVALID_NAME","guidance":{`
		image = `{"verification_status":false,"reason":"No file in request body","code":"NO_FILE","guidance":{`
	)
	asJSON := func(leave, value string) *http.Request {
		fields := map[string]any{"nik": testNIK, "name": testName, "date_of_birth": testDate, "face_image": encoded(base64.StdEncoding)}
		delete(fields, leave)
		if value != "" {
			fields[leave] = json.RawMessage(value)
		}
		b, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return post("application/json", string(b))
	}
	for _, test := range []struct{ field, answer, guidance string }{
		{"nik", r6, ""},
		{"date_of_birth", r7, ""},
		{"name", name, "The field name is missing from the request."},
		{"face_image", image, "The field face_image is missing from the request."},
	} {
		for about, request := range map[string]*http.Request{
			"multipart": postParts(without(test.field)...), "JSON": asJSON(test.field, ""), "null": asJSON(test.field, "null"),
		} {
			s := newService()
			body := checkEnvelope(t, s.do(request))
			if whole := test.guidance == ""; whole && body != test.answer || !whole && (!strings.HasPrefix(body, test.answer) || !strings.Contains(body, test.guidance)) {
				t.Errorf("%s, %s: %s", test.field, about, body)
			}
			if log := s.log.String(); !strings.Contains(log, test.field+" is missing") {
				t.Errorf("%s, %s: the log does not say so: %s", test.field, about, log)
			}
		}
		for about, request := range map[string]*http.Request{
			"multipart": postParts(with(test.field, "")...), "JSON": asJSON(test.field, `""`), "a number": asJSON(test.field, "7"),
		} {
			s := newService()
			body := checkEnvelope(t, s.do(request))
			if !strings.HasPrefix(body, test.answer) || strings.Contains(body, "missing") || strings.Contains(s.log.String(), "is missing") {
				t.Errorf("%s, given, %s: %s\n%s", test.field, about, body, s.log.String())
			}
		}
	}
}
