package client_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/client"
	"github.com/sesuai/sesuai/test/process"
)

const root = ".."

// dial returns a client of the demo's service. change may be nil.
func dial(t *testing.T, d *process.Demo, change func(*client.Options)) *client.Client {
	t.Helper()
	o := client.Options{BaseURL: d.Address + "/", Username: d.Username, Password: d.Password, APIKey: d.APIKey}
	if change != nil {
		change(&o)
	}
	return newClient(t, o)
}

func newClient(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// TestRealService asks a running service, with the real face engine, for each kind of
// answer and error.
func TestRealService(t *testing.T) {
	t.Setenv("SESUAI_WEBHOOKS_ALLOW_NETWORKS", "127.0.0.0/8") // for webhook
	t.Setenv("SESUAI_WEBHOOKS_ALLOW_HTTP", "true")
	d := process.StartDemo(t, root)
	c := dial(t, d, nil)
	photo := func(name string) client.Content { return client.FromFile(filepath.Join(d.Photos, name)) }
	ayu := client.FaceRequest{NIK: "9901015203900001", Name: "Ayu Kencana Pratiwi", DateOfBirth: "12-03-1990", Photo: photo("ayu-selfie.jpg")}
	threshold := sesuai.PercentageOf(75)

	t.Run("face", func(t *testing.T) {
		const yes, no, none = sesuai.Match, sesuai.NonMatch, sesuai.NotCompared
		for _, test := range []struct {
			about  string
			change func(*client.FaceRequest)
			want   sesuai.Verdict // its percentage is that of the answer
			passes bool
		}{
			{"R1", func(*client.FaceRequest) {}, sesuai.Verdict{Verified: true, Reason: sesuai.ReasonVerified, NIK: yes, Name: yes, DateOfBirth: yes}, true},
			{
				"R2", func(r *client.FaceRequest) { r.NIK = "9999999999999999" },
				sesuai.Verdict{Reason: sesuai.ReasonNIKNotFound, NIK: no, Name: none, DateOfBirth: none},
				false,
			},
			{
				"R3", func(r *client.FaceRequest) { r.Name = "Suryani Hapsari" },
				sesuai.Verdict{Reason: sesuai.ReasonNameDiffers, NIK: yes, Name: no, DateOfBirth: yes},
				true,
			},
			{
				"R4", func(r *client.FaceRequest) { r.DateOfBirth = "13-03-1990" },
				sesuai.Verdict{Reason: sesuai.ReasonDateDiffers, NIK: yes, Name: yes, DateOfBirth: no},
				true,
			},
			{
				"R5", func(r *client.FaceRequest) { r.Photo = photo("rani-selfie.jpg") },
				sesuai.Verdict{Reason: sesuai.ReasonFaceBelowThreshold, NIK: yes, Name: yes, DateOfBirth: yes},
				false,
			},
		} {
			r := ayu
			r.RequestID = "the-id-of-" + test.about
			test.change(&r)
			got, err := c.VerifyFace(t.Context(), r)
			if err != nil {
				t.Errorf("%s: %v", test.about, err)
				continue
			}
			test.want.Face = got.Face
			if got.Verdict != test.want || got.RequestID != r.RequestID || !got.Face.Known() || got.Face.AtLeast(threshold) != test.passes {
				t.Errorf("%s: %+v, %s", test.about, got, got.Face)
			}
		}
	})

	t.Run("data", func(t *testing.T) {
		got, err := c.VerifyData(t.Context(), client.DataRequest{NIK: ayu.NIK, Claim: map[sesuai.Attribute]string{
			sesuai.NameAttribute: ayu.Name, sesuai.DateOfBirthAttribute: "13-03-1990", sesuai.Gender: "perempuan", sesuai.Address: "",
		}})
		want := sesuai.DataVerdict{
			Reason: sesuai.ReasonDateDiffers, NIK: sesuai.Match, Name: sesuai.Match, DateOfBirth: sesuai.NonMatch,
			Attributes: map[sesuai.Attribute]sesuai.Outcome{sesuai.Gender: sesuai.Match},
		}
		if diff := cmp.Diff(want, got.DataVerdict); diff != "" || err != nil || got.RequestID == "" {
			t.Errorf("%v; the verdict (-want +got):\n%s", err, diff)
		}
		// The service ignores the field, and would answer about the name alone.
		_, err = c.VerifyData(t.Context(), client.DataRequest{NIK: ayu.NIK, Claim: map[sesuai.Attribute]string{"adress": "Jalan Mawar 1", sesuai.NameAttribute: ayu.Name}})
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Err == nil {
			t.Errorf("an attribute that there is not: %v", err)
		}
	})

	t.Run("match", func(t *testing.T) {
		for stored, want := range map[string]sesuai.MatchCode{"ayu-reference.jpg": sesuai.CodeMatch, "rani-reference.jpg": sesuai.CodeNotMatch} {
			got, err := c.Match(t.Context(), client.MatchRequest{Captured: ayu.Photo, Stored: photo(stored)})
			if err != nil || got.Code != want || got.Percentage.AtLeast(threshold) != (want == sesuai.CodeMatch) || !got.Percentage.Known() {
				t.Errorf("%s: %+v, %s, %v", stored, got, got.Percentage, err)
			}
		}
	})

	t.Run("liveness", func(t *testing.T) {
		got, err := c.Liveness(t.Context(), client.LivenessRequest{Photo: ayu.Photo})
		if err != nil || !got.Measured || got.Status == "" || got.Spoof < 0 || got.Spoof > 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})

	t.Run("refused", func(t *testing.T) {
		verify := func(change func(*client.FaceRequest)) func(context.Context) error {
			r := ayu
			change(&r)
			return func(ctx context.Context) error { _, err := c.VerifyFace(ctx, r); return err }
		}
		for about, test := range map[string]struct {
			call func(context.Context) error
			want client.Error
		}{
			"R6": {verify(func(r *client.FaceRequest) { r.NIK = "123" }), client.Error{Status: 400, Reason: "Invalid NIK number format"}},
			"R7": {verify(func(r *client.FaceRequest) { r.DateOfBirth = "1990-03-12" }), client.Error{Status: 400, Reason: "Invalid date_of_birth format"}},
			"no photograph": {
				verify(func(r *client.FaceRequest) { r.Photo = nil }),
				client.Error{Status: 400, Code: "NO_FILE", Reason: "No file in request body"},
			},
			"no JPEG": {
				verify(func(r *client.FaceRequest) { r.Photo = client.FromBytes([]byte("not a photograph")) }),
				client.Error{Status: 415, Code: "UNSUPPORTED_IMAGE", Reason: "Unsupported face_image format"},
			},
			"match": {
				func(ctx context.Context) error {
					_, err := c.Match(ctx, client.MatchRequest{Captured: ayu.Photo, Stored: client.FromBytes(nil)})
					return err
				},
				client.Error{Status: 400, Code: "NO_FILE", Reason: "No file in request body", Image: "stored_image"},
			},
			"API key": {
				func(ctx context.Context) error {
					_, err := dial(t, d, func(o *client.Options) { o.APIKey = "wrong" }).VerifyFace(ctx, ayu)
					return err
				},
				client.Error{Status: 401, Reason: "Access to this API has been disallowed"},
			},
		} {
			got, ok := errors.AsType[*client.Error](test.call(t.Context()))
			if !ok {
				t.Errorf("%s: there is no error", about)
				continue
			}
			if got.RequestID == "" || test.want.Code != "" && (got.Guidance.ID == "" || got.Guidance.EN == "") || got.Retryable() {
				t.Errorf("%s: %+v", about, got)
			}
			got.RequestID, got.Guidance, test.want.Attempts = "", client.Guidance{}, 1
			if diff := cmp.Diff(test.want, *got); diff != "" {
				t.Errorf("%s: the error (-want +got):\n%s", about, diff)
			}
		}
	})

	t.Run("answers", func(t *testing.T) {
		r := ayu
		r.ReferenceID, r.RequestID = "application/17?", "a/../b"
		given, err := c.VerifyFace(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		var blank bytes.Buffer
		if err := png.Encode(&blank, image.NewGray(image.Rect(0, 0, 640, 480))); err != nil {
			t.Fatal(err)
		}
		r.Photo, r.RequestID = client.FromBytes(blank.Bytes()), ""
		_, refusal := c.VerifyFace(t.Context(), r)
		refused, ok := errors.AsType[*client.Error](refusal)
		if !ok || refused.Code != "FACE_NOT_DETECTED" {
			t.Fatalf("%v", refusal)
		}
		found, more, err := c.Answers(t.Context(), r.ReferenceID)
		if err != nil || more || len(found) != 2 || found[0].RequestID != refused.RequestID || found[1].RequestID != given.RequestID {
			t.Fatalf("%+v, %t, %v", found, more, err)
		}
		again, err := found[1].Face()
		if given.Repeated = true; err != nil || again != given || found[1].ReferenceID != r.ReferenceID || found[1].Endpoint != "face_verification" {
			t.Errorf("%+v of %+v, %v", again, found[1], err)
		}
		_, err = found[0].Face()
		if refused.Attempts = 0; !cmp.Equal(err, refusal) {
			t.Errorf("%v, and first %v", err, refusal)
		}
		byID, _, err := c.AnswersTo(t.Context(), "a/../b")
		if err != nil || len(byID) != 1 || !cmp.Equal(byID[0], found[1]) {
			t.Errorf("%+v, %v", byID, err)
		}
		if none, _, err := c.Answers(t.Context(), "application/18"); none != nil || err != nil {
			t.Errorf("%+v, %v", none, err)
		}
	})

	t.Run("one key", func(t *testing.T) {
		r := ayu
		r.IdempotencyKey = "call-17"
		first, err := c.VerifyFace(t.Context(), r)
		if err != nil || first.Repeated {
			t.Fatalf("%+v, %v", first, err)
		}
		again, err := c.VerifyFace(t.Context(), r)
		if first.Repeated = true; err != nil || again != first {
			t.Errorf("%+v, and first %+v, %v", again, first, err)
		}
		r.Name = "Suryani Hapsari"
		_, err = c.VerifyFace(t.Context(), r)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusConflict || e.Code != "IDEMPOTENCY_KEY_REUSED" || e.Retryable() {
			t.Errorf("%v", err)
		}
	})

	t.Run("signed", func(t *testing.T) { signedAnswers(t, c, d, ayu) })

	t.Run("webhook", func(t *testing.T) { webhook(t, c, d, ayu) })

	t.Run("batch", func(t *testing.T) { batch(t, c, d, ayu) })

	t.Run("unavailable", func(t *testing.T) {
		d.Run(t, "break")
		c := dial(t, d, func(o *client.Options) { o.MaxAttempts = 2 })
		_, err := c.VerifyFace(t.Context(), ayu)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusServiceUnavailable || !e.Retryable() || e.Attempts != 2 {
			t.Errorf("%v", err)
		}
		d.Kill(t)
		_, err = c.VerifyFace(t.Context(), ayu)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != 0 || e.Attempts != 2 {
			t.Errorf("nobody listens: %v", err)
		}
	})
}

// batch adds a batch of four rows, waits for it, reads its results and removes it.
func batch(t *testing.T, c *client.Client, d *process.Demo, ayu client.FaceRequest) {
	var photos bytes.Buffer
	archive := zip.NewWriter(&photos)
	file, err := archive.Create("ayu.jpg")
	if err != nil {
		t.Fatal(err)
	}
	selfie, err := os.ReadFile(filepath.Join(d.Photos, "ayu-selfie.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(selfie); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	claims := "nik,name,date_of_birth,face_image,reference_id\n"
	for _, row := range [][]string{{ayu.NIK, ayu.Name}, {ayu.NIK, "Suryani Hapsari"}, {"123", ayu.Name}, {"9999999999999999", ayu.Name}} {
		claims += strings.Join(append(row, ayu.DateOfBirth, "ayu.jpg", "batch-17"), ",") + "\n"
	}
	upload := client.BatchRequest{
		Claims: client.FromBytes([]byte(claims)), Photographs: client.FromBytes(photos.Bytes()), IdempotencyKey: "upload-17",
	}
	added, err := c.AddBatch(t.Context(), upload)
	if err != nil || added.Total != 4 || added.Endpoint != "face_verification" {
		t.Fatalf("%+v, %v", added, err)
	}
	if again, err := c.AddBatch(t.Context(), upload); err != nil || again.ID != added.ID {
		t.Errorf("uploaded again: %+v, %v", again, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := added
	for done.FinishedAt == nil {
		time.Sleep(50 * time.Millisecond)
		if done, err = c.Batch(ctx, added.ID); err != nil {
			t.Fatal(err)
		}
	}
	if done.Done != 4 || done.Verified != 1 || done.NotVerified != 2 || done.Rejected != 1 || done.StartedAt == nil {
		t.Errorf("%+v", done)
	}
	want := []string{"Verification Success", "Name does not match", "Invalid NIK number format", "NIK not found on Dukcapil database"}
	var got []string
	for result, err := range c.BatchResults(ctx, added.ID) {
		if err != nil {
			t.Fatal(err)
		}
		v, err := result.Face()
		if refused, ok := errors.AsType[*client.Error](err); ok {
			v.Reason = sesuai.Reason(refused.Reason)
		}
		got = append(got, string(v.Reason))
		if result.Line != len(got)+1 || result.ReferenceID != "batch-17" || result.RequestID == "" {
			t.Errorf("%+v", result)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the reasons (-want +got):\n%s", diff)
	}
	if all, err := c.Batches(ctx); err != nil || len(all) != 1 || all[0].ID != added.ID {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := c.RemoveBatch(ctx, added.ID); err != nil {
		t.Error(err)
	}
	_, err = c.Batch(ctx, added.ID)
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusNotFound {
		t.Errorf("removed: %v", err)
	}
}

// webhook registers a webhook, and reads what it is told about a call.
func webhook(t *testing.T, c *client.Client, d *process.Demo, ayu client.FaceRequest) {
	var set struct{ Secret string }
	known := make(chan struct{}) // closed when it is set
	told := make(chan client.Event, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-known
		event, err := client.ReadWebhook(r, set.Secret)
		if err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusForbidden)
			return
		}
		told <- event
	}))
	defer receiver.Close()
	d.Sesuai.Run(t, &set, "webhook", "set", "demo", "--url", receiver.URL, "--events", "verification")
	defer d.Sesuai.Run(t, nil, "webhook", "remove", "demo")
	close(known)
	d.Sesuai.Run(t, nil, "webhook", "test", "demo") // which the service knows then, or within a second
	if event := <-told; event.Type != "webhook.test" || event.ID == "" || event.Time.IsZero() {
		t.Errorf("%+v", event)
	}
	late := time.After(time.Minute)
	for n := 1; ; n++ {
		given, err := c.VerifyData(t.Context(), client.DataRequest{
			CallOptions: client.CallOptions{ReferenceID: fmt.Sprint("webhook-", n)},
			NIK:         ayu.NIK, Claim: map[sesuai.Attribute]string{sesuai.NameAttribute: ayu.Name},
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case event := <-told:
			var answer client.Answer
			if err := json.Unmarshal(event.Data, &answer); err != nil || event.Type != "verification.completed" {
				t.Fatalf("%+v, %v", event, err)
			}
			v, err := answer.Data()
			given.RequestID, given.Repeated = v.RequestID, true // of this call or of one before
			if diff := cmp.Diff(given, v); err != nil || diff != "" || !strings.HasPrefix(answer.ReferenceID, "webhook-") {
				t.Errorf("%v; the verdict (-want +got):\n%s", err, diff)
			}
			return
		case <-time.After(500 * time.Millisecond): // the service did not know the webhook yet
		case <-late:
			t.Fatal("nothing is told")
		}
	}
}

// TestMissingFile: the error about a photograph does not hold its path, which may be a
// person's name.
func TestMissingFile(t *testing.T) {
	c := newClient(t, options("http://127.0.0.1:1"))
	_, err := c.Liveness(t.Context(), client.LivenessRequest{Photo: client.FromFile(filepath.Join(t.TempDir(), secrets[0]))})
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Attempts != 1 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	assertPrivate(t, err)
}
