package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
)

// clientSettings are the flags of a client's settings. Those that are nil are not
// given.
type clientSettings struct {
	Scopes        []string `name:"scope" help:"What it may do (a new client: ${scope}): identity.face_verification, identity.verification, face.match, face.passive_liveness, identity.batch. Data verifications of single attributes only: identity.verification:name, identity.verification:address and so on." placeholder:"SCOPE"`
	Threshold     *float64 `help:"The percentage that a face must reach: 75 to 100 (a new client: ${threshold})." placeholder:"PERCENT"`
	NameThreshold *int     `help:"The score that a name must reach: 80 to 100 (a new client: ${name_threshold})." placeholder:"SCORE"`
	Rate          *float64 `help:"Requests a second on average; 0 is no limit (a new client: 0)." placeholder:"N"`
	Burst         *int     `help:"Requests at once, where there is a rate; 0 is one second's worth (a new client: 0)." placeholder:"N"`
	Replay        *string  `help:"About a photograph that was sent before or is the reference's own: off, log (flag it in the audit trail) or enforce (refuse it) (a new client: ${replay})." placeholder:"off|log|enforce"`
	Liveness      *string  `help:"About a photograph that does not look like a living person's: off, log or enforce (a new client: ${liveness})." placeholder:"off|log|enforce"`
}

// apply sets what is given. It does not check the ranges: see access.Client.Validate.
func (f clientSettings) apply(c *access.Client) (err error) {
	if len(f.Scopes) > 0 {
		c.Scopes = nil
		for _, scope := range f.Scopes {
			c.Scopes = append(c.Scopes, access.Scope(scope))
		}
	}
	if f.Threshold != nil {
		c.Threshold = threshold(*f.Threshold)
	}
	if f.NameThreshold != nil {
		c.NameThreshold = *f.NameThreshold
	}
	if f.Rate != nil {
		c.Rate = *f.Rate
	}
	if f.Burst != nil {
		c.Burst = *f.Burst
	}
	if f.Replay != nil {
		if c.Replay, err = access.ParsePolicy(*f.Replay); err != nil {
			return err
		}
	}
	if f.Liveness != nil {
		c.Liveness, err = access.ParsePolicy(*f.Liveness)
	}
	return err
}

// threshold is a threshold as given; one out of range is not known, so that it
// is refused, and not rounded or cut to one that is in range.
func threshold(v float64) sesuai.Percentage {
	if !(v >= access.MinThreshold && v <= 100) {
		return sesuai.Percentage{}
	}
	return sesuai.PercentageOf(v)
}

// clientArgument is the name of a client as an argument.
type clientArgument struct {
	Name string `arg:"" help:"The client's name."`
}

type clientAdd struct {
	Name string `arg:"" help:"A name for the client; unique."`
	clientSettings
}

func (c *clientAdd) Run(s *session) error {
	client := access.Client{
		Name: c.Name, Scopes: []access.Scope{access.DefaultScope}, AddedAt: time.Now(),
		Threshold: sesuai.PercentageOf(access.DefaultThreshold), NameThreshold: access.DefaultNameThreshold,
	}
	if err := c.apply(&client); err != nil {
		return err
	}
	return s.withNewStorage(func(storage *app.Storage) error {
		_, credentials, err := access.Add(s, storage.Clients, storage.Hash, client)
		if err != nil {
			return err
		}
		r := credentials.Reveal()
		return s.print(r, "username  %s\npassword  %s\napi key   %s\nThey are not kept and cannot be shown again.\n",
			r.Username, r.Password, r.APIKey)
	})
}

type clientSet struct {
	clientArgument
	clientSettings
}

// Help is what --help says of the command besides its flags.
func (clientSet) Help() string {
	return "What is not given stays as it is, and so do the credentials. It holds from the next request on, on every node, and is an " +
		"event of the audit trail."
}

func (c *clientSet) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		client, found, err := storage.Clients.ChangeClient(s, c.Name, c.apply)
		if err != nil {
			return err
		}
		return s.printClient(client, found)
	})
}

type clientShow struct{ clientArgument }

func (c *clientShow) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		client, found, err := s.clientNamed(storage, c.Name)
		if err != nil {
			return err
		}
		return s.printClient(client, found)
	})
}

// clientNamed returns the client of a name; false if there is none.
func (s *session) clientNamed(storage *app.Storage, name string) (access.Client, bool, error) {
	clients, err := storage.Clients.ListClients(s)
	i := slices.IndexFunc(clients, func(c access.Client) bool { return c.Name == name })
	if err != nil || i < 0 {
		return access.Client{}, false, err
	}
	return clients[i], true, nil
}

// printClient prints the settings of a client, or that there is none.
func (s *session) printClient(c access.Client, found bool) error {
	if !found {
		return s.noClient(map[string]bool{"found": false})
	}
	shown := showClient(c)
	if s.json {
		return s.printJSON(shown)
	}
	headings, cells := clientHeadings(), shown.cells()
	lines := make([][]string, len(headings))
	for i, heading := range headings {
		lines[i] = []string{strings.ToLower(heading), cells[i]}
	}
	return s.printTable(lines)
}

// noClient prints that there is no client of the name that was given.
func (s *session) noClient(asJSON map[string]bool) error {
	if err := s.print(asJSON, "there is no client of this name\n"); err != nil {
		return err
	}
	return negativeAnswer{}
}

type clientList struct{}

func (clientList) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		clients, err := storage.Clients.ListClients(s)
		if err != nil {
			return err
		}
		shown := make([]shownClient, 0, len(clients))
		lines := [][]string{clientHeadings()}
		for _, c := range clients {
			v := showClient(c)
			shown, lines = append(shown, v), append(lines, v.cells())
		}
		if s.json {
			return s.printJSON(shown)
		}
		return s.printTable(lines)
	})
}

// shownClient is a client as it is printed.
type shownClient struct {
	Name          string            `json:"name"`
	ID            string            `json:"id"`
	Scopes        []access.Scope    `json:"scopes"`
	Threshold     sesuai.Percentage `json:"threshold"`
	NameThreshold int               `json:"name_threshold"`
	Rate          float64           `json:"rate"`
	Burst         int               `json:"burst"`
	Replay        access.Policy     `json:"replay"`
	Liveness      access.Policy     `json:"liveness"`
	AddedAt       time.Time         `json:"added_at"`
}

func showClient(c access.Client) shownClient {
	return shownClient{
		c.Name, c.ID, c.Scopes, c.Threshold, c.NameThreshold, c.Rate, c.Burst, c.Replay, c.Liveness, c.AddedAt.UTC(),
	}
}

// clientHeadings are the headings of shownClient.cells.
func clientHeadings() []string {
	return []string{"NAME", "ID", "SCOPES", "THRESHOLD", "NAME THRESHOLD", "RATE", "REPLAY", "LIVENESS", "ADDED"}
}

func (c shownClient) cells() []string {
	rate := "no limit"
	if c.Rate > 0 {
		rate = fmt.Sprintf("%g/s, %d at once", c.Rate, access.Client{Rate: c.Rate, Burst: c.Burst}.AtOnce())
	}
	scopes := make([]string, 0, len(c.Scopes))
	for _, scope := range c.Scopes {
		scopes = append(scopes, string(scope))
	}
	return []string{
		c.Name, c.ID, strings.Join(scopes, ","), c.Threshold.String(), fmt.Sprint(c.NameThreshold), rate,
		c.Replay.String(), c.Liveness.String(), c.AddedAt.Format(time.DateOnly),
	}
}

type clientRemove struct{ clientArgument }

func (c *clientRemove) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		removed, err := storage.RemoveClient(s, c.Name)
		if err != nil {
			return err
		}
		if !removed {
			return s.noClient(map[string]bool{"removed": false})
		}
		return s.print(map[string]bool{"removed": true}, "removed\n")
	})
}

// clientNames returns the names of the clients by their IDs.
func (s *session) clientNames(storage *app.Storage) (map[string]string, error) {
	clients, err := storage.Clients.ListClients(s)
	names := make(map[string]string, len(clients))
	for _, c := range clients {
		names[c.ID] = c.Name
	}
	return names, err
}
