package pgtest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// replication is how a standby of that name reaches the server, as libpq has
// it.
func (s *Server) replication(application string) string {
	conninfo := fmt.Sprintf("host=127.0.0.1 port=%d user=%s passfile=%s application_name=%s",
		s.port, Admin, here.path(serverPasswords), application)
	if s.o.TLS {
		return conninfo + " sslmode=verify-full sslrootcert=" + s.certificate()
	}
	return conninfo + " sslmode=disable"
}

// Standby starts a copy of the server that follows it under a name, and ends it
// when the test ends. It is not synchronous unless Synchronise says so.
func (s *Server) Standby(t testing.TB, name string, o Options) *Server {
	t.Helper()
	standby, err := begin(&Server{o: o, upstream: s, application: name}, func(data string) error {
		args := []string{
			"--pgdata=" + data, "--dbname=" + s.replication(name), "--wal-method=stream", "--checkpoint=fast", "--no-password",
		}
		if o.Fast {
			args = append(args, "--no-sync")
		}
		if err := here.run("", "pg_basebackup", args...); err != nil {
			return err
		}
		// What the primary waits for is not for the standby to wait for.
		if err := here.write(filepath.Join(data, "postgresql.auto.conf"), ""); err != nil {
			return err
		}
		return here.write(filepath.Join(data, "standby.signal"), "")
	})
	if err != nil {
		t.Fatal(err)
	}
	standby.endWith(t)
	return standby
}

// Synchronise has each commit wait until any one of the standbys of these names
// has it on its disk; with no name, it waits for none. It returns once they
// follow.
func (s *Server) Synchronise(t testing.TB, names ...string) {
	t.Helper()
	value := ""
	if len(names) > 0 {
		value = "ANY 1 (" + strings.Join(names, ", ") + ")"
	}
	s.Set(t, "synchronous_standby_names", value)
	s.asAdmin(t, func(ctx context.Context, conn *pgx.Conn) error {
		return eventually("the standbys follow", func() (bool, error) {
			rows, err := conn.Query(ctx, `SELECT application_name FROM pg_stat_replication
				WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')`)
			if err != nil {
				return false, err
			}
			following, err := pgx.CollectRows(rows, pgx.RowTo[string])
			return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(following, name) }), err
		})
	})
}

// Set changes a setting of the running server that needs no restart.
func (s *Server) Set(t testing.TB, name, value string) {
	t.Helper()
	s.Exec(t, fmt.Sprintf("ALTER SYSTEM SET %s = '%s'", name, strings.ReplaceAll(value, "'", "''")))
	s.Exec(t, "SELECT pg_reload_conf()")
}

// Promote makes a standby a primary. It returns once that takes writes.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	var promoted bool
	s.QueryRow(t, fmt.Sprintf("SELECT pg_promote(true, %d)", int(patience.Seconds())), &promoted)
	if !promoted {
		t.Fatalf("the standby was not promoted: %s", s.logged())
	}
	s.upstream = nil
}

// Follow has a standby follow another server.
func (s *Server) Follow(t testing.TB, primary *Server) {
	t.Helper()
	s.upstream = primary
	s.Set(t, "primary_conninfo", primary.replication(s.application))
}

// Received is up to where a standby has the primary's log on its disk, in bytes
// since the log's start: of several, the one with the most is promoted.
func (s *Server) Received(t testing.TB) int64 {
	t.Helper()
	var position int64
	s.QueryRow(t, "SELECT (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn)::bigint", &position)
	return position
}
