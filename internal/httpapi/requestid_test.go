package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/verify"
)

// TestRequestID: the response has the caller's id if it is valid, otherwise a
// new one each time.
func TestRequestID(t *testing.T) {
	seen := make(map[string]bool)
	for _, tt := range []struct {
		given string
		used  bool
	}{
		{"a", true},
		{"request-1", true},
		{"!~", true},
		{strings.Repeat("x", 128), true},
		{"", false},
		{strings.Repeat("x", 129), false},
		{"a b", false},
		{" ", false},
		{"é", false},
		{"a\tb", false},
		{"a\x7f", false},
	} {
		s := newService()
		var asked string
		s.options.Verifier = verifierFunc(func(_ context.Context, req verify.Request) (sesuai.Verdict, error) {
			asked = req.ID
			return verified, nil
		})
		r := postParts(everyPart()...)
		r.Header["X-Request-Id"] = []string{tt.given}
		resp := s.do(r)
		checkEnvelope(t, resp)
		id := resp.Header.Get("Request-Id")
		if (id == tt.given) != tt.used {
			t.Errorf("given %q, got %q", tt.given, id)
		}
		if id != asked {
			t.Errorf("the audit trail has %q, the caller %q", asked, id)
		}
		if !tt.used {
			if len(id) < 20 || seen[id] {
				t.Errorf("%q is no new id", id)
			}
			seen[id] = true
		}
	}
}

// TestRequestIDKeepsNoNIK: the response has the caller's id unchanged. In the log
// and the audit trail an id that may hold a NIK is a keyed hash.
func TestRequestIDKeepsNoNIK(t *testing.T) {
	const (
		nik4   = "9999-0101-0190-0001"
		random = "7d8f0a1c-3b5e-4c6d-9e2f-1a2b3c4d5e6f"
	)
	for _, tt := range []struct {
		id     string
		hashed bool
	}{
		{testNIK, true},
		{"kyc-" + testNIK + "-2", true},
		{"1" + testNIK, true},
		{testNIK + "5", true},
		{"1" + testNIK + "5", true},
		{nik4, true},
		{strings.ReplaceAll(nik4, "-", "."), true},
		{strings.ReplaceAll(nik4, "-", "/"), true},
		{strings.ReplaceAll(nik4, "-", "_"), true},
		{strings.ReplaceAll(nik4, "-", "~:"), true},
		{strings.ReplaceAll(nik4, "-", "x"), true},
		{strings.Join(strings.Split(testNIK, ""), "-"), true},
		{strings.Join(strings.Split(testNIK, ""), "a"), true},
		{"99990101-0190-0001-0000-000000000000", true},
		{"a0999901-0101-9000-01aa-aaaaaaaaaaaa", true},
		{"id=" + random + "." + testNIK, true},
		{testNIK + "." + random, true},
		{"trace-123456789012", true},
		{"2026-03-10T12:00:00", true},

		{"trace-12345678901-ok", false},
		{"2026-03-10", false},
		{random, false},
		{strings.ToUpper(random), false},
		{strings.ReplaceAll(random, "-", ""), false},
		{"00-" + strings.ReplaceAll(random, "-", ""), false},
		{"request-1", false},
	} {
		s := newService()
		var asked string
		s.options.Verifier = verifierFunc(func(_ context.Context, req verify.Request) (sesuai.Verdict, error) {
			asked = req.ID
			return verified, nil
		})
		server := httpapi.New(s.options)
		resp := s.doWith(server, tt.id)
		if got := resp.Header.Get("Request-Id"); got != tt.id {
			t.Errorf("%s: the caller gets %s", tt.id, got)
		}
		if !tt.hashed && asked != tt.id {
			t.Errorf("%s is recorded as %s", tt.id, asked)
		}
		if tt.hashed && (!strings.HasPrefix(asked, "hashed-") || len(asked) != len("hashed-")+26) {
			t.Errorf("%s is recorded as %s", tt.id, asked)
		}
		if log := s.log.String(); !strings.Contains(log, `"request_id":"`+asked+`"`) || tt.hashed && strings.Contains(log, tt.id) {
			t.Errorf("%s: the log has %s", tt.id, log)
		}
		// The same id is recorded the same way, so that a retry is known.
		first := asked
		if s.doWith(server, tt.id); asked != first {
			t.Errorf("%s is recorded as %s and then as %s", tt.id, first, asked)
		}
		if s.doWith(server, tt.id+"x"); asked == first {
			t.Errorf("%s is recorded like another id", tt.id)
		}
	}
}

// TestOwnRequestIDs: an id that the service makes is recorded as it is.
func TestOwnRequestIDs(t *testing.T) {
	s := newService()
	var asked string
	s.options.Verifier = verifierFunc(func(_ context.Context, req verify.Request) (sesuai.Verdict, error) {
		asked = req.ID
		return verified, nil
	})
	server := httpapi.New(s.options)
	for range 2000 { // one in 500 has more digits than a caller's id may have
		if resp := s.doWith(server, ""); resp.Header.Get("Request-Id") != asked {
			t.Fatalf("%s is recorded as %s", resp.Header.Get("Request-Id"), asked)
		}
	}
}

// doWith sends a valid request with an id, unless that is empty.
func (s *service) doWith(server http.Handler, id string) *http.Response {
	r := postParts(everyPart()...)
	if id != "" {
		r.Header.Set("x-request-id", id)
	}
	return serve(server, r)
}
