package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// conditions are those of openapi.yaml, in its words: what they change of a request or
// of the service. The registry is broken, and the service is starting, in a phase of
// the test of its own.
var conditions = map[string]func(t *testing.T, w *exampleWorld, ask *asking){
	"":                                     unchanged,
	"always":                               unchanged,
	"the registry fails":                   unchanged,
	"the service is starting":              unchanged,
	"the person has no portrait on record": unchanged,
	"the password is wrong":                func(_ *testing.T, _ *exampleWorld, ask *asking) { ask.who.Password += "x" },
	"the path is unknown":                  func(_ *testing.T, _ *exampleWorld, ask *asking) { ask.path = "/identity/v2/verification" },
	"the method is DELETE":                 func(_ *testing.T, _ *exampleWorld, ask *asking) { ask.method = http.MethodDelete },
	"the Content-Type is text/plain":       func(_ *testing.T, _ *exampleWorld, ask *asking) { ask.contentType = "text/plain" },
	"the body is cut off":                  func(_ *testing.T, _ *exampleWorld, ask *asking) { ask.body = ask.body[:len(ask.body)/2] },
	"x-request-id is given twice":          func(_ *testing.T, _ *exampleWorld, ask *asking) { ask.header["X-Request-Id"] = []string{"a", "b"} },
	"an answer has the reference":          answered("request-4711", `,"reference_id":"order-4711"`, "?reference_id=order-4711"),
	"an answer has the id":                 answered("request-4712", "", "/request-4712"),
	"there is no such answer": func(_ *testing.T, _ *exampleWorld, ask *asking) {
		ask.path = httpapi.VerificationsPath + "/request-4713"
	},
	"the Idempotency-Key has a space": func(_ *testing.T, _ *exampleWorld, ask *asking) { ask.header["Idempotency-Key"] = []string{"a b"} },
	"the Idempotency-Key was used for another request": func(t *testing.T, w *exampleWorld, ask *asking) {
		t.Helper()
		key := fmt.Sprint("key-", w.requests)
		r := w.dataRequest(t, `{"nik":"9901015203900001","name":"Ayu Kencana Pratiwi","reference_id":"another"}`)
		r.Header.Set("Idempotency-Key", key)
		if resp, body := w.service.send(t, r); resp.StatusCode != http.StatusOK {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		ask.header["Idempotency-Key"] = []string{key}
	},
	"the query has an unknown parameter": func(_ *testing.T, _ *exampleWorld, ask *asking) {
		ask.path = httpapi.VerificationsPath + "?reference=order-4711"
	},
	"there is no such batch":                        func(_ *testing.T, _ *exampleWorld, ask *asking) { ask.path = httpapi.BatchesPath + "/batch-none" },
	"the client has a batch that is finished":       batched(""),
	"the batch is finished":                         batched("/{batch_id}"),
	"the results are asked for as XML":              func(_ *testing.T, _ *exampleWorld, ask *asking) { ask.path += "?format=xml" },
	"the Host is missing":                           func(_ *testing.T, _ *exampleWorld, ask *asking) { ask.raw = "GET /healthz HTTP/1.1\r\n\r\n" },
	"the body has more than 64 KiB":                 func(_ *testing.T, _ *exampleWorld, ask *asking) { ask.body = bytes.Repeat([]byte("x"), 64<<10+1) },
	"the body has more than 10 MiB":                 withheld(10<<20 + 1),
	"the body does not arrive":                      withheld(1000),
	"the client lacks the scope":                    as(access.Client{Scopes: []access.Scope{"identity.verification:rt"}}),
	"the client exceeds its rate":                   exceeding,
	"the client must state consent":                 as(access.Client{Consent: access.ConsentRequired}),
	"the client's policy about replays is enforce":  as(access.Client{Replay: access.Enforce}),
	"the client's policy about liveness is enforce": as(access.Client{Liveness: access.Enforce}),
}

func unchanged(*testing.T, *exampleWorld, *asking) {}

// as has another client ask.
func as(c access.Client) func(*testing.T, *exampleWorld, *asking) {
	return func(t *testing.T, w *exampleWorld, ask *asking) { ask.who = w.client(t, "example", c) }
}

// exceeding has a client ask that has asked a moment ago.
func exceeding(t *testing.T, w *exampleWorld, ask *asking) {
	as(access.Client{Rate: 0.001, Burst: 1})(t, w, ask)
	if resp, body := ask.send(t, w); resp.StatusCode == http.StatusTooManyRequests {
		t.Errorf("the first request of a client: %s", body)
	}
}

// withheld announces a body and sends none of it.
func withheld(length int) func(*testing.T, *exampleWorld, *asking) {
	return func(t *testing.T, w *exampleWorld, ask *asking) {
		r := w.request(t, ask.method, ask.path, ask.contentType, nil)
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: sesuai.test\r\nContent-Length: %d\r\n", ask.method, ask.path, length)
		if err := r.Header.Write(&b); err != nil {
			t.Fatal(err)
		}
		ask.raw = b.String() + "\r\n"
	}
}

// answered asks for a data verification with an id, and then looks up the answer.
func answered(id, reference, lookUp string) func(*testing.T, *exampleWorld, *asking) {
	return func(t *testing.T, w *exampleWorld, ask *asking) {
		t.Helper()
		r := w.dataRequest(t, `{"nik":"9901015203900001","name":"Ayu Kencana Pratiwi"`+reference+`}`)
		r.Header.Set("X-Request-Id", id)
		if resp, body := w.service.send(t, r); resp.StatusCode != http.StatusOK {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		ask.path = httpapi.VerificationsPath + lookUp
	}
}

// batched has a new client upload a batch, and asks about that once it is finished.
func batched(path string) func(*testing.T, *exampleWorld, *asking) {
	return func(t *testing.T, w *exampleWorld, ask *asking) {
		t.Helper()
		as(access.Client{Scopes: []access.Scope{access.Batch, access.DataVerification}})(t, w, ask)
		upload := &asking{method: http.MethodPost, path: httpapi.BatchesPath, who: ask.who}
		upload.fill(t, map[string]string{
			"claims": "nik,name\n9901015203900001,Ayu Kencana Pratiwi\n9901015203900001,Wulan Cahyani\n",
		}, nil)
		_, body := upload.send(t, w)
		var b struct {
			ID    string `json:"batch_id"`
			State string `json:"state"`
		}
		if err := json.Unmarshal([]byte(body), &b); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		one := &asking{method: http.MethodGet, path: httpapi.BatchesPath + "/" + b.ID, who: ask.who}
		for b.State != "finished" {
			_, body := one.send(t, w)
			if err := json.Unmarshal([]byte(body), &b); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if path != "" {
			ask.path = httpapi.BatchesPath + "/" + b.ID
		}
	}
}
