package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
)

// The headers of a message, and what secrets and signatures start with: see
// "Webhook Headers" and "Signature scheme" in the specification of Standard
// Webhooks.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"

	secretPrefix    = "whsec_"
	signaturePrefix = "v1,"
)

// secretSize is the size of a new secret in bytes. The specification asks for 24 to
// 64.
const secretSize = 32

// Secret signs messages. No formatter prints it; Reveal shows it. The zero Secret
// is none.
type Secret struct{ sesuai.Text }

// NewSecret returns a random secret.
func NewSecret() Secret {
	var raw [secretSize]byte
	_, _ = rand.Read(raw[:]) // crypto/rand never fails
	return Secret{sesuai.NewText(secretPrefix + base64.StdEncoding.EncodeToString(raw[:]))}
}

// ParseSecret parses what Reveal returns. The error does not repeat it.
func ParseSecret(text string) (Secret, error) {
	s := Secret{sesuai.NewText(text)}
	if raw, ok := s.raw(); !ok || len(raw) < 24 || len(raw) > 64 {
		return Secret{}, mistake("a secret is whsec_ and 24 to 64 bytes in base64")
	}
	return s, nil
}

func (s Secret) raw() ([]byte, bool) {
	text, ok := strings.CutPrefix(s.Reveal(), secretPrefix)
	raw, err := base64.StdEncoding.DecodeString(text)
	return raw, ok && err == nil
}

// sign returns the signature of a message: HMAC-SHA-256 of "id.timestamp.body".
func (s Secret) sign(id, timestamp string, body []byte) string {
	raw, _ := s.raw()
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return signaturePrefix + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Sign sets the headers of a message that is sent at a time, with a signature for
// each secret that is valid then.
func (w Webhook) Sign(h http.Header, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := w.Secret.sign(id, timestamp, body)
	if !w.Previous.IsZero() && at.Before(w.PreviousUntil) {
		signatures += " " + w.Previous.sign(id, timestamp, body)
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, signatures)
}
