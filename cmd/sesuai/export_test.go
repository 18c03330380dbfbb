package main

import (
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/enrol"
)

func TestWithoutLength(t *testing.T) {
	if got := withoutLength(enrol.Digest{People: 4, Templates: 3}); got != "" {
		t.Errorf("where every template has a length: %q", got)
	}
	got := withoutLength(enrol.Digest{People: 4, Templates: 3, WithoutLength: 2})
	if !strings.HasPrefix(got, "2 of 3 templates were stored without a length") || !strings.Contains(got, "enrolled again") {
		t.Errorf("%q", got)
	}
}
