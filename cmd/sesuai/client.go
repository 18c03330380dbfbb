package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
)

type clientAdd struct {
	Name          string   `arg:"" help:"A name for the client; unique."`
	Scopes        []string `name:"scope" help:"What it may do (default all): identity.face_verification." placeholder:"SCOPE"`
	Threshold     float64  `help:"The percentage that a face must reach: 75 to 100." default:"${threshold}"`
	NameThreshold int      `help:"The score that a name must reach: 80 to 100." default:"${name_threshold}"`
	Rate          float64  `help:"Requests a second on average; 0 is no limit."`
	Burst         int      `help:"Requests at once, where there is a rate; 0 is one second's worth."`
	Replay        string   `help:"About a photograph that was sent before or is the reference's own: off, log (flag it in the audit trail) or enforce (refuse it)." default:"${replay}"`
	Liveness      string   `help:"About a photograph that does not look like a living person's: off, log or enforce." default:"${liveness}"`
}

func (c *clientAdd) Run(s *session) error {
	client := access.Client{
		Name: c.Name, Threshold: threshold(c.Threshold), NameThreshold: c.NameThreshold,
		Rate: c.Rate, Burst: c.Burst, AddedAt: time.Now(),
	}
	var err error
	if client.Replay, err = access.ParsePolicy(c.Replay); err != nil {
		return err
	}
	if client.Liveness, err = access.ParsePolicy(c.Liveness); err != nil {
		return err
	}
	for _, scope := range c.Scopes {
		client.Scopes = append(client.Scopes, access.Scope(scope))
	}
	if len(c.Scopes) == 0 {
		client.Scopes = access.Scopes[:]
	}
	return s.withStorage(func(storage *app.Storage) error {
		_, credentials, err := access.Add(s, storage.Clients, storage.Hash, client)
		if err != nil {
			return err
		}
		r := credentials.Reveal()
		return s.print(r, "username  %s\npassword  %s\napi key   %s\nThey are not kept and cannot be shown again.\n",
			r.Username, r.Password, r.APIKey)
	})
}

// threshold is a threshold as given; one out of range is not known, so that it
// is refused, and not rounded or cut to one that is in range.
func threshold(v float64) sesuai.Percentage {
	if !(v >= access.MinThreshold && v <= 100) {
		return sesuai.Percentage{}
	}
	return sesuai.PercentageOf(v)
}

type clientList struct{}

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

func (clientList) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		clients, err := storage.Clients.ListClients(s)
		if err != nil {
			return err
		}
		shown := make([]shownClient, 0, len(clients))
		for _, c := range clients {
			shown = append(shown, shownClient{
				c.Name, c.ID, c.Scopes, c.Threshold, c.NameThreshold, c.Rate, c.Burst, c.Replay, c.Liveness, c.AddedAt.UTC(),
			})
		}
		if s.json {
			return s.printJSON(shown)
		}
		table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "NAME\tID\tSCOPES\tTHRESHOLD\tNAME THRESHOLD\tRATE\tREPLAY\tLIVENESS\tADDED")
		for _, c := range shown {
			rate := "no limit"
			if c.Rate > 0 {
				rate = fmt.Sprintf("%g/s, %d at once", c.Rate, access.Client{Rate: c.Rate, Burst: c.Burst}.AtOnce())
			}
			scopes := make([]string, 0, len(c.Scopes))
			for _, scope := range c.Scopes {
				scopes = append(scopes, string(scope))
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", c.Name, c.ID, strings.Join(scopes, ","),
				c.Threshold, c.NameThreshold, rate, c.Replay, c.Liveness, c.AddedAt.Format(time.DateOnly))
		}
		return table.Flush()
	})
}

type clientRemove struct {
	Name string `arg:"" help:"The client's name."`
}

func (c *clientRemove) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		removed, err := storage.Clients.RemoveClient(s, c.Name)
		if err != nil {
			return err
		}
		if !removed {
			if err := s.print(map[string]bool{"removed": false}, "there is no client of this name\n"); err != nil {
				return err
			}
			return negativeAnswer{}
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
