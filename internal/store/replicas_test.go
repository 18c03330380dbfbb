package store_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/store"
)

// eventually waits until done, for a minute at most.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// nodes are a primary, a standby, and stores on them that read from the latter.
type nodes struct {
	primary, standby *pgtest.Server
	database         string
	open             func(staleness time.Duration) *store.Store
}

func startNodes(t *testing.T) nodes {
	t.Helper()
	n := nodes{primary: pgtest.Start(t, pgtest.Options{Fast: true}), database: "nodes"}
	n.standby = n.primary.Standby(t, "standby", pgtest.Options{Fast: true})
	n.primary.Exec(t, "CREATE DATABASE nodes OWNER "+pgtest.User)
	dir := t.TempDir()
	n.open = func(staleness time.Duration) *store.Store {
		t.Helper()
		o := options(t, dir)
		o.Dir, o.URL, o.Migrate = "", n.primary.URL(n.database), true
		o.Replicas, o.Staleness = n.standby.URL(n.database), staleness
		s, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() }) // its server may be gone
		return s
	}
	return n
}

// found reports whether somebody is on record for a store.
func found(t *testing.T, s *store.Store, n int) bool {
	t.Helper()
	record, err := s.Check(t.Context(), registrytest.Claim(registrytest.Person(t, n)))
	if err != nil {
		t.Fatal(err)
	}
	return record.Found
}

func TestReplicasPassTheRegistryExam(t *testing.T) {
	n := startNodes(t)
	s := n.open(time.Minute)
	registrytest.TestRegistry(t, func(t *testing.T) registry.Enroller {
		s.ExecForTest(t, "TRUNCATE people, templates, person_keys, probes")
		// What the store itself writes comes after that, in the log too.
		enrol(t, s, 1)
		if removed, err := s.Remove(t.Context(), registrytest.NIK(t, 1)); err != nil || !removed {
			t.Fatal(removed, err)
		}
		eventually(t, "the replica is near", s.NearForTest)
		return s
	})
}

// TestReplicas: people are read from a replica that follows, not from one that
// lacks what this process has written, or that is too far behind, or is gone.
func TestReplicas(t *testing.T) {
	n := startNodes(t)
	s, other, patient := n.open(2*time.Second), n.open(500*time.Millisecond), n.open(time.Hour)
	all := []*store.Store{s, other, patient}
	enrol(t, s, 1)
	for _, store := range all {
		eventually(t, "the replica is near", store.NearForTest)
		eventually(t, "the replica has the person", func() bool { return found(t, store, 1) })
	}

	n.standby.Exec(t, "SELECT pg_wal_replay_pause()")
	enrol(t, s, 2)
	if s.NearForTest() || !found(t, s, 2) {
		t.Error("who wrote does not read what was written")
	}
	eventually(t, "the replica is too far behind", func() bool { return !other.NearForTest() })
	if !found(t, other, 2) {
		t.Error("the primary is not read from")
	}
	if !patient.NearForTest() || found(t, patient, 2) {
		t.Error("the replica is not read from: this test shows nothing")
	}
	if removed, err := other.Remove(t.Context(), registrytest.NIK(t, 1)); err != nil || !removed {
		t.Fatal(removed, err)
	}
	if found(t, other, 1) {
		t.Error("who removed somebody still finds them")
	}

	n.standby.Exec(t, "SELECT pg_wal_replay_resume()")
	for _, store := range all {
		eventually(t, "the replica is near again", func() bool {
			return store.NearForTest() && found(t, store, 2) && !found(t, store, 1)
		})
	}

	n.standby.Kill(t)
	for _, store := range all {
		if !found(t, store, 2) {
			t.Error("without the replica nobody is found")
		}
	}
	n.standby.Restart(t)
	for _, store := range all {
		eventually(t, "the replica is near after a restart", store.NearForTest)
	}

	n.primary.Kill(t)
	claim := registrytest.Claim(registrytest.Person(t, 3))
	eventually(t, "without the primary nobody can be told not to be there", func() bool {
		record, err := s.Check(t.Context(), claim)
		if err == nil && record.Found {
			t.Error("somebody is found who was never there")
		}
		return sesuai.KindOf(err) == sesuai.KindUnavailable
	})
	_, err := s.Enrol(t.Context(), registrytest.Person(t, 3), nil)
	assertUnanswered(t, "Enrol", err)
	n.primary.Restart(t)
	eventually(t, "the service goes on", func() bool {
		_, err := s.Enrol(t.Context(), registrytest.Person(t, 3), nil)
		return err == nil
	})
	if !found(t, s, 3) {
		t.Error("who was enrolled is not found")
	}
}

// TestPostgresURL: what cannot be used is refused before anything is opened,
// and not repeated.
func TestPostgresURL(t *testing.T) {
	for _, test := range []struct{ url, says string }{
		{"mysql://s3cret@127.0.0.1/db", "postgres://"},
		{"postgres://user:s3cret@127.0.0.1/db", "no password"},
		{"postgres://user@127.0.0.1/db?password=s3cret", "no password"},
		{"postgres://user@127.0.0.1:s3cret/db", "cannot be read"},
		{"postgres://user@127.0.0.1/db?sslmode=s3cret", "cannot be read"},
		{"postgres://user@127.0.0.1/db?sslrootcert=/s3cret&sslmode=verify-full", "cannot be read"},
	} {
		o := options(t, t.TempDir())
		o.Dir, o.URL = "", test.url
		_, err := store.Open(t.Context(), o)
		assertConfiguration(t, err, test.says)
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error repeats the URL: %v", err)
		}
	}
	if _, err := os.Stat("master.key"); err == nil {
		t.Error("a key was made")
	}
}
