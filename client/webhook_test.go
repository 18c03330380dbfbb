package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai/client"
)

// The example of Standard Webhooks, which its libraries are tested with.
const (
	webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	webhookTime   = 1614265330
	webhookBody   = `{"test": 2432232314}`
)

// webhookRequest returns the example's request with changes: names and values of
// headers, in turn.
func webhookRequest(body string, change ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	r.Header.Set("webhook-timestamp", "1614265330")
	r.Header.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	for i := 0; i < len(change); i += 2 {
		r.Header.Set(change[i], change[i+1])
	}
	return r
}

// TestWebhook: only what is signed, and was sent just now, is an event.
func TestWebhook(t *testing.T) {
	good := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	for about, test := range map[string]struct {
		request *http.Request
		secret  string
		late    time.Duration
		ok      bool
	}{
		"the published example":      {webhookRequest(webhookBody), webhookSecret, 0, true},
		"a secret without whsec_":    {webhookRequest(webhookBody), strings.TrimPrefix(webhookSecret, "whsec_"), 0, true},
		"five minutes late":          {webhookRequest(webhookBody), webhookSecret, 5 * time.Minute, true},
		"later":                      {webhookRequest(webhookBody), webhookSecret, 5*time.Minute + 1, false},
		"five minutes early":         {webhookRequest(webhookBody), webhookSecret, -5 * time.Minute, true},
		"earlier":                    {webhookRequest(webhookBody), webhookSecret, -5*time.Minute - 1, false},
		"two signatures":             {webhookRequest(webhookBody, "webhook-signature", "v1,AAAA "+good+" v1,"), webhookSecret, 0, true},
		"another body":               {webhookRequest(webhookBody + " "), webhookSecret, 0, false},
		"a body of 2 MiB":            {webhookRequest(webhookBody + strings.Repeat(" ", 2<<20)), webhookSecret, 0, false},
		"another id":                 {webhookRequest(webhookBody, "webhook-id", "msg"), webhookSecret, 0, false},
		"another time":               {webhookRequest(webhookBody, "webhook-timestamp", "1614265331"), webhookSecret, 0, false},
		"no time":                    {webhookRequest(webhookBody, "webhook-timestamp", ""), webhookSecret, 0, false},
		"a time that overflows":      {webhookRequest(webhookBody, "webhook-timestamp", "9223372036854775807"), webhookSecret, 0, false},
		"no signature":               {webhookRequest(webhookBody, "webhook-signature", ""), webhookSecret, 0, false},
		"a signature of another v":   {webhookRequest(webhookBody, "webhook-signature", "v2"+good[2:]), webhookSecret, 0, false},
		"a part of the signature":    {webhookRequest(webhookBody, "webhook-signature", good[:20]), webhookSecret, 0, false},
		"another secret":             {webhookRequest(webhookBody), "whsec_" + strings.Repeat("A", 32), 0, false},
		"an empty secret":            {webhookRequest(webhookBody), "whsec_", 0, false},
		"a secret that is no base64": {webhookRequest(webhookBody), "whsec_???", 0, false},
	} {
		t.Run(about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(webhookTime, 0).Add(test.late))) // from the year 2000 on
				event, err := client.ReadWebhook(test.request, test.secret)
				if (err == nil) != test.ok {
					t.Errorf("%+v, %v", event, err)
				}
				if test.ok && event.ID != "msg_p5jXN8AQM9LWM0D4loKWxJek" {
					t.Errorf("%+v", event)
				}
				if err != nil && (event.ID != "" || event.Data != nil || strings.Contains(err.Error(), strings.TrimPrefix(webhookSecret, "whsec_"))) {
					t.Errorf("%+v, %v", event, err)
				}
			})
		})
	}
	broken := webhookRequest("")
	broken.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), iotest.ErrReader(errBroken)))
	if _, err := client.ReadWebhook(broken, webhookSecret); !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
}

var errBroken = errors.New("the connection is broken")
