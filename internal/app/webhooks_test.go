package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/openapi/openapitest"
	"github.com/sesuai/sesuai/internal/webhook"
)

// told is a message that a receiver got.
type told struct {
	header http.Header
	body   []byte
}

// hookReceiver is a server for webhooks that sends what it gets to a channel.
func hookReceiver(t *testing.T) (url string, messages <-chan told) {
	t.Helper()
	got := make(chan told, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- told{r.Header, b}
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

// next is the next message, as openapi.yaml describes it.
func next(t *testing.T, messages <-chan told) told {
	t.Helper()
	select {
	case m := <-messages:
		openapitest.CheckWebhook(t, m.header, m.body)
		return m
	case <-time.After(patience):
		t.Fatal("no message came")
		panic("unreachable")
	}
}

// clientID is the ID of a client.
func clientID(t *testing.T, s *app.Storage, name string) string {
	t.Helper()
	all, err := s.Clients.ListClients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == name {
			return c.ID
		}
	}
	t.Fatalf("there is no client %s", name)
	panic("unreachable")
}

// TestWebhooks: a client is told of its answers, as they were given, from when its
// webhook is registered until it is removed. What others are answered is not told.
func TestWebhooks(t *testing.T) {
	c := config(t)
	c.Webhooks.AllowNetworks, c.Webhooks.AllowHTTP = "127.0.0.0/8", true
	c.Admin.Listen = freeAddress(t)
	s := start(t, c, ayu)
	url, messages := hookReceiver(t)
	other := openConfig(t, c) // as of another process
	defer closeStorage(t, other)
	test := s.who
	s.who = addClient(t, other, "another", access.Client{})
	another := s.who
	id := clientID(t, other, "test")
	w, added, err := other.Webhooks.Set(t.Context(), id, url, []webhook.Event{webhook.VerificationCompleted})
	if err != nil || !added {
		t.Fatal(added, err)
	}
	known := time.Now().Add(time.Second) // when every process acts upon it
	for _, ask := range []struct {
		who    access.Revealed
		change func(*person)
		tell   bool
	}{
		{another, func(*person) {}, false},
		{test, func(*person) {}, true},
		{test, func(p *person) { p.name = "SOMEBODY ELSE" }, true},
		{test, func(p *person) { p.nik = "9901015203909999" }, true},
		{test, func(p *person) { p.nik = "123" }, false}, // 400 before there is an event
	} {
		time.Sleep(time.Until(known))
		s.who = ask.who
		asked := ayu.asks(ask.change)
		contentType, body := form(t, asked, readPhoto(t, asked.photo))
		answer, text := s.send(t, s.request(t, http.MethodPost, "/identity/v1/face-verification", contentType, body))
		if !ask.tell {
			continue
		}
		m := next(t, messages)
		var told struct {
			Type webhook.Event
			Data webhook.Verification
		}
		if err := json.Unmarshal(m.body, &told); err != nil {
			t.Fatal(err)
		}
		want := webhook.Verification{
			RequestID: answer.Header.Get("Request-Id"), Endpoint: "face_verification", Status: answer.StatusCode, Answer: json.RawMessage(text),
		}
		if got := told.Data; told.Type != webhook.VerificationCompleted || got.RequestID != want.RequestID || got.Endpoint != want.Endpoint ||
			got.Status != want.Status || string(got.Answer) != string(want.Answer) || time.Since(got.Time) > time.Hour {
			t.Errorf("told %s, want %+v", m.body, want)
		}
		signed := make(http.Header)
		seconds, err := time.ParseDuration(m.header.Get("webhook-timestamp") + "s")
		w.Sign(signed, m.header.Get("webhook-id"), time.Unix(int64(seconds.Seconds()), 0), m.body)
		if err != nil || signed.Get("webhook-signature") != m.header.Get("webhook-signature") {
			t.Errorf("the signature is %s: %v", m.header.Get("webhook-signature"), err)
		}
		for _, claimed := range []string{asked.nik, asked.name, asked.born} {
			if strings.Contains(string(m.body), claimed) {
				t.Error("a message has something of what was claimed")
			}
		}
	}
	wait(t, "the metrics count the messages", func() bool {
		_, page := s.adminPage(t, "/metrics")
		return strings.Contains(page, `sesuai_webhook_attempts_total{outcome="delivered"} 3`) && strings.Contains(page, "sesuai_webhook_pending 0")
	})
	if removed, err := other.RemoveClient(t.Context(), "test"); err != nil || !removed {
		t.Fatal(removed, err)
	}
	if _, found, err := other.Webhooks.Find(t.Context(), id); found || err != nil {
		t.Errorf("after its client was removed: Find = %v, %v", found, err)
	}
	events, err := other.Trail.Events(t.Context(), audit.Filter{Client: id, Reason: "webhook."})
	if err != nil || len(events) != 2 || events[0].Action != audit.WebhookRemoved || events[1].Action != audit.WebhookSet {
		t.Errorf("%d events, %v", len(events), err)
	}
	if _, err := other.Trail.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if len(messages) != 0 {
		t.Errorf("%d further messages", len(messages))
	}
	if text := s.log.String(); strings.Contains(text, url) {
		t.Error("the log has the URL of a webhook")
	}
}

// TestWebhookTypes: openapi.yaml has every type of message and no other, and a test is
// one.
func TestWebhookTypes(t *testing.T) {
	d, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{string(webhook.BatchFinished), string(webhook.VerificationCompleted), string(webhook.Test)}
	if got := slices.Sorted(maps.Keys(d.Webhooks)); !slices.Equal(got, want) {
		t.Errorf("described are %q, sent are %q", got, want)
	}
	at := time.Date(2026, time.November, 29, 13, 0, 0, 0, time.UTC)
	id, body := webhook.NewTest("cli_a", at)
	header := http.Header{"Content-Type": {"application/json"}}
	webhook.Webhook{Secret: webhook.NewSecret()}.Sign(header, id, at, body)
	openapitest.CheckWebhook(t, header, body)
}

// TestBatchWebhook: a client is told of a batch that has finished what it would be
// answered if it asked, and of its rows if it wants that.
func TestBatchWebhook(t *testing.T) {
	c := config(t)
	c.Webhooks.AllowNetworks, c.Webhooks.AllowHTTP = "127.0.0.0/8", true
	s := start(t, c, ayu)
	url, messages := hookReceiver(t)
	other := openConfig(t, c)
	defer closeStorage(t, other)
	both := []webhook.Event{webhook.BatchFinished, webhook.VerificationCompleted}
	if _, _, err := other.Webhooks.Set(t.Context(), clientID(t, other, "test"), url, both); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // then every process acts upon it

	var upload bytes.Buffer
	form := multipart.NewWriter(&upload)
	part, err := form.CreateFormField("claims")
	if err == nil {
		_, err = io.WriteString(part, "nik,name\n"+ayu.nik+","+ayu.name+"\n"+ayu.nik+",SOMEBODY ELSE\n123,NOBODY\n")
	}
	if err = errors.Join(err, form.Close()); err != nil {
		t.Fatal(err)
	}
	status, body := s.do(t, s.request(t, http.MethodPost, "/identity/v1/batches", form.FormDataContentType(), upload.Bytes()))
	var added struct {
		ID string `json:"batch_id"`
	}
	if err := json.Unmarshal([]byte(body), &added); err != nil || status > 299 {
		t.Fatalf("%d %s %v", status, body, err)
	}
	counts := make(map[webhook.Event]int)
	for range 3 { // two rows were verified, in any order with the batch
		m := next(t, messages)
		var told struct {
			Type webhook.Event
			Data json.RawMessage
		}
		if err := json.Unmarshal(m.body, &told); err != nil {
			t.Fatal(err)
		}
		counts[told.Type]++
		if told.Type != webhook.BatchFinished {
			continue
		}
		if _, want := s.do(t, s.request(t, http.MethodGet, "/identity/v1/batches/"+added.ID, "", nil)); string(told.Data) != want {
			t.Errorf("told %s, answered %s", told.Data, want)
		}
	}
	if counts[webhook.BatchFinished] != 1 || counts[webhook.VerificationCompleted] != 2 {
		t.Errorf("told of %v", counts)
	}
}
