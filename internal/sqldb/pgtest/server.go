package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options are what a server of a test's own may be.
type Options struct {
	// Fast does without what lets data survive a power cut; what survives
	// kill -9 is the same. Migrations make few partitions, see fewPartitions.
	Fast bool
	// TLS has the server refuse connections without, and have a certificate
	// that its URLs name.
	TLS bool
	// Settings are lines of postgresql.conf: names and values.
	Settings map[string]string
	// Disk is where its folder is; the temporary folder if nil.
	Disk *Disk
}

// fewPartitions is the value of sesuai.partitions on fast servers. Migrations
// make as many partitions of each partitioned table, and 32 where it is not set.
// Most of what a migration, a copy and a DROP DATABASE cost is the partitions'
// files. Two are enough to have rows in different ones. A test that needs another
// number sets it in its URL, see WithSetting.
const fewPartitions = "2"

// Server is a PostgreSQL server. Its methods are for one goroutine at a time,
// but for Database, Copy, URL and AdminURL.
type Server struct {
	o    Options
	dir  string // holds the data folder, the log and the certificate
	port int    // 0 before it first ran
	// upstream is what a standby connects to, and application its name there.
	upstream    *Server
	application string
	process     *process // nil if it does not run
	shared      bool     // by tests that must not leave their databases
	templates   sync.Map // name → func() (database string, err error), which makes it once
}

// Start starts a server, and ends it when the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	need(t)
	s, err := start(&Server{o: o})
	if err != nil {
		t.Fatal(err)
	}
	s.endWith(t)
	return s
}

// endWith ends the server when the test ends, and shows the log of one that
// the test failed with.
func (s *Server) endWith(t testing.TB) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of the server at port %d ends with\n%s", s.port, s.logged())
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

// start starts a new server on a copy of the template.
func start(s *Server) (*Server, error) {
	return begin(s, func(data string) error {
		return here.run("", "cp", "--archive", "--reflink=auto", here.path(template), data)
	})
}

// begin starts a new server on a data folder that fill makes.
func begin(s *Server, fill func(data string) error) (_ *Server, err error) {
	parent := ""
	if s.o.Disk != nil {
		parent = s.o.Disk.Dir
	}
	if s.dir, err = here.folder(parent); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end())
		}
	}()
	if s.o.TLS {
		if err := s.makeCertificate(); err != nil {
			return nil, err
		}
	}
	if err := fill(s.data()); err != nil {
		return nil, err
	}
	const attempts = 5 // another program may be quicker to take the port
	for range attempts {
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		if err = s.run(); err == nil || !strings.Contains(s.logged(), "could not bind") {
			break
		}
	}
	return s, err
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
func (s *Server) log() string  { return filepath.Join(s.dir, "log") }

// logged is the end of the server's log.
func (s *Server) logged() string {
	b, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	const enough = 4096
	return string(b[max(0, len(b)-enough):])
}

// run configures and starts the server, and waits until it can be connected to.
func (s *Server) run() error {
	if err := s.configure(); err != nil {
		return err
	}
	p, err := launch(here.command(context.Background(), "postgres", "-D", s.data()), s.log())
	if err != nil {
		return err
	}
	if err := s.await(p); err != nil {
		return errors.Join(err, p.kill())
	}
	s.process = p
	return nil
}

// await connects until that works.
func (s *Server) await(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.AdminURL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.ended:
			return fmt.Errorf("PostgreSQL has ended (%w): %s", p.err, s.logged())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL is not ready: %w: %s", err, s.logged())
		case <-again.C:
		}
	}
}

// configure writes postgresql.conf and pg_hba.conf.
func (s *Server) configure() error {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    fmt.Sprint(s.port),
		"unix_socket_directories": "",
		"max_connections":         "200",
		"shared_buffers":          "32MB",
		// What a killed server leaves behind is in its folder.
		"dynamic_shared_memory_type": "mmap",
		"timezone":                   "UTC",
		"log_timezone":               "UTC",
		// Statements may hold what tests look for in logs.
		"log_min_error_statement": "panic",
	}
	if s.o.Fast {
		settings["fsync"] = "off"
		settings["synchronous_commit"] = "off"
		settings["full_page_writes"] = "off"
		settings["sesuai.partitions"] = fewPartitions
	}
	connections := "host"
	if s.o.TLS {
		connections = "hostssl"
		settings["ssl"] = "on"
		settings["ssl_cert_file"] = s.certificate()
		settings["ssl_key_file"] = s.certificateKey()
	}
	if s.upstream != nil {
		settings["primary_conninfo"] = s.upstream.replication(s.application)
	}
	maps.Copy(settings, s.o.Settings)
	var conf strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&conf, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	if err := here.write(filepath.Join(s.data(), "postgresql.conf"), conf.String()); err != nil {
		return err
	}
	return here.write(filepath.Join(s.data(), "pg_hba.conf"), fmt.Sprintf(
		"%[1]s all all 127.0.0.1/32 scram-sha-256\n%[1]s replication %[2]s 127.0.0.1/32 scram-sha-256\n", connections, Admin))
}

// Running reports whether the server has not ended.
func (s *Server) Running() bool {
	if s.process == nil {
		return false
	}
	select {
	case <-s.process.ended:
		return false
	default:
		return true
	}
}

// Kill is kill -9 of the server and all its processes. It returns once they are
// gone.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if err := s.process.kill(); err != nil {
		t.Fatal(err)
	}
}

// Stop stops the server as an operator would: connections are ended, what they
// have committed is written.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.process.stop(); err != nil {
		t.Fatalf("%v: %s", err, s.logged())
	}
}

// Restart starts the server again where it was, after it has ended in whatever
// way, or stops it first.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if s.Running() {
		s.Stop(t)
	}
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}

// end ends the server for good and removes its folder.
func (s *Server) end() error {
	var err error
	if s.process != nil {
		err = s.process.quit()
	}
	return errors.Join(err, s.removeSharedMemory(), os.RemoveAll(s.dir))
}
