package pgtest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

// connect connects until the test ends.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) }) // its server may be gone
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// setting asks a server for a setting.
func setting(t *testing.T, s *pgtest.Server, name string) (value string) {
	t.Helper()
	s.QueryRow(t, fmt.Sprintf("SELECT current_setting('%s')", name), &value)
	return value
}

// rows counts the rows of the table that these tests write to.
func rows(t *testing.T, conn *pgx.Conn) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM kept").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDatabases: each test has one of its own, whose owner is an ordinary user,
// and what is connected to it does not keep it.
func TestDatabases(t *testing.T) {
	var first string
	t.Run("first", func(t *testing.T) {
		first = pgtest.Database(t)
		if strings.Contains(first, ":@") || !strings.Contains(first, "passfile=") {
			t.Errorf("the URL is %s", first)
		}
		conn := connect(t, first)
		exec(t, conn, "CREATE TABLE kept (n int)")
		var super bool
		if err := conn.QueryRow(t.Context(), "SELECT usesuper FROM pg_user WHERE usename = current_user").Scan(&super); err != nil || super {
			t.Errorf("the user is a superuser: %t, %v", super, err)
		}
		left, err := pgx.Connect(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = left.Close(context.Background()) })
	})
	second := pgtest.Database(t)
	if second == first {
		t.Errorf("both are %s", first)
	}
	exec(t, connect(t, second), "CREATE TABLE kept (n int)")
	if _, err := pgx.Connect(t.Context(), first); err == nil || !strings.Contains(err.Error(), "3D000") {
		t.Errorf("the first database, whose test has ended: %v", err)
	}
	if got := setting(t, pgtest.Shared(t), "fsync"); got != "off" {
		t.Errorf("the shared server has fsync %s", got)
	}
}

// TestPasswordsCount: the server does not trust whoever is on the machine.
func TestPasswordsCount(t *testing.T) {
	url := pgtest.Database(t)
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.Password = "another one"
	if conn, err := pgx.ConnectConfig(t.Context(), config); err == nil {
		_ = conn.Close(t.Context())
		t.Error("it lets one in with a wrong password")
	} else if !strings.Contains(err.Error(), "28P01") {
		t.Error(err)
	}
	_, rest, _ := strings.Cut(url, "passfile=")
	passwords, _, _ := strings.Cut(rest, "&")
	info, err := os.Stat(passwords)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the passwords' file: %v, %v", info.Mode(), err)
	}
}

// TestKillAndRestart: what a durable server has acknowledged is there after
// kill -9, and none of its processes is left in between.
func TestKillAndRestart(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Settings: map[string]string{"application_name": "it's set"}})
	if got := setting(t, s, "fsync") + " " + setting(t, s, "synchronous_commit"); got != "on on" {
		t.Errorf("fsync and synchronous_commit are %s", got)
	}
	url := s.Database(t)
	conn := connect(t, url)
	exec(t, conn, "CREATE TABLE kept (n int)")
	exec(t, conn, "INSERT INTO kept VALUES (1)")
	var postmaster, data string
	s.QueryRow(t, "SELECT pg_read_file('postmaster.pid', 0, 10), current_setting('data_directory')", &postmaster, &data)

	s.Kill(t)
	if s.Running() {
		t.Error("killed, it runs")
	}
	if left := processes(t, data); left != nil {
		t.Errorf("killed, it has left %v", left)
	}
	if _, err := pgx.Connect(t.Context(), url); err == nil {
		t.Error("killed, it can be connected to")
	}
	s.Restart(t)
	conn = connect(t, url)
	exec(t, conn, "INSERT INTO kept VALUES (2)")
	s.Stop(t)
	if left := processes(t, data); left != nil {
		t.Errorf("stopped, it has left %v", left)
	}
	s.Restart(t)
	s.Restart(t)
	if n := rows(t, connect(t, url)); n != 2 {
		t.Errorf("%d rows are left", n)
	}
	if got := setting(t, s, "application_name"); got != "it's set" && got != "" {
		t.Errorf("application_name is %q", got)
	}
}

// processes are those whose working folder is that one: all of PostgreSQL's.
func processes(t *testing.T, folder string) (found []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range all {
		if to, err := os.Readlink(link); err == nil && to == folder { // an error: it has ended
			found = append(found, link)
		}
	}
	return found
}

// TestKillsAll holds that processes finds something to count.
func TestKillsAll(t *testing.T) {
	var data string
	s := pgtest.Shared(t)
	s.QueryRow(t, "SELECT current_setting('data_directory')", &data)
	if found := processes(t, data); len(found) < 4 {
		t.Errorf("a running server has the processes %v", found)
	}
}

func TestTLS(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Fast: true, TLS: true})
	url := s.Database(t)
	var version string
	if err := connect(t, url).QueryRow(t.Context(), "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&version); err != nil || version != "TLSv1.3" {
		t.Errorf("TLS %q, %v", version, err)
	}
	plain := strings.Replace(url, "sslmode=verify-full", "sslmode=disable", 1)
	if conn, err := pgx.Connect(t.Context(), plain); err == nil {
		_ = conn.Close(t.Context())
		t.Error("it lets one in without TLS")
	}
	other := pgtest.Start(t, pgtest.Options{Fast: true, TLS: true})
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := pgx.ParseConfig(other.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	config.TLSConfig = foreign.TLSConfig
	if conn, err := pgx.ConnectConfig(t.Context(), config); err == nil {
		_ = conn.Close(t.Context())
		t.Error("another server's certificate will do")
	}
	standby := s.Standby(t, "a", pgtest.Options{Fast: true, TLS: true})
	s.Synchronise(t, "a")
	exec(t, connect(t, url), "CREATE TABLE kept (n int)")
	standby.Promote(t)
}
