package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/registry/registrybench"
)

type benchRegistry struct {
	People      int    `help:"How many made-up people to put on record." required:"" placeholder:"N"`
	At          []int  `help:"Further sizes to measure at on the way there." placeholder:"N"`
	Concurrency []int  `help:"How many claims are under way at once, one measurement for each." default:"1,8,64"`
	Seconds     int    `help:"How long each measurement with a warm cache takes." default:"10"`
	Batch       int    `help:"How many people are enrolled in one step." default:"1024"`
	Writers     int    `help:"How many such steps are under way at once." default:"4"`
	Cold        bool   `help:"Measure with a cold cache, too: reopen the registry and empty the system's page cache where that is allowed." default:"true" negatable:""`
	Restart     string `help:"A command that restarts the database, and returns when it is ready, to empty its cache. A shell runs it." placeholder:"COMMAND"`
}

// Help is what --help says of the command besides its flags.
func (benchRegistry) Help() string {
	return "The registry must be empty, or have been filled by this command: made-up people are never put beside real ones. Give it a " +
		"folder of its own with --data, and for PostgreSQL a database of its own. Run again, it goes on from where it was. " +
		"A claim is what a verification asks of the registry, Check and Compare, without the API, the audit trail and the photograph. " +
		"Each answer is checked."
}

func (c *benchRegistry) Run(s *session) error {
	manifest, err := app.Manifest(s.config)
	if err != nil {
		return err
	}
	calibration, err := app.Calibration(s.config)
	if err != nil {
		return err
	}
	o := registrybench.Options{
		Open: func(ctx context.Context) (registrybench.Registry, error) { return app.OpenStore(ctx, s.config) },
		Settle: func(ctx context.Context, r registrybench.Registry) error {
			return r.(app.Store).Settle(ctx)
		},
		Tables: func(ctx context.Context, r registrybench.Registry) (tables []registrybench.Table, err error) {
			sizes, err := r.(app.Store).Sizes(ctx)
			for _, size := range sizes {
				tables = append(tables, registrybench.Table(size))
			}
			return tables, err
		},
		Model: manifest.Model(), Scale: calibration, PassMark: sesuai.PercentageOf(access.DefaultThreshold),
		At: append(c.At, c.People), Concurrency: c.Concurrency, Duration: time.Duration(c.Seconds) * time.Second,
		Batch: c.Batch, Writers: c.Writers,
	}
	if c.Cold {
		o.Drop = c.drop
	}
	bar := s.progressBar(c.People, "", "people")
	o.Progress = func(doing string, people int) {
		bar.Describe(doing)
		_ = bar.Set(people)
	}
	report, err := registrybench.Run(s, o)
	_ = bar.Finish()
	if s.Err() != nil {
		return errors.New("stopped; run it again to go on")
	}
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(report)
	}
	return c.print(s, report)
}

// drop empties the caches that may be emptied.
func (c *benchRegistry) drop(ctx context.Context) ([]string, error) {
	dropped := []string{"connections"}
	if c.Restart != "" {
		if out, err := exec.CommandContext(ctx, "sh", "-c", c.Restart).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("restarting the database: %w: %s", err, out)
		}
		dropped = append(dropped, "database")
	}
	// What has not been written yet is not dropped.
	syscall.Sync()
	// proc(5), drop_caches: 3 is pages, dentries and inodes. Only root may.
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err == nil {
		dropped = append(dropped, "page cache")
	}
	return dropped, nil
}

func (c *benchRegistry) print(s *session, r *registrybench.Report) error {
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(s.stdout, "%d cores, %s, batches of %d people, %d at once; a claim is Check and Compare alone\n", r.Cores, r.Go, r.Batch, r.Writers)
	const mib = 1 << 20
	for _, p := range r.Sizes {
		fmt.Fprintf(s.stdout, "\n%d people\n", p.People)
		if p.Enrolment.People > 0 {
			fmt.Fprintf(s.stdout, "enrolled %d in %.1f s: %.0f/s (%.1f s with the making of them); settled in %.1f s\n",
				p.Enrolment.People, p.Enrolment.Seconds, p.Enrolment.PerSecond, p.Enrolment.AllSeconds, p.SettleSeconds)
		}
		var tables []string
		for _, t := range p.Tables {
			tables = append(tables, fmt.Sprintf("%s %.1f MiB", t.Name, float64(t.Bytes)/mib))
		}
		fmt.Fprintf(s.stdout, "%.0f bytes per person: %s\n", p.BytesPerPerson, strings.Join(tables, ", "))
		fmt.Fprintf(s.stdout, "this process: %d MiB when enrolled, %d MiB when asked, peak %d MiB\n",
			p.Memory.Enrolled/mib, p.Memory.Asked/mib, p.Memory.Peak/mib)
		fmt.Fprintln(w, "cache\tat once\tclaims\tper s\tp50 ms\tp99 ms\tmax ms\tgenuine verified\timpostors verified\tinactive\tunknown\t")
		for _, a := range p.Asked {
			fmt.Fprintf(w, "%s\t%d\t%d\t%.0f\t%.3f\t%.3f\t%.1f\t%s\t%s\t%d\t%d\t\n", a.Cache, a.Concurrency, a.Claims, a.PerSecond,
				a.P50, a.P99, a.Most, verified(a.Genuine), verified(a.Impostor), a.Inactive, a.Unknown)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if last := r.Sizes[len(r.Sizes)-1].Asked; len(last[len(last)-1].Dropped) > 0 {
		fmt.Fprintf(s.stdout, "\ncold: what was emptied before each measurement: %s\n", strings.Join(last[len(last)-1].Dropped, ", "))
	}
	for _, g := range r.Growth {
		fmt.Fprintf(s.stdout, "p99 with a warm cache, %d at once: from %d people %.2f × that from %d\n", g.Concurrency, g.To, g.P99, g.From)
	}
	return nil
}

func verified(v registrybench.Verdicts) string {
	return strconv.Itoa(v.Verified) + " of " + strconv.Itoa(v.Compared)
}
