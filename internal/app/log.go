package app

import (
	"io"
	"log/slog"
	"strings"
)

// NewLogger makes the log that c describes. terminal says whether w is one,
// for the format auto.
func NewLogger(c LogConfig, w io.Writer, terminal bool) (*slog.Logger, error) {
	level, err := c.level()
	if err != nil {
		return nil, err
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "text" || c.Format == "auto" && terminal {
		return slog.New(slog.NewTextHandler(w, o)), nil
	}
	return slog.New(slog.NewJSONHandler(w, o)), nil
}

func (c LogConfig) level() (slog.Level, error) {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	l, ok := levels[strings.ToLower(c.Level)]
	if !ok {
		return 0, badConfig("log.level must be debug, info, warn or error")
	}
	return l, nil
}
