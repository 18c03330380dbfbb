package webhook

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"time"
)

// Verification is the data of VerificationCompleted. It holds nothing of what was
// claimed.
type Verification struct {
	RequestID string `json:"request_id"`
	// ReferenceID is the caller's own, if it gave one.
	ReferenceID string    `json:"reference_id,omitempty"`
	Endpoint    string    `json:"endpoint"`
	Time        time.Time `json:"time"`
	// Status and Answer are the HTTP status and the body of the answer as it was
	// given.
	Status int             `json:"status"`
	Answer json.RawMessage `json:"answer"`
}

// body returns the body of a message: type, timestamp and data, as the
// specification of Standard Webhooks recommends.
func (m Message) body() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // an answer stays as it was given
	err := e.Encode(struct {
		Type      Event     `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      any       `json:"data"`
	}{m.Event, m.At.UTC(), m.Data})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// NewTest returns a message that is about nothing.
func NewTest(client string, at time.Time) (id string, body []byte) {
	body, err := Message{client, Test, at, struct{}{}}.body()
	if err != nil {
		panic("webhook: a test cannot be encoded")
	}
	return newID(at), body
}

// idEncoding has letters and digits in the order of their values.
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

const (
	idPrefix = "msg_"
	// idTime is the number of bytes of an ID that are a time in milliseconds, and
	// idSize of all. The rest is random.
	idTime, idSize = 6, 16
)

// newID returns a new ID. IDs are in the order of their times.
func newID(at time.Time) string {
	b := timeBytes(at)
	_, _ = rand.Read(b[idTime:]) // crypto/rand never fails
	return idPrefix + idEncoding.EncodeToString(b[:])
}

// firstID is before every ID of the time and later ones.
func firstID(at time.Time) string {
	b := timeBytes(at)
	return idPrefix + idEncoding.EncodeToString(b[:])
}

func timeBytes(at time.Time) (b [idSize]byte) {
	for i, ms := idTime-1, at.UnixMilli(); i >= 0; i, ms = i-1, ms>>8 {
		b[i] = byte(ms)
	}
	return b
}
