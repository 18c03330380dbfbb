// Package webhook tells clients what has happened, by a signed POST to a URL that
// the operator has registered for each of them (Standard Webhooks,
// https://www.standardwebhooks.com). It keeps what is to be sent in an outbox and
// sends it at least once, or gives up after a day. It leaves it to its callers
// what has happened, and in which transaction that is committed. Nothing that is
// sent, and nothing that is answered, ever reaches a log or an error.
package webhook

import (
	"context"
	"time"

	"github.com/sesuai/sesuai"
)

// Event is a kind of message.
type Event string

// The events that a client may want.
const (
	BatchFinished Event = "batch.finished"
	// VerificationCompleted is about every answer that is recorded.
	VerificationCompleted Event = "verification.completed"
	// Test is what "sesuai webhook test" sends. No webhook is registered for it.
	Test Event = "webhook.test"
)

// Webhook is where a client is told of events.
type Webhook struct {
	// Client is the client's ID.
	Client string
	URL    string
	// Events are those that the client wants, at least one.
	Events []Event
	// Secret signs messages.
	Secret Secret
	// Previous is the secret from before the last rotation. It signs too, until
	// PreviousUntil.
	Previous      Secret
	PreviousUntil time.Time
	// ChangedAt is when this was registered or changed.
	ChangedAt time.Time
}

// Registrations are the webhooks of clients, one for each at most. It is safe for
// concurrent use. Each change is an event of the audit trail. It is durable when a
// method returns nil, and every process that has the Store open acts upon it within
// a second. Errors have kind sesuai.KindUnavailable unless stated otherwise, with
// the error of a ctx that has ended in the chain.
type Registrations interface {
	// Find returns the webhook of a client; false if there is none.
	Find(ctx context.Context, client string) (Webhook, bool, error)
	// Set registers a URL and events for a client, or changes them. Secrets stay
	// as they are; a new webhook, of which added tells, gets one. The error has
	// kind sesuai.KindConfiguration if the URL or the events are not allowed.
	Set(ctx context.Context, client, url string, events []Event) (w Webhook, added bool, err error)
	// Rotate replaces the secret of a client's webhook. The one that it had is
	// valid for the duration keep, and the one before that no longer. It returns
	// false if there is no webhook.
	Rotate(ctx context.Context, client string, keep time.Duration) (Webhook, bool, error)
	// Remove removes the webhook of a client and what is yet to be delivered
	// there. It returns false if there is no webhook.
	Remove(ctx context.Context, client string) (bool, error)
}

// State is the state of a delivery.
type State string

// The states.
const (
	Pending   State = "pending"
	Delivered State = "delivered"
	GivenUp   State = "given_up"
)

// Attempt is how one try to deliver a message ended.
type Attempt struct {
	At       time.Time     `json:"at"`
	Duration time.Duration `json:"duration"`
	// Status is the HTTP status of the answer; 0 if there was none.
	Status int `json:"status,omitempty"`
	// Failure says why the message is not delivered; "" if it is.
	Failure Failure `json:"failure,omitempty"`
}

// Failure is a reason for which a message is not delivered.
type Failure string

// The failures.
const (
	// FailedStatus: the status of the answer is not 200 to 299. Redirects, which
	// are not followed, are such answers.
	FailedStatus Failure = "status"
	// FailedAddress: the address is not one that may be dialled.
	FailedAddress Failure = "address"
	// FailedURL: the URL is not allowed any more.
	FailedURL        Failure = "url"
	FailedName       Failure = "name" // it has no address
	FailedConnection Failure = "connection"
	FailedTLS        Failure = "tls"
	FailedTimeout    Failure = "timeout"
	// FailedRow: the stored message is not as it was written. It is given up at
	// once.
	FailedRow Failure = "row"
)

// Failures are those of attempts to post.
var Failures = [...]Failure{
	FailedStatus, FailedAddress, FailedURL, FailedName, FailedConnection, FailedTLS, FailedTimeout,
}

// Delivery is a message in the log.
type Delivery struct {
	// ID is the webhook-id of the message, the same for each attempt.
	ID        string
	Event     Event
	CreatedAt time.Time
	State     State
	// DueAt is when a pending message is tried next.
	DueAt time.Time
	// Attempts are the last ones, in the order of their times.
	Attempts []Attempt
}

// Filter says which deliveries are meant.
type Filter struct {
	// Failed leaves out those that are delivered, and those that were not tried.
	Failed bool
	// Limit is the maximum number of deliveries.
	Limit int
}

// Log is the log of deliveries. It is safe for concurrent use. Errors are those of
// Registrations.
type Log interface {
	// Deliveries returns deliveries to a client, the latest one first.
	Deliveries(ctx context.Context, client string, f Filter) ([]Delivery, error)
	// Retry makes a delivery that is pending or given up due at once, with all of
	// its tries. It returns false if there is none of that ID that is not
	// delivered.
	Retry(ctx context.Context, id string) (bool, error)
}

// Message is what a client is told.
type Message struct {
	Client string
	Event  Event
	// At is when the event happened.
	At time.Time
	// Data is marshalled as JSON.
	Data any
}

// Due is a message that was leased.
type Due struct {
	ID    string
	Event Event
	Body  []byte
	// Tries is how often it was leased, including this time.
	Tries int
	// GiveUpAt is when trying ends.
	GiveUpAt time.Time
	// Attempts are the last of the earlier tries.
	Attempts []Attempt

	token [16]byte
}

// Result is what became of a message that was leased.
type Result struct {
	Due Due
	// State is the new one. A pending message is due at DueAt.
	State State
	DueAt time.Time
	// Attempt is how this try ended; nil if it was not made.
	Attempt *Attempt
}

// Outbox keeps messages until they are delivered or given up. It is safe for
// concurrent use, by several processes too. Errors are those of Registrations.
//
// Each message is delivered at least once, or given up: if a process is killed
// between a delivery and its record, the lease expires and the message is
// delivered again.
type Outbox interface {
	// Refresh reads the webhooks. If it fails, what was known stays known.
	Refresh(ctx context.Context) error
	// Current returns the webhook of a client as it was at the last Refresh.
	Current(client string) (Webhook, bool)
	// Waiting returns the clients that have a webhook and messages that are due.
	Waiting(ctx context.Context) ([]string, error)
	// Lease leases up to n messages to a client that are due, the first ones
	// first. No one else is given them until the duration has passed. Those that
	// are not as they were written are given up.
	Lease(ctx context.Context, client string, n int, d time.Duration) ([]Due, error)
	// Record records a result and erases the body of a delivered message. A
	// result that is not Delivered counts only while the lease holds.
	Record(ctx context.Context, r Result) error
	// Sweep removes messages from before t, some of them at a time, and pending ones
	// to clients without a webhook.
	Sweep(ctx context.Context, t time.Time) (Swept, error)
}

// Swept is what Outbox.Sweep has removed.
type Swept struct {
	// GivenUp is how many messages from before that time were pending: their receiver
	// takes fewer than there are.
	GivenUp int
	// More is whether there may be others from before that time.
	More bool
}

// mistake returns an error about what an operator has given.
func mistake(why string) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: why}
}
