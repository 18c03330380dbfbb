package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/sesuai/sesuai"
)

// DefaultConnections is how many connections a process has to a PostgreSQL
// database at most: twice what is needed to keep a small server busy, and few
// enough for several nodes under PostgreSQL's own default of 100.
const DefaultConnections = 20

const (
	// connectTimeout bounds the attempt to reach one host, where the URL does
	// not say it: with two hosts and one of them gone, the other is found
	// within a verification's time.
	connectTimeout = 2 * time.Second
	// connectionAge is how long a connection is used: after a failover, or
	// behind a load balancer, all move on in time.
	connectionAge = 30 * time.Minute
)

// The numbers of the advisory locks, which all that use the database share.
// They are taken from no standard: "sesu" and a count.
const (
	keysLock       = 0x73657375_0001
	migrationsLock = 0x73657375_0002
	// personLock is the class of the locks of people: a second number says
	// which.
	personLock = 0x73657375
)

// postgresEngine is a PostgreSQL database.
type postgresEngine struct {
	o      Options
	config *pgx.ConnConfig
	// timelines are those of the primary.
	timelines timelines
	db        *sql.DB
}

// newPostgres reads the URL.
func newPostgres(o Options) (*postgresEngine, error) {
	config, err := parsePostgresURL(o.URL)
	if err != nil {
		return nil, err
	}
	e := &postgresEngine{o: o, config: config}
	e.timelines.watch(config)
	return e, nil
}

// parsePostgresURL reads a URL as libpq has it. Nothing of it is in an error.
func parsePostgresURL(text string) (*pgx.ConnConfig, error) {
	if !IsPostgresURL(text) {
		return nil, postgresMisconfigured("it must begin with postgres://", nil)
	}
	authority := strings.SplitN(strings.SplitN(text, "://", 2)[1], "/", 2)[0]
	user, _, ok := strings.Cut(authority, "@")
	if ok && strings.Contains(user, ":") || strings.Contains(text, "password=") {
		return nil, postgresMisconfigured("it must hold no password; name a file with passfile=", nil)
	}
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, postgresMisconfigured("it cannot be read", nil) // err repeats it
	}
	if !strings.Contains(text, "connect_timeout=") {
		config.ConnectTimeout = connectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "sesuai"
	}
	return config, nil
}

// IsPostgresURL reports whether text says that it is where a PostgreSQL
// database is.
func IsPostgresURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

func postgresMisconfigured(why string, err error) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "the PostgreSQL URL: " + why, Err: err}
}

func (e *postgresEngine) name() string { return "the database " + e.config.Database }

// pool is a pool of connections to where config says.
func (e *postgresEngine) pool(config *pgx.ConnConfig) *sql.DB {
	db := stdlib.OpenDB(*config, stdlib.OptionResetSession(e.timelines.reset))
	n := cmp.Or(e.o.Connections, DefaultConnections)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	db.SetConnMaxLifetime(connectionAge)
	return db
}

func (e *postgresEngine) open(ctx context.Context) (read, write *sql.DB, err error) {
	e.db = e.pool(e.config)
	if err := e.db.PingContext(ctx); err != nil {
		return nil, nil, openingPostgres(ctx, err)
	}
	return e.db, e.db, nil
}

// openingPostgres tells what the operator has to mend from what may pass.
func openingPostgres(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case strings.HasPrefix(e.Code, "28"): // invalid authorization
			return postgresMisconfigured("the server refuses the user or the password", errors.New(e.Code))
		case e.Code == "3D000":
			return postgresMisconfigured("there is no such database", nil)
		case e.Code == "42501":
			return postgresMisconfigured("the user may not do what sesuai needs", errors.New(e.Message))
		}
	}
	return unavailable(ctx, "connecting to the database", err)
}

func (e *postgresEngine) close() error {
	if e.db == nil {
		return nil
	}
	return e.db.Close()
}

// migrations are this database's. Of several processes, one migrates at a time.
func (e *postgresEngine) migrations() (*migrations, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrationsLock))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return newMigrations(goose.DialectPostgres, e.db, "migrations/postgres", goose.WithSessionLocker(locker))
}

// joining leaves the query as it is.
func (*postgresEngine) joining(query string) string { return query }

func (e *postgresEngine) prepareSchema(ctx context.Context) error {
	s, err := e.schema(ctx)
	switch {
	case err != nil:
		return err
	case s.Database == s.Program:
		return nil
	case e.o.Migrate || s.Database > s.Program:
		return e.migrate(ctx)
	default:
		return &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: fmt.Sprintf("%s has schema %d; this program needs schema %d: run sesuai migrate up", e.name(), s.Database, s.Program),
		}
	}
}

func (e *postgresEngine) migrate(ctx context.Context) error {
	m, err := e.migrations()
	if err != nil {
		return err
	}
	s, err := e.schema(ctx)
	if err != nil {
		return err
	}
	if err := m.check(e.name(), s.Database); err != nil {
		return err
	}
	if _, err := m.provider.Up(ctx); err != nil {
		return openingPostgres(ctx, err)
	}
	return nil
}

// schema asks goose's table by itself: goose would make it.
func (e *postgresEngine) schema(ctx context.Context) (Schema, error) {
	m, err := e.migrations()
	if err != nil {
		return Schema{}, err
	}
	s := Schema{Program: m.target}
	var there bool
	if err := e.db.QueryRowContext(ctx, `SELECT to_regclass('schema_versions') IS NOT NULL`).Scan(&there); err != nil {
		return Schema{}, openingPostgres(ctx, err)
	}
	if !there {
		return s, nil
	}
	err = e.db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM schema_versions WHERE is_applied`).Scan(&s.Database)
	if err != nil {
		return Schema{}, openingPostgres(ctx, err)
	}
	return s, nil
}

func (*postgresEngine) lockKeys(ctx context.Context, tx *transaction, alone bool) error {
	take := `SELECT pg_advisory_xact_lock_shared($1)`
	if alone {
		take = `SELECT pg_advisory_xact_lock($1)`
	}
	_, err := tx.ExecContext(ctx, take, int64(keysLock))
	return err
}

func (*postgresEngine) lockPerson(ctx context.Context, tx *transaction, number int64) error {
	// Half of the number is enough: two people who share it wait for each
	// other once in a while.
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1, $2)`, int32(personLock), int32(number))
	return err
}

// selectOnRecord asks one partition about each NIK. nik = ANY($1) would ask
// every partition about all of them, which costs ten times as much; LIMIT keeps
// the planner from reading whole tables into a hash.
const selectOnRecord = `
	SELECT asked.nik FROM unnest($1::bytea[]) AS asked (nik),
		LATERAL (SELECT FROM people WHERE people.nik = asked.nik LIMIT 1) AS found`

func (*postgresEngine) onRecord(ctx context.Context, tx *transaction, niks [][]byte) (map[int]bool, error) {
	rows, err := tx.QueryContext(ctx, selectOnRecord, niks)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	at := make(map[string]int, len(niks))
	for i, nik := range niks {
		at[string(nik)] = i
	}
	found := make(map[int]bool)
	for rows.Next() {
		var nik []byte
		if err := rows.Scan(&nik); err != nil {
			return nil, err
		}
		found[at[string(nik)]] = true
	}
	return found, rows.Err()
}

// copyFrom is how many people are worth a COPY; fewer are inserted one by one.
const copyFrom = 5

// insert adds people by COPY. The rows are in the order of their index, so that
// two batches with the same people wait for each other, and do not lock each
// other up.
func (*postgresEngine) insert(ctx context.Context, tx *transaction, people []sealedPerson, at int64) error {
	if len(people) < copyFrom {
		for _, p := range people {
			if err := insertRows(ctx, tx, p, at, at); err != nil {
				return err
			}
		}
		return nil
	}
	var persons, personKeys, templates [][]any
	for i := range people {
		p := &people[i]
		id := int64(p.keys.master.ID())
		persons = append(persons, []any{p.keys.nik[:], id, p.attributes, at, at})
		personKeys = append(personKeys, []any{p.keys.personKey[:], id, p.personKey})
		if p.template != nil {
			templates = append(templates, []any{p.keys.link[:], id, p.model, p.template})
		}
	}
	return tx.conn.Raw(func(driver any) error {
		conn := driver.(*stdlib.Conn).Conn()
		for _, t := range []struct {
			table   string
			columns []string
			rows    [][]any
		}{
			{"people", []string{"nik", "key_id", "attributes", "enrolled_at", "changed_at"}, persons},
			{"person_keys", []string{"person", "key_id", "sealed"}, personKeys},
			{"templates", []string{"link", "key_id", "model", "template"}, templates},
		} {
			slices.SortFunc(t.rows, func(a, b []any) int { return bytes.Compare(a[0].([]byte), b[0].([]byte)) })
			if _, err := conn.CopyFrom(ctx, pgx.Identifier{t.table}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (*postgresEngine) passOver() string { return " FOR UPDATE SKIP LOCKED" }

// confirm writes a message that means nothing into the log, so that the commit
// waits for the standbys as any other; a transaction's number alone would not do,
// since PostgreSQL waits only for what has been written. Else somebody whose
// first try to enrol was cut off while it waited for a standby, which leaves it
// committed on the primary alone, would be told at the second try that all is
// well.
func (*postgresEngine) confirm(ctx context.Context, tx *transaction) error {
	_, err := tx.ExecContext(ctx, `SELECT pg_logical_emit_message(true, 'sesuai', '')`)
	return err
}

func (*postgresEngine) retryable(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch e.Code {
	case "23505", // unique_violation: somebody else added the person meanwhile
		"40001", // serialization_failure
		"40P01": // deadlock_detected
		return true
	default:
		return false
	}
}

// forget does nothing: deleted rows go with the next vacuum. What is sealed in
// them cannot be opened without the data key, whose row is small and goes with
// the rest: docs/security.md.
func (*postgresEngine) forget(context.Context) {}
