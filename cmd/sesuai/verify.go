package main

import (
	"crypto/rand"
	"fmt"
	"runtime"

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
		// What the API would answer, and the cause on standard error.
		_, body := httpapi.ErrorJSON(err)
		fmt.Fprintf(s.stdout, "%s\n", body)
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
	engine, err := app.OpenEngine(s.config, app.OnePhotograph, runtime.GOMAXPROCS(0))
	if err != nil {
		return verdict, err
	}
	defer engine.Close()
	log, err := app.NewLogger(s.config.Log, s.stderr, s.terminal)
	if err != nil {
		return verdict, err
	}
	err = s.withStorage(func(storage *app.Storage) error {
		asked, err := app.OpenRegistry(s.config, storage, log, nil)
		if err != nil {
			return err
		}
		defer asked.Close()
		verdict, err = app.NewVerifier(s.config, storage, asked, engine).Verify(s, verify.Request{
			ID: "local-" + rand.Text(), Client: client, Claim: claim, Photo: photo,
		})
		return err
	})
	return verdict, err
}

// nameThreshold is the default of --name-threshold.
func nameThreshold() string { return fmt.Sprint(name.DefaultThreshold) }
