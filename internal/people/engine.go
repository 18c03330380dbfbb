package people

import (
	"context"
	"database/sql"

	"github.com/sesuai/sesuai/internal/sqldb"
)

// joins are FROM clauses about one person: the rows of people as p, of person_keys as k
// and of templates as t, which $1, $2 and $3 find. Rows may be missing.
type joins struct {
	// known has no row if p is missing, anybody has one in any case.
	known, anybody string
}

// joinsOf returns the clauses for an engine. Both plan a query once, and not for
// each question, only if it is written like this.
//
// The driver's SQLite has SQLITE_ENABLE_STAT4: it plans a query with an outer
// join again whenever the value of an argument changes, which took a fifth of the
// time of the query. It does not look into (SELECT $1).
//
// PostgreSQL keeps the plan of a prepared statement if it expects the plan to
// cost no more than one for the arguments at hand. In a partitioned table it
// expects a row in each partition, unless LIMIT 1 says that there is one. To plan
// each time took half the time of the query.
func joinsOf(e sqldb.Engine) joins {
	if e == sqldb.PostgreSQL {
		const people, others = `(SELECT * FROM people WHERE nik = $1 LIMIT 1) AS p`, `
			LEFT JOIN (SELECT * FROM person_keys WHERE person = $2 LIMIT 1) AS k ON true
			LEFT JOIN (SELECT * FROM templates WHERE link = $3 LIMIT 1) AS t ON true`
		return joins{
			known:   ` FROM ` + people + others,
			anybody: ` FROM (SELECT) AS one LEFT JOIN ` + people + ` ON true` + others,
		}
	}
	const others = `
			LEFT JOIN person_keys AS k ON k.person = (SELECT $2)
			LEFT JOIN templates AS t ON t.link = (SELECT $3)`
	return joins{
		known:   ` FROM people AS p` + others + ` WHERE p.nik = (SELECT $1)`,
		anybody: ` FROM (SELECT 1) AS one LEFT JOIN people AS p ON p.nik = (SELECT $1)` + others,
	}
}

// probeQueries are the queries of readProbeRows for an engine. enrolled finds the
// probes of a person who is on record, by the keyed hashes of people, person_keys
// and probes. unenrolled finds those of unenrolled_probes. Both are written for
// the reasons that joinsOf gives.
func probeQueries(e sqldb.Engine) (enrolled, unenrolled string) {
	if e == sqldb.PostgreSQL {
		return `
			SELECT asked.n - 1, found.* FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) WITH ORDINALITY AS asked (nik, person, link, n),
				LATERAL (SELECT k.sealed, b.last_at, b.probes
				FROM (SELECT FROM people WHERE nik = asked.nik LIMIT 1) AS p
				LEFT JOIN (SELECT * FROM person_keys WHERE person = asked.person LIMIT 1) AS k ON true
				LEFT JOIN (SELECT * FROM probes WHERE person = asked.link LIMIT 1) AS b ON true) AS found`, `
			SELECT asked.n - 1, NULL::bytea, found.* FROM unnest($1::bytea[]) WITH ORDINALITY AS asked (person, n),
				LATERAL (SELECT last_at, probes FROM unenrolled_probes WHERE person = asked.person LIMIT 1) AS found`
	}
	return `
		SELECT 0, k.sealed, b.last_at, b.probes
			FROM people AS p
			LEFT JOIN person_keys AS k ON k.person = (SELECT $2)
			LEFT JOIN probes AS b ON b.person = (SELECT $3)
			WHERE p.nik = (SELECT $1)`, `
		SELECT 0, NULL, last_at, probes FROM unenrolled_probes WHERE person = $1`
}

// selectNIKs returns those of the hashes that are in people. SQLite looks for one
// at a time. PostgreSQL gets one query, which looks in one partition for each
// hash. With nik = ANY($1) it would look in every partition for all of them,
// which takes ten times as long. LIMIT keeps the planner from reading whole
// tables into a hash.
func selectNIKs(ctx context.Context, tx *sqldb.Tx, niks [][]byte) ([][]byte, error) {
	scan := func(rows *sql.Rows) (nik []byte, err error) { return nik, rows.Scan(&nik) }
	if tx.Engine() == sqldb.PostgreSQL {
		return sqldb.Collect(ctx, tx, scan, `
			SELECT asked.nik FROM unnest($1::bytea[]) AS asked (nik),
				LATERAL (SELECT FROM people WHERE people.nik = asked.nik LIMIT 1) AS found`, niks)
	}
	stmt, err := tx.PrepareContext(ctx, `SELECT nik FROM people WHERE nik = $1`)
	if err != nil {
		return nil, err
	}
	defer stmt.Close() //nolint:errcheck // the end of the transaction closes it, too
	var found [][]byte
	for _, nik := range niks {
		rows, err := stmt.QueryContext(ctx, nik)
		if err != nil {
			return nil, err
		}
		there, err := sqldb.CollectRows(rows, scan)
		if err != nil {
			return nil, err
		}
		found = append(found, there...)
	}
	return found, nil
}
