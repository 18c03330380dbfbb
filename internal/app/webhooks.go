package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/webhook"
)

// newWebhookSender returns the sender of messages to webhooks, and registers its
// metrics.
func newWebhookSender(c Config, s *Storage, log *slog.Logger, metrics prometheus.Registerer) (*webhook.Sender, error) {
	allowed, err := webhook.NewPolicy(c.Webhooks)
	if err != nil {
		return nil, err
	}
	counts := webhook.NewMetrics(s.hooks)
	if err := metrics.Register(counts); err != nil {
		return nil, err
	}
	return webhook.NewSender(webhook.SenderOptions{
		Config: c.Webhooks, Outbox: s.hooks, Poster: webhook.NewPoster(webhook.PosterOptions{Policy: allowed}), Observe: counts.Observe, Expired: counts.Expired,
		Log: log, Held: func(ctx context.Context) (map[string]bool, error) { return s.clients.Inactive(ctx, time.Now()) },
	}), nil
}

// TestWebhook sends a message that is about nothing to a webhook, once, and returns
// its id and how that ended. It is in no log. The error has kind
// sesuai.KindConfiguration.
func TestWebhook(ctx context.Context, c Config, w webhook.Webhook) (id string, _ webhook.Attempt, _ error) {
	allowed, err := webhook.NewPolicy(c.Webhooks)
	if err != nil {
		return "", webhook.Attempt{}, err
	}
	p := webhook.NewPoster(webhook.PosterOptions{Policy: allowed})
	defer p.Close()
	id, body := webhook.NewTest(w.Client, time.Now())
	return id, p.Post(ctx, w, id, body), nil
}
