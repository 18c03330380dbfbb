package app_test

import (
	"bytes"
	"image/jpeg"
	"net/http"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// TestReplays: a selfie that is sent again is answered as before by default,
// and refused where that is the policy, whoever sent it first; so is the
// reference's own photograph. Both are also known when they are re-encoded.
func TestReplays(t *testing.T) {
	s := start(t, config(t), ayu)
	for range 3 { // as with the documented curl
		if status, body := s.verify(t, ayu.asks()); status != 200 || !strings.Contains(body, "Verification Success") {
			t.Fatalf("got %d %s", status, body)
		}
	}

	other, err := app.OpenStorage(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, other)
	s.who = addClient(t, other, "strict", access.Client{Replay: access.Enforce})
	send := func(photo []byte, id string) (int, string) {
		t.Helper()
		contentType, b := form(t, ayu, photo)
		r := s.request(t, http.MethodPost, httpapi.FaceVerificationPath, contentType, b)
		r.Header.Set("X-Request-Id", id)
		return s.do(t, r)
	}
	selfie, reference := readPhoto(t, "ayu-selfie.jpg"), readPhoto(t, "ayu-reference.jpg")
	for name, photo := range map[string][]byte{
		"the selfie": selfie, "the selfie, re-encoded": reencoded(t, selfie),
		"the reference": reference, "the reference, re-encoded": reencoded(t, reference),
	} {
		if status, body := send(photo, "first"); status != 400 || !strings.Contains(body, `"code":"SUSPECTED_REPLAY"`) {
			t.Errorf("%s: got %d %s", name, status, body)
		}
	}

	// Who is taken off the record and comes back has sent nothing yet; and a
	// request that is sent again is no replay.
	record := ayu.record(t)
	if removed, err := other.People.Remove(t.Context(), record.NIK); err != nil || !removed {
		t.Fatalf("Remove = %v, %v", removed, err)
	}
	engine, err := app.OpenEngine(s.config, app.OnePhotograph, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if _, err := app.NewEnroller(other, engine).Enrol(t.Context(), record, reference); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"second", "second"} {
		if status, body := send(selfie, id); status != 200 {
			t.Errorf("got %d %s", status, body)
		}
	}
	if status, body := send(selfie, "third"); status != 400 {
		t.Errorf("got %d %s", status, body)
	}
	// Ten verifications, and five changes of people and clients.
	if head, err := other.Trail.Verify(t.Context()); err != nil || head.Seq != 15 {
		t.Errorf("the trail holds %d events, %v", head.Seq, err)
	}
}

func reencoded(t *testing.T, photo []byte) []byte {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(photo))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 60}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
