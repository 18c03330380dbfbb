package kill_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

const r8 = `{"verification_status":false,"reason":"Something wrong in Dukcapil server","result":{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null}}`

// TestDiskFull: on a full disk, verifications get no verdict, and the service is
// not ready. Once there is space again, the same process answers.
func TestDiskFull(t *testing.T) {
	program(t)
	disk := pgtest.Mount(t, t.TempDir(), "size=4m")
	data := filepath.Join(disk.Dir, "data")
	sesuai(t, nil, "person", "import", root+"/demo/people.csv", "--photos", photosDir, "--data", data)
	photo := readFile(t, photosDir+"/ayu-selfie.jpg")
	s := serve(t, data)
	if status, body, err := s.verify("before", photo); err != nil || status != 200 {
		t.Fatalf("before: %d %s, %v", status, body, err)
	}

	disk.Fill(t)
	// SQLite's log still has space for some events.
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
			t.Fatalf("the disk is full, but %d verifications were answered", answered)
		}
	}
	t.Logf("%d were answered in the remaining space, then none", answered)

	s.awaitReadiness(t, 503)

	disk.Free(t)
	s.awaitReadiness(t, 200)
	for range 3 {
		if status, body, err := s.verify("", photo); err != nil || status != 200 {
			t.Errorf("with space again: %d %s, %v", status, body, err)
		}
		answered++
	}
	s.Stop(t)
	if strings.Contains(s.Log.String(), "panic") {
		t.Errorf("the log says %s", s.Log)
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
		t.Errorf("%d events, %d answers", total, answered+1)
	}
}

// awaitReadiness waits until /readyz answers with the status.
func (s *server) awaitReadiness(t *testing.T, status int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		resp, err := s.client.Get(s.address + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == status {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("/readyz answers %d, not %d", resp.StatusCode, status)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
