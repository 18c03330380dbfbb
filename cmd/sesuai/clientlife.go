package main

import (
	"fmt"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
)

type clientDisable struct{ clientArgument }

// Help is what --help says of the command besides its flags.
func (clientDisable) Help() string {
	return "Its requests are answered 401 from the next one on, on every node, as if its password were wrong. Nothing of it is removed."
}

func (c *clientDisable) Run(s *session) error {
	return s.changeClient(c.Name, func(client *access.Client) error { client.Disabled = true; return nil })
}

type clientEnable struct{ clientArgument }

func (c *clientEnable) Run(s *session) error {
	return s.changeClient(c.Name, func(client *access.Client) error { client.Disabled = false; return nil })
}

type clientRotate struct {
	clientArgument
	ValidFor time.Duration `help:"How long the credentials that it has now stay valid: 0 to 2160h (90 days)." default:"24h" placeholder:"DURATION"`
	Now      bool          `help:"If it has two valid credentials, end the older ones now. Without this, rotate refuses then."`
}

// Help is what --help says of the command besides its flags.
func (clientRotate) Help() string {
	return "The new credentials are valid at once, on every node. If credentials have become known, end all that there are with " +
		"--valid-for 0 --now."
}

func (c *clientRotate) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		client, credentials, found, err := access.Rotate(s, storage.Clients, storage.Hash, c.Name, access.RotateOptions{
			ValidFor: c.ValidFor, EndOlder: c.Now,
		})
		if err != nil {
			return err
		}
		if !found {
			return s.noClient(map[string]bool{"found": false})
		}
		old := "Those so far are no longer valid.\n"
		if c.ValidFor > 0 {
			old = fmt.Sprintf("Those so far are valid until %s.\n", shortTime(&client.PreviousUntil, ""))
		}
		r := credentials.Reveal()
		return s.printCredentials(rotated{r, client.PreviousUntil}, r, old)
	})
}

// rotated is what client rotate prints as JSON.
type rotated struct {
	access.Revealed
	PreviousUntil time.Time `json:"previous_credentials_until"`
}
