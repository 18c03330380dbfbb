package jobs

import (
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// riverVersion is the version of River's tables that our schema has from
// schemaVersion on. A release of River with a further version needs a further
// version of our schema.
const (
	riverVersion  = 8
	schemaVersion = 11
)

// Migrations returns this package's part of the schema: see sqldb.Options. It is
// River's own, so that its tables change with ours, in the same transaction.
func Migrations() fs.FS {
	return fstest.MapFS{
		path("sqlite"):   {Data: upTo(riversqlite.New(nil).GetMigrationFS(riverdriver.MigrationLineMain))},
		path("postgres"): {Data: upTo(riverdatabasesql.New(nil).GetMigrationFS(riverdriver.MigrationLineMain))},
	}
}

func path(engine string) string {
	return fmt.Sprintf("migrations/%s/%05d_jobs.sql", engine, schemaVersion)
}

// upTo returns River's statements up to riverVersion. A version that is not there
// is a defect of the build, which no database would survive: it panics.
func upTo(files fs.FS) []byte {
	var text strings.Builder
	for version := 1; version <= riverVersion; version++ {
		found, err := fs.Glob(files, fmt.Sprintf("migration/main/%03d_*.up.sql", version))
		if err != nil || len(found) != 1 {
			panic(fmt.Sprintf("jobs: River has %d migrations to version %d", len(found), version))
		}
		b, err := fs.ReadFile(files, found[0])
		if err != nil {
			panic(err)
		}
		text.WriteString(inOneTransaction.Replace(string(b)))
		// Not every file ends its last line, which may be a comment.
		fmt.Fprintf(&text, "\n;\nINSERT INTO river_migration (%sversion) VALUES (%s%d);\n", line(version, "line, "), line(version, "'main', "), version)
	}
	return []byte(text.String())
}

// inOneTransaction makes one transaction of River's statements, of which it runs
// each version in its own, for the schema of the connection. PostgreSQL before 17
// does not use a value of an enumeration in the transaction that added it, so the
// type has it from the start; River's ADD VALUE IF NOT EXISTS then adds nothing.
var inOneTransaction = strings.NewReplacer(
	"/* TEMPLATE: schema */", "",
	"'discarded',\n  'retryable'", "'discarded', 'pending', 'retryable'",
)

// line returns s for versions whose table of versions has lines.
func line(version int, s string) string {
	if version >= 5 {
		return s
	}
	return ""
}
