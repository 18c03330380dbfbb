package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// kinds reads every kind of error from the root package's source, so that the
// tests include new ones.
func kinds(t *testing.T) []sesuai.Kind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []sesuai.Kind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Kind" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, sesuai.Kind(text))
		}
		return true
	})
	return found
}

// TestStatuses checks the status of every kind.
func TestStatuses(t *testing.T) {
	got := make(map[sesuai.Kind]int)
	for _, k := range kinds(t) {
		got[k], _ = httpapi.ErrorJSON(&sesuai.Error{Kind: k})
	}
	want := map[sesuai.Kind]int{
		sesuai.KindInternal: 500, sesuai.KindUnavailable: 503, sesuai.KindOverloaded: 503,
		sesuai.KindInvalidNIK: 400, sesuai.KindInvalidName: 400, sesuai.KindInvalidDate: 400, sesuai.KindInvalidAttribute: 400,
		sesuai.KindNoAttribute: 400, sesuai.KindInvalidReference: 400, sesuai.KindInvalidConsent: 400, sesuai.KindConsentRequired: 400, sesuai.KindInvalidKey: 400, sesuai.KindKeyReused: 409,
		sesuai.KindNoFile: 400, sesuai.KindUnsupportedImage: 415, sesuai.KindInvalidImage: 400,
		sesuai.KindFaceNotDetected: 400, sesuai.KindMultipleFaces: 400, sesuai.KindFaceQuality: 400,
		sesuai.KindSuspectedReplay: 400, sesuai.KindSuspectedAttack: 400,
		sesuai.KindTooLarge: 413, sesuai.KindUnsupportedContent: 415, sesuai.KindMalformed: 400,
		sesuai.KindUnauthenticated: 401, sesuai.KindForbidden: 403, sesuai.KindNotFound: 404, sesuai.KindNothingFound: 404, sesuai.KindMethodNotAllowed: 405,
		sesuai.KindRateLimited: 429, sesuai.KindTimeout: 408, sesuai.KindConflict: 500, sesuai.KindConfiguration: 500,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestErrorJSON: no body contains a detail or a cause, and every error with a
// code has guidance in both languages.
func TestErrorJSON(t *testing.T) {
	for _, k := range append(kinds(t), "A_NEW_KIND") {
		status, body := httpapi.ErrorJSON(fmt.Errorf("wrapped: %w", &sesuai.Error{
			Kind: k, Detail: "canary", Err: errors.New("canary"), Measures: nil,
		}))
		if strings.Contains(string(body), "canary") {
			t.Errorf("%s: %s", k, body)
		}
		var b struct {
			Error, Reason string
			Status        *bool `json:"verification_status"`
			Code          sesuai.Kind
			Guidance      *struct{ ID, EN string }
		}
		if err := json.Unmarshal(body, &b); err != nil {
			t.Fatal(err)
		}
		switch {
		case b.Error != "":
			if b.Status != nil || b.Guidance != nil {
				t.Errorf("%s: %s", k, body)
			}
		case b.Status == nil || *b.Status || b.Reason == "":
			t.Errorf("%s: %s", k, body)
		case b.Code != "" && (b.Code != k || b.Guidance == nil || b.Guidance.ID == "" || b.Guidance.EN == "" || b.Guidance.ID == b.Guidance.EN):
			t.Errorf("%s: %s", k, body)
		}
		if k == "A_NEW_KIND" && status != 500 {
			t.Errorf("an unknown kind is %d", status)
		}
	}
	if status, body := httpapi.ErrorJSON(errors.New("canary")); status != 500 || string(body) != `{"error":"Internal server error"}` {
		t.Errorf("got %d %s", status, body)
	}
}

// TestMeasureGuidance: each quality measure has its own guidance, and an unknown
// one has the general guidance.
func TestMeasureGuidance(t *testing.T) {
	seen := make(map[string]bool)
	of := func(measures ...string) string {
		_, body := httpapi.ErrorJSON(&sesuai.Error{Kind: sesuai.KindFaceQuality, Measures: measures})
		_, advice, _ := strings.Cut(string(body), `"guidance":`)
		advice, _, _ = strings.Cut(advice, `,"measures"`)
		return advice
	}
	for _, m := range face.QualityMeasures {
		advice := of(string(m))
		if advice == of("unknown") || seen[advice] {
			t.Errorf("%s has no advice of its own: %s", m, advice)
		}
		seen[advice] = true
	}
	if !strings.Contains(of(), "clearly visible") {
		t.Errorf("got %s", of())
	}
}

// TestUnreadImageGuidance: a file of a kind that is not read is not called damaged,
// and the guidance says how to save it.
func TestUnreadImageGuidance(t *testing.T) {
	status, body := httpapi.ErrorJSON(&sesuai.Error{Kind: sesuai.KindInvalidImage, Format: "canary JPEG"})
	damaged := httpapi.GuidanceOf(&sesuai.Error{Kind: sesuai.KindInvalidImage})
	unread := httpapi.GuidanceOf(&sesuai.Error{Kind: sesuai.KindInvalidImage, Format: "canary JPEG"})
	if status != 400 || !strings.Contains(string(body), `"reason":"Invalid face_image","code":"INVALID_IMAGE"`) {
		t.Errorf("got %d %s", status, body)
	}
	if strings.Contains(string(body), "canary") {
		t.Errorf("what was found is echoed: %s", body)
	}
	if *unread == *damaged || !strings.Contains(unread.EN, "not supported") || !strings.Contains(unread.ID, "tidak didukung") {
		t.Errorf("got %v", *unread)
	}
}
