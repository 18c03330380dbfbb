package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Event is something that the service tells a client by a webhook. It may arrive more
// than once, with the same ID.
type Event struct {
	ID string
	// Type is verification.completed, batch.finished or webhook.test. There may be
	// more.
	Type string
	// Time is when it happened.
	Time time.Time
	// Data depends on the type. That of verification.completed is an Answer.
	Data json.RawMessage
}

// ErrSignature is the error about a webhook that this service has not sent, or not now.
var ErrSignature = errors.New("client: the webhook has no valid signature")

// webhookTolerance is how far the time of a webhook may be off. The specification of
// Standard Webhooks leaves the choice to the receiver; its libraries have this one.
const webhookTolerance = 5 * time.Minute

// ReadWebhook reads an event from a request, and verifies its signature with a secret,
// as the operator gave it: whsec_ and base64. The error is ErrSignature if there is none
// that is valid; nothing in the request can then be believed. At most 1 MiB is read.
func ReadWebhook(r *http.Request, secret string) (Event, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return Event{}, errors.New("client: a secret of a webhook is whsec_ and base64")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	if err != nil {
		return Event{}, err
	}
	id, timestamp := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || len(body) > maxAnswer || time.Since(time.Unix(seconds, 0)).Abs() > webhookTolerance {
		return Event{}, ErrSignature
	}
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, id+"."+timestamp+".")
	_, _ = mac.Write(body)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	valid := false
	for _, signature := range strings.Fields(r.Header.Get("Webhook-Signature")) {
		valid = hmac.Equal([]byte(signature), want) || valid
	}
	if !valid {
		return Event{}, ErrSignature
	}
	var b struct {
		Type string          `json:"type"`
		Time time.Time       `json:"timestamp"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return Event{}, errors.New("client: the webhook is signed and cannot be read")
	}
	return Event{ID: id, Type: b.Type, Time: b.Time, Data: b.Data}, nil
}
