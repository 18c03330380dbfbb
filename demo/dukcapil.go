package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

type runDukcapilCommand struct {
	Data          string `help:"Data folder of Sesuai. That of the sandbox has -sandbox after it." default:"data"`
	Listen        string `help:"Address to serve on." default:"127.0.0.1:8080"`
	SandboxListen string `help:"Address that the sandbox serves on." default:"127.0.0.1:8643"`
}

// Run enrols the demo people with the sandbox of Dukcapil's services, and serves it
// and Sesuai in front of it. Either ends with the other.
func (r *runDukcapilCommand) Run(ctx context.Context, c *commandLine) (err error) {
	people := r.Data + "-sandbox"
	if err := c.people(ctx, people); err != nil {
		return err
	}
	made, err := c.client(ctx, r.Data)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	config := filepath.Join(people, "client.yaml")
	var started struct{ URL string }
	sandbox, err := c.start(ctx, &started, nil, "dukcapil-sandbox", "--data", people, "--listen", r.SandboxListen, "--client-config", config)
	if err != nil {
		end()
		return err
	}
	ended := make(chan error, 1)
	go func() {
		defer end()
		ended <- sandbox.wait()
	}()
	defer func() {
		end()
		err = errors.Join(err, <-ended)
	}()
	s, err := c.serve(ctx, r.Data, r.Listen, "SESUAI_CONFIG="+config)
	if err != nil {
		return err
	}
	fmt.Printf("Sesuai is ready on %s\nin front of the sandbox of Dukcapil's services on %s: %s\n", s.address, started.URL, config)
	if err := c.explain(made, s.address); err != nil {
		return errors.Join(err, s.stop())
	}
	fmt.Printf("The calls so far and their cost:\n\n  %s --config %s --data %s dukcapil usage\n\nCtrl-C stops both.\n", c.Sesuai, config, r.Data)
	return s.wait()
}
