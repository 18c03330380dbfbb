package app

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/sesuai/sesuai/internal/config"
)

// NewLogger makes the log that c describes. terminal says whether w is one,
// for the format auto.
func NewLogger(c LogConfig, w io.Writer, terminal bool) (*slog.Logger, error) {
	if err := c.check(); err != nil {
		return nil, config.Refuse(err)
	}
	o := &slog.HandlerOptions{Level: levels[strings.ToLower(c.Level)]}
	if c.Format == "text" || c.Format == "auto" && terminal {
		return slog.New(slog.NewTextHandler(w, o)), nil
	}
	return slog.New(slog.NewJSONHandler(w, o)), nil
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func (c LogConfig) check() error {
	var errs []error
	if _, ok := levels[strings.ToLower(c.Level)]; !ok {
		errs = append(errs, config.Mistakef("log.level", "%s is not debug, info, warn or error", config.Quote(c.Level)))
	}
	if !slices.Contains([]string{"auto", "text", "json"}, c.Format) {
		errs = append(errs, config.Mistakef("log.format", "%s is not auto, text or json", config.Quote(c.Format)))
	}
	return errors.Join(errs...)
}
