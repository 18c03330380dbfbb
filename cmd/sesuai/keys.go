package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/sesuai/sesuai/internal/app"
)

type keysAdd struct{}

// Help is what --help says of the command besides its flags.
func (keysAdd) Help() string {
	return "Makes the key's file beside the first one, with its number behind the name. Bring it to every node, then rotate."
}

func (keysAdd) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		id, err := storage.Keys.AddKey(s)
		if err != nil {
			return err
		}
		path := s.config.MasterKeyPath(id)
		return s.print(map[string]any{"id": id, "file": path},
			"master key %d is in %s\nBack it up, bring it to every node, and then: sesuai keys rotate\n", id, path)
	})
}

type keysRotate struct{}

// Help is what --help says of the command besides its flags.
func (keysRotate) Help() string {
	return "Makes the key that was added the one in use, and moves everybody to it while the service goes on. " +
		"It can be stopped, and goes on where it was when it is run again."
}

func (keysRotate) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		var bar *progressbar.ProgressBar
		r, err := storage.Keys.Rotate(s, func(r app.Rotation) {
			if bar == nil {
				bar = s.progressBar(r.People, "rotating", "people")
			}
			_ = bar.Set(min(r.Moved, r.People))
		})
		if bar != nil {
			_ = bar.Finish()
		}
		if err != nil {
			return err
		}
		return s.print(r, "%d people moved from master key %d to %d; nothing is stored under the former any more\n"+
			"Once no backup is needed that was made before now, destroy %s\n",
			r.Moved, r.From, r.To, s.config.MasterKeyPath(r.From))
	})
}

type keysSeal struct{}

// Help is what --help says of the command besides its flags.
func (keysSeal) Help() string {
	return "The key stays the same, so it is done while the service runs. Set the section kms on every node first, and start the service again there. " +
		"Each node has files of its own: run it on each, or copy the sealed files. " +
		"The plain key may still be in free blocks of the disk and in backups of the files: rotate to a new key, which is never stored plain."
}

func (keysSeal) Run(s *session) error {
	return s.rewriteKeyFiles("sealed", func(storage *app.Storage) ([]byte, error) { return storage.Keys.SealFiles(s) })
}

type keysUnseal struct{}

// Help is what --help says of the command besides its flags.
func (keysUnseal) Help() string {
	return "The keys are in plain in their files afterwards, and the section kms can be removed from the configuration."
}

func (keysUnseal) Run(s *session) error {
	return s.rewriteKeyFiles("unsealed", func(storage *app.Storage) ([]byte, error) { return storage.Keys.UnsealFiles(s) })
}

// rewriteKeyFiles replaces key files, and says which.
func (s *session) rewriteKeyFiles(done string, rewrite func(*app.Storage) ([]byte, error)) error {
	return s.withStorage(func(storage *app.Storage) error {
		ids, err := rewrite(storage)
		files := make([]string, len(ids))
		text := ""
		for i, id := range ids {
			files[i] = s.config.MasterKeyPath(id)
			text += fmt.Sprintf("%s is %s\n", files[i], done)
		}
		if len(files) == 0 && err == nil {
			text = "there is nothing to do: all files are " + done + "\n"
		}
		return errors.Join(s.print(map[string]any{done: files}, "%s", text), err)
	})
}

type keysStatus struct{}

func (keysStatus) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		keys, err := storage.Keys.Keys(s)
		if err != nil {
			return err
		}
		var text strings.Builder
		fmt.Fprintf(&text, "key  state     people  file    added\n")
		for _, k := range keys {
			file := "here"
			if k.Sealed {
				file = "sealed"
			} else if !k.There {
				file = "gone"
			}
			fmt.Fprintf(&text, "%3d  %-8s %7d  %-6s  %s\n", k.ID, k.State, k.People, file, k.AddedAt.Format(time.RFC3339))
		}
		return s.print(keys, "%s", text.String())
	})
}
