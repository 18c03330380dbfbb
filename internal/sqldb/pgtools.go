package sqldb

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
)

// Tools runs the tools of PostgreSQL, pg_dump and pg_restore, on the database that URL
// names. A password is in a passfile or in the environment: it is on no command line.
type Tools struct {
	URL string
	// Bin is the folder of the tools; $PATH is searched if it is empty.
	Bin string
}

// Dump writes the database as of an exported snapshot, in the format of pg_dump's archives.
// Rows of tables without are omitted; if only is not empty, all but the rows of those is.
func (t Tools) Dump(ctx context.Context, snapshot string, without, only []string, w io.Writer) error {
	args := []string{"--format=custom", "--no-owner", "--no-privileges", "--no-password", "--snapshot=" + snapshot}
	for _, table := range without {
		args = append(args, "--exclude-table-data="+table, "--exclude-table-data="+table+partition)
	}
	for _, table := range only {
		args = append(args, "--data-only", "--table="+table, "--table="+table+partition)
	}
	return t.run(ctx, w, "pg_dump", args...)
}

// toolTimeout limits how long a tool tries to connect to one host.
const toolTimeout = 10 * time.Second

// partition is a pattern of the names of the partitions of a table, after its name.
const partition = "_[0-9]*"

// Restore runs an archive that Dump wrote, in one transaction. The caller must trust it:
// it may hold any statement.
func (t Tools) Restore(ctx context.Context, archive string) error {
	return t.run(ctx, io.Discard, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password", archive)
}

// run runs a tool. The error has what it wrote to standard error first: further lines may
// show rows.
func (t Tools) run(ctx context.Context, stdout io.Writer, tool string, args ...string) error {
	path := tool
	if t.Bin != "" {
		path = filepath.Join(t.Bin, tool)
	}
	var said bytes.Buffer
	// #nosec G204 -- the program is one of two, and the operator names its folder
	cmd := exec.CommandContext(ctx, path, append(args, "--dbname="+libpqURL(t.URL))...)
	cmd.Stdout, cmd.Stderr = stdout, &said
	cmd.Env = append(os.Environ(), fmt.Sprintf("PGCONNECT_TIMEOUT=%d", toolTimeout/time.Second)) // a connect_timeout in the URL takes precedence
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: path + " is not there: install PostgreSQL's client programs, or set postgres.bin"}
	}
	if err == nil {
		return nil
	}
	line, _, _ := strings.Cut(said.String(), "\n")
	return &sesuai.Error{Kind: sesuai.KindUnavailable, Detail: fmt.Sprintf("%s failed: %s", tool, line), Err: err}
}

// libpqParameters are the parameters of a URL that libpq knows, and pgx as well. Without
// application_name, the tools use their own: see StartRestore.
var libpqParameters = []string{
	"passfile", "connect_timeout", "target_session_attrs", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslsni",
	"host", "port", "user", "dbname", "options", "krbsrvname", "channel_binding", "sslpassword", "sslnegotiation",
}

// libpqURL is a URL for the tools. Others take settings of the server as parameters, libpq
// does not.
func libpqURL(text string) string {
	address, query, _ := strings.Cut(text, "?")
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err == nil && slices.Contains(libpqParameters, name) {
			kept = append(kept, pair)
		}
	}
	if len(kept) == 0 {
		return address
	}
	return address + "?" + strings.Join(kept, "&")
}

// ExportSnapshot returns the name of the snapshot of a transaction of DB.Snapshot, for
// Tools.Dump. It is of use until the transaction ends.
func ExportSnapshot(ctx context.Context, tx *sql.Tx) (name string, err error) {
	return name, tx.QueryRowContext(ctx, `SELECT pg_export_snapshot()`).Scan(&name)
}
