package kill_test

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHangUp: SIGHUP has a service that is not on a terminal read its files again, and it
// goes on.
func TestHangUp(t *testing.T) {
	data := withDemoPeople(t)
	s := serve(t, data, "SESUAI_LOG_LEVEL=info")
	photo := readFile(t, photosDir+"/ayu-selfie.jpg")
	s.Signal(t, syscall.SIGHUP)
	for late := time.After(patience); !strings.Contains(s.Log.String(), `"msg":"reloaded"`); {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-late:
			t.Fatalf("it has not reloaded: %s", s.Log)
		}
	}
	if status, body, err := s.verify("once", photo); err != nil || status != 200 {
		t.Fatal(status, string(body), err)
	}
	s.Stop(t)
	assertSound(t, data)
	if times := requestIDs(t, data)["once"]; times != 1 {
		t.Errorf("the request is recorded %d times", times)
	}
}
