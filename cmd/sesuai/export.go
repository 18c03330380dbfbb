package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"golang.org/x/term"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/enrol"
)

// recipientFlags are the public keys that something is sealed to.
type recipientFlags struct {
	Recipient     []string `help:"Whom to seal it to: an age public key (age1…). May be given again." placeholder:"AGE1…"`
	RecipientFile []string `help:"A file of age public keys, one a line. May be given again." aliases:"recipients-file" placeholder:"FILE"`
}

type personExport struct {
	recipientFlags
	Out string `help:"The file to write, for example people.jsonl.age; - is standard output." required:"" placeholder:"FILE"`
}

// Help is what --help says of the command besides its flags.
func (personExport) Help() string {
	return "Everything on record about everybody leaves in this file, sealed with age to the keys given: guard the identity. " +
		"The export is an event of the audit trail, which is recorded first. " +
		"sesuai person import --identity reads it."
}

func (c *personExport) Run(s *session) error {
	recipients, err := c.recipients()
	if err == nil && len(recipients) == 0 {
		err = &sesuai.Error{
			Kind:   sesuai.KindMalformed,
			Detail: "say with --recipient or --recipient-file whom to seal the export to: it is never written in the clear",
		}
	}
	if err != nil {
		return err
	}
	people := 0
	export := func(w io.Writer) error {
		return s.withStorage(func(storage *app.Storage) error {
			if err := storage.RecordPeopleExport(s); err != nil {
				return err
			}
			sealed, err := age.Encrypt(w, recipients...)
			if err != nil {
				return err
			}
			if people, err = enrol.Export(s, storage.People, sealed); err != nil {
				return err
			}
			return sealed.Close()
		})
	}
	switch {
	case c.Out != "-":
		err = atomicfile.Write(c.Out, 0o600, export)
	case term.IsTerminal(int(os.Stdout.Fd())):
		return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "an export is not for a terminal"}
	default:
		err = export(os.Stdout)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stderr, "%d people exported\n", people)
	return err
}

// recipients returns the public keys; none if there is no flag.
func (c *recipientFlags) recipients() (all []age.Recipient, err error) {
	for _, text := range c.Recipient {
		r, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return nil, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "a recipient must be an age public key: age1…"}
		}
		all = append(all, r...)
	}
	for _, path := range c.RecipientFile {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		r, err := age.ParseRecipients(bytes.NewReader(text))
		if err != nil {
			// Not the cause: it may show the file, which may be an identity's.
			return nil, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "a file of recipients must have age public keys, one a line: age1…"}
		}
		all = append(all, r...)
	}
	return all, nil
}

// readIdentities reads an age identity file.
func readIdentities(path string) ([]age.Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	identities, err := age.ParseIdentities(f)
	if err != nil {
		// Not the cause: it may show the file.
		return nil, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the identity must be a file made by age-keygen"}
	}
	return identities, nil
}

type personDigest struct{}

func (personDigest) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		d, err := enrol.DigestOf(s, storage.People)
		if err != nil {
			return err
		}
		out := map[string]any{
			"people": d.People, "digest": d.String(), "templates": d.Templates, "templates_without_length": d.WithoutLength,
		}
		return s.print(out, "%d people, digest %s\n%s", d.People, d, withoutLength(s, app.TemplateCount{Templates: d.Templates, WithoutLength: d.WithoutLength}))
	})
}

// withoutLength says how many templates have no length, and what that means with the
// calibration in use; it is empty if all have one.
func withoutLength(s *session, c app.TemplateCount) string {
	if c.WithoutLength == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %d templates were stored without a length", c.WithoutLength, c.Templates)
	if calibration, err := app.Calibration(s.config); err == nil && calibration.WithoutLength != nil {
		text += ": the calibration's reference_without_length scores them until these people are enrolled again"
	}
	return text + "\n"
}
