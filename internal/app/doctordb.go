package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/doctor"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// slowDatabase is how long a database may take to answer the shortest question.
const slowDatabase = 100 * time.Millisecond

func (p *premises) database(ctx context.Context) doctor.Finding {
	key := databaseKey(p.c)
	exists, err := StorageExists(ctx, p.c)
	if err = errors.Join(err, config.About("data", checkNewFolder(p.c.Data))); err == nil && !emptyFolder(p.c.Data) {
		err = config.About("data", checkPrivate(p.c))
	}
	if err != nil {
		return failed("correct what is said of it; docs/operate/running.md", config.About(key, err))
	}
	if !exists {
		return doctor.Warn("let sesuai serve make one; if there should be one, see that the setting "+key+" names it", "%s", noStorage(p.c).Detail)
	}
	db, schema, err := sqldb.OpenUnmigrated(ctx, databaseOptions(p.c))
	if err != nil {
		return failed("do what is said of it; docs/operate/restore.md says how a backup is put back", config.About(key, err))
	}
	p.db, p.schema = db, schema
	start := time.Now()
	var one int
	err = db.Read().QueryRowContext(ctx, `SELECT 1`).Scan(&one)
	took := time.Since(start)
	if err != nil {
		return failed("see the log of the database", sqldb.Unavailable(ctx, "asking the database", err))
	}
	seen := fmt.Sprintf("%s answers in %s", db.Engine(), took.Round(10*time.Microsecond))
	if db.Engine() == sqldb.PostgreSQL {
		version, wrong, err := postgresSettings(ctx, db)
		if err != nil {
			return failed("see the log of the database", err)
		}
		seen = fmt.Sprintf("PostgreSQL %s answers in %s", version, took.Round(10*time.Microsecond))
		if len(wrong) > 0 {
			return doctor.Fail("correct it on the server, for the database or for the user: what was acknowledged can be lost, or nothing can be written; docs/operate/postgresql.md",
				"%s, but %s", seen, strings.Join(wrong, ", "))
		}
	}
	if took > slowDatabase {
		return doctor.Warn("see what else loads the database, its disk and the network to it: each verification asks it several times", "%s", seen)
	}
	return doctor.Good("%s", seen)
}

// postgresSettings returns the version of the server, and those settings of the session
// by which it would lose or refuse what is written.
func postgresSettings(ctx context.Context, db *sqldb.DB) (version string, wrong []string, err error) {
	var commit, fsync, readOnly string
	err = db.Read().QueryRowContext(ctx, `SELECT current_setting('server_version'), current_setting('synchronous_commit'),
		current_setting('fsync'), current_setting('transaction_read_only')`).Scan(&version, &commit, &fsync, &readOnly)
	if err != nil {
		return "", nil, sqldb.Unavailable(ctx, "asking the database for its settings", err)
	}
	if commit == "off" {
		wrong = append(wrong, "synchronous_commit is off")
	}
	if fsync == "off" {
		wrong = append(wrong, "fsync is off")
	}
	if readOnly == "on" {
		wrong = append(wrong, "it is a standby, or read-only")
	}
	return version, wrong, nil
}

// upToDate reports whether the database is open and has the schema of this program.
func (p *premises) upToDate() bool { return p.db != nil && p.schema.Database == p.schema.Program }

func (p *premises) schemaVersion(ctx context.Context) doctor.Finding {
	if p.db == nil {
		return doctor.Skip("there is no database that can be opened")
	}
	seen := fmt.Sprintf("the database has schema %d, this program needs schema %d", p.schema.Database, p.schema.Program)
	if p.upToDate() {
		return doctor.Good("%s", seen)
	}
	if err := sqldb.Check(ctx, databaseOptions(p.c)); err != nil {
		return failed("run sesuai migrate up if the schema is older; else the version of sesuai that the database was made by; docs/operate/upgrade.md", err)
	}
	return doctor.Warn("make a backup; then the next start migrates it, or sesuai migrate up does; docs/operate/upgrade.md", "%s", seen)
}
