package main

import (
	"fmt"
	"strings"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
)

type dukcapilSandbox struct {
	Settings     string `help:"File of the sandbox's own settings: docs/reference/dukcapil-sandbox.md." placeholder:"FILE"`
	Listen       string `help:"Address and port to serve on, with TLS (default 127.0.0.1:8643)." placeholder:"HOST:PORT"`
	TLSCert      string `name:"tls-cert" help:"Certificate; without one, it is made in the data folder." placeholder:"FILE"`
	TLSKey       string `name:"tls-key" help:"Key of the certificate." placeholder:"FILE"`
	Record       string `help:"Append each call to this file, as a line of JSON, before it is answered." placeholder:"FILE"`
	ClientConfig string `help:"Write a configuration of Sesuai in front of this sandbox to this file, and its secrets to the folder FILE-secrets." placeholder:"FILE"`
	Seed         *int64 `help:"The seed of all random choices." placeholder:"N"`
	Magic        bool   `help:"Print the magic NIKs and exit."`
}

// Help is what --help says of the command besides its flags.
func (dukcapilSandbox) Help() string {
	return "It answers about the people of the data folder. sesuai person add and sesuai person import enrol them. " +
		"For synthetic people only."
}

func (c *dukcapilSandbox) Run(s *session) error {
	if c.Magic {
		return s.printMagics()
	}
	config, err := app.LoadSandboxConfig(c.Settings)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		flag string
		key  *string
	}{{c.Listen, &config.Listen}, {c.TLSCert, &config.TLSCert}, {c.TLSKey, &config.TLSKey}, {c.Record, &config.Record}} {
		if f.flag != "" {
			*f.key = f.flag
		}
	}
	if c.Seed != nil {
		config.Seed = *c.Seed
	}
	log, _, err := app.NewLogger(s.config.Log, s.stderr, s.terminal)
	if err != nil {
		return err
	}
	return app.ServeDukcapilSandbox(s, s.config, config, log, func(serving app.SandboxServing) error {
		var text strings.Builder
		fmt.Fprintf(&text, "serving on  %s\npin         %s\n            %s\ncertificate %s\npublic key  %s (%s)\n",
			serving.URL, serving.Pin, serving.PinHex, serving.Certificate, serving.PublicKey, serving.Scheme)
		fmt.Fprintf(&text, "people      %d on record\n", serving.People)
		if serving.People == 0 {
			fmt.Fprintf(&text, "            to enrol synthetic people: sesuai --data %s person add --help\n", s.config.Data)
		}
		if c.ClientConfig != "" {
			if err := app.WriteSandboxClient(c.ClientConfig, config, serving.Serving); err != nil {
				return err
			}
			fmt.Fprintf(&text, "client      %s: sesuai --config %s serve\n", c.ClientConfig, c.ClientConfig)
		}
		return s.print(serving, "%s", text.String())
	})
}

// printMagics prints the magic NIKs.
func (s *session) printMagics() error {
	type row struct {
		NIK     string       `json:"nik"`
		Service sandbox.Name `json:"service"`
		Answer  string       `json:"answer"`
	}
	var rows []row
	var text strings.Builder
	for _, m := range sandbox.Magics() {
		rows = append(rows, row(m))
		fmt.Fprintf(&text, "%s  %-10s  %s\n", m.NIK, m.Service, m.Answer)
	}
	return s.print(rows, "%s", text.String())
}
