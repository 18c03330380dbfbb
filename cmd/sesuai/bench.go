package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/bench"
)

type benchCommand struct {
	Time  time.Duration `help:"How long it takes about." default:"1m"`
	Load  float64       `help:"The verifications a second that nodes are needed for." default:"50" placeholder:"N"`
	Photo string        `help:"The photograph that is sent (default: a drawn face of 720×720 pixels). What a verification costs depends on it." placeholder:"FILE"`
}

// Help is what --help says of the command besides its flags.
func (benchCommand) Help() string {
	return "It runs a service with the configuration's models and limits on synthetic people, in a folder of its own beside the data, which it " +
		"removes. It neither reads nor writes the registry, and does not ask Dukcapil. docs/operate/sizing.md explains the figures."
}

func (c *benchCommand) Run(s *session) error {
	var photo []byte
	if c.Photo != "" {
		var err error
		if photo, err = readPhoto(c.Photo); err != nil {
			return err
		}
	}
	settings := s.config.Log
	settings.Level = "error" // more would be in the way
	log, _, err := app.NewLogger(settings, s.stderr, s.terminal)
	if err != nil {
		return err
	}
	bar, err := s.newProgress("measuring", "s")
	if err != nil {
		return err
	}
	made, err := bench.Run(s, bench.Options{
		Config: s.config, Time: c.Time, Load: c.Load, Photo: photo, Log: log,
		Progress: func(passed time.Duration) { bar.set(int(passed.Seconds()), int(c.Time.Seconds())) },
	})
	bar.finish()
	if made.Inference.MS > 0 { // the first that is of use
		err = errors.Join(err, s.print(made, "%s", benchText(made)))
	}
	return err
}

// maxOthers is the share of the machine that other processes may take without a
// remark.
const maxOthers = 0.05

// benchText is the report for people.
func benchText(r *bench.Report) string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	photo := "yours"
	if r.Photo.Drawn {
		photo = "a drawn face"
	}
	fmt.Fprintf(t, "machine\t%d cores, %d workers, JPEG by %s, a write to the disk %.2f ms\n", r.Cores, r.Workers, r.JPEGDecoder, r.SyncMS)
	fmt.Fprintf(t, "model\t%s, %s\n", r.Model, r.Calibration)
	fmt.Fprintf(t, "photograph\t%s: %s of %d×%d pixels, %d KB\n", photo, r.Photo.Format, r.Photo.Width, r.Photo.Height, r.Photo.Bytes/1000)
	fmt.Fprintf(t, "inference\t%.1f ms alone", r.Inference.MS)
	if r.Inference.PerSecond > 0 {
		fmt.Fprintf(t, ", %.0f photographs a second by all workers", r.Inference.PerSecond)
	}
	fmt.Fprintln(t)
	if r.MemoryMiB > 0 {
		fmt.Fprintf(t, "memory\t%d MiB at the peak, that of the sender included\n", r.MemoryMiB)
	}
	if r.SenderMS > 0 {
		fmt.Fprintf(t, "sender\tat most %.2f ms of the CPU time of each verification\n", r.SenderMS)
	}
	if r.OthersShare > maxOthers {
		fmt.Fprintf(t, "other work\ttook %.0f %% of the machine: it does more when nothing else runs\n", 100*r.OthersShare)
	}
	_ = t.Flush()
	if len(r.Stages) > 0 {
		stagesText(t, r)
	}
	if r.Load != nil {
		b.WriteString(loadText(r.Load, r.Planned))
	}
	return b.String()
}

// stagesText writes the table of the stages.
func stagesText(t *tabwriter.Writer, r *bench.Report) {
	fmt.Fprintf(t, "\nVERIFICATIONS\tA SECOND\tP50\tP99\tCPU TIME\tREFUSED\t\n")
	row := func(load string, s bench.Stage) {
		times := fmt.Sprintf("%.1f ms\t%.1f ms\t%.1f ms", s.P50MS, s.P99MS, s.CPUMS)
		if s.Verdicts == 0 {
			times = "–\t–\t–"
		}
		fmt.Fprintf(t, "%s\t%.1f\t%s\t%d of %d\t\n", load, s.PerSecond, times, s.Refused, s.Refused+s.Verdicts)
	}
	for _, s := range r.Stages {
		row(fmt.Sprintf("%d at once", s.AtOnce), s)
	}
	if r.Planned != nil {
		row(fmt.Sprintf("at random, %.1f a second", r.Planned.Rate), *r.Planned)
	}
	if r.Data != nil {
		row(fmt.Sprintf("data verifications, %d at once", r.Data.AtOnce), *r.Data)
	}
	_ = t.Flush()
}

// loadText says what a load needs. planned is the stage at the planned rate, or nil.
func loadText(l *bench.Load, planned *bench.Stage) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nA load of %g verifications a second needs %s like this one.\nEach answers %.0f a second at most and is planned at %.0f %% of that",
		l.PerSecond, nodes(l.Nodes), l.Capacity, 100*l.PlannedShare)
	switch {
	case planned == nil || planned.Verdicts+planned.Refused == 0:
		b.WriteString(".\n")
	case planned.Refused == 0:
		fmt.Fprintf(&b, ", where 99 %% are\nanswered within %.0f ms.\n", planned.P99MS)
	default:
		fmt.Fprintf(&b, ".\nThere %d of %d requests were refused: a limit of the configuration bounds this node,\nor other work on the machine.",
			planned.Refused, planned.Refused+planned.Verdicts)
		if planned.Verdicts > 0 {
			fmt.Fprintf(&b, " Of the answered ones 99 %% took at most %.0f ms.", planned.P99MS)
		}
		b.WriteString("\nRaise the limit, or have more nodes than that.\n")
	}
	fmt.Fprintf(&b, "The load keeps them %.0f %% busy. Have one more, so that one may fail.\n", 100*l.Busy)
	return b.String()
}

func nodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}
