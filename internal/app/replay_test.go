package app_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"net/http"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/test/process"
)

// TestReplays: a selfie that is sent again is answered as before by default,
// and refused where that is the policy, whoever sent it first; so is the
// reference's own photograph. Both are also known when they are re-encoded,
// mirrored or squeezed.
func TestReplays(t *testing.T) {
	process.Slow(t)
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
	claimed := ayu
	send := func(photo []byte, id string) (int, string) {
		t.Helper()
		contentType, b := form(t, claimed, photo)
		r := s.request(t, http.MethodPost, httpapi.FaceVerificationPath, contentType, b)
		r.Header.Set("X-Request-Id", id)
		return s.do(t, r)
	}
	selfie, reference := readPhoto(t, "ayu-selfie.jpg"), readPhoto(t, "ayu-reference.jpg")
	for name, photo := range map[string][]byte{
		"the selfie": selfie, "the selfie, re-encoded": reencoded(t, selfie),
		"the selfie, mirrored": edited(t, selfie, 1, true), "the selfie, squeezed": edited(t, selfie, 0.88, false),
		"the selfie, squeezed and mirrored": edited(t, selfie, 0.88, true),
		"the reference":                     reference, "the reference, re-encoded": reencoded(t, reference),
		"the reference, mirrored": edited(t, reference, 1, true), "the reference, squeezed": edited(t, reference, 0.88, false),
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
	// Under the id of an earlier request another name is another request.
	claimed.name = "Orang Lain"
	if status, body := send(selfie, "second"); status != 400 || !strings.Contains(body, "SUSPECTED_REPLAY") {
		t.Errorf("another name under a used id: got %d %s", status, body)
	}
	claimed = ayu
	if status, body := send(selfie, "third"); status != 400 {
		t.Errorf("got %d %s", status, body)
	}
	// 16 verifications, five changes of people and clients, and the configuration.
	if head, err := other.Trail.Verify(t.Context()); err != nil || head.Seq != 22 {
		t.Errorf("the trail holds %d events, %v", head.Seq, err)
	}
}

func reencoded(t *testing.T, photo []byte) []byte { return edited(t, photo, 1, false) }

// edited returns the photograph with its width scaled, possibly mirrored, as a
// JPEG of low quality.
func edited(t *testing.T, photo []byte, width float64, mirror bool) []byte {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(photo))
	if err != nil {
		t.Fatal(err)
	}
	was := m.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, int(width*float64(was.Dx())), was.Dy()))
	for y := range was.Dy() {
		for x := range out.Rect.Dx() {
			from := int((float64(x) + 0.5) / width)
			if mirror {
				from = was.Dx() - 1 - from
			}
			out.Set(x, y, m.At(was.Min.X+from, was.Min.Y+y))
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, out, &jpeg.Options{Quality: 60}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
