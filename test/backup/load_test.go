package backup_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/backup"
	"github.com/sesuai/sesuai/test/process"
)

// sealing is an age key, with the flags that seal to it and open.
type sealing struct {
	identity   *age.X25519Identity
	seal, open []string
}

func newSealing(t *testing.T) sealing {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "identity")
	if err := os.WriteFile(file, []byte(identity.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return sealing{identity, []string{"--recipient", identity.Recipient().String()}, []string{"--identity", file}}
}

// TestBackupUnderLoad backs the service up while it verifies and enrols. Restored
// elsewhere, the audit trail, the people and the clients are those of the checkpoint in the
// backup, whoever was on record before the backup is, and all verdicts are as they were.
func TestBackupUnderLoad(t *testing.T) {
	n := people(t)
	each(t, func(t *testing.T, p place) {
		storage := p.open(t)
		defer closeStorage(t, storage)
		portraits := references(t, p.config)
		for i := range n {
			if err := enrol(t.Context(), storage, i, portraits); err != nil {
				t.Fatal(err)
			}
		}
		var who process.Credentials
		p.sesuai.Run(t, &who, "client", "add", "bank")
		s := p.serve(t, who)
		want := s.verdicts(t, n)
		verdicts := make(map[string]int)
		for _, w := range want {
			verdict, _, _ := strings.Cut(w, ",")
			verdicts[verdict]++
		}
		t.Logf("%d people, verdicts: %v", n, verdicts)

		l := startLoad(t, s, storage, want, portraits)
		l.awaitMore(t, 20)
		key := newSealing(t)
		dir := t.TempDir()
		for _, files := range [][]string{{filepath.Join(dir, "whole")}, {filepath.Join(dir, "rest"), filepath.Join(dir, "apart")}} {
			args := files
			if len(files) == 2 {
				args = []string{files[0], "--apart", files[1]}
			}
			enrolled, verified, start := l.enrolled.Load(), l.verified.Load(), time.Now()
			var made app.BackedUp
			p.sesuai.Run(t, &made, append(append([]string{"backup"}, args...), key.seal...)...)
			t.Logf("backup %+v in %s; meanwhile %d verified, %d enrolled", made.Files, milliseconds(time.Since(start)),
				l.verified.Load()-verified, l.enrolled.Load()-enrolled)
			l.awaitMore(t, 20)

			to := p.elsewhere(t)
			start = time.Now()
			var restored app.Restored
			to.sesuai.Run(t, &restored, append(append([]string{"restore"}, args...), key.open...)...)
			t.Logf("restored %d people and %d events in %s", restored.People, restored.Events, milliseconds(time.Since(start)))
			if first, last := n+int(enrolled), n+int(l.enrolled.Load()); restored.People < first || restored.People >= last || !restored.PeopleChecked {
				t.Errorf("restored: %+v; there were %d people before the backup, and %d some time after it", restored, first, last)
			}
			checkRestored(t, to, files[0], key, restored, n+int(enrolled))
		}
		l.stop()
		s.stop(t)

		to := p.elsewhere(t)
		to.sesuai.Run(t, nil, append([]string{"restore", filepath.Join(dir, "rest"), "--apart", filepath.Join(dir, "apart")}, key.open...)...)
		s = to.serve(t, who)
		different := 0
		for i, got := range s.verdicts(t, n) {
			if got != want[i] {
				different++
				t.Errorf("person %d: %s; it was %s", i, got, want[i])
			}
		}
		s.stop(t)
		t.Logf("%d of %d verdicts are as they were", n-different, n)
		to.sesuai.Run(t, nil, "audit", "verify")
	})
}

// checkRestored compares a restored database with the checkpoint of its backup, and looks
// for the people who were enrolled before it.
func checkRestored(t *testing.T, p place, path string, key sealing, restored app.Restored, enrolled int) {
	t.Helper()
	opened, err := backup.Open(path, backup.Identities{key.identity}, filepath.Join(t.TempDir(), "opened"))
	if err != nil {
		t.Fatal(err)
	}
	s := p.open(t)
	defer closeStorage(t, s)
	checkpoint, err := audit.OpenCheckpoint([]byte(opened.Checkpoint), s.AuditKey())
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.VerifyTrail(t.Context(), p.config, app.TrailCheck{})
	if err != nil || !report.Whole {
		t.Fatalf("VerifyTrail = %+v, %v", report, err)
	}
	now, err := audit.OpenCheckpoint([]byte(report.Checkpoint), s.AuditKey())
	if err != nil {
		t.Fatal(err)
	}
	if now.Head != checkpoint.Head || now.Seq != restored.Events {
		t.Errorf("the restored trail ends with %+v, and the checkpoint of the backup is of %+v", now.Head, checkpoint.Head)
	}
	t.Logf("event %d, its hash, and the digests of people and clients are those of the checkpoint", now.Seq)
	for i := range enrolled {
		if _, found, err := s.People.Lookup(t.Context(), country.Person(i).NIK); err != nil || !found {
			t.Errorf("person %d was enrolled before the backup, and is not restored: %v", i, err)
		}
	}
}
