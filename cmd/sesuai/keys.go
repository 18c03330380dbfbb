package main

import (
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

type keysStatus struct{}

func (keysStatus) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		keys, err := storage.Keys.Keys(s)
		if err != nil {
			return err
		}
		var text strings.Builder
		fmt.Fprintf(&text, "key  state     people  file   added\n")
		for _, k := range keys {
			file := "here"
			if !k.There {
				file = "gone"
			}
			fmt.Fprintf(&text, "%3d  %-8s %7d  %-5s  %s\n", k.ID, k.State, k.People, file, k.AddedAt.Format(time.RFC3339))
		}
		return s.print(keys, "%s", text.String())
	})
}
