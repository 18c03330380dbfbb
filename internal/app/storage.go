package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/approval"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/jobs"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/operator"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/recorder"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/retention"
	"github.com/sesuai/sesuai/internal/signature"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
	"github.com/sesuai/sesuai/internal/webhook"
)

// Storage is what the database holds. Each part is an interface of the package
// that the part belongs to.
type Storage struct {
	// People is the built-in registry.
	People People
	// Clients are those who may call the API. Hash is the keyed hash of their
	// credentials.
	Clients access.Clients
	Hash    access.Hash
	// Keys are the master keys.
	Keys MasterKeys
	// Events records what verifications leave behind, and Trail reads the
	// events.
	Events audit.Log
	Trail  Trail
	// Answers are those that clients were given.
	Answers answer.Answers
	// Calls is the call log of Dukcapil's services, and Outbox the data to be
	// returned to Dukcapil.
	Calls  ledger.CallLog
	Outbox balikan.Outbox
	// Limits are those of clients and of NIKs, and what is used of them.
	Limits *limit.Store
	// Webhooks are where clients are told of events, Messages what they are to be
	// told, and Deliveries what they were told.
	Webhooks   webhook.Registrations
	Messages   webhook.Outbox
	Deliveries webhook.Log
	// Operators are those who may use the console.
	Operators *operator.Store
	// Approvals are what admins propose to each other.
	Approvals *approval.Store

	// calibration is that of the people's templates.
	calibration *face.Calibration

	db      *sqldb.DB
	people  *people.Registry
	alerts  *alerts
	vault   *vault.Vault
	clients *access.Store
	trail   *audit.Trail
	events  *recorder.Recorder
	answers *answer.Store
	calls   *ledger.Store
	outbox  *balikan.Store
	jobs    *jobs.Queue
	removed *retention.Store
	hooks   *webhook.Store
	// states are what the changes in the trail describe.
	states []audit.State
}

// Trail is the audit trail.
type Trail interface {
	// Head returns the recorded head.
	Head(ctx context.Context) (audit.Head, error)
	// Verify verifies the whole trail and returns its head. The error is an
	// *audit.BrokenError for the first event that is not as it was recorded.
	Verify(ctx context.Context) (audit.Head, error)
	audit.Reader
}

// People is the built-in registry.
type People interface {
	registry.Preparer
	registry.Enroller
	registry.Exporter
	// HasNIK reports whether such holds for the NIK of anybody on record.
	HasNIK(ctx context.Context, such func(sesuai.NIK) bool) (bool, error)
	// Recount accepts what is on record as it is, where the trail describes
	// something else, and returns the number of people.
	Recount(ctx context.Context) (people int64, err error)
}

// OpenStorage opens the database that c names. It creates a data folder that
// does not exist, and the first master key of a new database unless c names its
// file. It refuses a data folder that others may read or change. The caller must
// close the result.
func OpenStorage(ctx context.Context, c Config) (*Storage, error) {
	return openStorage(ctx, c, databaseOptions(c), func() error { return nil })
}

// OpenExistingStorage is OpenStorage for a database that is there, as StorageExists
// has it. If there is none it makes nothing, and the error has kind
// sesuai.KindConfiguration.
func OpenExistingStorage(ctx context.Context, c Config) (*Storage, error) {
	if err := requireStorage(ctx, c); err != nil {
		return nil, err
	}
	return openStorage(ctx, c, databaseOptions(c), func() error { return noStorage(c) })
}

// openStorage opens the database. A new one is made unless mayMake returns an error.
func openStorage(ctx context.Context, c Config, o sqldb.Options, mayMake func() error) (_ *Storage, err error) {
	_, calibration, err := faceFiles(c)
	if err != nil {
		return nil, err
	}
	if err := checkFolder(c); err != nil {
		return nil, err
	}
	db, err := sqldb.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Storage{db: db, alerts: newAlerts()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	keys, err := vault.Open(ctx, vault.Options{
		DB: db, Alert: s.alerts.altered,
		OpenRing: func(isNew bool) (*keyring.Ring, error) {
			if isNew {
				if err := mayMake(); err != nil {
					return nil, err
				}
			}
			return openRing(ctx, c, isNew && c.MasterKey == "")
		},
		Adopt: func(ctx context.Context, tx *sqldb.Tx, secret func(keyring.SecretName) *keyring.Secret) error {
			return access.Adopt(ctx, tx, secret(keyring.Rows))
		},
		// The trail needs secrets of the vault, so it is opened later.
		Record: func(ctx context.Context, tx *sqldb.Tx, change audit.Change) error {
			return s.trail.ChangeTx(ctx, tx, change)
		},
	})
	if err != nil {
		return nil, err
	}
	s.trail, err = audit.NewTrail(ctx, audit.Options{
		DB: db, NIK: keys.Secret(keyring.AuditNIK), Chain: keys.Secret(keyring.AuditChain), Actor: actor(),
	})
	if err != nil {
		return nil, err
	}
	s.removed = retention.NewStore(retention.Options{DB: db, Trail: s.trail, Held: s.alerts.held})
	allowed, err := webhook.NewPolicy(c.Webhooks)
	if err != nil {
		return nil, err
	}
	s.hooks, err = webhook.NewStore(ctx, webhook.StoreOptions{
		DB: db, Trail: s.trail, Secret: keys.Secret(keyring.Rows).Derive(keyring.Webhooks), Policy: allowed, Alert: s.alerts.altered,
		Removed: s.removed.RemovedTx,
	})
	if err != nil {
		return nil, err
	}
	clients, err := access.NewStore(ctx, access.StoreOptions{
		DB: db, Trail: s.trail, Rows: keys.Secret(keyring.Rows), Alert: s.alerts.altered,
		Removed: func(ctx context.Context, tx *sqldb.Tx, id string) error {
			_, err := s.hooks.RemoveTx(ctx, tx, id)
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	builtIn, err := people.Open(ctx, people.Options{
		DB: db, Vault: keys, Scale: calibration, Calibration: calibration.ID, Unenrolled: c.Dukcapil.Enabled,
		Trail: s.trail, Start: startTrail(s.trail, clients),
		Alert: s.alerts.altered, Removed: s.removed.RemovedTx,
	})
	if err != nil {
		return nil, err
	}
	s.People, s.Keys = builtIn, masterKeys{builtIn, keys}
	s.people, s.vault, s.clients, s.calibration = builtIn, keys, clients, calibration
	s.Clients, s.Hash = clients, keys.Secret(keyring.Credentials).Hash
	s.states = []audit.State{builtIn, clients}
	s.outbox, err = balikan.NewStore(ctx, balikan.StoreOptions{DB: db, Secret: keys.Secret(keyring.Outbox), Alert: s.alerts.altered, Removed: s.removed.RemovedTx})
	if err != nil {
		return nil, err
	}
	s.answers, err = answer.NewStore(ctx, answer.StoreOptions{
		DB: db, Secret: keys.Secret(keyring.Rows).Derive(keyring.Answers), MaxAge: c.Answers.MaxAge, Alert: s.alerts.altered,
		Removed: s.removed.RemovedTx,
	})
	if err != nil {
		return nil, err
	}
	s.Limits, err = limit.NewStore(ctx, limit.StoreOptions{
		DB: db, Trail: s.trail, Secret: keys.Secret(keyring.Rows).Derive(keyring.Limits),
		Config:   limit.Config{NIK: c.Limits.NIK, Client: c.Limits.Client},
		LeaseAge: leaseAge(c.Times), CheckClock: s.removed.CheckClock, Refused: s.alerts.limited, Flagged: s.alerts.flagged,
	})
	if err != nil {
		return nil, err
	}
	recording := recorder.Options{
		DB: db, Trail: s.trail, Answers: s.answers, Webhooks: s.hooks, Limits: s.Limits, Probes: builtIn, Vault: keys, MaxAge: c.Replay.MaxAge,
		EventTimeout: c.Times.Audit, SweepFailed: s.alerts.unremoved("old photographs"),
	}
	if c.Dukcapil.returns() {
		recording.Outbox = s.outbox
	}
	s.events = recorder.New(recording)
	s.calls, err = ledger.NewStore(ctx, ledger.StoreOptions{DB: db, Rows: keys.Secret(keyring.Rows), Alert: s.alerts.altered, Removed: s.removed.RemovedTx})
	if err != nil {
		return nil, err
	}
	if s.jobs, err = jobs.Open(db); err != nil {
		return nil, err
	}
	s.Events, s.Trail, s.Answers, s.Calls, s.Outbox = s.events, s.trail, s.answers, s.calls, s.outbox
	s.Webhooks, s.Messages, s.Deliveries = s.hooks, s.hooks, s.hooks
	s.Operators = operator.NewStore(operator.Options{
		DB: db, Trail: s.trail, Secret: keys.Secret(keyring.Rows).Derive(keyring.Operators), Alert: s.alerts.altered,
	})
	s.Approvals = approval.NewStore(approval.Options{
		DB: db, Trail: s.trail, Operators: s.Operators, Secret: keys.Secret(keyring.Rows).Derive(keyring.Approvals), Alert: s.alerts.altered,
	})
	return s, nil
}

// Observe sends alerts about rows that are not as the program wrote them to the
// log, and counts them in the metrics. Call it before the storage is used. Without
// it they go to slog.Default().
func (s *Storage) Observe(log *slog.Logger, metrics prometheus.Registerer) error {
	s.alerts.log = log
	return s.alerts.register(metrics)
}

// Close writes what waits to be written and closes the database.
func (s *Storage) Close() error {
	if s.events != nil {
		s.events.Close()
	}
	if s.Limits != nil {
		s.Limits.Close()
	}
	if s.answers != nil {
		s.answers.Close()
	}
	if s.calls != nil {
		s.calls.Close()
	}
	if s.hooks != nil {
		s.hooks.Close()
	}
	return s.db.Close()
}

// RemoveClient removes the client of a name with its webhook and what is yet to be
// delivered there. It reports whether there was one. Errors are those of
// access.Clients.
func (s *Storage) RemoveClient(ctx context.Context, name string) (bool, error) {
	removed, err := s.clients.RemoveClient(ctx, name)
	if err != nil || !removed {
		return false, err
	}
	return true, s.hooks.RemoveOrphaned(ctx)
}

// CheckWritable returns nil if the database can be written to. The error has kind
// sesuai.KindUnavailable.
func (s *Storage) CheckWritable(ctx context.Context) error { return s.trail.CheckWritable(ctx) }

// Usage returns what clients used of Dukcapil's services from one day to another,
// both included.
func (s *Storage) Usage(ctx context.Context, from, to ledger.Day) ([]ledger.Usage, error) {
	return s.calls.Usage(ctx, from, to)
}

// Report returns the report about a half-year. It reads the whole audit trail.
func (s *Storage) Report(ctx context.Context, h ledger.HalfYear) (ledger.Report, error) {
	first, last := h.Days()
	usage, err := s.calls.Usage(ctx, first, last)
	if err != nil {
		return ledger.Report{}, err
	}
	days, err := s.trail.Verdicts(ctx, first.Start(), (last + 1).Start())
	if err != nil {
		return ledger.Report{}, err
	}
	verdicts := make([]ledger.Verdicts, len(days))
	for i, d := range days {
		verdicts[i] = ledger.Verdicts{Day: ledger.DayOf(d.From), Given: d.Given, Verified: d.Verified}
	}
	outbox, err := s.outbox.ByDay(ctx, first, last)
	if err != nil {
		return ledger.Report{}, err
	}
	return ledger.NewReport(h, usage, verdicts, outbox, time.Now()), nil
}

func databaseOptions(c Config) sqldb.Options {
	return sqldb.Options{
		Dir: c.Data, URL: c.Registry,
		Connections: c.Postgres.Connections, Migrate: c.Postgres.Migrate,
		Migrations: []fs.FS{
			vault.Migrations, people.Migrations, access.Migrations, audit.Migrations, answer.Migrations, ledger.Migrations, balikan.Migrations,
			jobs.Migrations(), batch.Migrations, webhook.Migrations, limit.Migrations, retention.Migrations, operator.Migrations, approval.Migrations,
		},
	}
}

// StorageExists reports whether there is a database where c says. It makes none. A
// PostgreSQL database without tables is none.
func StorageExists(ctx context.Context, c Config) (bool, error) {
	if c.Registry != "" {
		s, err := sqldb.SchemaOf(ctx, databaseOptions(c))
		return s.Database != 0, err
	}
	return fileExists(c)
}

// fileExists reports whether the data folder holds an SQLite database.
func fileExists(c Config) (bool, error) {
	_, err := os.Stat(filepath.Join(c.Data, sqldb.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// requireStorage returns an error of kind sesuai.KindConfiguration if there is no
// database.
func requireStorage(ctx context.Context, c Config) error {
	exists, err := StorageExists(ctx, c)
	if err == nil && !exists {
		err = noStorage(c)
	}
	return err
}

func noStorage(c Config) *sesuai.Error {
	detail := fmt.Sprintf("no registry at %s; sesuai serve makes one", c.Data)
	if c.Registry != "" {
		detail = "no registry in the PostgreSQL database; sesuai migrate up and sesuai serve make one"
	}
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: detail}
}

// TemplateCount counts the templates on record.
type TemplateCount = people.TemplateCount

// CountTemplates counts the templates on record in the database that c names, which
// it neither makes nor migrates. Errors have kind sesuai.KindConfiguration if there
// is no database, or one of another schema than this program's.
func CountTemplates(ctx context.Context, c Config) (_ TemplateCount, err error) {
	db, _, err := openUnmigrated(ctx, c)
	if err != nil {
		return TemplateCount{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return people.CountTemplates(ctx, db)
}

// openUnmigrated opens a database to read from it, as sqldb.OpenUnmigrated does, and
// returns its schema. Errors have kind sesuai.KindConfiguration if there is no database,
// or one of another schema than this program's.
func openUnmigrated(ctx context.Context, c Config) (_ *sqldb.DB, schema int64, err error) {
	if err := requireStorage(ctx, c); err != nil {
		return nil, 0, err
	}
	if err := checkFolder(c); err != nil {
		return nil, 0, err
	}
	db, s, err := sqldb.OpenUnmigrated(ctx, databaseOptions(c))
	if err != nil {
		return nil, 0, err
	}
	if s.Database != s.Program {
		err := &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: fmt.Sprintf("%s has schema %d; this program needs schema %d", db.Name(), s.Database, s.Program),
		}
		return nil, 0, errors.Join(err, db.Close())
	}
	return db, s.Database, nil
}

// Schema is the version of the tables.
type Schema = sqldb.Schema

// MigrateStorage migrates the schema of the database that c names.
func MigrateStorage(ctx context.Context, c Config) (Schema, error) {
	if err := checkFolder(c); err != nil {
		return Schema{}, err
	}
	return sqldb.Migrate(ctx, databaseOptions(c))
}

// SchemaOf returns the schema of the database that c names. It changes nothing
// in a PostgreSQL database. If there is no SQLite database, the error has kind
// sesuai.KindConfiguration.
func SchemaOf(ctx context.Context, c Config) (Schema, error) {
	if c.Registry == "" {
		if err := requireStorage(ctx, c); err != nil {
			return Schema{}, err
		}
	}
	if err := checkFolder(c); err != nil {
		return Schema{}, err
	}
	return sqldb.SchemaOf(ctx, databaseOptions(c))
}

// AnswerSigner returns what signs answers. Its key is the same for as long as the
// database exists, and no rotation of the master key changes it.
func (s *Storage) AnswerSigner(sandbox bool) (*signature.Signer, error) {
	return signature.New(signature.Options{Key: s.vault.Secret(keyring.Rows).Signer(keyring.SignedAnswers), Sandbox: sandbox})
}
