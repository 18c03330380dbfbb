package app_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
)

// TestLogFormats: JSON for machines, text for people, and auto by whom it is
// written to.
func TestLogFormats(t *testing.T) {
	for _, test := range []struct {
		format   string
		terminal bool
		json     bool
	}{
		{"json", false, true},
		{"json", true, true},
		{"text", false, false},
		{"text", true, false},
		{"auto", false, true},
		{"auto", true, false},
	} {
		var out bytes.Buffer
		log, _, err := app.NewLogger(app.LogConfig{Level: "info", Format: test.format}, &out, test.terminal)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("hello", "n", 7)
		var line struct {
			Msg, Level string
			N          int
		}
		err = json.Unmarshal(out.Bytes(), &line)
		if test.json && (err != nil || line.Msg != "hello" || line.Level != "INFO" || line.N != 7) {
			t.Errorf("%s, terminal %v: %s", test.format, test.terminal, out.String())
		}
		if !test.json && (err == nil || !strings.HasSuffix(out.String(), " level=INFO msg=hello n=7\n")) {
			t.Errorf("%s, terminal %v: %s", test.format, test.terminal, out.String())
		}
	}
}

// TestLogLevels: each level lets through itself and what is above.
func TestLogLevels(t *testing.T) {
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	for i, level := range levels {
		for _, name := range []string{strings.ToLower(level.String()), level.String()} {
			var out bytes.Buffer
			log, _, err := app.NewLogger(app.LogConfig{Level: name, Format: "text"}, &out, false)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range levels {
				log.Log(t.Context(), l, "line")
			}
			if n := strings.Count(out.String(), "\n"); n != len(levels)-i {
				t.Errorf("level %s lets %d of %d lines through", name, n, len(levels))
			}
		}
	}
	_, _, err := app.NewLogger(app.LogConfig{Level: "loud", Format: "text"}, &bytes.Buffer{}, false)
	assertConfiguration(t, err, "log.level")
}
