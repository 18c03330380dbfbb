// Command demo makes people to try Sesuai with, from sample photographs, and
// shows what the service answers about them and at what cost. It is not part
// of the product: it works through bin/sesuai and HTTP, as a user would, but
// for the bare networks that it measures the rest against.
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
	Prepare prepareCommand `cmd:"" help:"Enrol the demo people and make a client in a data folder."`
	Run     runCommand     `cmd:"" help:"Prepare a data folder, serve it and say how to call it."`
	Table   tableCommand   `cmd:"" help:"Run the eight documented outcomes and print them as a table."`
	Break   breakCommand   `cmd:"" help:"Take the registry away from under a running server, for R8."`
	Bench   benchCommand   `cmd:"" help:"Measure speed and memory."`

	BenchUpstream upstreamBenchCommand `cmd:"" help:"Measure what Sesuai adds to the time of Dukcapil's services."`

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

// photos is the folder of the cut photographs.
func (c *commandLine) photos() string { return filepath.Join(c.Samples, "photos") }

// people is the file of the demo people.
func (c *commandLine) people() string { return filepath.Join(c.Files, "people.csv") }
