package backup_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/backup"
)

// kills is how often a backup and a restore are killed.
const kills = 20

// TestKillBackup kills backups at random moments. What has its name then is whole, and
// the next backup removes what the data folder has of a former one.
func TestKillBackup(t *testing.T) {
	people(t)
	each(t, func(t *testing.T, p place) {
		fill(t, p)
		dir := t.TempDir()
		lasts := run(t, p, "backup", filepath.Join(dir, "first"))
		whole := 0
		for range kills {
			path := filepath.Join(dir, "killed")
			lasts = cut(t, p.sesuai.Command("backup", path), lasts)
			_, err := backup.Open(path, nil, filepath.Join(t.TempDir(), "opened"))
			if err == nil {
				whole++
				err = os.Remove(path)
			} else if errors.Is(err, os.ErrNotExist) {
				err = nil
			}
			if err != nil {
				t.Error(err)
			}
		}
		run(t, p, "backup", filepath.Join(dir, "last"))
		if _, err := os.Stat(filepath.Join(p.config.Data, ".backup")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the data folder has a copy of a former backup: %v", err)
		}
		assertCut(t, kills-whole)
		t.Logf("%d kills: %d backups were whole, none was in part", kills, whole)
	})
}

// TestKillRestore kills restores at random moments. Then there is no database that can be
// used, or all of it, and another restore completes.
func TestKillRestore(t *testing.T) {
	people(t)
	each(t, func(t *testing.T, p place) {
		fill(t, p)
		path := filepath.Join(t.TempDir(), "backup")
		run(t, p, "backup", path)
		to := p.elsewhere(t)
		lasts := run(t, to, "restore", path)
		whole := 0
		to = p.elsewhere(t)
		for range kills {
			lasts = cut(t, to.sesuai.Command("restore", path), lasts)
			out, err := to.sesuai.Command("audit", "verify").CombinedOutput()
			switch text := string(out); {
			case err == nil:
				whole++
				to = p.elsewhere(t)
			case !strings.Contains(text, "no registry") && !strings.Contains(text, "is being restored"):
				t.Errorf("after a kill: %v: %s", err, text)
			}
		}
		if out, err := to.sesuai.Command("audit", "verify").CombinedOutput(); err == nil {
			t.Errorf("a new place has a database: %s", out)
		}
		run(t, to, "restore", path)
		run(t, to, "audit", "verify")
		assertCut(t, kills-whole)
		t.Logf("%d kills: %d restores were whole, none could be used in part", kills, whole)
	})
}

// fill puts people on record.
func fill(t *testing.T, p place) {
	t.Helper()
	s := p.open(t)
	defer closeStorage(t, s)
	for n := range 200 {
		if _, err := s.People.Enrol(t.Context(), country.Person(n), nil); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a command and returns how long it took.
func run(t *testing.T, p place, args ...string) time.Duration {
	t.Helper()
	start := time.Now()
	p.sesuai.Run(t, nil, args...)
	return time.Since(start)
}

// cut kills a command at a random moment of the time that one lasts. It returns that time,
// which is shorter if the command has ended before.
func cut(t *testing.T, cmd *exec.Cmd, lasts time.Duration) time.Duration {
	t.Helper()
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
		return time.Since(start)
	case <-time.After(rand.N(lasts)):
	}
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	<-ended // by the signal, or just before it
	return lasts
}

// assertCut fails if hardly any kill came before the end of its command.
func assertCut(t *testing.T, n int) {
	t.Helper()
	if n < kills/4 {
		t.Errorf("%d of %d kills came in time", n, kills)
	}
}
