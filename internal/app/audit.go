package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// AuditConfig is about the check of the audit trail while the service runs
// (docs/operate/audit.md).
type AuditConfig struct {
	// CheckInterval is the time between two checks. Each verifies what was
	// recorded since the last one, and some of the rest.
	CheckInterval time.Duration `yaml:"check_interval" range:"1s,24h"`
	// FullCheck is the time in which the checks verify every event and every
	// person on record once. A person's rows that were put back to an older
	// copy are noticed within this time.
	FullCheck time.Duration `yaml:"full_check" range:"1s,8760h"`
	// CheckpointFile is the path of the file that keeps the end of the trail as
	// of the last check. Empty means audit-checkpoint.json in the data folder.
	CheckpointFile string `yaml:"checkpoint_file"`
}

// checkpointFile is the path of the checkpoint's file.
func (c Config) checkpointFile() string {
	if c.Audit.CheckpointFile != "" {
		return c.Audit.CheckpointFile
	}
	return filepath.Join(c.Data, "audit-checkpoint.json")
}

// newChecker makes what checks the trail while the service runs.
func (s *Storage) newChecker(c Config, log *slog.Logger) *audit.Checker {
	return audit.NewChecker(audit.CheckerOptions{
		Trail: s.trail, States: s.states, File: c.checkpointFile(),
		Interval: c.Audit.CheckInterval, Full: c.Audit.FullCheck, Log: log,
	})
}

// TrailReport is the result of verifying the audit trail.
type TrailReport struct {
	// Whole reports whether everything is as it was recorded. If not, Event is
	// the number of the first event that is not, 0 if the events are, and Why
	// describes what is wrong.
	Whole bool   `json:"whole"`
	Event int64  `json:"event,omitempty"`
	Why   string `json:"why,omitempty"`
	// Events is the number of events, and Checkpoint the end of the trail. They
	// are only set if everything is as it was recorded.
	Events     int64           `json:"events,omitempty"`
	Checkpoint json.RawMessage `json:"checkpoint,omitempty"`
}

// VerifyTrail verifies the audit trail, from a checkpoint if it is not nil, and
// all people and clients. The error has kind sesuai.KindMalformed if the
// checkpoint is none of this trail, or sesuai.KindUnavailable.
func (s *Storage) VerifyTrail(ctx context.Context, c Config, checkpoint []byte) (TrailReport, error) {
	var from audit.Head
	if checkpoint != nil {
		var err error
		if from, err = s.trail.ParseCheckpoint(checkpoint); err != nil {
			return TrailReport{}, err
		}
	}
	head, err := s.newChecker(c, slog.New(slog.DiscardHandler)).CheckAll(ctx, from)
	if broken, ok := errors.AsType[*audit.BrokenError](err); ok {
		return TrailReport{Event: broken.Seq, Why: broken.Error()}, nil
	}
	if err != nil {
		return TrailReport{}, err
	}
	return TrailReport{Whole: true, Events: head.Seq, Checkpoint: s.trail.Checkpoint(head)}, nil
}

// startTrail returns what signs the head of a trail from before schema 6, when
// the people are summed.
func startTrail(trail *audit.Trail, clients *access.Store) func(context.Context, *sqldb.Tx, [32]byte) error {
	return func(ctx context.Context, tx *sqldb.Tx, people [32]byte) error {
		digest, err := clients.DigestIn(ctx, tx)
		if err != nil {
			return err
		}
		return trail.StartTx(ctx, tx, people, digest)
	}
}

// maxUser is the longest name of a user that is recorded.
const maxUser = 64

// actor is the operating system's user of this process, and the one who used
// sudo to become that user. The latter is only what the environment says.
func actor() string {
	name := "uid " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		name = printable(u.Username)
	}
	if by := printable(os.Getenv("SUDO_USER")); by != "" {
		name += ", sudo by " + by
	}
	return name
}

// printable returns the printable ASCII characters of s, up to maxUser.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), maxUser)]
}
