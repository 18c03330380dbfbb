package client_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/client"
	"github.com/sesuai/sesuai/test/process"
)

// sumOf is the SHA-256 of a file in hexadecimal.
func sumOf(t *testing.T, b []byte) string {
	t.Helper()
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// TestSignedAnswer: a verdict without a valid signature, for the request and its
// photograph, is an error that is not tried again.
func TestSignedAnswer(t *testing.T) {
	photo := map[string]string{"face_image": sumOf(t, []byte(secrets[3]))}
	of := func(change map[string]any) string {
		h := map[string]any{"request_id": "id", "images": photo}
		for name, value := range change {
			h[name] = value
		}
		_, detached := signBody(t, header(h), verified)
		return detached
	}
	for about, tt := range map[string]struct {
		signature, body string
		want            error
	}{
		"signed":           {of(nil), verified, nil},
		"not signed":       {"", verified, client.ErrUnsigned},
		"another body":     {of(nil), strings.Replace(verified, "82.04", "92.04", 1), client.ErrSignatureInvalid},
		"malformed":        {"a.b", verified, client.ErrSignatureMalformed},
		"alg none":         {of(map[string]any{"alg": "none"}), verified, client.ErrSignatureAlgorithm},
		"another key":      {of(map[string]any{"kid": strings.Repeat("A", 43)}), verified, client.ErrSignatureKey},
		"another request":  {of(map[string]any{"request_id": "other"}), verified, client.ErrSignatureOther},
		"another endpoint": {of(map[string]any{"endpoint": "face_match"}), verified, client.ErrSignatureOther},
		"another status":   {of(map[string]any{"status": 400}), verified, client.ErrSignatureOther},
		"another image":    {of(map[string]any{"images": map[string]string{"face_image": strings.Repeat("0", 64)}}), verified, client.ErrSignatureOther},
		"another field":    {of(map[string]any{"images": map[string]string{"image": photo["face_image"]}}), verified, client.ErrSignatureOther},
		"no image":         {of(map[string]any{"images": nil}), verified, client.ErrSignatureOther},
	} {
		attempts := 0
		o := options("http://127.0.0.1")
		o.SigningKeys = rfcKeys(t)
		o.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, r.Body)
			if attempts++; r.Header.Get("Prefer") != "return=signed" {
				t.Errorf("%s: Prefer is %q", about, r.Header.Get("Prefer"))
			}
			return answer(200, tt.body, "X-Jws-Signature", tt.signature), nil
		})}
		v, err := newClient(t, o).VerifyFace(t.Context(), request)
		failed, _ := errors.AsType[*client.Error](err)
		if !errors.Is(err, tt.want) || attempts != 1 || (err == nil) == (failed != nil) {
			t.Errorf("%s: %v after %d attempts, want %v", about, err, attempts, tt.want)
		}
		if tt.want == nil && (v.Signed == nil || v.Signed.Signature != tt.signature || string(v.Signed.Body) != verified || !v.Verified) {
			t.Errorf("%s: %+v", about, v)
		}
		if tt.want != nil && (v.Verified || v.Signed != nil) {
			t.Errorf("%s: there is a verdict: %+v", about, v)
		}
	}
}

// TestSignedAnswersFound: what is looked up is verified, if it is signed.
func TestSignedAnswersFound(t *testing.T) {
	whole, _ := signBody(t, header(map[string]any{"request_id": "a"}), verified)
	other, _ := signBody(t, header(map[string]any{"request_id": "b"}), verified)
	for about, tt := range map[string]struct {
		signature, body string
		want            error
	}{
		"signed":          {whole, verified, nil},
		"not signed":      {"", verified, nil},
		"another body":    {whole, strings.Replace(verified, "82.04", "92.04", 1), client.ErrSignatureInvalid},
		"another request": {other, verified, client.ErrSignatureOther},
	} {
		o := options("http://127.0.0.1")
		o.SigningKeys = rfcKeys(t)
		o.HTTPClient = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return answer(200, `{"verifications":[{"request_id":"a","reference_id":null,"endpoint":"face_verification",`+
				`"time":"2026-11-29T05:00:00.123456Z","status":200,"answer":`+tt.body+`,"signature":"`+tt.signature+`"}],"more":false}`), nil
		})}
		found, _, err := newClient(t, o).AnswersTo(t.Context(), "a")
		if !errors.Is(err, tt.want) || (tt.want != nil) != (len(found) == 0) {
			t.Errorf("%s: %+v, %v, want %v", about, found, err, tt.want)
		}
		if tt.want == nil && (found[0].Signed != nil) != (tt.signature != "") {
			t.Errorf("%s: %+v", about, found[0].Signed)
		}
	}
}

// signedAnswers asks a running service for signed answers of each kind.
func signedAnswers(t *testing.T, plain *client.Client, d *process.Demo, ayu client.FaceRequest) {
	keys, err := plain.SigningKeys(t.Context())
	if err != nil || len(keys.IDs()) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	c := dial(t, d, func(o *client.Options) { o.SigningKeys = keys })
	photo, err := os.ReadFile(filepath.Join(d.Photos, "ayu-selfie.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sumOf(t, photo)
	check := func(about string, got *client.Signed, want sesuai.Statement) {
		t.Helper()
		if got == nil {
			t.Errorf("%s is not signed", about)
			return
		}
		want.RequestID, want.Time, want.Client = got.RequestID, got.Time, got.Client
		if want.Model == "-" {
			want.Model, want.Calibration = got.Model, got.Calibration
			if got.Model == "" || got.Calibration == "" {
				t.Errorf("%s: no model", about)
			}
		}
		if diff := cmp.Diff(want, got.Statement); diff != "" || !strings.HasPrefix(got.Client, "cli_") || got.KeyID != keys.IDs()[0] {
			t.Errorf("%s: client %s, key %s, signed is (-want +got):\n%s", about, got.Client, got.KeyID, diff)
		}
	}
	ayu.IdempotencyKey = "signed-1"
	face, err := c.VerifyFace(t.Context(), ayu)
	if err != nil {
		t.Fatal(err)
	}
	check("a face verification", face.Signed, sesuai.Statement{
		Endpoint: "face_verification", Status: 200, Threshold: 75, Model: "-", Images: map[string]string{"face_image": sum},
	})
	again, err := c.VerifyFace(t.Context(), ayu)
	if err != nil || !again.Repeated || again.Signed.Signature != face.Signed.Signature {
		t.Errorf("again: %+v, %v", again, err)
	}
	found, _, err := c.AnswersTo(t.Context(), face.RequestID)
	if err != nil || len(found) != 1 || found[0].Signed == nil || found[0].Signed.Signature != face.Signed.Signature || !found[0].Time.Equal(face.Signed.Time) {
		t.Errorf("looked up: %+v, %v", found, err)
	}
	data, err := c.VerifyData(t.Context(), client.DataRequest{NIK: ayu.NIK, Claim: map[sesuai.Attribute]string{"name": ayu.Name}})
	if err != nil {
		t.Fatal(err)
	}
	check("a data verification", data.Signed, sesuai.Statement{Endpoint: "data_verification", Status: 200})
	match, err := c.Match(t.Context(), client.MatchRequest{Captured: client.FromBytes(photo), Stored: client.FromBytes(photo)})
	if err != nil {
		t.Fatal(err)
	}
	check("a face match", match.Signed, sesuai.Statement{
		Endpoint: "face_match", Status: 200, Threshold: 75, Model: "-", Images: map[string]string{"captured_image": sum, "stored_image": sum},
	})
	_, err = c.Match(t.Context(), client.MatchRequest{Captured: client.FromBytes([]byte("GIF89a\xff")), Stored: client.FromBytes(photo)})
	refused, ok := errors.AsType[*client.Error](err)
	if !ok || refused.Code != "UNSUPPORTED_IMAGE" {
		t.Fatalf("refused: %v", err)
	}
	check("a refusal", refused.Signed, sesuai.Statement{
		Endpoint: "face_match", Status: 415, Threshold: 75, Images: map[string]string{"captured_image": sumOf(t, []byte("GIF89a\xff")), "stored_image": sum},
	})
	_, err = c.VerifyData(t.Context(), client.DataRequest{NIK: "1", Claim: map[sesuai.Attribute]string{"name": ayu.Name}})
	if invalid, ok := errors.AsType[*client.Error](err); !ok || invalid.Status != 400 || invalid.Signed != nil {
		t.Errorf("an invalid request: %+v", invalid)
	}
	if !slices.Equal(face.Signed.Body, found[0].Signed.Body) {
		t.Errorf("looked up is %s, answered %s", found[0].Signed.Body, face.Signed.Body)
	}
}
