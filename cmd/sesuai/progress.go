package main

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/sesuai/sesuai/internal/app"
)

// progress shows how far something is: a bar on a terminal, a line in the log
// every ten seconds elsewhere.
type progress struct {
	bar   *progressbar.ProgressBar
	log   *slog.Logger
	steps int
	// said is when the last line was written, at how many steps.
	said time.Time
	done int
}

const progressInterval = 10 * time.Second

// newProgress begins to show it; steps is 0 if it is not known how many.
func (s *session) newProgress(steps int, doing, things string) (*progress, error) {
	if s.terminal {
		return &progress{bar: s.progressBar(cmp.Or(steps, -1), doing, things)}, nil
	}
	log, err := app.NewLogger(s.config.Log, s.stderr, false)
	if err != nil {
		return nil, err
	}
	return &progress{log: log.With("doing", doing), steps: steps, said: time.Now()}, nil
}

// set is told how many steps are done.
func (p *progress) set(done int) {
	if p.bar != nil {
		_ = p.bar.Set(done)
		return
	}
	now := time.Now()
	if now.Sub(p.said) < progressInterval {
		return
	}
	// Of the last seconds: what an earlier run has done goes by quickly.
	rate := float64(done-p.done) / now.Sub(p.said).Seconds()
	p.said, p.done = now, done
	attrs := []any{"done", done, "per_second", int(rate)}
	if p.steps > done && rate > 0 {
		left := time.Duration(float64(p.steps-done) / rate * float64(time.Second))
		attrs = append(attrs, "of", p.steps, "left", left.Round(time.Second).String())
	}
	p.log.Info("progress", attrs...)
}

// clear makes room for a line.
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
