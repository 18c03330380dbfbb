package main

import (
	"log/slog"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/sesuai/sesuai/internal/app"
)

// progress shows how far a command is: a bar on a terminal, elsewhere a line in
// the log every ten seconds.
type progress struct {
	bar *progressbar.ProgressBar
	log *slog.Logger
	// logged is when the last line was written, and done was how many steps
	// were done then.
	logged time.Time
	done   int
}

const progressInterval = 10 * time.Second

// newProgress starts to show the progress of what is done to things.
func (s *session) newProgress(doing, things string) (*progress, error) {
	if s.terminal {
		return &progress{bar: s.progressBar(-1, doing, things)}, nil
	}
	log, _, err := app.NewLogger(s.config.Log, s.stderr, false)
	if err != nil {
		return nil, err
	}
	return &progress{log: log.With("doing", doing), logged: time.Now()}, nil
}

// set shows that so many steps are done, of how many; 0 if that is not known.
func (p *progress) set(done, of int) {
	if p.bar != nil {
		if of > 0 && p.bar.GetMax() != of {
			p.bar.ChangeMax(of)
		}
		_ = p.bar.Set(done)
		return
	}
	now := time.Now()
	if now.Sub(p.logged) < progressInterval {
		return
	}
	// The rate of the last seconds: what is unchanged goes by faster than what
	// is new.
	rate := float64(done-p.done) / now.Sub(p.logged).Seconds()
	p.logged, p.done = now, done
	attrs := []any{"done", done, "per_second", int(rate + 0.5)}
	if of > done && rate > 0 {
		remaining := time.Duration(float64(of-done) / rate * float64(time.Second))
		attrs = append(attrs, "of", of, "left", remaining.Round(time.Second).String())
	}
	p.log.Info("progress", attrs...)
}

// clear removes the bar, to make room for a line.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// progressBar is drawn on a terminal and silent elsewhere.
func (s *session) progressBar(steps int, doing, things string) *progressbar.ProgressBar {
	if !s.terminal {
		return progressbar.DefaultSilent(int64(steps))
	}
	return progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(s.stderr),
		progressbar.OptionSetDescription(doing),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString(things),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
	)
}
