package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sesuai/sesuai/internal/bench"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/face/ort"
	"github.com/sesuai/sesuai/internal/face/turbo"
)

type benchCommand struct {
	Rounds      int `help:"How often each step is timed." default:"200"`
	Requests    int `help:"How many requests the load has." default:"10000"`
	Concurrency int `help:"How many requests are in flight." default:"8"`

	Before string `help:"An earlier sesuai program, which gets the load in turns with this one, for comparison. It looks for models where every sesuai does (SESUAI_MODELS)." type:"existingfile" placeholder:"FILE"`
}

// benchPhoto is a photograph of 720×720 with one face. Every request sends it, with a
// claim of the person that it shows. So each finds the same record, in the caches, and
// the same photograph among those that are remembered. Its face is found at once:
// other photographs may take longer.
const benchPhoto = "ayu-720.jpg"

// Run measures a server, and the face engine beside it.
func (b *benchCommand) Run(ctx context.Context, c *commandLine) error {
	return c.try(ctx, func(s *trial) error { return b.measure(ctx, c, s) })
}

func (b *benchCommand) measure(ctx context.Context, c *commandLine, s *trial) error {
	idle, err := bench.StatusMiB(s.cmd.Process.Pid, "VmRSS")
	if err != nil {
		return err
	}
	photo, err := os.ReadFile(filepath.Join(c.photos(), benchPhoto))
	if err != nil {
		return err
	}
	large, err := enlarged(photo)
	if err != nil {
		return err
	}
	fmt.Println("All requests send one photograph of one person, whose face is found at once. Others may take longer.")
	asStored, err := b.alone(ctx, c, s, photo, large)
	if err != nil {
		return err
	}
	if err := b.load(ctx, c, s, photo, asStored); err != nil {
		return err
	}
	if err := b.largeMemory(s.cmd.Process.Pid, idle, s.request(ctx, large)); err != nil {
		return err
	}
	engine, err := c.engine(func(o *face.Options) { o.Subject, o.Limits = face.Central, &face.Limits{} })
	if err != nil {
		return err
	}
	defer engine.Close()
	return b.peer(ctx, func(photo []byte) (face.Extraction, error) { return engine.Extract(ctx, photo, face.ForProbe) })
}

// loader returns a loader of networks, as the service runs them or as stored.
func (c *commandLine) loader(asStored bool) (face.Loader, error) {
	return ort.NewLoader(ort.Options{Library: filepath.Join(c.Models, "libonnxruntime.so.1"), AsStored: asStored})
}

// engine opens an engine with one worker.
func (c *commandLine) engine(change func(*face.Options)) (*face.Engine, error) {
	load, err := c.loader(false)
	if err != nil {
		return nil, err
	}
	manifest := face.DefaultManifest()
	calibration, err := face.ShippedCalibration(manifest.Calibration)
	if err != nil {
		return nil, err
	}
	o := face.Options{
		Models: c.Models, Manifest: manifest, Calibration: calibration,
		Load: load, DecodeJPEG: turbo.Decode, Workers: 1,
	}
	if change != nil {
		change(&o)
	}
	return face.New(o)
}
