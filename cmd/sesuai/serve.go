package main

import (
	"encoding/json"
	"net"

	"github.com/sesuai/sesuai/internal/app"
)

type serveCommand struct {
	Listen      string `help:"Address and port to serve on (default 127.0.0.1:8080)." placeholder:"HOST:PORT"`
	CheckConfig bool   `help:"Check the configuration and the files that it names, print it and exit."`
	Sandbox     bool   `help:"Answer about fixed NIKs as docs/integrate/sandbox.md says. For synthetic people only."`
}

func (c *serveCommand) Run(s *session) error {
	if c.CheckConfig {
		if s.json {
			b, err := s.config.JSON()
			if err != nil {
				return err
			}
			return s.printJSON(json.RawMessage(b))
		}
		b, err := s.config.YAML()
		if err != nil {
			return err
		}
		_, err = s.stdout.Write(b)
		return err
	}
	log, level, err := app.NewLogger(s.config.Log, s.stderr, s.terminal)
	if err != nil {
		return err
	}
	as := ""
	if c.Sandbox {
		as = " as a sandbox"
	}
	return app.Serve(s, s.config, app.ServeOptions{
		Log: log, Level: level, Sandbox: c.Sandbox, Reload: s.hangUps, Load: s.load,
		Started: func(address net.Addr) {
			scheme := "http"
			if s.config.TLS.Cert != "" {
				scheme = "https"
			}
			_ = s.print(map[string]string{"address": scheme + "://" + address.String()}, "serving on %s://%s%s\n", scheme, address, as)
		},
	})
}
