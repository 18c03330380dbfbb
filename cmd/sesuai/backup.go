package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/app"
)

type backupCommand struct {
	File  string `arg:"" help:"The file to write. It must not exist."`
	Apart string `help:"Write the persons' keys, and what names a person while it is stored, to this file instead. Keep it for a short time: who is erased cannot be restored from the other one. It must not exist." placeholder:"FILE"`
	recipientFlags
}

// Help is what --help says of the command besides its flags.
func (backupCommand) Help() string {
	return "The service may be running. Only the owner may read the file. The master keys are not in it: back them up in another " +
		"place. With a recipient it is sealed with age. A registry in PostgreSQL is dumped with pg_dump. sesuai restore puts it back."
}

func (c *backupCommand) Run(s *session) error {
	recipients, err := c.recipients()
	if err != nil {
		return err
	}
	done, err := app.Backup(s, s.config, app.BackupOptions{Path: c.File, Apart: c.Apart, Seal: recipients, Program: programVersion()})
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, f := range done.Files {
		fmt.Fprintf(&text, "%s is written: %d bytes\n", f.Path, f.Bytes)
	}
	if done.Broken != "" {
		fmt.Fprintf(&text, "%s: the backup has it as it is\n", done.Broken)
	}
	if err := s.print(done, "%s", text.String()); err != nil || done.Broken == "" {
		return err
	}
	return negativeAnswer{}
}

type restoreCommand struct {
	File            string `arg:"" help:"The backup."`
	Apart           string `help:"The file that was written apart with it. Without it people on record are damaged, and their requests are answered 503." placeholder:"FILE"`
	Identity        string `help:"The age identity that opens a sealed backup, as age-keygen writes it." placeholder:"FILE"`
	WithoutManifest bool   `help:"Accept a backup of SQLite from a version that wrote no manifest: nothing shows that it is authentic."`
	AcceptBroken    bool   `help:"Restore a database whose audit trail, people or clients were not as they were recorded when the backup was made."`
}

// Help is what --help says of the command besides its flags.
func (restoreCommand) Help() string {
	return "Puts a backup into the data folder, which must have no database, or into an empty PostgreSQL database. The master keys " +
		"must be in their place, and the service must not run. It says done once the files, the rows of each table, the audit trail " +
		"up to the backup's checkpoint, the clients and everybody on record are verified; until then, and after an error, there is no database."
}

func (c *restoreCommand) Run(s *session) error {
	o := app.RestoreOptions{Path: c.File, Apart: c.Apart, WithoutManifest: c.WithoutManifest, AcceptBroken: c.AcceptBroken}
	if c.Identity != "" {
		identities, err := readIdentities(c.Identity)
		if err != nil {
			return err
		}
		o.Identities = identities
	}
	done, err := app.Restore(s, s.config, o)
	if err != nil {
		return err
	}
	if err := s.print(done, "%s", restoredText(done)); err != nil || done.Broken == "" {
		return err
	}
	return negativeAnswer{}
}

// restoredText says what was restored, and what the operator has to know of it.
func restoredText(done app.Restored) string {
	var b strings.Builder
	fmt.Fprintf(&b, "restored: %d people, the audit trail up to event %d", done.People, done.Events)
	if !done.Time.IsZero() {
		fmt.Fprintf(&b, ", as of %s by sesuai %s", done.Time.Format(time.RFC3339), done.Program)
	}
	b.WriteString("\n")
	if !done.PeopleChecked {
		b.WriteString("the people are not verified: their keys were written apart, or the backup has no manifest\n")
	}
	if done.Broken != "" {
		fmt.Fprintf(&b, "%s: it was so when the backup was made\n", done.Broken)
	}
	if done.Lost > 0 {
		fmt.Fprintf(&b, "the former audit trail had events up to %d: those after %d are lost\n", done.Lost, done.Events)
	}
	for _, path := range done.Checkpoints {
		fmt.Fprintf(&b, "checkpoints of the former audit trail are in %s\n", path)
	}
	return b.String()
}
