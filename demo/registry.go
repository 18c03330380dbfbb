package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/demo/registrybench"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
)

// registryBenchCommand fills a registry with synthetic people and measures it. A
// question is what a verification asks of the registry, without the API, the
// audit trail and the photograph.
type registryBenchCommand struct {
	People      int    `help:"How many synthetic people to enrol." default:"20000" placeholder:"N"`
	At          []int  `help:"Further sizes to measure at." placeholder:"N"`
	Data        string `help:"A data folder for this command alone; a temporary one if empty."`
	Registry    string `help:"The URL of a PostgreSQL database for this command alone."`
	Concurrency []int  `help:"How many questions are in flight at once. Each number is measured." default:"1,8,64"`
	Seconds     int    `help:"The duration of each measurement with a warm cache." default:"10"`
	Batch       int    `help:"How many people are enrolled in one step." default:"1024"`
	Writers     int    `help:"How many steps run at once." default:"4"`
	Cold        bool   `help:"Measure with a cold cache, too: reopen the registry and empty the page cache where that is allowed."`
	Restart     string `help:"A shell command that restarts the database and returns when it is ready, to empty its cache." placeholder:"COMMAND"`
	JSON        bool   `name:"json" help:"Print JSON."`
}

// Run runs the command.
func (c *registryBenchCommand) Run(ctx context.Context) error {
	config := app.DefaultConfig()
	config.Registry, config.Postgres.Migrate = c.Registry, true
	if config.Data = c.Data; c.Data == "" {
		dir, err := os.MkdirTemp("", "sesuai-bench-registry-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		config.Data = dir
	}
	manifest, err := app.Manifest(config)
	if err != nil {
		return err
	}
	calibration, err := app.Calibration(config)
	if err != nil {
		return err
	}
	o := registrybench.Options{
		Open: func(ctx context.Context) (registrybench.Registry, error) {
			s, err := app.OpenStorage(ctx, config)
			if err != nil {
				return nil, err
			}
			return benchedRegistry{s.People, s.Close}, nil
		},
		Tables: func(ctx context.Context) ([]registrybench.Table, error) { return tablesOf(ctx, config) },
		Model:  manifest.Model(), Scale: calibration, Threshold: sesuai.PercentageOf(access.DefaultThreshold),
		At: append(c.At, c.People), Concurrency: c.Concurrency, Duration: time.Duration(c.Seconds) * time.Second,
		Batch: c.Batch, Writers: c.Writers,
		Progress: func(doing string, people int) { fmt.Fprintf(os.Stderr, "%s, %d people\n", doing, people) },
	}
	if c.Registry != "" {
		o.Vacuum = func(ctx context.Context) error { return vacuum(ctx, c.Registry) }
	}
	if c.Cold {
		o.Drop = c.drop
	}
	report, err := registrybench.Run(ctx, o)
	if err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(report)
	}
	return c.print(report)
}

// benchedRegistry is the built-in registry with the database that it is in.
type benchedRegistry struct {
	app.People
	close func() error
}

// Close closes the database.
func (r benchedRegistry) Close() error { return r.close() }

// tablesOfPeople are the tables that have a row for each person.
var tablesOfPeople = []string{"people", "person_keys", "templates"}

// vacuum vacuums and analyses the tables of a PostgreSQL database. SQLite
// checkpoints its log when the database is closed.
func vacuum(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is lost
	for _, table := range tablesOfPeople {
		if _, err := conn.Exec(ctx, "VACUUM (ANALYZE) "+table); err != nil {
			return err
		}
	}
	return nil
}

// tablesOf returns the sizes of a PostgreSQL database's tables, with their
// indexes, or of the files of an SQLite database.
func tablesOf(ctx context.Context, config app.Config) (tables []registrybench.Table, err error) {
	if config.Registry == "" {
		for _, name := range []string{"sesuai.db", "sesuai.db-wal"} {
			info, err := os.Stat(filepath.Join(config.Data, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			tables = append(tables, registrybench.Table{Name: name, Bytes: info.Size()})
		}
		return tables, nil
	}
	conn, err := pgx.Connect(ctx, config.Registry)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it was only read
	for _, name := range tablesOfPeople {
		t := registrybench.Table{Name: name}
		err := conn.QueryRow(ctx,
			`SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM pg_partition_tree($1::regclass)`, name).
			Scan(&t.Bytes)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// drop empties the caches that it may empty, and names them.
func (c *registryBenchCommand) drop(ctx context.Context) ([]string, error) {
	dropped := []string{"connections"}
	if c.Restart != "" {
		if out, err := exec.CommandContext(ctx, "sh", "-c", c.Restart).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("restarting the database: %w: %s", err, out)
		}
		dropped = append(dropped, "database")
	}
	// Pages that are not written yet cannot be dropped.
	syscall.Sync()
	// proc(5), drop_caches: 3 is pages, dentries and inodes. Only root may.
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err == nil {
		dropped = append(dropped, "page cache")
	}
	return dropped, nil
}

func (c *registryBenchCommand) print(r *registrybench.Report) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(os.Stdout, "%d cores, %s, batches of %d people, %d at once\n", r.Cores, r.Go, r.Batch, r.Writers)
	const mib = 1 << 20
	for _, p := range r.Sizes {
		fmt.Fprintf(os.Stdout, "\n%d people\n", p.People)
		if p.Enrolment.People > 0 {
			fmt.Fprintf(os.Stdout, "enrolled %d in %.1f s: %.0f/s (%.1f s with making them); vacuumed in %.1f s\n",
				p.Enrolment.People, p.Enrolment.Seconds, p.Enrolment.PerSecond, p.Enrolment.AllSeconds, p.VacuumSeconds)
		}
		var tables []string
		for _, t := range p.Tables {
			tables = append(tables, fmt.Sprintf("%s %.1f MiB", t.Name, float64(t.Bytes)/mib))
		}
		fmt.Fprintf(os.Stdout, "%.0f bytes per person: %s\n", p.BytesPerPerson, strings.Join(tables, ", "))
		fmt.Fprintf(os.Stdout, "this process: %d MiB when enrolled, %d MiB when asked, peak %d MiB\n",
			p.Memory.Enrolled/mib, p.Memory.Asked/mib, p.Memory.Peak/mib)
		fmt.Fprintln(w, "cache\tat once\tquestions\tper s\tp50 ms\tp99 ms\tmax ms\tgenuine verified\timpostors verified\tinactive\tunknown\t")
		for _, a := range p.Asked {
			fmt.Fprintf(w, "%s\t%d\t%d\t%.0f\t%.3f\t%.3f\t%.1f\t%s\t%s\t%d\t%d\t\n", a.Cache, a.Concurrency, a.Claims, a.PerSecond,
				a.P50, a.P99, a.Max, verified(a.Genuine), verified(a.Impostor), a.Inactive, a.Unknown)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if last := r.Sizes[len(r.Sizes)-1].Asked; len(last[len(last)-1].Dropped) > 0 {
		fmt.Fprintf(os.Stdout, "\ncold: what was emptied before each measurement: %s\n", strings.Join(last[len(last)-1].Dropped, ", "))
	}
	for _, g := range r.Growth {
		fmt.Fprintf(os.Stdout, "p99 with a warm cache, %d at once: from %d people %.2f × that from %d\n", g.Concurrency, g.To, g.P99, g.From)
	}
	return nil
}

func verified(v registrybench.Verdicts) string {
	return strconv.Itoa(v.Verified) + " of " + strconv.Itoa(v.Compared)
}
