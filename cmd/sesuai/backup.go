package main

import "github.com/sesuai/sesuai/internal/app"

type backupCommand struct {
	File  string `arg:"" help:"The file to write. It must not exist."`
	Apart string `help:"Write the persons' keys, and what names a person while it is stored, to this file instead. Keep it for a short time: who is erased cannot be restored from the other one. It must not exist." placeholder:"FILE"`
}

// Help is what --help says of the command besides its flags.
func (backupCommand) Help() string {
	return "The service may be running. Only the owner may read the file. The master keys are not in it: back them up in another " +
		"place. sesuai restore puts it back."
}

func (c *backupCommand) Run(s *session) error {
	size, apart, err := app.Backup(s, s.config, c.File, c.Apart)
	if err != nil {
		return err
	}
	if c.Apart == "" {
		return s.print(map[string]any{"file": c.File, "bytes": size}, "%s is written: %d bytes\n", c.File, size)
	}
	return s.print(map[string]any{"file": c.File, "bytes": size, "apart": c.Apart, "bytes_apart": apart},
		"%s is written: %d bytes\n%s is written: %d bytes\n", c.File, size, c.Apart, apart)
}

type restoreCommand struct {
	File  string `arg:"" help:"The backup."`
	Apart string `help:"The file that was written apart with it. Without it people on record are damaged, and their requests are answered 503." placeholder:"FILE"`
}

// Help is what --help says of the command besides its flags.
func (restoreCommand) Help() string {
	return "Puts a backup into the data folder, which must have no database. The service must not run. docs/operate/restore.md has the steps before and after."
}

func (c *restoreCommand) Run(s *session) error {
	size, err := app.Restore(s, s.config, c.File, c.Apart)
	if err != nil {
		return err
	}
	return s.print(map[string]any{"bytes": size}, "restored: %d bytes\n", size)
}
