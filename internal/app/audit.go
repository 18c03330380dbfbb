package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// AuditConfig is about the audit trail: how it is checked while the service runs, where
// signed checkpoints of it are written and how long it is kept (docs/operate/audit.md).
type AuditConfig struct {
	// CheckInterval is the time between two checks. Each verifies what was
	// recorded since the last one, and some of the rest.
	CheckInterval time.Duration `yaml:"check_interval" range:"1s,24h"`
	// FullCheck is the time in which the checks verify every event and every
	// person on record once. A person's rows that were put back to an older
	// copy are noticed within this time.
	FullCheck time.Duration `yaml:"full_check" range:"1s,8760h"`
	// CheckpointEvents is the number of events after which the next check signs a
	// checkpoint.
	CheckpointEvents int64 `yaml:"checkpoint_events" range:"1,1000000000"`
	// CheckpointInterval is the time after which the next check signs a checkpoint
	// if there was any event.
	CheckpointInterval time.Duration `yaml:"checkpoint_interval" range:"1s,24h"`
	// CheckpointFile is the path of the file to which checkpoints are appended. The
	// next start compares the trail with its latest one. Empty means
	// audit-checkpoints.txt in the data folder.
	CheckpointFile string `yaml:"checkpoint_file"`
	// CheckpointFolder is the path of a folder in which each checkpoint becomes a
	// new file, such as a mounted object store with retention. Empty means none.
	CheckpointFolder string `yaml:"checkpoint_folder"`
	// CheckpointSyslog is the syslog to which each checkpoint is sent as one line:
	// local, or a server as udp://host:port or tcp://host:port. Empty means none.
	CheckpointSyslog string `yaml:"checkpoint_syslog"`
	// Keep is how long events are kept. The service removes older ones from the
	// start of the trail, and the removal is an event. 0 means for ever. Otherwise
	// it is at least 720h, and at least 168h longer than answers.max_age,
	// batches.max_age and webhooks.keep_log: what is stored of a person is found
	// by the events.
	Keep time.Duration `yaml:"keep" range:"0s,876000h"`
}

func defaultAudit() AuditConfig {
	return AuditConfig{
		CheckInterval: audit.DefaultCheckInterval, FullCheck: audit.DefaultFullCheck,
		CheckpointEvents: audit.DefaultCheckpointEvents, CheckpointInterval: audit.DefaultCheckpointInterval,
	}
}

// check refuses a syslog that is none.
func (c AuditConfig) check() error {
	_, err := c.sinks()
	return config.About("audit.checkpoint_syslog", err)
}

const (
	// minKeep is the minimum of audit.keep, if it is not 0: a wrong unit must not
	// remove the evidence.
	minKeep = 30 * 24 * time.Hour
	// keepAfter is how much longer than what is found by them events are kept at least.
	// A batch may run for days before its results get old.
	keepAfter = 7 * 24 * time.Hour
)

// checkAuditKeep refuses to keep events for a shorter time than what is found by them.
func (c *Config) checkAuditKeep() error {
	keep := c.Audit.Keep
	if keep <= 0 { // 0, or refused by its range
		return nil
	}
	if keep < minKeep {
		return config.Mistakef("audit.keep", "it must be 0, which is for ever, or at least %s", hours(minKeep))
	}
	for _, other := range []struct {
		key string
		age time.Duration
	}{
		{"answers.max_age", c.Answers.MaxAge}, {"batches.max_age", c.Batches.MaxAge}, {"webhooks.keep_log", c.Webhooks.KeepLog},
	} {
		if keep < other.age+keepAfter {
			return config.Mistakef("audit.keep", "it must be at least %s longer than %s (%s), which is found by the events",
				hours(keepAfter), other.key, hours(other.age))
		}
	}
	return nil
}

// hours is a time in hours, as it is written in a configuration.
func hours(d time.Duration) string { return strconv.FormatFloat(d.Hours(), 'f', -1, 64) + "h" }

// sinks are where checkpoints are written besides the file.
func (c AuditConfig) sinks() (sinks []audit.Sink, err error) {
	if c.CheckpointFolder != "" {
		sinks = append(sinks, audit.NewFolderSink(c.CheckpointFolder))
	}
	if c.CheckpointSyslog != "" {
		sink, err := audit.NewSyslogSink(c.CheckpointSyslog)
		if err != nil {
			return nil, err
		}
		sinks = append(sinks, sink)
	}
	return sinks, nil
}

// checkpointFiles are the paths of the file of checkpoints and, where there may be one, of
// that of versions before schema 14.
func (c Config) checkpointFiles() []string {
	if c.Audit.CheckpointFile != "" {
		return []string{c.Audit.CheckpointFile}
	}
	return []string{filepath.Join(c.Data, "audit-checkpoints.txt"), filepath.Join(c.Data, "audit-checkpoint.json")}
}

// newChecker makes what checks the trail while the service runs.
func (s *Storage) newChecker(c Config, log *slog.Logger) (*audit.Checker, error) {
	sinks, err := c.Audit.sinks()
	if err != nil {
		return nil, err
	}
	files := c.checkpointFiles()
	o := audit.CheckerOptions{
		Trail: s.trail, States: s.states, File: files[0], Sinks: sinks,
		Interval: c.Audit.CheckInterval, Full: c.Audit.FullCheck, Log: log,
		CheckpointEvents: c.Audit.CheckpointEvents, CheckpointInterval: c.Audit.CheckpointInterval,
	}
	if len(files) > 1 {
		o.OldFile = files[1]
	}
	return audit.NewChecker(o), nil
}

// TrailReport is the result of verifying the audit trail.
type TrailReport struct {
	// Whole reports whether everything is as it was recorded. If not, Event is
	// the number of the first event that is not, 0 if the events are, Time is the
	// time that is stored with it or, if it is missing, with the one before it, and
	// Why describes what is wrong.
	Whole bool      `json:"whole"`
	Event int64     `json:"event,omitempty"`
	Time  time.Time `json:"time,omitzero"`
	Why   string    `json:"why,omitempty"`
	// First is the number of the first event, and Events that of the last one.
	// Checkpoint is the end of the trail, signed. They are only set if everything is
	// as it was recorded.
	First      int64  `json:"first,omitempty"`
	Events     int64  `json:"events,omitempty"`
	Checkpoint string `json:"checkpoint,omitempty"`
}

// TrailCheck is what VerifyTrail compares the trail with. The zero TrailCheck is
// nothing.
type TrailCheck struct {
	// Checkpoints is a file of checkpoints that was kept elsewhere; nil if there is
	// none.
	Checkpoints []byte
	// PublicKey is the key that they must be signed with, which must be that of the
	// trail; that of the trail if it is empty.
	PublicKey string
	// After verifies only the events after the latest of the checkpoints.
	After bool
}

// VerifyTrail verifies the audit trail, and all people and clients. The error has kind
// sesuai.KindMalformed if the checkpoints cannot be used, or sesuai.KindUnavailable.
func (s *Storage) VerifyTrail(ctx context.Context, c Config, with TrailCheck) (TrailReport, error) {
	checker, err := s.newChecker(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return TrailReport{}, err
	}
	var head, base audit.Head
	kept, err := s.checkpoints(with)
	if err == nil {
		var from audit.Head
		if with.After {
			from = slices.MaxFunc(kept, func(a, b audit.Head) int { return cmp.Compare(a.Seq, b.Seq) })
		}
		head, err = checker.CheckAll(ctx, from)
	}
	if err == nil && kept != nil {
		err = s.trail.CompareCheckpoints(ctx, kept)
	}
	if err == nil {
		base, err = s.trail.Base(ctx)
	}
	if broken, ok := errors.AsType[*audit.BrokenError](err); ok {
		return TrailReport{Event: broken.Seq, Time: broken.Time, Why: broken.Error()}, nil
	}
	if err != nil {
		return TrailReport{}, err
	}
	signed, err := s.trail.SignCheckpoint(head, time.Now())
	if err != nil {
		return TrailReport{}, err
	}
	return TrailReport{Whole: true, First: base.Seq + 1, Events: head.Seq, Checkpoint: string(signed)}, nil
}

// checkpoints are those that the trail is compared with; nil if there are none.
func (s *Storage) checkpoints(with TrailCheck) ([]audit.Head, error) {
	if key := strings.TrimSpace(with.PublicKey); key != "" && key != s.trail.PublicKey() {
		if err := audit.CheckPublicKey(key); err != nil {
			return nil, err
		}
		return nil, &audit.BrokenError{Why: "the public key is not that of this database: its keys were replaced, or it is another database"}
	}
	if with.Checkpoints == nil {
		return nil, nil
	}
	return s.trail.ParseCheckpoints(with.Checkpoints)
}

// AuditKey returns the public key that verifies the checkpoints of the audit trail.
func (s *Storage) AuditKey() string { return s.trail.PublicKey() }

// RecordExport records that events are about to be exported: those about a person unless
// nik is zero. selected is what selects them; only its keyed hash is recorded.
func (s *Storage) RecordExport(ctx context.Context, nik sesuai.NIK, selected string) error {
	return s.trail.Record(ctx, audit.Change{Action: audit.TrailExported, NIK: nik, After: []byte(selected)})
}

// RecordPeopleExport records that all records are about to leave, in an export or a copy.
func (s *Storage) RecordPeopleExport(ctx context.Context) error {
	return s.trail.Record(ctx, audit.Change{Action: audit.PeopleExported})
}

// recordConfiguration records the configuration that the service starts with. A trail to
// which nothing can be appended does not keep the service from starting: nothing will be
// answered then.
func (s *Storage) recordConfiguration(ctx context.Context, c Config, log *slog.Logger) error {
	settings, err := c.YAML()
	if err != nil {
		return err
	}
	changed, err := s.trail.RecordConfiguration(ctx, settings)
	if err != nil {
		log.Warn("the configuration cannot be recorded", "error", err)
	}
	if changed {
		log.Info("this configuration differs from the one that was recorded last")
	}
	return nil
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
