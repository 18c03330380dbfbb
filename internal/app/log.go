package app

import (
	"errors"
	"io"
	"log/slog"
	"slices"

	"github.com/sesuai/sesuai/internal/admin"
	"github.com/sesuai/sesuai/internal/config"
)

// NewLogger makes the log that c describes. terminal says whether w is one,
// for the format auto. The level can be changed.
func NewLogger(c LogConfig, w io.Writer, terminal bool) (*slog.Logger, *slog.LevelVar, error) {
	if err := c.check(); err != nil {
		return nil, nil, config.Refuse(err)
	}
	level := new(slog.LevelVar)
	level.Set(c.level())
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "text" || c.Format == "auto" && terminal {
		return slog.New(slog.NewTextHandler(w, o)), level, nil
	}
	return slog.New(slog.NewJSONHandler(w, o)), level, nil
}

// level returns the configured level, which check accepts.
func (c LogConfig) level() slog.Level {
	level, _ := admin.ParseLevel(c.Level)
	return level
}

func (c LogConfig) check() error {
	var errs []error
	if _, ok := admin.ParseLevel(c.Level); !ok {
		errs = append(errs, config.Mistakef("log.level", "%s is not debug, info, warn or error", config.Quote(c.Level)))
	}
	if !slices.Contains([]string{"auto", "text", "json"}, c.Format) {
		errs = append(errs, config.Mistakef("log.format", "%s is not auto, text or json", config.Quote(c.Format)))
	}
	return errors.Join(errs...)
}
