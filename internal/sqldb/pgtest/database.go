package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
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

// WithSetting is a URL whose sessions begin with that value of a setting, such as
// sesuai.partitions. The URL must not have options yet.
func WithSetting(databaseURL, name, value string) string {
	return databaseURL + "&options=-c%20" + name + "%3D" + url.PathEscape(value)
}

// databases numbers the databases of a test binary.
var databases atomic.Int64

// Database creates an empty database that User owns. On the shared server it is
// dropped when the test ends, even if somebody is still connected.
func (s *Server) Database(t testing.TB) (url string) {
	t.Helper()
	return s.create(t, "template1")
}

// Copy creates a database that User owns, as a copy of the template with the
// given name. The first call for a name on a server makes the template: it
// creates an empty database and calls fill with its URL. fill must close its
// connections before it returns, because PostgreSQL does not copy a database
// that is in use. A copy takes some tens of milliseconds, far less than
// migrations do. Copy may be called by parallel tests. The copy lives as long
// as a database of Database.
func (s *Server) Copy(t testing.TB, template string, fill func(ctx context.Context, url string) error) (url string) {
	t.Helper()
	made, _ := s.templates.LoadOrStore(template, sync.OnceValues(func() (string, error) {
		name := fmt.Sprintf("filled%d", databases.Add(1))
		// The template outlives the test that happens to need it first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := s.admin(ctx, func(conn *pgx.Conn) error { return createDatabase(ctx, conn, name, "template1") }); err != nil {
			return "", err
		}
		return name, fill(ctx, s.URL(name))
	}))
	name, err := made.(func() (string, error))()
	if err != nil {
		t.Fatalf("pgtest: making the template %q: %v", template, err)
	}
	return s.create(t, name)
}

// create creates a database with a new name as a copy of another one.
func (s *Server) create(t testing.TB, template string) (url string) {
	t.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	s.asAdmin(t, func(ctx context.Context, conn *pgx.Conn) error { return createDatabase(ctx, conn, name, template) })
	if s.shared {
		t.Cleanup(func() { s.Exec(t, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)) })
	}
	return s.URL(name)
}

func createDatabase(ctx context.Context, conn *pgx.Conn, name, template string) error {
	_, err := conn.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s OWNER %s TEMPLATE %s", name, User, template))
	return err
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

// asAdmin does something as the superuser. It works in a test's cleanup, too.
func (s *Server) asAdmin(t testing.TB, do func(context.Context, *pgx.Conn) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := s.admin(ctx, func(conn *pgx.Conn) error { return do(ctx, conn) }); err != nil {
		t.Fatal(err)
	}
}

// admin does something on a connection of the superuser's.
func (s *Server) admin(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.AdminURL("postgres"))
	if err != nil {
		return err
	}
	err = do(conn)
	if closing := conn.Close(ctx); err == nil {
		err = closing
	}
	return err
}
