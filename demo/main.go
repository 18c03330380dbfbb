// Command demo enrols demo people from sample photographs, shows what the service
// answers about them, and measures its speed and memory. It is not part of the
// product. It leaves the work to bin/sesuai, which it calls as a user would, by
// the command line and HTTP. Only the benchmarks also run the face engine
// directly, for comparison.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"
)

type commandLine struct {
	Sesuai  string `help:"The sesuai program." default:"bin/sesuai"`
	Files   string `help:"Where people.csv and cuts.csv are." default:"demo"`
	Samples string `help:"Where the sample photographs are." default:"build/demo"`
	Models  string `help:"Where the face models are." default:"models"`

	Cut     cutCommand     `cmd:"" help:"Cut the sample photographs to single people."`
	Prepare prepareCommand `cmd:"" help:"Enrol the demo people and add a client in a data folder."`
	Run     runCommand     `cmd:"" help:"Prepare a data folder, serve it and print how to call it."`
	Table   tableCommand   `cmd:"" help:"Run the eight documented outcomes and print them as a table."`
	Break   breakCommand   `cmd:"" help:"Break the registry of a running server, for R8."`
	Bench   benchCommand   `cmd:"" help:"Measure speed and memory."`

	RunDukcapil runDukcapilCommand `cmd:"" help:"Prepare two data folders, serve the sandbox of Dukcapil's services on one and Sesuai in front of it on the other, and print how to call it."`

	BenchImages imagesBenchCommand `cmd:"" help:"Measure the CPU time of the files that cost the most."`

	BenchUpstream upstreamBenchCommand `cmd:"" help:"Measure the time that Sesuai adds to that of Dukcapil's services."`

	BenchRegistry registryBenchCommand `cmd:"" help:"Fill a registry with synthetic people and measure it."`

	BenchImport importBenchCommand `cmd:"" help:"Measure the speed of an import of many photographs."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commandLine
	k := kong.Parse(&c, kong.Name("demo"), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(&c))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// photos returns the folder of the cut photographs.
func (c *commandLine) photos() string { return filepath.Join(c.Samples, "photos") }

// peopleFile returns the file of the demo people.
func (c *commandLine) peopleFile() string { return filepath.Join(c.Files, "people.csv") }
