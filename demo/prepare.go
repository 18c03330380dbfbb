package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/sesuai/sesuai/internal/access"
)

// clientName is the demo client's name.
const clientName = "demo"

// credentials is the output of sesuai client add --json.
type credentials = access.Revealed

// client is the demo client and the paths of its credentials.
type client struct {
	credentials
	// file holds the credentials as JSON. curl holds them as a configuration
	// file for curl, so that no command line contains them.
	file, curl string
}

type prepareCommand struct {
	Data string `help:"Data folder." default:"data"`
}

func (p *prepareCommand) Run(ctx context.Context, c *commandLine) error {
	made, err := c.prepare(ctx, p.Data)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]string{"credentials": made.file, "photos": c.photos()})
}

// prepare cuts the photographs, enrols the demo people if nobody is on record in
// the data folder, and adds the demo client. Calling it again changes nothing.
func (c *commandLine) prepare(ctx context.Context, data string) (client, error) {
	if err := c.people(ctx, data); err != nil {
		return client{}, err
	}
	return c.client(ctx, data)
}

// people cuts the photographs and enrols the demo people if nobody is on record in
// the data folder, or fewer than them in one that has the demo client.
func (c *commandLine) people(ctx context.Context, data string) error {
	if err := c.cut(); err != nil {
		return err
	}
	if err := c.registry(ctx, data); err != nil {
		return err
	}
	var count struct{ People int }
	if err := c.sesuai(ctx, &count, "person", "count", "--data", data); err != nil {
		return err
	}
	people, err := readCSV(c.peopleFile())
	if err != nil {
		return err
	}
	_, err = os.Stat(clientOf(data).file)
	if count.People > 0 && (err != nil || count.People >= len(people)) {
		return nil
	}
	fmt.Fprintln(os.Stderr, "enrolling the demo people")
	return c.enrol(ctx, data)
}

// registry makes the registry of a data folder if there is none: it imports nobody.
func (c *commandLine) registry(ctx context.Context, data string) error {
	return c.sesuai(ctx, nil, "person", "import", os.DevNull, "--format", "jsonl", "--data", data)
}

// clientOf returns the paths of the credentials of the demo client of a data folder.
func clientOf(data string) client {
	return client{file: filepath.Join(data, "demo-client.json"), curl: filepath.Join(data, "demo-client.curl")}
}

// client adds the demo client to the data folder, unless that was done before.
func (c *commandLine) client(ctx context.Context, data string) (client, error) {
	made := clientOf(data)
	if known, err := os.ReadFile(made.file); err == nil {
		return made, json.Unmarshal(known, &made.credentials)
	}
	if err := c.registry(ctx, data); err != nil {
		return client{}, err
	}
	// A client whose credentials are lost is useless.
	if err := c.sesuai(ctx, nil, "client", "remove", clientName, "--data", data); err != nil && !negative(err) {
		return client{}, err
	}
	add := []string{"client", "add", clientName, "--data", data}
	for _, scope := range access.Scopes { // everything can be tried
		add = append(add, "--scope", string(scope))
	}
	if err := c.sesuai(ctx, &made.credentials, add...); err != nil {
		return client{}, err
	}
	curl := fmt.Sprintf("user = \"%s:%s\"\nheader = \"x-api-key: %s\"\n", made.Username, made.Password, made.APIKey)
	if err := writeFile(made.curl, []byte(curl), 0o600); err != nil {
		return client{}, err
	}
	b, err := json.Marshal(made.credentials)
	if err != nil {
		return client{}, err
	}
	return made, writeFile(made.file, append(b, '\n'), 0o600)
}

// enrol enrols the demo people. It is not an error if some are rejected, for
// example by the operator's own quality limits.
func (c *commandLine) enrol(ctx context.Context, data string) error {
	var summary struct {
		Rows, Rejected int
		Rejects        []struct {
			Line   int
			Reason string
		}
	}
	err := c.sesuai(ctx, &summary, "person", "import", c.peopleFile(), "--photos", c.photos(), "--data", data)
	if err == nil || !negative(err) {
		return err
	}
	if summary.Rejected == summary.Rows {
		return fmt.Errorf("none of the demo people could be enrolled: %w", err)
	}
	for _, r := range summary.Rejects {
		fmt.Fprintf(os.Stderr, "not enrolled: line %d of %s: %s\n", r.Line, c.peopleFile(), r.Reason)
	}
	return nil
}

// sesuai runs the program with --json and parses its output into out, unless that
// is nil. It also parses the output of a negative result.
func (c *commandLine) sesuai(ctx context.Context, out any, args ...string) error {
	cmd := exec.CommandContext(ctx, c.Sesuai, append(args, "--json")...)
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, os.Stderr
	if err := cmd.Run(); err != nil {
		if out != nil && negative(err) {
			if unread := json.Unmarshal(printed.Bytes(), out); unread != nil {
				return unread
			}
		}
		return fmt.Errorf("%s %s %s: %w: %s", c.Sesuai, args[0], args[1], err, bytes.TrimSpace(printed.Bytes()))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(printed.Bytes(), out)
}

// negative reports whether a command had a negative result (exit status 1).
func negative(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.ExitCode() == 1
}
