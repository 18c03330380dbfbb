package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/webhook"
)

// webhookEvents are the events by their names on the command line.
var webhookEvents = map[string]webhook.Event{"batch": webhook.BatchFinished, "verification": webhook.VerificationCompleted}

// withClient runs f with the ID of a client.
func (c clientArgument) withClient(s *session, f func(storage *app.Storage, id string) error) error {
	return s.withStorage(func(storage *app.Storage) error {
		client, found, err := s.clientNamed(storage, c.Name)
		if err != nil {
			return err
		}
		if !found {
			return s.noClient(map[string]bool{"found": false})
		}
		return f(storage, client.ID)
	})
}

// withWebhook runs f with the webhook of a client.
func (c clientArgument) withWebhook(s *session, f func(storage *app.Storage, w webhook.Webhook) error) error {
	return c.withClient(s, func(storage *app.Storage, id string) error {
		w, found, err := storage.Webhooks.Find(s, id)
		if err != nil {
			return err
		}
		if !found {
			return s.noWebhook(map[string]bool{"found": false})
		}
		return f(storage, w)
	})
}

// noWebhook prints that a client has no webhook.
func (s *session) noWebhook(asJSON map[string]bool) error {
	if err := s.print(asJSON, "this client has no webhook\n"); err != nil {
		return err
	}
	return negativeAnswer{}
}

type webhookSet struct {
	clientArgument
	URL    string   `name:"url" required:"" help:"Where to; it begins with https:// (webhooks.allow_http allows http://)." placeholder:"URL"`
	Events []string `help:"What the client is told: batch (a batch has finished), verification (every answer that is recorded). Without it that stays as it is; for a new webhook it is batch." enum:"batch,verification" placeholder:"EVENT,…"`
}

// Help is what --help says of the command besides its flags.
func (webhookSet) Help() string {
	return "The secret of a new webhook is printed once. A webhook that is changed keeps its secret; see rotate. What is yet to be delivered " +
		"goes to the new URL. It holds within a second, on every node, and is an event of the audit trail."
}

func (c *webhookSet) Run(s *session) error {
	return c.withClient(s, func(storage *app.Storage, id string) error {
		events, err := c.events(s, storage, id)
		if err != nil {
			return err
		}
		w, added, err := storage.Webhooks.Set(s, id, c.URL, events)
		if err != nil {
			return err
		}
		return s.printWebhook(c.Name, w, added)
	})
}

// events returns what the client is to be told.
func (c *webhookSet) events(s *session, storage *app.Storage, id string) (all []webhook.Event, err error) {
	for _, name := range c.Events {
		all = append(all, webhookEvents[name])
	}
	if len(all) > 0 {
		return all, nil
	}
	w, found, err := storage.Webhooks.Find(s, id)
	if err == nil && !found {
		w.Events = []webhook.Event{webhook.BatchFinished}
	}
	return w.Events, err
}

type webhookShow struct{ clientArgument }

func (c *webhookShow) Run(s *session) error {
	return c.withWebhook(s, func(_ *app.Storage, w webhook.Webhook) error { return s.printWebhook(c.Name, w, false) })
}

type webhookRotate struct {
	clientArgument
	Keep time.Duration `help:"How long the secret from before is valid as well: up to 720h." default:"24h" placeholder:"DURATION"`
}

// Help is what --help says of the command besides its flags.
func (webhookRotate) Help() string {
	return "Until the secret from before ends, each message has a signature by both. With --keep 0 it ends at once, for a secret that " +
		"somebody else knows. A secret from before an earlier rotation ends at once in any case."
}

// maxKeep is the maximum of webhookRotate.Keep.
const maxKeep = 720 * time.Hour

func (c *webhookRotate) Run(s *session) error {
	if c.Keep < 0 || c.Keep > maxKeep {
		return fmt.Errorf("--keep is a duration from 0s to %gh", maxKeep.Hours())
	}
	return c.withClient(s, func(storage *app.Storage, id string) error {
		w, found, err := storage.Webhooks.Rotate(s, id, c.Keep)
		if err != nil {
			return err
		}
		if !found {
			return s.noWebhook(map[string]bool{"found": false})
		}
		return s.printWebhook(c.Name, w, true)
	})
}

type webhookRemove struct{ clientArgument }

func (c *webhookRemove) Run(s *session) error {
	return c.withClient(s, func(storage *app.Storage, id string) error {
		removed, err := storage.Webhooks.Remove(s, id)
		if err != nil {
			return err
		}
		if !removed {
			return s.noWebhook(map[string]bool{"removed": false})
		}
		return s.print(map[string]bool{"removed": true}, "removed\n")
	})
}

type webhookTest struct{ clientArgument }

// Help is what --help says of the command besides its flags.
func (webhookTest) Help() string {
	return "The message is sent once, from this computer, and is not in the list of deliveries. Exit status: 0 if the answer has a status of " +
		"200 to 299, else 1."
}

func (c *webhookTest) Run(s *session) error {
	return c.withWebhook(s, func(_ *app.Storage, w webhook.Webhook) error {
		id, a, err := app.TestWebhook(s, s.config, w)
		if err != nil {
			return err
		}
		shown := showAttempt(a)
		err = s.print(struct {
			ID string `json:"id"`
			shownAttempt
		}{id, shown}, "%s: %s\n", id, shown)
		if err == nil && a.Failure != "" {
			err = negativeAnswer{}
		}
		return err
	})
}

// shownWebhook is a webhook as it is printed.
type shownWebhook struct {
	Client string          `json:"client"`
	URL    string          `json:"url"`
	Events []webhook.Event `json:"events"`
	// Secret is there when it is new.
	Secret        string    `json:"secret,omitempty"`
	PreviousUntil time.Time `json:"previous_secret_until,omitzero"`
	ChangedAt     time.Time `json:"changed_at"`
}

// printWebhook prints a webhook, with its secret if that is new.
func (s *session) printWebhook(client string, w webhook.Webhook, newSecret bool) error {
	shown := shownWebhook{Client: client, URL: w.URL, Events: w.Events, ChangedAt: w.ChangedAt.UTC()}
	if w.PreviousUntil.After(time.Now()) {
		shown.PreviousUntil = w.PreviousUntil
	}
	if newSecret {
		shown.Secret = w.Secret.Reveal()
	}
	if s.json {
		return s.printJSON(shown)
	}
	names := make([]string, len(w.Events))
	for i, e := range w.Events {
		names[i] = string(e)
	}
	lines := [][]string{
		{"client", client}, {"url", w.URL}, {"events", strings.Join(names, ",")}, {"changed", shown.ChangedAt.Format(time.RFC3339)},
	}
	if !shown.PreviousUntil.IsZero() {
		lines = append(lines, []string{"secret from before", "valid until " + shown.PreviousUntil.Format(time.RFC3339)})
	}
	if shown.Secret != "" {
		lines = append(lines, []string{"secret", shown.Secret})
	}
	if err := s.printTable(lines); err != nil || shown.Secret == "" {
		return err
	}
	_, err := fmt.Fprintln(s.stdout, "It cannot be shown again.")
	return err
}

// shownAttempt is a try as it is printed.
type shownAttempt struct {
	At       time.Time       `json:"at"`
	Seconds  float64         `json:"seconds"`
	Status   int             `json:"status,omitempty"`
	Failure  webhook.Failure `json:"failure,omitempty"`
	Meaning  string          `json:"meaning,omitempty"`
	duration time.Duration
}

func showAttempt(a webhook.Attempt) shownAttempt {
	return shownAttempt{a.At.UTC(), a.Duration.Seconds(), a.Status, a.Failure, failureMeanings[a.Failure], a.Duration}
}

// failureMeanings say what failures mean that have no status.
var failureMeanings = map[webhook.Failure]string{
	webhook.FailedAddress:    "the address is not public; webhooks.allow_networks allows others",
	webhook.FailedURL:        "the configuration does not allow the URL any more",
	webhook.FailedName:       "the name has no address",
	webhook.FailedConnection: "no connection, or it broke off",
	webhook.FailedTLS:        "TLS failed: the certificate is not one that is trusted for the name, or it is not a TLS server",
	webhook.FailedTimeout:    "no answer in time",
	webhook.FailedRow:        "the stored message is not as it was written",
}

// String says how the try ended.
func (a shownAttempt) String() string {
	text := a.Meaning
	if a.Status != 0 {
		text = strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)))
	}
	return fmt.Sprintf("%s (%s)", text, a.duration.Round(time.Millisecond))
}
