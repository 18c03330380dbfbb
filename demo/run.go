package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sesuai/sesuai/internal/bench"
	"github.com/sesuai/sesuai/internal/httpapi"
)

type runCommand struct {
	Data   string `help:"Data folder." default:"data"`
	Listen string `help:"Address to serve on." default:"127.0.0.1:8080"`
}

func (r *runCommand) Run(ctx context.Context, c *commandLine) error {
	made, err := c.prepare(ctx, r.Data)
	if err != nil {
		return err
	}
	s, err := c.serve(ctx, r.Data, r.Listen)
	if err != nil {
		return err
	}
	fmt.Printf("Sesuai is ready on %s\n", s.address)
	if err := c.explain(made, s.address); err != nil {
		return err
	}
	fmt.Println("Ctrl-C stops it.")
	return s.wait()
}

// explain prints where the credentials are and how to ask for a verification.
func (c *commandLine) explain(made client, address string) error {
	fmt.Printf("Credentials of the demo client: %s\n", made.file)
	person, ok, err := c.firstPerson()
	if err == nil && ok {
		fmt.Printf("\nA first verification:\n\n  curl -s -K %s -F nik=%s -F 'name=%s' -F date_of_birth=%s -F face_image=@%s %s%s\n\n",
			made.curl, person.NIK, person.Name, person.DateOfBirth, filepath.Join(c.photos(), selfieOfFirst), address, httpapi.FaceVerificationPath)
	}
	return err
}

// The photographs of the first of the demo people: that on record, and a second one.
const referenceOfFirst, selfieOfFirst = "ayu-reference.jpg", "ayu-selfie.jpg"

// person is a claim about one of the demo people.
type person = bench.Claim

// firstPerson returns the first of the demo people.
func (c *commandLine) firstPerson() (person, bool, error) {
	people, err := readCSV(c.peopleFile())
	if err != nil || len(people) == 0 {
		return person{}, false, err
	}
	p := people[0]
	return person{NIK: p["nik"], Name: p["name"], DateOfBirth: p["date_of_birth"]}, true, nil
}

// server is a running sesuai serve.
type server struct {
	address string
	cmd     *exec.Cmd
	rest    io.Reader
}

// serve starts sesuai serve and waits until it is ready. The end of ctx stops it.
// environment is added to that of this process.
func (c *commandLine) serve(ctx context.Context, data, listen string, environment ...string) (*server, error) {
	var started struct{ Address string }
	s, err := c.start(ctx, &started, environment, "serve", "--data", data, "--listen", listen)
	if err != nil {
		return nil, err
	}
	s.address = started.Address
	return s, nil
}

// trial is a server on the demo people.
type trial struct {
	*server
	sender bench.Sender
	data   string
	first  person // of the demo people
}

// try calls f with a server in a folder that is removed at the end. The server logs
// only errors: more would interrupt what a command prints.
func (c *commandLine) try(ctx context.Context, f func(*trial) error) (err error) {
	data, err := os.MkdirTemp("", "sesuai-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	made, err := c.prepare(ctx, data)
	if err != nil {
		return err
	}
	first, ok, err := c.firstPerson()
	if err != nil || !ok {
		return errors.Join(err, fmt.Errorf("%s has no demo people", c.peopleFile()))
	}
	s, err := c.serve(ctx, data, "127.0.0.1:0", "SESUAI_LOG_LEVEL=error")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return f(&trial{s, senderTo(s.address, made.credentials), data, first})
}

// start starts a command of sesuai that keeps running. It parses the first line
// of output, which means that the command is ready.
func (c *commandLine) start(ctx context.Context, printed any, environment []string, args ...string) (*server, error) {
	cmd := exec.CommandContext(ctx, c.Sesuai, append(args, "--json")...)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), environment...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sesuai %s did not start", args[0]), cmd.Wait())
	}
	if err := json.Unmarshal(line, printed); err != nil {
		return nil, errors.Join(err, cmd.Cancel(), cmd.Wait())
	}
	return &server{cmd: cmd, rest: lines}, nil
}

// wait waits until the server has stopped. It is not an error if ctx has ended.
func (s *server) wait() error {
	_, _ = io.Copy(io.Discard, s.rest)
	err := s.cmd.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// stop stops the server and waits for it.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.wait()
}
