package main

import (
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
)

// TestWithoutLength: a calibration whose scores are cosines has no entry for
// templates without a length.
func TestWithoutLength(t *testing.T) {
	for calibration, want := range map[string]bool{"asia-2026-11b": true, "asia-2026-11": false} {
		s := &session{Context: t.Context(), config: app.DefaultConfig()}
		s.config.Face.Calibration = calibration
		text := withoutLength(s, app.TemplateCount{Templates: 5, WithoutLength: 3})
		if !strings.HasPrefix(text, "3 of 5 templates were stored without a length") || strings.Contains(text, "reference_without_length") != want {
			t.Errorf("%s: %q", calibration, text)
		}
		if text := withoutLength(s, app.TemplateCount{Templates: 5}); text != "" {
			t.Errorf("all have one: %q", text)
		}
	}
}
