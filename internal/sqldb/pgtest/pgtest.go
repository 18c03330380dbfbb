// Package pgtest starts real PostgreSQL servers for tests: Debian's PostgreSQL
// 15, as a user who is not root, in a temporary folder, on a free port of
// 127.0.0.1. Servers die with the test binary, however that ends.
//
// A package that uses it says so in its TestMain:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }
//
// and then has a database of its own in each test: an empty one by
// pgtest.Database(t), one with the tables by pgtest.Copy. Where PostgreSQL is not
// installed, such a test is skipped; in CI it fails.
//
// It must not be imported but by tests, and must not know what is kept in the
// databases.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Binaries is the folder of Debian's PostgreSQL 15.
const Binaries = "/usr/lib/postgresql/15/bin"

// patience is how long a server may take for anything: to start, to stop, to
// be promoted.
const patience = 60 * time.Second

// Admin is the servers' superuser; User, who may do nothing but log in, owns
// the databases that tests get, as it would in production.
const (
	Admin = "admin"
	User  = "sesuai"
)

// Main runs the tests of a package and then ends the servers. It stands in
// place of *testing.M.
type Main struct{ M *testing.M }

// Run runs the tests.
func (m Main) Run() int {
	here.mu.Lock()
	here.running = true
	here.mu.Unlock()
	code := m.M.Run()
	if err := here.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// site is what the servers of one test binary have in common.
type site struct {
	mu      sync.Mutex
	running bool
	dir     string // "" until it is needed
	// owner is who the servers run as; nil is who the tests run as.
	owner   *syscall.Credential
	servers int

	share  sync.Once
	shared *Server
	err    error // why there is no shared server
}

var here site

// template is the folder, beneath the site's, of an initialised database
// cluster: initdb takes a second, a copy a tenth.
const template = "template"

// Passwords, one copy for either side: libpq does not read the file of another
// user.
const (
	clientPasswords = "client.passwords"
	serverPasswords = "server.passwords"
)

// need skips the test where PostgreSQL is not installed. In CI it is.
func need(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(Binaries, "initdb")); err != nil {
		skip(t, "this test needs PostgreSQL 15: as root on Debian, make test installs it")
	}
}

// skip skips a test that needs what this machine does not have. With the environment
// variable CI set, where everything is there, the test fails.
func skip(t testing.TB, needs string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(needs)
	}
	t.Skip(needs)
}

// prepare makes the folder and the template. here.mu is held.
func (h *site) prepare() (err error) {
	if !h.running {
		return errors.New("pgtest: TestMain has to run the tests by pgtest.Main")
	}
	if h.dir != "" {
		return nil
	}
	if os.Geteuid() == 0 {
		if h.owner, err = unprivileged(); err != nil {
			return err
		}
	}
	if h.dir, err = os.MkdirTemp("", "sesuai-postgres-"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(h.dir))
			h.dir = ""
		}
	}()
	if err := h.give(h.dir); err != nil {
		return err
	}
	admin, user := rand.Text(), rand.Text()
	passwords := fmt.Sprintf("*:*:*:%s:%s\n*:*:*:%s:%s\n", Admin, admin, User, user)
	if err := os.WriteFile(h.path(clientPasswords), []byte(passwords), 0o600); err != nil {
		return err
	}
	if err := h.write(h.path(serverPasswords), passwords); err != nil {
		return err
	}
	first := h.path("first.password")
	if err := h.write(first, admin+"\n"); err != nil {
		return err
	}
	data := h.path(template)
	if err := h.run("", "initdb", "--pgdata="+data, "--username="+Admin, "--pwfile="+first,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"); err != nil {
		return err
	}
	role := fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'\n", User, user)
	return h.run(role, "postgres", "--single", "-D", data, "-c", "fsync=off", "postgres")
}

// unprivileged is a user other than root: Debian's for PostgreSQL, or nobody.
func unprivileged() (*syscall.Credential, error) {
	var errs []error
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.Join(errs...)
}

// path is that of a file of the site.
func (h *site) path(name string) string { return filepath.Join(h.dir, name) }

// give lets the owner have a file or folder.
func (h *site) give(path string) error {
	if h.owner == nil {
		return nil
	}
	return os.Chown(path, int(h.owner.Uid), int(h.owner.Gid))
}

// write writes a file that only the owner reads.
func (h *site) write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return h.give(path)
}

// run runs one of PostgreSQL's programs, or another one, as the owner and to
// its end.
func (h *site) run(stdin, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := h.command(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func (h *site) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if ours := filepath.Join(Binaries, name); exists(ours) {
		name = ours
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = h.dir // the tests' own may be closed to the owner
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.owner}
	return cmd
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// folder is a new folder of the owner's for a server, beneath parent or, if
// that is empty, the site's.
func (h *site) folder(parent string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.prepare(); err != nil {
		return "", err
	}
	if parent == "" {
		parent = h.dir
	}
	h.servers++
	dir := filepath.Join(parent, fmt.Sprintf("server%d", h.servers))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	return dir, h.give(dir)
}

func (h *site) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = false
	if h.dir == "" {
		return nil
	}
	var err error
	if h.shared != nil {
		err = h.shared.end()
	}
	return errors.Join(err, os.RemoveAll(h.dir))
}

// Shared is the server that all tests of a package share; it starts at the
// first call. It is fast and not durable over a power cut; tests that need another
// one, or stop it, use Start.
func Shared(t testing.TB) *Server {
	t.Helper()
	need(t)
	here.share.Do(func() {
		here.shared, here.err = start(&Server{o: Options{Fast: true}, shared: true})
	})
	if here.err != nil {
		t.Fatal(here.err)
	}
	return here.shared
}

// Database is a fresh database on the shared server until the test ends; see
// Server.Database.
func Database(t testing.TB) (url string) {
	t.Helper()
	return Shared(t).Database(t)
}

// Copy is a fresh copy of a template on the shared server until the test ends;
// see Server.Copy.
func Copy(t testing.TB, template string, fill func(ctx context.Context, url string) error) (url string) {
	t.Helper()
	return Shared(t).Copy(t, template, fill)
}
