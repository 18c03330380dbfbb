package sqldb

import (
	"context"
	"errors"

	"github.com/sesuai/sesuai"
)

// restoringTable is in a PostgreSQL database from StartRestore to CompleteRestore. A
// database that has it is refused without Options.Restoring. It also says that everything
// in the database is from a restore, so that nothing else is ever dropped.
const restoringTable = "restore_in_progress"

// StartRestore marks an empty PostgreSQL database as one that is being restored. If an
// earlier restore was interrupted, it drops what that has made. Any other database that is
// not empty is refused with an error of kind sesuai.KindConfiguration, and stays as it is.
func StartRestore(ctx context.Context, o Options) error {
	return restoringTx(ctx, o, func(tx *Tx, marked bool) error {
		if marked {
			// The pg_restore of a process that was killed goes on.
			_, err := tx.ExecContext(ctx, `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
				WHERE datname = current_database() AND usename = current_user AND application_name = 'pg_restore'`)
			if err != nil {
				return err
			}
			return dropAll(ctx, tx)
		}
		drops, err := Collect(ctx, tx, scanText, objects)
		if err != nil {
			return err
		}
		if len(drops) > 0 {
			return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: tx.db.name + " is not empty: make a new one with createdb, and name it in registry"}
		}
		_, err = tx.ExecContext(ctx, `CREATE TABLE `+restoringTable+` ()`)
		return err
	})
}

// CompleteRestore gives a restored database to everybody.
func CompleteRestore(ctx context.Context, o Options) error {
	return restoringTx(ctx, o, func(tx *Tx, marked bool) error {
		if !marked {
			return errNotRestoring
		}
		_, err := tx.ExecContext(ctx, `DROP TABLE `+restoringTable)
		return err
	})
}

// AbandonRestore drops everything in a database that StartRestore has marked.
func AbandonRestore(ctx context.Context, o Options) error {
	return restoringTx(ctx, o, func(tx *Tx, marked bool) error {
		if !marked {
			return errNotRestoring
		}
		if err := dropAll(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DROP TABLE `+restoringTable)
		return err
	})
}

var errNotRestoring = errors.New("another process has completed or abandoned the restore")

// restoringTx runs f in a transaction on a database as it is, while nobody migrates it.
// marked reports whether StartRestore has marked the database.
func restoringTx(ctx context.Context, o Options, f func(tx *Tx, marked bool) error) error {
	db, err := connectPostgres(ctx, o)
	if err != nil {
		return err
	}
	err = db.InTx(ctx, func(tx *Tx) error {
		if err := tx.Lock(ctx, migrationsLock); err != nil {
			return err
		}
		var marked bool
		if err := tx.QueryRowContext(ctx, `SELECT to_regclass('`+restoringTable+`') IS NOT NULL`).Scan(&marked); err != nil {
			return err
		}
		return f(tx, marked)
	})
	if err != nil {
		err = openingPostgres(ctx, err)
	}
	return errors.Join(err, db.Close())
}

// dropAll drops everything but the mark of a restore.
func dropAll(ctx context.Context, tx *Tx) error {
	drops, err := Collect(ctx, tx, scanText, objects)
	if err != nil {
		return err
	}
	for _, drop := range drops {
		if _, err := tx.ExecContext(ctx, drop); err != nil {
			return err
		}
	}
	return nil
}

// objects is a query of what a PostgreSQL database has besides the mark of a restore, as
// the statements that drop it. What belongs to an extension is omitted, and so is what is
// dropped with its table.
const objects = `
	SELECT format('DROP %s IF EXISTS %I.%I CASCADE',
		CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
		n.nspname, c.relname)
	FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT c.relispartition AND c.relname <> '` + restoringTable + `' AND ` + ofUser + `
		AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype IN ('e', 'a', 'i'))
	UNION ALL
	SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
	FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
	WHERE ` + ofUser + ` AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
	UNION ALL
	SELECT format('DROP TYPE IF EXISTS %I.%I CASCADE', n.nspname, t.typname)
	FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
	WHERE t.typtype IN ('e', 'd') AND ` + ofUser + `
		AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')`

const ofUser = `n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'`
