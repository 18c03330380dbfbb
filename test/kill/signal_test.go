package kill_test

import (
	"syscall"
	"testing"
)

// TestHangUp: the end of the terminal ends the service as SIGTERM does.
func TestHangUp(t *testing.T) {
	data := withDemoPeople(t)
	s := serve(t, data)
	photo := readFile(t, photosDir+"/ayu-selfie.jpg")
	if status, body, err := s.verify("once", photo); err != nil || status != 200 {
		t.Fatal(status, string(body), err)
	}
	s.StopBy(t, syscall.SIGHUP)
	assertSound(t, data)
	if times := requestIDs(t, data)["once"]; times != 1 {
		t.Errorf("the request is recorded %d times", times)
	}
}
