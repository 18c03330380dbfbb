package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/test/process"
)

// TestAnswersAreFound: a client finds what it was answered by either id, also after a
// restart, and another client finds nothing.
func TestAnswersAreFound(t *testing.T) {
	process.Slow(t)
	c := config(t)
	s := start(t, c, ayu)
	_, verdict := s.send(t, s.dataRequest(t, `{"nik":"`+ayu.nik+`","name":"AYU KENCANA PRATIWI","reference_id":"order-7"}`))
	refusal, refused := s.send(t, func() *http.Request {
		contentType, body := form(t, ayu, []byte("no photograph"))
		return s.request(t, http.MethodPost, httpapi.FaceVerificationPath, contentType, body)
	}())
	s.send(t, s.dataRequest(t, `{"nik":"99","reference_id":"order-7"}`)) // it is not stored
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}

	storage, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	other := addClient(t, storage, "other", access.Client{})
	events, err := storage.Trail.Events(t.Context(), audit.Filter{References: []string{"order-7"}})
	if err != nil || len(events) != 1 {
		t.Errorf("the events of the reference are %+v, %v", events, err)
	}
	closeStorage(t, storage)

	again, ready := serve(t, c)
	again.who = s.who
	<-ready
	for path, want := range map[string]string{
		"?reference_id=order-7":                `"endpoint":"data_verification","time":"T","status":200,"answer":` + verdict + `}],"more":false}`,
		"/" + refusal.Header.Get("Request-Id"): `"endpoint":"face_verification","time":"T","status":415,"answer":` + refused + `}],"more":false}`,
	} {
		status, body := again.do(t, again.request(t, http.MethodGet, httpapi.VerificationsPath+path, "", nil))
		if status != 200 || !strings.HasSuffix(withoutTime(t, body), want) {
			t.Errorf("%s: %d %s, want %s", path, status, body, want)
		}
	}
	again.who = other
	if status, _ := again.do(t, again.request(t, http.MethodGet, httpapi.VerificationsPath+"?reference_id=order-7", "", nil)); status != 404 {
		t.Errorf("another client gets %d", status)
	}
}

// withoutTime returns a look-up's body with T in place of the time of its answer.
func withoutTime(t *testing.T, body string) string {
	t.Helper()
	var found struct {
		Verifications []struct {
			Time string `json:"time"`
		} `json:"verifications"`
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil || len(found.Verifications) != 1 {
		t.Errorf("%v in %s", err, body)
		return body
	}
	return strings.Replace(body, found.Verifications[0].Time, "T", 1)
}

// dataRequest is a data verification in JSON.
func (s *service) dataRequest(t *testing.T, body string) *http.Request {
	t.Helper()
	return s.request(t, http.MethodPost, httpapi.DataVerificationPath, "application/json", []byte(body))
}
