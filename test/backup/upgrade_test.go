package backup_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// before is the last commit of the schema before this one's.
const before = "dc1766b"

// buildBefore builds the program of that commit.
func buildBefore(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	archive := exec.CommandContext(t.Context(), "git", "archive", "--output", filepath.Join(dir, "source.tar"), before)
	archive.Dir = root
	shell(t, archive)
	source := filepath.Join(dir, "source")
	if err := os.Mkdir(source, 0o700); err != nil {
		t.Fatal(err)
	}
	shell(t, exec.CommandContext(t.Context(), "tar", "-xf", filepath.Join(dir, "source.tar"), "-C", source))
	tags, err := os.ReadFile(filepath.Join(root, "build/tags"))
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", strings.TrimSpace(string(tags)), "-o", filepath.Join(dir, "bin/sesuai"), "./cmd/sesuai")
	build.Dir = source
	shell(t, build)
	models, err := filepath.Abs(filepath.Join(root, "models"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(models, filepath.Join(dir, "models")); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "bin/sesuai")
}

func shell(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(cmd.Args, " "), err, out)
	}
}

// TestUpgradeAndBack: what the version before has stored opens with this one, and gives
// the same verdicts. The backup from before the upgrade gives them with the version before
// again, which is the way back, and with this one as well.
func TestUpgradeAndBack(t *testing.T) {
	n := min(people(t), 50)
	program := buildBefore(t)
	each(t, func(t *testing.T, p place) {
		old := p.before(program)
		table := filepath.Join(t.TempDir(), "people.csv")
		var text strings.Builder
		text.WriteString("nik,name,date_of_birth,status,photo\n")
		for i := range n {
			person := country.Person(i)
			text.WriteString(strings.Join([]string{
				person.NIK.Reveal(), person.Name.Reveal(), person.DateOfBirth.Reveal(), person.Status.String(), portraits[i%len(portraits)].reference,
			}, ",") + "\n")
		}
		if err := os.WriteFile(table, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		old.sesuai.Run(t, nil, "person", "import", table, "--photos", photosDir)
		var who process.Credentials
		old.sesuai.Run(t, &who, "client", "add", "bank")
		s := old.serve(t, who)
		want := s.verdicts(t, n)
		path := old.backupBefore(t)
		s.stop(t)

		same := func(what string, p place) {
			t.Helper()
			s := p.serve(t, who)
			for i, got := range s.verdicts(t, n) {
				if got != want[i] {
					t.Errorf("%s: person %d: %s; it was %s", what, i, got, want[i])
				}
			}
			s.stop(t)
			p.sesuai.Run(t, nil, "audit", "verify")
			t.Logf("%s: %d verdicts were compared", what, n)
		}
		same("upgraded", p)
		to := p.elsewhere(t)
		to.restoreBefore(t, path)
		same("restored with the version before", to.before(program))
		same("restored, and upgraded", to)
		if p.config.Registry == "" {
			to = p.elsewhere(t)
			to.sesuai.Run(t, nil, "restore", path, "--without-manifest")
			same("restored with this version", to)
		}
	})
}

// before is the place with another program, which knows no key of this version.
func (p place) before(program string) place {
	p.sesuai.Program = program
	var env []string
	for _, variable := range p.sesuai.Env {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case "SESUAI_LOG_LEVEL", "SESUAI_REGISTRY", "SESUAI_POSTGRES_MIGRATE", "SESUAI_MASTER_KEY":
			env = append(env, variable)
		}
	}
	p.sesuai.Env = env
	return p
}

// backupBefore backs up as the version before did: with PostgreSQL by hand.
func (p place) backupBefore(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "before-upgrade")
	if p.config.Registry == "" {
		p.sesuai.Run(t, nil, "backup", path)
		return path
	}
	shell(t, exec.CommandContext(t.Context(), filepath.Join(pgtest.Binaries, "pg_dump"), "--format=custom", "--no-owner", "--file="+path, p.config.Registry))
	return path
}

// restoreBefore restores what backupBefore has made, as the version before did.
func (p place) restoreBefore(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(p.config.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	if p.config.Registry != "" {
		shell(t, exec.CommandContext(t.Context(), filepath.Join(pgtest.Binaries, "pg_restore"), "--no-owner", "--exit-on-error", "--dbname="+p.config.Registry, path))
		return
	}
	b, err := os.ReadFile(path)
	if err := errors.Join(err, os.WriteFile(filepath.Join(p.config.Data, "sesuai.db"), b, 0o600)); err != nil {
		t.Fatal(err)
	}
}
