package sqldb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/sesuai/sesuai"
)

// DefaultConnections is the default maximum number of connections of a process
// to a PostgreSQL database. It is twice what keeps a small server busy, and few
// enough for several nodes under PostgreSQL's own default of 100.
const DefaultConnections = 20

const (
	// connectTimeout bounds the attempt to reach one host, unless the URL says
	// otherwise. If one of two hosts is gone, the other is found within the
	// time of a verification.
	connectTimeout = 2 * time.Second
	// connectionAge is the maximum age of a connection. After a failover, or
	// behind a load balancer, all connections move on in time.
	connectionAge = 30 * time.Minute
)

// migrationsLock is the advisory lock that migrations hold. The number is taken
// from no standard: "sesu" and a count.
const migrationsLock = 0x73657375_0002

func openPostgres(ctx context.Context, o Options) (*DB, error) {
	db, err := connectPostgres(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := preparePostgres(ctx, db, o); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// connectPostgres opens the pool and checks that the server answers.
func connectPostgres(ctx context.Context, o Options) (*DB, error) {
	config, err := parsePostgresURL(o.URL)
	if err != nil {
		return nil, err
	}
	var f fence
	f.watch(config)
	pool := stdlib.OpenDB(*config, stdlib.OptionResetSession(f.reset))
	n := cmp.Or(o.Connections, DefaultConnections)
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	pool.SetConnMaxLifetime(connectionAge)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(unreachable(ctx, config, err), pool.Close())
	}
	return &DB{engine: postgresEngine, name: "the database " + config.Database, read: pool, write: pool, background: pool}, nil
}

// preparePostgres migrates the schema if it may, and otherwise reports that it
// has to be migrated.
func preparePostgres(ctx context.Context, db *DB, o Options) error {
	m, s, err := schemaOf(ctx, db, o)
	if err != nil {
		return err
	}
	if err := m.ready(db.name, s, o.Migrate); err != nil || s.Database == s.Program {
		return err
	}
	if _, err := m.provider.Up(ctx); err != nil {
		return openingPostgres(ctx, err)
	}
	return nil
}

func postgresSchema(ctx context.Context, o Options) (Schema, error) {
	db, err := connectPostgres(ctx, o)
	if err != nil {
		return Schema{}, err
	}
	_, s, err := schemaOf(ctx, db, o)
	return s, errors.Join(err, db.Close())
}

// schemaOf reads goose's table itself: goose would create it. One process at a
// time migrates. It refuses a database that is being restored: see StartRestore.
func schemaOf(ctx context.Context, db *DB, o Options) (*migrations, Schema, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrationsLock))
	if err != nil {
		return nil, Schema{}, err
	}
	m, err := newMigrations(PostgreSQL, db.write, o.Migrations, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, Schema{}, err
	}
	s := Schema{Program: m.target}
	var exists, restoring bool
	err = db.read.QueryRowContext(ctx, `SELECT to_regclass('`+versionTable+`') IS NOT NULL, to_regclass('`+restoringTable+`') IS NOT NULL`).
		Scan(&exists, &restoring)
	if err != nil {
		return nil, Schema{}, openingPostgres(ctx, err)
	}
	if restoring && !o.Restoring {
		return nil, Schema{}, &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: db.name + " is being restored; if that was interrupted, run sesuai restore again",
		}
	}
	if !exists {
		return m, s, nil
	}
	err = db.read.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versionTable+` WHERE is_applied`).Scan(&s.Database)
	if err != nil {
		return nil, Schema{}, openingPostgres(ctx, err)
	}
	return m, s, nil
}

// parsePostgresURL reads a URL in libpq's form. Errors do not repeat any of it.
func parsePostgresURL(text string) (*pgx.ConnConfig, error) {
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return nil, postgresMisconfigured("it must begin with postgres://, such as postgres://sesuai@10.0.0.5/sesuai", nil)
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

// CheckURL reports why text cannot be the URL of a PostgreSQL database, as an
// error of kind sesuai.KindConfiguration. It repeats nothing of text.
func CheckURL(text string) error {
	_, err := parsePostgresURL(text)
	return err
}

func postgresMisconfigured(why string, err error) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "the PostgreSQL URL: " + why, Err: err}
}

// openingPostgres tells errors that the operator has to fix from those that may
// pass.
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
	return Unavailable(ctx, "connecting to the database", err)
}

// unreachable is openingPostgres for the first connection. It says which server was
// asked, and what to look at.
func unreachable(ctx context.Context, config *pgx.ConnConfig, err error) error {
	e := openingPostgres(ctx, err)
	if own, ok := errors.AsType[*sesuai.Error](e); ok && own.Kind == sesuai.KindUnavailable {
		own.Detail = fmt.Sprintf("PostgreSQL at %s does not answer for the database %s: see that it runs, and that the setting registry names it",
			net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))), config.Database)
	}
	return e
}

func retryablePostgres(err error) bool {
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
