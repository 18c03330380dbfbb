package balikan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
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
	// maxPostponed is how long one that is refused by itself waits at most to
	// be tried again.
	maxPostponed = 6 * time.Hour
	// maxRefused is how many refusals in a row end the sending of a batch one
	// by one: then it is not about one of them.
	maxRefused = 3
	// settleTimeout bounds how long it may take to record what was delivered,
	// after the context has ended, too.
	settleTimeout = 10 * time.Second
)

// Options are what a Sender is made of. Outbox, URL, TokenFile, InstitutionID
// and InstitutionName are required.
type Options struct {
	Outbox Outbox
	// URL is where to post to.
	URL string
	// Client makes the connections: it holds what certificates are trusted.
	// Its redirects are not followed. http.DefaultClient if nil.
	Client *http.Client
	// TokenFile holds the bearer token. It is read again for each post.
	TokenFile string
	// InstitutionID and InstitutionName are the institution's, as Dukcapil
	// knows it.
	InstitutionID, InstitutionName string
	// Batch is how many people are sent at once at most; DefaultBatch if 0.
	Batch int
	// Interval is how often is looked whether anything is owed, while nothing
	// is; DefaultInterval if 0.
	Interval time.Duration
	// Timeout bounds one post; DefaultTimeout if 0.
	Timeout time.Duration
	// Wait is how long is waited after a first failure, and MaxWait after
	// many; DefaultWait and DefaultMaxWait if 0.
	Wait, MaxWait time.Duration
	// Log says what goes wrong, without anything of what is sent;
	// nothing if nil.
	Log *slog.Logger
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Sender delivers what is owed.
type Sender struct {
	o      Options
	client *http.Client
}

// New makes a Sender. The error, of kind sesuai.KindConfiguration, says what is
// to be mended.
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
	// What is in the address may be secret.
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

// maxToken is how many bytes a token has at most.
const maxToken = 16 << 10

// readToken reads the token's file. The error says nothing of what is in it.
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

// Run delivers what is owed until ctx ends. Several may run at once, in one
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
			wait = jitter(s.o.Interval)
		default: // there may be more
			failures = 0
		}
		pause(ctx, wait)
	}
}

// backOff is how long to wait after so many failures in a row.
func (s *Sender) backOff(failures int) time.Duration {
	return jitter(double(s.o.Wait, failures-1, s.o.MaxWait))
}

// double is d doubled so many times, most at most.
func double(d time.Duration, times int, most time.Duration) time.Duration {
	for ; times > 0 && d < most; times-- {
		d *= 2
	}
	return min(d, most)
}

// jitter is a time from half of d to d, so that those who failed together do not
// try again together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1) //nolint:gosec // nobody gains from guessing it
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// lease is how long a claim lasts: one post, and as many again one by one for
// as long as that takes.
func (s *Sender) lease() time.Duration { return 10*s.o.Timeout + settleTimeout }

// round claims what is due, tries to deliver it, and reports how many that were.
// An error says that it is better to wait.
func (s *Sender) round(ctx context.Context) (int, error) {
	start := s.o.Now()
	c, err := s.o.Outbox.Claim(ctx, s.o.Batch, s.lease())
	if err != nil {
		return 0, fmt.Errorf("the outbox: %w", err)
	}
	if c.Damaged > 0 {
		s.o.Log.Error("data balikan cannot be read", "rows", c.Damaged)
	}
	n := len(c.Owed) + c.Damaged
	if len(c.Owed) == 0 {
		return n, nil
	}
	a, why := s.try(ctx, c.Owed)
	if a == accepted || a == already && len(c.Owed) == 1 {
		return n, s.settle(ctx, c, c.Owed, nil, 0)
	}
	if a != unanswered && len(c.Owed) > 1 {
		return n, s.oneByOne(ctx, c, start)
	}
	return n, errors.Join(errors.New(why), s.postpone(ctx, c, a))
}

// postpone gives back what could not be delivered.
func (s *Sender) postpone(ctx context.Context, c Claim, a answer) error {
	wait := s.o.Wait
	if a == refused { // it alone
		wait = double(time.Minute, c.Owed[0].Tries-1, maxPostponed)
	}
	if ctx.Err() != nil {
		wait = 0 // another node can have it
	}
	return s.settle(ctx, c, nil, c.Owed, jitter(wait))
}

// oneByOne delivers each of a claim by itself, since as a batch it was refused
// or some of it was delivered before.
func (s *Sender) oneByOne(ctx context.Context, c Claim, start time.Time) error {
	var delivered []Owed
	rest, refusals := c.Owed, 0
	var failed error
	for len(rest) > 0 && failed == nil {
		if s.o.Now().Sub(start) > s.lease()-s.o.Timeout-settleTimeout {
			break // somebody else could be given the rest before it is sent
		}
		one := Claim{Token: c.Token, Owed: rest[:1]}
		a, why := s.try(ctx, one.Owed)
		switch a {
		case accepted, already:
			delivered, refusals = append(delivered, one.Owed...), 0
		case refused:
			if refusals++; refusals == maxRefused {
				failed = errors.New(why)
			}
			s.o.Log.Warn("a return is refused", "event", one.Owed[0].ID, "tries", one.Owed[0].Tries)
			if err := s.postpone(ctx, one, refused); err != nil {
				failed = err
			}
		default:
			failed = errors.New(why)
			continue // it is not settled
		}
		rest = rest[1:]
	}
	var wait time.Duration
	if failed != nil && ctx.Err() == nil {
		wait = jitter(s.o.Wait)
	}
	return errors.Join(failed, s.settle(ctx, c, delivered, rest, wait))
}

// settle records what was delivered and gives back the rest, even if ctx has
// ended.
func (s *Sender) settle(ctx context.Context, c Claim, delivered, rest []Owed, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var errs []error
	if len(delivered) > 0 {
		errs = append(errs, s.o.Outbox.Delivered(ctx, ids(delivered)))
	}
	if len(rest) > 0 {
		errs = append(errs, s.o.Outbox.Postpone(ctx, c.Token, ids(rest), s.o.Now().Add(wait)))
	}
	return errors.Join(errs...)
}

func ids(owed []Owed) []int64 {
	all := make([]int64, len(owed))
	for i, o := range owed {
		all[i] = o.ID
	}
	return all
}
