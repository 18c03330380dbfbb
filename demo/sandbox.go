package main

import (
	"context"
	"fmt"
	"path/filepath"
)

type sandboxCommand struct {
	Data string `help:"Data folder of the sandbox." default:"data-sandbox"`
}

// Run enrols the demo people in a data folder of its own and serves the sandbox of
// Dukcapil's services on it. It writes the configuration of a service in front of
// it to client.yaml in that folder.
func (r *sandboxCommand) Run(ctx context.Context, c *commandLine) error {
	if _, err := c.prepare(ctx, r.Data); err != nil {
		return err
	}
	config := filepath.Join(r.Data, "client.yaml")
	var started struct{ URL string }
	s, err := c.start(ctx, &started, nil, "dukcapil-sandbox", "--data", r.Data, "--client-config", config)
	if err != nil {
		return err
	}
	fmt.Printf("The sandbox of Dukcapil's services is ready on %s\nIn another terminal, Sesuai in front of it:\n\n  SESUAI_CONFIG=%s make run\n\nCtrl-C stops it.\n",
		started.URL, config)
	return s.wait()
}
