package balikan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/backoff"
)

// The defaults of Options.
const (
	DefaultBatch    = 100
	DefaultInterval = 5 * time.Second
	DefaultTimeout  = 30 * time.Second
	DefaultWait     = 2 * time.Second
	DefaultMaxWait  = 5 * time.Minute
)

const (
	// maxPostponed bounds the delay before a row that was refused by itself is
	// tried again.
	maxPostponed = 6 * time.Hour
	// maxRefused is the number of refusals in a row that ends the sending of a
	// batch row by row: the reason is then not a single row.
	maxRefused = 3
	// recordTimeout bounds how long it may take to record what was delivered,
	// even after the context has ended.
	recordTimeout = 10 * time.Second
)

// Options are what a Sender is made of. Outbox, URL, TokenFile, InstitutionID
// and InstitutionName are required.
type Options struct {
	// Config is what the operator configures. Batch and Interval have their
	// defaults if they are 0; a URL that begins with http:// is allowed here.
	Config

	Outbox Outbox
	// Client makes the connections and decides which certificates are trusted.
	// Redirects are not followed. http.DefaultClient if nil.
	Client *http.Client
	// Timeout bounds one post; DefaultTimeout if 0.
	Timeout time.Duration
	// Wait is the delay after the first failure. It doubles with each further
	// one up to MaxWait. DefaultWait and DefaultMaxWait if 0.
	Wait, MaxWait time.Duration
	// Log receives failures, without anything of what is sent. They are
	// discarded if nil.
	Log *slog.Logger
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Sender delivers the rows of an outbox.
type Sender struct {
	o      Options
	client *http.Client
}

// New makes a Sender. The error has kind sesuai.KindConfiguration and says what is
// wrong with the options.
func New(o Options) (*Sender, error) {
	o.Batch = cmp.Or(o.Batch, DefaultBatch)
	o.Interval = cmp.Or(o.Interval, DefaultInterval)
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.Wait = cmp.Or(o.Wait, DefaultWait)
	o.MaxWait = max(cmp.Or(o.MaxWait, DefaultMaxWait), o.Wait)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	// The address may hold a secret: errors do not repeat it.
	if u, err := url.Parse(o.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return nil, misconfigured("an address that begins with https:// is needed")
	}
	if o.InstitutionID == "" || o.InstitutionName == "" {
		return nil, misconfigured("the institution's id and name are needed")
	}
	if _, err := readToken(o.TokenFile); err != nil {
		return nil, misconfigured(err.Error())
	}
	s := &Sender{o: o, client: new(http.Client)}
	if o.Client != nil {
		*s.client = *o.Client
	}
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s, nil
}

func misconfigured(why string) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "data balikan: " + why}
}

// maxToken is the maximum length of a token, in bytes.
const maxToken = 16 << 10

// readToken reads the token's file. The error repeats nothing of its content.
func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", errors.New("the token's file cannot be read")
	}
	defer f.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	token := strings.TrimSpace(string(b))
	visible := func(r rune) bool { return r > ' ' && r < 0x7f }
	if err != nil || token == "" || len(b) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return !visible(r) }) {
		return "", errors.New("the token's file holds no token")
	}
	return token, nil
}

// Run delivers rows until ctx ends. Several senders may run at once, in one
// process or in many.
func (s *Sender) Run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		sent, err := s.round(ctx)
		var wait time.Duration
		switch {
		case err != nil && ctx.Err() == nil:
			failures++
			wait = s.backOff(failures)
			s.o.Log.Warn("data balikan are not delivered", "why", err, "failures", failures, "wait", wait)
		case sent < s.o.Batch:
			failures = 0
			wait = backoff.Jitter(s.o.Interval)
		default: // there may be more
			failures = 0
		}
		backoff.Pause(ctx, wait)
	}
}

// backOff returns the delay after a number of failures in a row.
func (s *Sender) backOff(failures int) time.Duration {
	return backoff.Jitter(backoff.Double(s.o.Wait, failures-1, s.o.MaxWait))
}

// lease returns the duration of a lease. It leaves time for the post of a batch,
// and then for some of its rows one by one.
func (s *Sender) lease() time.Duration { return 10*s.o.Timeout + recordTimeout }

// round leases rows that are due, tries to deliver them and returns their number.
// After an error the caller should wait.
func (s *Sender) round(ctx context.Context) (int, error) {
	start := s.o.Now()
	l, err := s.o.Outbox.Lease(ctx, s.o.Batch, s.lease())
	if err != nil {
		return 0, fmt.Errorf("the outbox: %w", err)
	}
	if l.Damaged > 0 {
		s.o.Log.Error("data balikan cannot be read", "rows", l.Damaged)
	}
	n := len(l.Rows) + l.Damaged
	if len(l.Rows) == 0 {
		return n, nil
	}
	a, why := s.try(ctx, l.Rows)
	if a == accepted || a == already && len(l.Rows) == 1 {
		return n, s.record(ctx, l, l.Rows, nil, 0)
	}
	if a != unanswered && len(l.Rows) > 1 {
		return n, s.oneByOne(ctx, l, start)
	}
	return n, errors.Join(errors.New(why), s.postpone(ctx, l, a))
}

// postpone returns rows that could not be delivered.
func (s *Sender) postpone(ctx context.Context, l Lease, a answer) error {
	wait := s.o.Wait
	if a == refused { // it alone
		wait = backoff.Double(time.Minute, l.Rows[0].Tries-1, maxPostponed)
	}
	if ctx.Err() != nil {
		wait = 0 // another node can have it
	}
	return s.record(ctx, l, nil, l.Rows, backoff.Jitter(wait))
}

// oneByOne delivers each row of a lease by itself, because the batch was refused
// or part of it had been delivered before.
func (s *Sender) oneByOne(ctx context.Context, l Lease, start time.Time) error {
	var delivered []Pending
	rest, refusals := l.Rows, 0
	var failed error
	for len(rest) > 0 && failed == nil {
		if s.o.Now().Sub(start) > s.lease()-s.o.Timeout-recordTimeout {
			break // the lease could expire before the next post
		}
		one := Lease{Token: l.Token, Rows: rest[:1]}
		a, why := s.try(ctx, one.Rows)
		switch a {
		case accepted, already:
			delivered, refusals = append(delivered, one.Rows...), 0
		case refused:
			if refusals++; refusals == maxRefused {
				failed = errors.New(why)
			}
			s.o.Log.Warn("data balikan of a person are refused", "event", one.Rows[0].ID, "tries", one.Rows[0].Tries)
			if err := s.postpone(ctx, one, refused); err != nil {
				failed = err
			}
		default:
			failed = errors.New(why)
			continue // it stays in rest
		}
		rest = rest[1:]
	}
	var wait time.Duration
	if failed != nil && ctx.Err() == nil {
		wait = backoff.Jitter(s.o.Wait)
	}
	return errors.Join(failed, s.record(ctx, l, delivered, rest, wait))
}

// record records what was delivered and returns the rest to the outbox, even if
// ctx has ended.
func (s *Sender) record(ctx context.Context, l Lease, delivered, rest []Pending, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	var errs []error
	if len(delivered) > 0 {
		errs = append(errs, s.o.Outbox.Delivered(ctx, ids(delivered)))
	}
	if len(rest) > 0 {
		errs = append(errs, s.o.Outbox.Postpone(ctx, l.Token, ids(rest), s.o.Now().Add(wait)))
	}
	return errors.Join(errs...)
}

func ids(rows []Pending) []int64 {
	all := make([]int64, len(rows))
	for i, r := range rows {
		all[i] = r.ID
	}
	return all
}
