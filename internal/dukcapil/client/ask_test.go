package client_test

import (
	"context"
	"errors"
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

// services is an upstream without a network. Each service answers for itself.
type services struct{ data, face trips }

func (s services) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "/face-recognition/") {
		return s.face.RoundTrip(r)
	}
	return s.data.RoundTrip(r)
}

// after answers after a time, unless the caller stops waiting.
func after(d time.Duration, then trips) trips {
	return func(ctx context.Context) (int, string, error) {
		select {
		case <-time.After(d):
			return then(ctx)
		case <-ctx.Done():
			return 0, "", ctx.Err()
		}
	}
}

var (
	found    = says(content("{" + agreeing + "}"))
	notFound = says(coded("13"))
	deceased = says(coded("11"))
	matches  = says(matched("6018", "7"))
)

// TestAsk: what is called and logged for a question with a probe, in which order,
// and what is answered. The data check takes a second.
func TestAsk(t *testing.T) {
	for _, tt := range []struct {
		about      string
		parallel   bool
		data, face trips
		answered   bool // Found is true
		compared   bool
		kind       sesuai.Kind
		log        []string
		took       time.Duration
	}{
		{
			"a person", false, found, after(time.Second, matches), true, true, "",
			[]string{"data found billed", "face match billed"},
			2 * time.Second,
		},
		{
			"nobody", false, notFound, matches, false, false, "",
			[]string{"data not_found billed", "face not made"},
			time.Second,
		},
		{
			"a person who is not active", false, deceased, matches, true, false, "",
			[]string{"data deceased billed", "face not made"},
			time.Second,
		},
		{
			"the data check fails", false, says("<html>"), matches, false, false, sesuai.KindUnavailable,
			[]string{"data unexpected", "face not made"},
			time.Second,
		},
		{
			"the face check fails", false, found, after(time.Second, says("<html>")), false, false, sesuai.KindUnavailable,
			[]string{"data found billed", "face unexpected"},
			2 * time.Second,
		},
		{
			"the photograph is refused", false, found, after(time.Second, says(matched("6015", "0"))), false, false, sesuai.KindInvalidImage,
			[]string{"data found billed", "face image"},
			2 * time.Second,
		},
		{
			"a person, at the same time", true, found, after(time.Second, matches), true, true, "",
			[]string{"data found billed", "face match billed"},
			time.Second,
		},
		{
			"nobody, and the face check is slow", true, notFound, after(2*time.Second, matches), false, false, "",
			[]string{"data not_found billed", "face cancelled"},
			time.Second,
		},
		{
			"nobody, and the face check fails", true, notFound, says("<html>"), false, false, "",
			[]string{"data not_found billed", "face unexpected"},
			time.Second,
		},
		{
			"the data check fails, and the face check is slow", true, says("<html>"), after(2*time.Second, matches), false, false, sesuai.KindUnavailable,
			[]string{"data unexpected", "face cancelled"},
			time.Second,
		},
		{
			"the face check fails, at the same time", true, found, says("<html>"), false, false, sesuai.KindUnavailable,
			[]string{"data found billed", "face unexpected"},
			time.Second,
		},
	} {
		t.Run(tt.about, func(t *testing.T) {
			inBubble(t, func(o *client.Options) { o.Config.Parallel = tt.parallel }, func(t *testing.T, u *upstream, r *client.Registry) {
				client.SetTransport(r, services{after(time.Second, tt.data), tt.face})
				start := time.Now()
				a, err := r.Ask(within(t, 20*time.Second), faceQuestion(t))
				took := time.Since(start)
				if sesuai.KindOf(err) != tt.kind || a.Found != tt.answered || a.Face.Portrait != tt.compared || err != nil && !isZero(a) {
					t.Errorf("%+v, %v", a, err)
				}
				if took != tt.took {
					t.Errorf("it took %v, not %v", took, tt.took)
				}
				// At the same time, either service may be logged first.
				if diff := cmp.Diff(tt.log, sorted(u.calls.classes(t))); diff != "" {
					t.Errorf("call log (-want +got):\n%s", diff)
				}
				for _, c := range u.calls.calls {
					if c.Client != "cli_bank" || c.RequestID != "req-1" {
						t.Errorf("logged for %q, %q", c.Client, c.RequestID)
					}
				}
			})
		})
	}
}

// TestPreparesWhileWaiting: what the face check needs is done while the data check
// waits, also if that is tried again, and once.
func TestPreparesWhileWaiting(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, u *upstream, r *client.Registry) {
		u.calls.starting = func(c ledger.Call) error {
			if c.Service == ledger.FaceCheck {
				time.Sleep(time.Second)
			}
			return nil
		}
		var tries atomic.Int32
		data := after(time.Second, func(ctx context.Context) (int, string, error) {
			if tries.Add(1) == 1 {
				return 503, "", nil
			}
			return found(ctx)
		})
		client.SetTransport(r, services{data, after(time.Second, matches)})
		start := time.Now()
		a, err := r.Ask(t.Context(), faceQuestion(t))
		// Two tries of the data check, the delay between them, and the face check.
		if took := time.Since(start); err != nil || !a.Face.Portrait || took < 3*time.Second || took > 3500*time.Millisecond {
			t.Errorf("%+v, %v after %v", a, err, took)
		}
		want := []string{"data http", "face match billed", "data found billed"}
		if diff := cmp.Diff(want, u.calls.classes(t)); diff != "" {
			t.Errorf("call log (-want +got):\n%s", diff)
		}
	})
}

// TestPreparedAndNotMade: an entry of the call log that was started for nothing is
// cancelled, whatever happens meanwhile.
func TestPreparedAndNotMade(t *testing.T) {
	// The clock of a bubble starts at 07:00 in Jakarta.
	morning := func(o *client.Options) { o.Config.Hours = "00:00-12:00" }
	t.Run("the services close", func(t *testing.T) {
		inBubble(t, morning, func(t *testing.T, u *upstream, r *client.Registry) {
			client.SetTransport(r, services{after(2*time.Second, found), matches})
			time.Sleep(5*time.Hour - time.Second)
			if _, err := r.Ask(t.Context(), faceQuestion(t)); retryAfter(t, err) <= 0 {
				t.Error(err)
			}
			if diff := cmp.Diff([]string{"data found billed", "face not made"}, u.calls.classes(t)); diff != "" {
				t.Errorf("call log (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("the caller leaves", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, u *upstream, r *client.Registry) {
			ctx, cancel := context.WithCancel(t.Context())
			client.SetTransport(r, services{after(time.Second, func(ctx context.Context) (int, string, error) {
				cancel()
				return found(ctx)
			}), matches})
			if _, err := r.Ask(ctx, faceQuestion(t)); !errors.Is(err, context.Canceled) || sesuai.KindOf(err) != sesuai.KindUnavailable {
				t.Error(err)
			}
			if diff := cmp.Diff([]string{"data found billed", "face not made"}, u.calls.classes(t)); diff != "" {
				t.Errorf("call log (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("others have taken all places", func(t *testing.T) {
		inBubble(t, func(o *client.Options) { o.Config.InFlight = 1 }, func(t *testing.T, u *upstream, r *client.Registry) {
			client.SetTransport(r, services{after(2*time.Second, found), stalls})
			ctx, cancel := context.WithCancel(t.Context())
			other := make(chan error)
			go func() {
				time.Sleep(time.Second)
				_, err := client.CompareFace(ctx, r, faceQuestion(t))
				other <- err
			}()
			if _, err := r.Ask(t.Context(), faceQuestion(t)); retryAfter(t, err) != time.Second {
				t.Error(err)
			}
			cancel()
			<-other
			if diff := cmp.Diff([]string{"data found billed", "face not made", "face cancelled"}, u.calls.classes(t)); diff != "" {
				t.Errorf("call log (-want +got):\n%s", diff)
			}
		})
	})
}

// TestFaceCheckClosed: nothing is prepared for a service that must not be called.
// What counts is whether it may be called once the person is found.
func TestFaceCheckClosed(t *testing.T) {
	for _, tt := range []struct {
		about string
		wait  time.Duration // after the breaker opened, which is for 15 seconds
		kind  sesuai.Kind
		log   []string
	}{
		{"still closed", 5 * time.Second, sesuai.KindUnavailable, []string{"data found billed"}},
		{"open again meanwhile", 14 * time.Second, "", []string{"data found billed", "face match billed"}},
	} {
		t.Run(tt.about, func(t *testing.T) {
			change := func(o *client.Options) { o.Config.Retry.Tries, o.Config.Breaker.Minimum = 1, 1 }
			inBubble(t, change, func(t *testing.T, u *upstream, r *client.Registry) {
				client.SetTransport(r, trips(refuses))
				_, _ = client.CompareFace(t.Context(), r, faceQuestion(t))
				if state := r.States()[ledger.FaceCheck]; state.Breaker != "open" {
					t.Fatalf("%+v", state)
				}
				client.SetTransport(r, services{after(2*time.Second, found), matches})
				time.Sleep(tt.wait)
				a, err := r.Ask(t.Context(), faceQuestion(t))
				if sesuai.KindOf(err) != tt.kind || a.Face.Portrait != (tt.kind == "") {
					t.Errorf("%+v, %v", a, err)
				}
				if diff := cmp.Diff(tt.log, u.calls.classes(t)[1:]); diff != "" {
					t.Errorf("call log (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestCannotPrepare: a failure to prepare the face check counts only if the check
// is to be made. No call is made or logged.
func TestCannotPrepare(t *testing.T) {
	broken := errors.New("the disk is full")
	noPicture := func(q *registry.Question, _ *callLog) { q.Probe.Picture = nil }
	failing := func(_ *registry.Question, a *callLog) {
		a.starting = func(c ledger.Call) error {
			if c.Service == ledger.FaceCheck {
				return broken
			}
			return nil
		}
	}
	panicking := func(_ *registry.Question, a *callLog) {
		a.starting = func(c ledger.Call) error {
			if c.Service == ledger.FaceCheck {
				panic(nikText)
			}
			return nil
		}
	}
	for _, tt := range []struct {
		about  string
		change func(*registry.Question, *callLog)
		data   trips
		log    string
	}{
		{"no picture", noPicture, found, "data found billed"},
		{"no picture, and nobody", noPicture, notFound, "data not_found billed"},
		{"no entry in the call log", failing, found, "data found billed"},
		{"no entry in the call log, and nobody", failing, notFound, "data not_found billed"},
		{"a panic", panicking, found, "data found billed"},
		{"a panic, and nobody", panicking, notFound, "data not_found billed"},
	} {
		for _, parallel := range []bool{false, true} {
			t.Run(tt.about, func(t *testing.T) {
				inBubble(t, func(o *client.Options) { o.Config.Parallel = parallel }, func(t *testing.T, u *upstream, r *client.Registry) {
					client.SetTransport(r, services{after(time.Second, tt.data), matches})
					q := faceQuestion(t)
					tt.change(&q, u.calls)
					a, err := r.Ask(t.Context(), q)
					if wanted := strings.HasPrefix(tt.log, "data found"); (err != nil) != wanted || !isZero(a) {
						t.Errorf("%+v, %v", a, err)
					}
					if err != nil && (retryAfter(t, err) <= 0 || strings.Contains(err.Error(), nikText)) {
						t.Error(err)
					}
					if diff := cmp.Diff([]string{tt.log}, u.calls.classes(t)); diff != "" {
						t.Errorf("call log (-want +got):\n%s", diff)
					}
				})
			})
		}
	}
}

// TestNothingOutlivesAsk: when the caller leaves, Ask ends all that it has started
// before it returns.
func TestNothingOutlivesAsk(t *testing.T) {
	for _, parallel := range []bool{false, true} {
		inBubble(t, func(o *client.Options) { o.Config.Parallel = parallel }, func(t *testing.T, u *upstream, r *client.Registry) {
			var face atomic.Int32
			client.SetTransport(r, services{stalls, func(ctx context.Context) (int, string, error) {
				face.Add(1)
				defer face.Add(-1)
				return stalls(ctx)
			}})
			ctx, cancel := context.WithCancel(t.Context())
			asked := make(chan error)
			go func() {
				_, err := r.Ask(ctx, faceQuestion(t))
				if face.Load() != 0 {
					t.Error("the face check goes on")
				}
				asked <- err
			}()
			synctest.Wait()
			if got := face.Load() == 1; got != parallel {
				t.Errorf("the face check is made at the same time: %v", got)
			}
			cancel()
			if err := <-asked; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			want := []string{"data cancelled", "face not made"}
			if parallel {
				want[1] = "face cancelled"
			}
			if diff := cmp.Diff(want, sorted(u.calls.classes(t))); diff != "" {
				t.Errorf("call log (-want +got):\n%s", diff)
			}
		})
	}
}
