package kill_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

// TestKillImportOfFaces kills an import of the photographs for development three
// times. Some of them cannot be references, so some rows are rejected: the final
// registry, exit status and rejected rows equal those of a run that was not
// killed. IMPORT_FACES=all takes all photographs, which needs minutes.
func TestKillImportOfFaces(t *testing.T) {
	program(t)
	facesDir := process.Faces(t, root)
	faces := photographs(t, facesDir)
	const kills = 3
	dir := t.TempDir()
	people := filepath.Join(dir, "people.csv")
	writeFaces(t, people, faces)
	run := func(name string) (data, rejects string, cmd *exec.Cmd) {
		data, rejects = filepath.Join(dir, name), filepath.Join(dir, name+".csv")
		return data, rejects, command(t, "person", "import", people, "--photos", facesDir, "--data", data, "--rejects", rejects)
	}
	whole, wholeRejects, cmd := run("undisturbed")
	start := time.Now()
	rejected := ends(t, cmd)
	took := time.Since(start)

	makeRegistry(t, filepath.Join(dir, "killed"))
	for range kills {
		data, _, cmd := run("killed")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		// So early that three such runs do not get to the end together.
		select {
		case <-time.After(time.Duration((0.08 + 0.2*rand.Float64()) * float64(took))):
		case err := <-ended:
			t.Fatalf("the import was through before it could be killed: %v", err)
		}
		kill(t, cmd)
		<-ended
		t.Logf("killed with %d of %d people on record", count(t, data), len(faces)-rejected)
	}
	data, rejects, cmd := run("killed")
	if again := ends(t, cmd); again != rejected {
		t.Errorf("%d rows are rejected, %d in a run that was not killed", again, rejected)
	}
	if a, b := digest(t, data), digest(t, whole); a != b || a == "" {
		t.Errorf("the digest is %s, and %s after a run that was not killed", a, b)
	}
	a, b := sortedLines(t, rejects), sortedLines(t, wholeRejects)
	if !slices.Equal(a, b) || len(b) != rejected+1 {
		t.Errorf("%d rejected rows are told, %d in a run that was not killed, of %d", len(a)-1, len(b)-1, rejected)
	}
	t.Logf("%d photographs, %d of them rejected", len(faces), rejected)
	assertSound(t, data)
}

// photographs are the paths of photographs in a folder.
func photographs(t *testing.T, folder string) (faces []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".jpg") {
			path, err = filepath.Rel(folder, path)
			faces = append(faces, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("IMPORT_FACES") != "all" {
		faces = faces[:min(len(faces), 100)]
	}
	return faces
}

// writeFaces writes a file of invented people with these photographs.
func writeFaces(t *testing.T, path string, faces []string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := csv.NewWriter(f)
	rows := [][]string{{"nik", "name", "date_of_birth", "photo"}}
	for i, face := range faces {
		rows = append(rows, []string{nik(i), name(i), "01-02-1990", face})
	}
	if err := errors.Join(w.WriteAll(rows), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// ends runs an import to its end and reports how many rows are rejected, as the
// exit status must say, too.
func ends(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	var s summary
	out, err := cmd.Output()
	if wrong := json.Unmarshal(out, &s); wrong != nil {
		t.Fatalf("%v: %v in %s", err, wrong, out)
	}
	if status := cmd.ProcessState.ExitCode(); status > 1 || (status == 1) != (s.Rejected > 0) {
		t.Fatalf("exit status %d with %d rejected: %v", status, s.Rejected, err)
	}
	return s.Rejected
}

func sortedLines(t *testing.T, path string) []string {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(string(readFile(t, path)), "\n"), "\n")
	slices.Sort(lines)
	return lines
}
