package main

import (
	"fmt"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/app"
)

// limitsOf are the flags that say whose limits.
type limitsOf struct {
	Client string `help:"A client, by its name." placeholder:"NAME"`
	NIK    string `name:"nik" help:"A NIK: 16 digits." placeholder:"NIK"`
}

// parse reads the NIK; zero if none is given.
func (f limitsOf) parse() (sesuai.NIK, error) {
	if f.NIK == "" {
		return sesuai.NIK{}, nil
	}
	return sesuai.ParseNIK(f.NIK)
}

type limitsShow struct{ limitsOf }

// Help is what --help says of the command besides its flags.
func (limitsShow) Help() string {
	return "With --client what that client has used today, with --nik the misses on a NIK, and with both those of the client on the NIK. " +
		"Without either what each client has used today."
}

func (c *limitsShow) Run(s *session) error {
	nik, err := c.parse()
	if err != nil {
		return err
	}
	return s.withStorage(func(storage *app.Storage) error {
		clients, err := storage.Clients.ListClients(s)
		if err != nil {
			return err
		}
		if c.Client != "" {
			client, found, err := s.clientNamed(storage, c.Client)
			if err != nil {
				return err
			}
			if !found {
				return s.noClient(map[string]bool{"found": false})
			}
			clients = []access.Client{client}
		}
		if !nik.IsZero() {
			return c.showNIK(s, storage, nik, clients)
		}
		return showClients(s, storage, clients)
	})
}

// showNIK prints what is used of the limits of a NIK.
func (c *limitsShow) showNIK(s *session, storage *app.Storage, nik sesuai.NIK, clients []access.Client) error {
	id := ""
	if c.Client != "" {
		id = clients[0].ID
	}
	usage, err := storage.Limits.NIKUsage(s, nik, id)
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(map[string]any{"limits": usage})
	}
	lines := [][]string{{"LIMIT", "USED", "OF"}}
	for _, u := range usage {
		lines = append(lines, []string{string(u.Limit), fmt.Sprint(u.Used), maximum(u)})
	}
	return s.printTable(lines)
}

// shownClientUsage is what a client has used, as it is printed.
type shownClientUsage struct {
	Client string `json:"client"`
	ID     string `json:"id"`
	limit.ClientUsage
}

// showClients prints what clients have used today.
func showClients(s *session, storage *app.Storage, clients []access.Client) error {
	shown := []shownClientUsage{}
	lines := [][]string{{"CLIENT", "REQUESTS", "NIKS", "NON-MATCHES", "ANSWERS", "STATE"}}
	for _, c := range clients {
		u, err := storage.Limits.ClientUsage(s, c.ID, c.Limits)
		if err != nil {
			return err
		}
		shown = append(shown, shownClientUsage{c.Name, c.ID, u})
		state := "-"
		switch {
		case u.Stopped:
			state = "stopped"
		case u.Flagged:
			state = "flagged"
		}
		line := []string{c.Name}
		for _, l := range u.Limits {
			line = append(line, fmt.Sprintf("%d of %s", l.Used, maximum(l)))
		}
		lines = append(lines, append(line, fmt.Sprint(u.Answers), state))
	}
	if s.json {
		return s.printJSON(shown)
	}
	return s.printTable(lines)
}

// maximum is a limit as it is printed.
func maximum(u limit.Usage) string {
	if u.Max == 0 {
		return "no limit"
	}
	return fmt.Sprint(u.Max)
}

type limitsReset struct{ limitsOf }

// Help is what --help says of the command besides its flags.
func (limitsReset) Help() string {
	return "With --client what that client has used today: it is no longer stopped. With --nik the misses on a NIK, of all clients: answers about it " +
		"are exact again. Each is an event of the audit trail."
}

func (c *limitsReset) Run(s *session) error {
	nik, err := c.parse()
	if err != nil {
		return err
	}
	if (c.Client == "") == nik.IsZero() {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "one of --client and --nik is needed"}
	}
	return s.withStorage(func(storage *app.Storage) error {
		if !nik.IsZero() {
			err = storage.Limits.ResetNIK(s, nik)
		} else {
			client, found, lookUp := s.clientNamed(storage, c.Client)
			if lookUp != nil {
				return lookUp
			}
			if !found {
				return s.noClient(map[string]bool{"reset": false})
			}
			err = storage.Limits.ResetClient(s, client.ID)
		}
		if err != nil {
			return err
		}
		return s.print(map[string]bool{"reset": true}, "reset\n")
	})
}
