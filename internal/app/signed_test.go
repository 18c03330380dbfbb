package app_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/sesuai/sesuai/client"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/test/process"
)

// TestSignedAnswersStay: the key of signatures is the same after a rotation of the master
// key and a restart, and an answer that is looked up then has the signature that it had.
func TestSignedAnswersStay(t *testing.T) {
	process.Slow(t)
	c := config(t)
	s := start(t, c, ayu)
	r := s.dataRequest(t, `{"nik":"`+ayu.nik+`","name":"AYU KENCANA PRATIWI","reference_id":"order-7"}`)
	r.Header.Set("Prefer", "return=signed")
	resp, body := s.send(t, r)
	signature := resp.Header.Get("X-Jws-Signature")
	_, set := s.do(t, s.request(t, http.MethodGet, httpapi.KeySetPath, "", nil))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}

	storage, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Keys.AddKey(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := storage.Keys.Rotate(t.Context(), func(app.Rotation) {}); err != nil {
		t.Error(err)
	}
	closeStorage(t, storage)

	again, ready := serve(t, c)
	again.who = s.who
	<-ready
	if _, now := again.do(t, again.request(t, http.MethodGet, httpapi.KeySetPath, "", nil)); now != set {
		t.Errorf("the key set is %s, and was %s", now, set)
	}
	keys, err := client.ParseSigningKeys([]byte(set))
	if err != nil {
		t.Fatal(err)
	}
	r = again.request(t, http.MethodGet, httpapi.VerificationsPath+"?reference_id=order-7", "", nil)
	r.Header.Set("Prefer", "return=signed")
	_, look := again.do(t, r)
	var found struct{ Verifications []client.Answer }
	if err := json.Unmarshal([]byte(look), &found); err != nil || len(found.Verifications) != 1 {
		t.Fatalf("%v in %s", err, look)
	}
	stored := found.Verifications[0]
	signed, err := keys.Verify(stored.Signature, []byte(body))
	if err != nil || signed.Signature != signature || signed.Client == "" || signed.Endpoint != stored.Endpoint || !signed.Time.Equal(stored.Time) {
		t.Errorf("looked up is %+v, %v; answered was %s with %s", signed, err, body, signature)
	}
}
