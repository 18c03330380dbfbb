package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// URL is the address of a database for User: of the server or, if there are
// more of them, of whichever takes writes. The password is in the file that it
// names.
func URL(database string, servers ...*Server) string {
	return address(User, database, servers)
}

// URL is the address of a database for User.
func (s *Server) URL(database string) string { return URL(database, s) }

// AdminURL is the address of a database for the superuser.
func (s *Server) AdminURL(database string) string {
	return address(Admin, database, []*Server{s})
}

func address(user, database string, servers []*Server) string {
	var hosts []string
	for _, s := range servers {
		hosts = append(hosts, fmt.Sprintf("127.0.0.1:%d", s.port))
	}
	q := url.Values{"passfile": {here.path(clientPasswords)}}
	if servers[0].o.TLS {
		q.Set("sslmode", "verify-full")
		q.Set("sslrootcert", servers[0].certificate())
	} else {
		q.Set("sslmode", "disable")
	}
	if len(servers) > 1 {
		q.Set("target_session_attrs", "read-write")
	}
	return fmt.Sprintf("postgres://%s@%s/%s?%s", user, strings.Join(hosts, ","), database, strings.ReplaceAll(q.Encode(), "%2F", "/"))
}

// databases numbers the databases of a test binary.
var databases atomic.Int64

// Database makes a database that User owns. On the shared server it is dropped
// when the test ends, whoever is connected.
func (s *Server) Database(t testing.TB) (url string) {
	t.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	s.Exec(t, fmt.Sprintf("CREATE DATABASE %s OWNER %s", name, User))
	if s.shared {
		t.Cleanup(func() { s.Exec(t, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)) })
	}
	return s.URL(name)
}

// Exec runs a statement as the superuser.
func (s *Server) Exec(t testing.TB, statement string) {
	t.Helper()
	s.asAdmin(t, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, statement)
		return err
	})
}

// QueryRow asks as the superuser for one row.
func (s *Server) QueryRow(t testing.TB, query string, into ...any) {
	t.Helper()
	s.asAdmin(t, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, query).Scan(into...)
	})
}

// asAdmin does something as the superuser; it works in a test's cleanup, too.
func (s *Server) asAdmin(t testing.TB, do func(context.Context, *pgx.Conn) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.AdminURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	err = do(ctx, conn)
	if closing := conn.Close(ctx); err == nil {
		err = closing
	}
	if err != nil {
		t.Fatal(err)
	}
}
