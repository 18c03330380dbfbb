package main

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
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

// TestCSVWithoutFormulas: no cell of an export starts as a formula does, whatever the
// client sent, and nothing else of the cell is changed.
func TestCSVWithoutFormulas(t *testing.T) {
	for _, first := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "'", "a"} {
		sent := first + "1+1,\"x\""
		want := "'" + sent
		if first == "'" || first == "a" {
			want = sent
		}
		e := audit.Entry{Seq: 1, RequestID: sent, Client: sent, Reason: sent, Reference: sent, ConsentID: sent, Purpose: sent}
		var out bytes.Buffer
		table := csv.NewWriter(&out)
		if err := table.Write(showEvent(e, map[string]string{sent: sent}).cells()); err != nil {
			t.Fatal(err)
		}
		table.Flush()
		cells, err := csv.NewReader(&out).Read()
		if err != nil {
			t.Fatal(err)
		}
		for i, column := range csvHeader {
			switch column {
			case "request_id", "reference_id", "client", "client_name", "reason", "consent_id", "purpose":
				if cells[i] != want {
					t.Errorf("%s, sent as %q: %q, want %q", column, sent, cells[i], want)
				}
			default:
				if cells[i] != "" && strings.ContainsAny(cells[i][:1], "=+-@\t\r\n") {
					t.Errorf("%s is %q", column, cells[i])
				}
			}
		}
	}
}
