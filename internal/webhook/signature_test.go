package webhook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/webhook"
)

// The example of Standard Webhooks, which its libraries are tested with.
const (
	exampleSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleTime      = 1614265330
	exampleBody      = `{"test": 2432232314}`
	exampleSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func parse(t testing.TB, text string) webhook.Secret {
	t.Helper()
	s, err := webhook.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPublishedExample(t *testing.T) {
	w := webhook.Webhook{Secret: parse(t, exampleSecret)}
	h := make(http.Header)
	w.Sign(h, exampleID, time.Unix(exampleTime, 999), []byte(exampleBody))
	for name, want := range map[string]string{
		"webhook-id": exampleID, "webhook-timestamp": fmt.Sprint(exampleTime), "webhook-signature": exampleSignature,
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestRotatedSecret: the secret from before a rotation signs until its time has
// come, and no longer.
func TestRotatedSecret(t *testing.T) {
	until := time.Unix(exampleTime, 0).Add(time.Hour)
	w := webhook.Webhook{Secret: webhook.NewSecret(), Previous: parse(t, exampleSecret), PreviousUntil: until}
	for at, want := range map[time.Time]int{time.Unix(exampleTime, 0): 2, until.Add(-1): 2, until: 1} {
		h := make(http.Header)
		w.Sign(h, exampleID, at, []byte(exampleBody))
		signatures := strings.Fields(h.Get("webhook-signature"))
		if len(signatures) != want || signatures[0] == exampleSignature {
			t.Errorf("at %s: %q", at, signatures)
		}
		if at.Unix() == exampleTime && signatures[1] != exampleSignature {
			t.Errorf("the secret from before signs %q", signatures[1])
		}
	}
}

func TestSecrets(t *testing.T) {
	s := webhook.NewSecret()
	if parsed := parse(t, s.Reveal()); !parsed.Equal(s.Text) {
		t.Error("a new secret is not parsed as it is")
	}
	if webhook.NewSecret().Equal(s.Text) {
		t.Error("two secrets are one")
	}
	marshalled, err := json.Marshal(struct{ S webhook.Secret }{s})
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", s, s, s, s, s, s), string(marshalled)} {
		if strings.Contains(printed, s.Reveal()[len("whsec_"):]) {
			t.Errorf("a secret is printed as %s", printed)
		}
	}
	for _, wrong := range []string{"", "whsec_", exampleSecret[6:], exampleSecret[:20], "whsec_" + strings.Repeat("AAAA", 22), "whsec_*" + exampleSecret} {
		if _, err := webhook.ParseSecret(wrong); sesuai.KindOf(err) != sesuai.KindConfiguration || wrong != "" && strings.Contains(err.Error(), wrong[6:]) && len(wrong) > 6 {
			t.Errorf("ParseSecret = %v", err)
		}
	}
}
