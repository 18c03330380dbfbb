package faults_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main{M: m}.Run()) }

// newPostgresService starts a service whose data are on a server of its own.
func newPostgresService(t *testing.T) (*service, *pgtest.Server, string) {
	t.Helper()
	server := pgtest.Start(t, pgtest.Options{})
	url := server.Database(t)
	return newService(t, t.TempDir(), "SESUAI_REGISTRY="+url, "SESUAI_POSTGRES_MIGRATE=true"), server, url
}

// TestPostgresHangs: all processes of the server stand still, and its connections are
// open. Requests are refused in time, and the same process answers afterwards.
func TestPostgresHangs(t *testing.T) {
	need(t)
	s, server, _ := newPostgresService(t)
	s.load(t, true)
	s.resetOutcomes()
	s.hangs(t, "PostgreSQL", server.Freeze(t))
}

// TestPostgresCorruptPage: the pages of the people on record are overwritten while the
// server is stopped. Nobody whose record is on them has a verdict. With the pages as they
// were, the same process answers.
func TestPostgresCorruptPage(t *testing.T) {
	s, server, url := newPostgresService(t)
	server.Stop(t)
	var folder string
	checksums := func() {
		t.Helper()
		if out, err := exec.Command(filepath.Join(pgtest.Binaries, "pg_checksums"), "--enable", "--pgdata="+folder).CombinedOutput(); err != nil {
			t.Fatalf("pg_checksums: %v: %s", err, out)
		}
	}
	server.Restart(t)
	server.QueryRow(t, `SHOW data_directory`, &folder)
	files := heapFiles(t, url, "people")
	server.Stop(t)
	checksums()
	server.Restart(t)
	s.load(t, false)
	server.Stop(t)
	whole := make(map[string][]byte)
	for _, file := range files {
		path := filepath.Join(folder, file)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		whole[path] = b
		overwrite(t, path, bytes.Repeat([]byte{0xa5}, min(len(b), 8192)))
	}
	server.Restart(t)
	s.resetOutcomes()
	s.await(t, refused)
	s.report(t, "page overwritten")
	server.Stop(t)
	for path, b := range whole {
		overwrite(t, path, b)
	}
	server.Restart(t)
	s.resetOutcomes()
	s.await(t, verdict)
	s.report(t, "page as it was")
	s.finish(t)
}

// overwrite writes the start of a file.
func overwrite(t *testing.T, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
}

// heapFiles returns the files of the partitions of a table, below the data folder.
func heapFiles(t *testing.T, url, table string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `SELECT pg_relation_filepath(relid) FROM pg_partition_tree($1::regclass) WHERE isleaf`, table)
	if err != nil {
		t.Fatal(err)
	}
	files, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(files) == 0 {
		t.Fatalf("%s is in the files %v: %v", table, files, err)
	}
	return files
}
