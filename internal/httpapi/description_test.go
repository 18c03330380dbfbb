package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/openapi"
	"github.com/sesuai/sesuai/internal/openapi/openapitest"
)

// TestRoutesAreDescribed: openapi.yaml has the routes of the service, and no others.
func TestRoutesAreDescribed(t *testing.T) {
	d, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	described, served := make(map[string]bool), make(map[string]bool)
	for path, item := range d.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	rest := regexp.MustCompile(`\.\.\.}`) // of a path, where a part of it may be empty
	for _, route := range httpapi.New(newService().options).Routes() {
		served[route.Method+" "+rest.ReplaceAllString(route.Path, "}")] = true
	}
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("openapi.yaml does not describe what is served (-served +described):\n%s", diff)
	}
}

// TestErrorsAreDescribed: the examples of openapi.yaml have every answer to an error,
// with its status, code and guidance, and no code that the service does not know.
func TestErrorsAreDescribed(t *testing.T) {
	examples, err := openapi.Examples()
	if err != nil {
		t.Fatal(err)
	}
	described := make(map[string]bool) // status, reason or error, and code
	codes := make(map[sesuai.Kind]bool)
	for _, e := range examples {
		var body refusal
		if err := json.Unmarshal(e.Body, &body); err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
		described[body.key(e.Status)] = true
		if body.Code != "" {
			codes[body.Code] = true
		}
	}
	known := make(map[sesuai.Kind]bool)
	for _, kind := range kinds(t) {
		status, b := httpapi.ErrorJSON(&sesuai.Error{Kind: kind, Measures: []string{"inter_eye_distance"}})
		var body refusal
		if err := json.Unmarshal(b, &body); err != nil {
			t.Fatal(err)
		}
		if !described[body.key(status)] {
			t.Errorf("no example of openapi.yaml is the answer %d %s", status, b)
		}
		if body.Code != "" {
			known[body.Code] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(known)), slices.Sorted(maps.Keys(codes))); diff != "" {
		t.Errorf("the codes of the examples (-code +openapi.yaml):\n%s", diff)
	}
}

// refusal is what the body of an error has besides its guidance.
type refusal struct {
	Reason, Error string
	Code          sesuai.Kind
}

// key tells errors apart. The reason of one that has a code may name a field.
func (r refusal) key(status int) string {
	if r.Code != "" {
		r.Reason = ""
	}
	return strings.Join([]string{http.StatusText(status), r.Reason, r.Error, string(r.Code)}, " | ")
}

// TestDocuments: the description, its page and the key of signatures need no credentials,
// may be kept, and run nothing.
func TestDocuments(t *testing.T) {
	for path, kind := range map[string]string{
		"/openapi.yaml": "application/yaml", "/docs": "text/html; charset=utf-8", "/docs/style.css": "text/css; charset=utf-8",
		httpapi.KeySetPath: "application/jwk-set+json", "//docs/": "text/html; charset=utf-8",
	} {
		t.Run(path, func(t *testing.T) {
			s := newService()
			get := func(method, tag string) *http.Response {
				r := httptest.NewRequest(method, "http://sesuai.test/", nil)
				r.URL.Path = path
				r.Header.Set("If-None-Match", tag)
				return s.do(r)
			}
			resp := get("GET", "")
			body := checkDescribed(t, resp)
			if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || got != kind || len(body) == 0 {
				t.Errorf("got %d, %s, %d bytes", resp.StatusCode, got, len(body))
			}
			if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'self';") ||
				strings.Contains(policy, "unsafe") || strings.Contains(policy, "script") {
				t.Errorf("the policy is %s", policy)
			}
			tag := resp.Header.Get("ETag")
			if again := get("GET", `W/"x", `+tag); again.StatusCode != 304 || checkDescribed(t, again) != "" {
				t.Errorf("got %d for what the caller has", again.StatusCode)
			}
			if other := get("GET", `"`+strings.Repeat("0", 32)+`"`); other.StatusCode != 200 {
				t.Errorf("got %d for what the caller does not have", other.StatusCode)
			}
			if head := get("HEAD", ""); head.StatusCode != 200 || head.Header.Get("ETag") != tag || head.Header.Get("Content-Length") != resp.Header.Get("Content-Length") {
				t.Errorf("HEAD: %d %v", head.StatusCode, head.Header)
			}
			if strings.Contains(s.log.String(), `"level":"INFO"`) {
				t.Errorf("a reader is logged: %s", s.log.String())
			}
			if post := get("POST", ""); post.StatusCode != 405 || post.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("POST: %d %v", post.StatusCode, post.Header)
			}
		})
	}
}
