package answer_test

import (
	"context"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/answer/answertest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestRepetitionIsReplicated: an answer whose commit was cut off while it waited for a
// standby is on the primary alone. It is not given again until a standby has it: a
// failover would lose it, and the key would be answered in another way.
func TestRepetitionIsReplicated(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{Fast: true, Settings: map[string]string{"synchronous_commit": "on"}})
	standby := primary.Standby(t, "standby", pgtest.Options{Fast: true})
	primary.Exec(t, "CREATE DATABASE answers OWNER "+pgtest.User)
	s := open(t, sqltest.Database{
		Dir: t.TempDir(), Engine: sqldb.PostgreSQL,
		Options: sqldb.Options{URL: primary.URL("answers"), Migrate: true, Migrations: engines.Migrations()},
	}, keyring.NewSecret(), answertest.MaxAge, noon)
	key := keyOf("cli_a", "key-1", 1)
	r := reserve(t, s, key)
	defer r.Release()
	primary.Synchronise(t, "standby")
	standby.Kill(t)

	// However long a try may take, it must fail.
	try := func(about string, f func(context.Context) error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := f(ctx); err == nil {
			t.Errorf("%s succeeds without a standby", about)
		}
	}
	try("an answer", func(ctx context.Context) error { return s.give(ctx, rowOf(1, r)) })
	for start, visible := time.Now(), 0; visible == 0; time.Sleep(time.Millisecond) {
		err := s.db.Read().QueryRowContext(t.Context(), `SELECT count(sealed) FROM idempotency_keys`).Scan(&visible)
		if err != nil || time.Since(start) > time.Minute {
			t.Fatalf("the answer is not on the primary: %v", err)
		}
	}
	try("Reserve", func(ctx context.Context) error {
		taken, err := s.Reserve(ctx, key)
		if err != nil && sesuai.KindOf(err) != sesuai.KindUnavailable || taken != (answer.Taken{}) {
			t.Errorf("Reserve = %+v, %v", taken, err)
		}
		return err
	})
	try("Await", func(ctx context.Context) error {
		_, err := s.Await(ctx, key)
		return err
	})

	standby.Restart(t)
	taken, err := s.Reserve(t.Context(), key)
	if err != nil || taken.Answer == nil || taken.Answer.Request != "request-1" {
		t.Errorf("Reserve = %+v, %v", taken, err)
	}
}
