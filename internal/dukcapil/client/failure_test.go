package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/registry"
)

// trips is an upstream without a network, for time that passes by itself.
type trips func(ctx context.Context) (status int, body string, err error)

func (f trips) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	status, body, err := f(r.Context())
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header),
		Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

// stalls until whoever asked has had enough.
func stalls(ctx context.Context) (int, string, error) {
	<-ctx.Done()
	return 0, "", ctx.Err()
}

// refuses is an upstream that nobody listens at.
func refuses(context.Context) (int, string, error) {
	return 0, "", &net.OpError{Op: "dial", Err: errors.New("https://10.0.0.1/" + credential)}
}

func says(body string) trips {
	return func(context.Context) (int, string, error) { return http.StatusOK, body, nil }
}

// inBubble runs the test where time passes by itself, on a registry with the
// default waits.
func inBubble(t *testing.T, change func(o *client.Options), test func(t *testing.T, u *upstream, r *client.Registry)) {
	t.Helper()
	u := newUpstream(t) // its files alone are used
	synctest.Test(t, func(t *testing.T) {
		r := u.open(t, func(o *client.Options) {
			d := client.DefaultConfig()
			o.Config.Retry, o.Config.Breaker = d.Retry, d.Breaker
			if change != nil {
				change(o)
			}
		})
		test(t, u, r)
		u.write(t, "done", "")
	})
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestTriesWithinTheDeadline: what is asked again, how often, and that no try
// begins or goes on after the deadline.
func TestTriesWithinTheDeadline(t *testing.T) {
	fails := func(status int) trips {
		return func(context.Context) (int, string, error) { return status, "", nil }
	}
	for _, test := range []struct {
		name     string
		upstream trips
		deadline time.Duration
		data     string
		face     string
		longest  time.Duration
	}{
		{"refused", refuses, 20 * time.Second, "refused refused refused", "refused refused refused", time.Second},
		{"refused, little time", refuses, 250 * time.Millisecond, "refused", "refused", 250 * time.Millisecond},
		{"500", fails(500), 20 * time.Second, "http http http", "http", time.Second},
		{"404", fails(404), 20 * time.Second, "unexpected", "unexpected", 0},
		{"stalls", stalls, 20 * time.Second, "timeout timeout timeout", "timeout", 20 * time.Second},
		{"stalls, little time", stalls, 5 * time.Second, "timeout", "timeout", 5 * time.Second},
		{"garbage", says("<html>"), 20 * time.Second, "unexpected", "unexpected", 0},
		{"busy", says(matched("5000", "0")), 20 * time.Second, "unexpected", "busy busy busy", time.Second},
	} {
		inBubble(t, nil, func(t *testing.T, u *upstream, r *client.Registry) {
			client.SetTransport(r, test.upstream)
			for service, ask := range map[string]func(ctx context.Context) error{
				"data": func(ctx context.Context) error { _, err := r.Ask(ctx, dataQuestion(t)); return err },
				"face": func(ctx context.Context) error {
					_, err := client.CompareFace(ctx, r, faceQuestion(t))
					return err
				},
			} {
				u.calls.calls, u.calls.completions = nil, nil
				start := time.Now()
				err := ask(within(t, test.deadline))
				if retryAfter(t, err) < time.Second {
					t.Errorf("%s, %s: it says to try again after %v", test.name, service, retryAfter(t, err))
				}
				if strings.Contains(err.Error(), credential) || strings.Contains(err.Error(), "10.0.0.1") {
					t.Errorf("%s: %v", test.name, err)
				}
				if took := time.Since(start); took > test.longest {
					t.Errorf("%s, %s: it took %v of virtual time", test.name, service, took)
				}
				want := strings.Fields(test.data)
				if service == "face" {
					want = strings.Fields(test.face)
				}
				for i := range want {
					want[i] = service + " " + want[i]
				}
				if diff := cmp.Diff(want, u.calls.classes(t)); diff != "" {
					t.Errorf("%s: the ledger (-want +got):\n%s", test.name, diff)
				}
			}
		})
	}
}

// TestRecovers: a later try's answer is the answer, and the waits in between
// grow and differ.
func TestRecovers(t *testing.T) {
	// Two thirds of these fail, which would open the breaker.
	inBubble(t, func(o *client.Options) { o.Config.Breaker.Minimum = 1000 }, func(t *testing.T, u *upstream, r *client.Registry) {
		n := 0
		var at []time.Time
		client.SetTransport(r, trips(func(ctx context.Context) (int, string, error) {
			at = append(at, time.Now())
			n++
			if n%3 != 0 {
				return 503, coded("13"), nil
			}
			return 200, content("{" + agreeing + "}"), nil
		}))
		waits := make(map[time.Duration]bool)
		for range 4 {
			at = nil
			if a, err := r.Ask(within(t, 20*time.Second), dataQuestion(t)); err != nil || a.NameScore != 97 {
				t.Fatalf("%+v, %v", a, err)
			}
			first, second := at[1].Sub(at[0]), at[2].Sub(at[1])
			if first < 100*time.Millisecond || first > 300*time.Millisecond || second < 200*time.Millisecond || second > 600*time.Millisecond {
				t.Errorf("waits of %v and %v", first, second)
			}
			waits[first], waits[second] = true, true
		}
		if len(waits) < 6 {
			t.Errorf("the waits do not differ: %v", waits)
		}
		if got := len(u.calls.classes(t)); got != 12 {
			t.Errorf("%d rows in the ledger", got)
		}
	})
}

// TestTheCallerLeaves: at once, with its error in the chain, recorded, and
// neither the breaker nor an answer comes of it.
func TestTheCallerLeaves(t *testing.T) {
	inBubble(t, func(o *client.Options) { o.Config.Breaker.Minimum = 1 }, func(t *testing.T, u *upstream, r *client.Registry) {
		client.SetTransport(r, trips(stalls))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := r.Ask(ctx, dataQuestion(t))
		if !errors.Is(err, context.Canceled) || sesuai.KindOf(err) != sesuai.KindUnavailable || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		// Who comes with little time left says as little of the service.
		if _, err = r.Ask(within(t, 100*time.Millisecond), dataQuestion(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"data cancelled", "data timeout"}, u.calls.classes(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if state := r.States()[ledger.DataCheck]; state.Breaker != "closed" {
			t.Errorf("%+v", state)
		}
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		if _, err := r.Ask(ctx, dataQuestion(t)); !errors.Is(err, context.Canceled) || len(u.calls.calls) != 2 {
			t.Errorf("one who has left: %v, %d calls", err, len(u.calls.calls))
		}
	})
}

// TestBreaker opens as documented, says for how long, lets trials through and
// closes; configuration faults and whoever leaves do not open it.
func TestBreaker(t *testing.T) {
	change := func(o *client.Options) { o.Config.Retry.Tries = 1 }
	inBubble(t, change, func(t *testing.T, u *upstream, r *client.Registry) {
		check := func() error { _, err := r.Ask(within(t, 20*time.Second), dataQuestion(t)); return err }
		state := func() string { return r.States()[ledger.DataCheck].Breaker }
		works := says(content("{" + agreeing + "}"))

		client.SetTransport(r, says(coded("03")))
		for range 30 {
			_ = check()
		}
		client.SetTransport(r, trips(stalls))
		for range 30 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			_, _ = r.Ask(ctx, dataQuestion(t))
		}
		if state() != "closed" {
			t.Fatal("faults of this side have opened it")
		}

		// Of 10 calls in 30 seconds half failed.
		client.SetTransport(r, works)
		for range 5 {
			if err := check(); err != nil {
				t.Fatal(err)
			}
		}
		client.SetTransport(r, trips(refuses))
		for i := range 5 {
			if state() != "closed" {
				t.Fatalf("open after %d failures", i)
			}
			_ = check()
		}
		if state() != "open" || u.metric(t, "breaker_state", "data_check") != 2 {
			t.Fatal("it is not open")
		}
		calls := len(u.calls.calls)
		time.Sleep(5 * time.Second)
		if got := retryAfter(t, check()); got != 10*time.Second || len(u.calls.calls) != calls {
			t.Errorf("try again after %v, %d calls", got, len(u.calls.calls)-calls)
		}
		if s := r.States()[ledger.DataCheck]; s.Why != client.BreakerOpen || time.Until(s.HeldUntil) != 10*time.Second {
			t.Errorf("%+v", s)
		}
		if s := r.States()[ledger.FaceCheck]; s.Breaker != "closed" {
			t.Errorf("the other service: %+v", s)
		}

		// A trial that fails opens it again; those who leave say nothing.
		time.Sleep(10 * time.Second)
		if state() != "half-open" {
			t.Error(state())
		}
		client.SetTransport(r, trips(stalls))
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			if _, err := r.Ask(ctx, dataQuestion(t)); !errors.Is(err, context.Canceled) {
				t.Fatalf("half open: %v", err)
			}
		}
		client.SetTransport(r, trips(refuses))
		_ = check()
		if state() != "open" {
			t.Error("a trial failed and it is", state())
		}
		time.Sleep(15 * time.Second)
		client.SetTransport(r, works)
		for i := range 3 {
			if state() != "half-open" {
				t.Errorf("%s after %d successes", state(), i)
			}
			if err := check(); err != nil {
				t.Error(err)
			}
		}
		if state() != "closed" || u.metric(t, "breaker_state", "data_check") != 0 {
			t.Error("it is not closed")
		}
	})
}

// TestQuota: after 05 nobody is asked until the next day in Jakarta.
func TestQuota(t *testing.T) {
	u := newUpstream(t)
	var now atomic.Pointer[time.Time]
	set := func(text string) {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		now.Store(&at)
	}
	set("2026-11-23T16:00:00Z") // 23:00 in Jakarta
	r := u.open(t, func(o *client.Options) {
		o.Now = func() time.Time { return *now.Load() }
		o.Config.TLS.Pins = u.pin()
		o.Config.Hours = "00:30-24:00"
		o.Forecast = func(_ ledger.Service, left int64) (time.Time, bool) {
			return now.Load().Add(time.Duration(left) * time.Second), left > 0
		}
	})
	// What was said of today's quota is not said of tomorrow's.
	u.says(content("{" + agreeing + "}"))
	if _, err := r.Ask(t.Context(), dataQuestion(t)); err != nil || u.metric(t, "quota_left", "data_check") != 56616 {
		t.Fatal(err)
	}
	if got, want := u.metric(t, "quota_ends_timestamp_seconds", "data_check"), float64(now.Load().Unix()+56616); got != want {
		t.Errorf("the quota ends at %v, want %v", got, want)
	}
	u.says(content(`{"RESPONSE_CODE":"05","RESPONSE":"Kuota Akses Hari ini telah Habis"}`))
	_, err := r.Ask(t.Context(), dataQuestion(t))
	if got := retryAfter(t, err); got != time.Hour {
		t.Errorf("try again after %v", got)
	}
	u.says(content("{" + agreeing + "}"))
	for _, moment := range []string{"2026-11-23T16:00:01Z", "2026-11-23T16:59:59Z"} {
		set(moment)
		_, err := r.Ask(t.Context(), dataQuestion(t))
		if got := retryAfter(t, err); got <= 0 || u.requests() != 2 {
			t.Errorf("%s: try again after %v, %d requests", moment, got, u.requests())
		}
	}
	if s := r.States()[ledger.DataCheck]; s.Why != client.QuotaHeld || u.metric(t, "held_seconds", "data_check") != 1801 {
		t.Errorf("%+v", s)
	}
	u.says(matched("6018", "7"))
	if _, err := client.CompareFace(t.Context(), r, faceQuestion(t)); err != nil {
		t.Errorf("the other service: %v", err)
	}
	u.says(content("{" + agreeing + "}"))
	set("2026-11-23T17:00:00Z") // a new day, but not yet the hour
	if left := u.metric(t, "quota_left", "data_check"); left == left {
		t.Errorf("of the new day's quota it says %v", left)
	}
	_, err = r.Ask(t.Context(), dataQuestion(t))
	if got := retryAfter(t, err); got != 30*time.Minute || u.requests() != 3 {
		t.Errorf("before the hour: try again after %v, %d requests", got, u.requests())
	}
	set("2026-11-23T17:30:00Z")
	if _, err := r.Ask(t.Context(), dataQuestion(t)); err != nil {
		t.Errorf("the next day: %v", err)
	}
	want := []string{"data found billed", "data quota", "face match billed", "data found billed"}
	if diff := cmp.Diff(want, u.calls.classes(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if u.metric(t, "turned_away_total", "quota_held") != 2 || u.metric(t, "turned_away_total", "hours") != 1 {
		t.Error("the metrics do not say who was turned away")
	}
}

// TestInFlight: no more at once than there are places, and the others are told
// when to come back.
func TestInFlight(t *testing.T) {
	inBubble(t, func(o *client.Options) { o.Config.InFlight = 2 }, func(t *testing.T, u *upstream, r *client.Registry) {
		client.SetTransport(r, trips(stalls))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 2)
		for range 2 {
			go func() { _, err := r.Ask(ctx, dataQuestion(t)); done <- err }()
		}
		synctest.Wait()
		if got := u.metric(t, "in_flight", "data_check"); got != 2 {
			t.Errorf("%v in flight", got)
		}
		_, err := r.Ask(t.Context(), dataQuestion(t))
		if retryAfter(t, err) != time.Second || len(u.calls.calls) != 2 {
			t.Errorf("%v", err)
		}
		cancel()
		for range 2 {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		if got := u.metric(t, "in_flight", "data_check"); got != 0 {
			t.Errorf("%v in flight", got)
		}
		client.SetTransport(r, says(content("{"+agreeing+"}")))
		if _, err := r.Ask(t.Context(), dataQuestion(t)); err != nil {
			t.Error(err)
		}
	})
}

// TestNoCallWithoutItsRow: if the ledger fails nobody is asked; if only the
// completion cannot be recorded the answer counts.
func TestNoCallWithoutItsRow(t *testing.T) {
	u := newUpstream(t)
	u.says(content("{" + agreeing + "}"))
	r := u.open(t, nil)
	u.calls.fails = errors.New("the disk is full")
	_, err := r.Ask(t.Context(), dataQuestion(t))
	if retryAfter(t, err) <= 0 || !errors.Is(err, u.calls.fails) || u.requests() != 0 {
		t.Errorf("%v, %d requests", err, u.requests())
	}
	u.calls.fails = nil
	broken := brokenEnd{u.calls}
	r = u.open(t, func(o *client.Options) { o.CallLog, o.Metrics = broken, nil })
	if _, err := r.Ask(t.Context(), dataQuestion(t)); err != nil || !strings.Contains(u.log.String(), "not recorded") {
		t.Error(err)
	}
}

type brokenEnd struct{ *callLog }

func (brokenEnd) Complete(context.Context, int64, ledger.Completion) error { return errors.New("gone") }

// TestConcurrently: many at once, a third of which fail; each gets its own
// answer and every call its row.
func TestConcurrently(t *testing.T) {
	u := newUpstream(t)
	var n atomic.Int64
	u.does(func(w http.ResponseWriter, r *http.Request, asked map[string]any) {
		switch {
		case n.Add(1)%3 == 0:
			w.WriteHeader(http.StatusBadGateway)
		case asked["NIK"] == "9971010501900000":
			fmt.Fprint(w, coded("13"))
		default:
			fmt.Fprint(w, content(`{"NIK":"Sesuai","NAMA_LGKP":"Sesuai (`+asked["NIK"].(string)[14:]+`)","TGL_LHR":"Sesuai"}`))
		}
	})
	r := u.open(t, func(o *client.Options) { o.Config.Retry.Tries = 10 })
	errs := make(chan error, 60)
	for i := range 60 {
		go func() {
			claim := someClaim(t)
			claim.NIK, _ = sesuai.ParseNIK(fmt.Sprintf("99710105019000%02d", i%20))
			a, err := r.Ask(t.Context(), registry.Question{Claim: claim})
			if err == nil && (a.Found != (i%20 != 0) || a.NameScore != i%20) {
				err = fmt.Errorf("%d: %+v", i, a)
			}
			if err != nil && sesuai.KindOf(err) == sesuai.KindUnavailable && strings.Contains(err.Error(), "in_flight") {
				err = nil
			}
			errs <- err
		}()
	}
	for range 60 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if rows := len(u.calls.classes(t)); rows != u.requests() {
		t.Errorf("%d rows in the ledger of %d calls", rows, u.requests())
	}
}
