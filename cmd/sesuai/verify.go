package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"runtime"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/name"
	"github.com/sesuai/sesuai/internal/verify"
)

type verifyCommand struct {
	claimFlags
	Photo         string  `help:"The photograph of the person: PNG or JPEG." placeholder:"FILE"`
	Threshold     float64 `help:"The percentage that the face must reach: 75 to 100." default:"${threshold}"`
	NameThreshold int     `help:"The score that the name must reach: 80 to 100." default:"${name_threshold}"`
	Yes           bool    `help:"Do not ask before a verification that costs money."`
}

// Help is what --help says of the command besides its flags.
func (verifyCommand) Help() string {
	return "With Dukcapil as the registry a verification costs money: on a terminal the command says how much and asks first, and " +
		"elsewhere it needs --yes. Exit status: 0 if the person is verified, 1 if not, 2 if there is no answer."
}

// localClient is the id in the audit trail of verifications by the operator.
const localClient = "local"

func (c *verifyCommand) Run(s *session) error {
	client := access.Client{
		ID: localClient, Name: localClient, Scopes: []access.Scope{access.FaceVerification},
		Threshold: threshold(c.Threshold), NameThreshold: c.NameThreshold,
		// What is tried out here must not count as sent before when it comes
		// from a client.
		Replay: access.Off, Liveness: access.Off,
	}
	if err := client.Validate(); err != nil {
		return err
	}
	verdict, err := c.verify(s, client)
	if err != nil {
		// What the API would answer, and the cause on standard error. With such a
		// configuration there would be no API.
		if sesuai.KindOf(err) != sesuai.KindConfiguration {
			_, body := httpapi.ErrorJSON(err)
			fmt.Fprintf(s.stdout, "%s\n", body)
		}
		return err
	}
	fmt.Fprintf(s.stdout, "%s\n", httpapi.VerdictJSON(verdict))
	if !verdict.Verified {
		return negativeAnswer{}
	}
	return nil
}

func (c *verifyCommand) verify(s *session, client access.Client) (verdict sesuai.Verdict, err error) {
	claim, err := c.parse()
	if err != nil {
		return verdict, err
	}
	photo, err := readPhoto(c.Photo)
	if err != nil {
		return verdict, err
	}
	if err := s.announce(c.Yes); err != nil {
		return verdict, err
	}
	engine, err := app.OpenEngine(s.config, app.OnePhotograph, runtime.GOMAXPROCS(0))
	if err != nil {
		return verdict, err
	}
	defer engine.Close()
	log, _, err := app.NewLogger(s.config.Log, s.stderr, s.terminal)
	if err != nil {
		return verdict, err
	}
	withStorage := s.withStorage
	if s.config.Dukcapil.Enabled { // nobody has to be on record here
		withStorage = s.withNewStorage
	}
	err = withStorage(func(storage *app.Storage) error {
		asked, err := app.OpenRegistry(s.config, storage, log, nil)
		if err != nil {
			return err
		}
		defer asked.Close()
		verdict, err = app.NewOperatorVerifier(s.config, storage, asked, engine).Verify(s, verify.Request{
			Call:  verify.Call[sesuai.Verdict]{ID: "local-" + rand.Text(), Client: client},
			Claim: claim, Photo: photo,
		})
		return err
	})
	return verdict, err
}

// announce says on a terminal whom a verification asks. If that costs money, it asks
// whether to go on, unless yes is given.
func (s *session) announce(yes bool) error {
	inquiry, err := app.InquiryOf(s.config, time.Now())
	if err != nil {
		return err
	}
	if inquiry.Prices == "" || yes {
		if s.terminal {
			fmt.Fprintf(s.stderr, "asking %s: %s\n", inquiry.Registry, cmp.Or(inquiry.Prices, "free of charge"))
		}
		return nil
	}
	question := fmt.Sprintf("This asks %s, for %s. Go on? [y/N] ", inquiry.Registry, inquiry.Prices)
	return askOnTerminal(s, question, "nobody was asked", "this asks "+inquiry.Registry+", for "+inquiry.Prices+": give --yes")
}

// nameThreshold is the default of --name-threshold.
func nameThreshold() string { return fmt.Sprint(name.DefaultThreshold) }
