package main

import "github.com/sesuai/sesuai/internal/app"

type backupCommand struct {
	File string `arg:"" help:"The file to write. It must not exist."`
}

// Help is what --help says of the command besides its flags.
func (backupCommand) Help() string {
	return "The service may be running. Only the owner may read the file. The master keys are not in it: back them up in another " +
		"place. To restore, stop the service, remove sesuai.db, sesuai.db-wal and sesuai.db-shm from the data folder, and put the " +
		"file there as sesuai.db."
}

func (c *backupCommand) Run(s *session) error {
	size, err := app.Backup(s, s.config, c.File)
	if err != nil {
		return err
	}
	return s.print(map[string]any{"file": c.File, "bytes": size}, "%s is written: %d bytes\n", c.File, size)
}
