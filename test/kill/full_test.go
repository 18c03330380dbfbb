package kill_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const r8 = `{"verification_status":false,"reason":"Something wrong in Dukcapil server","result":{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null}}`

// TestDiskFull: a verification that cannot be recorded is not answered; once
// there is room again, the same process answers.
func TestDiskFull(t *testing.T) {
	program(t)
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("a file system of its own cannot be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", disk).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	data := filepath.Join(disk, "data")
	sesuai(t, nil, "person", "import", root+"/demo/people.csv", "--photos", photosDir, "--data", data)
	photo := readFile(t, photosDir+"/ayu-selfie.jpg")
	s := serve(t, data)
	if status, body, err := s.verify("before", photo); err != nil || status != 200 {
		t.Fatalf("before: %d %s, %v", status, body, err)
	}

	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	// SQLite's log has room for some events yet.
	answered, refused := 0, 0
	for deadline := time.Now().Add(patience); refused < 5; {
		status, body, err := s.verify("", photo)
		switch {
		case err != nil:
			t.Fatal(err)
		case status == 200:
			answered++
		case status == 503 && string(body) == r8:
			refused++
		default:
			t.Fatalf("%d %s", status, body)
		}
		if time.Now().After(deadline) {
			t.Fatalf("still answering on a full disk, after %d", answered)
		}
	}
	t.Logf("%d were answered from what room was left, then none", answered)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if status, body, err := s.verify("", photo); err != nil || status != 200 {
			t.Errorf("with room again: %d %s, %v", status, body, err)
		}
		answered++
	}
	s.Stop(t)
	if strings.Contains(s.Log.String(), "panic") {
		t.Errorf("it says %s", s.Log)
	}
	assertSound(t, data)
	total := 0
	for id, times := range requestIDs(t, data) {
		if times != 1 {
			t.Errorf("%s is recorded %d times", id, times)
		}
		total += times
	}
	if total != answered+1 {
		t.Errorf("%d are recorded, %d were answered", total, answered+1)
	}
}

// fill writes a file until there is no room for more.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}
