package client_test

import (
	"context"
	"errors"
	"net/http"
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

// TestPrepared: what is prepared is on the account, and off it again if nobody
// is called after all.
func TestPrepared(t *testing.T) {
	night := func(o *client.Options) { o.Config.Hours = "00:00-12:00" } // a bubble's clock starts at 07:00 in Jakarta
	left := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	}
	for _, tt := range []struct {
		about  string
		change func(o *client.Options)
		wait   time.Duration // before it is prepared
		then   func(ctx context.Context, r *client.Registry, p registry.Prepared) error
		calls  int32
		ledger []string
		kind   sesuai.Kind
	}{
		{"compared", nil, 0, func(ctx context.Context, _ *client.Registry, p registry.Prepared) error {
			_, err := p.Compare(ctx)
			return err
		}, 2, []string{"face refused", "face match billed"}, ""},
		{"dropped", nil, 0, func(ctx context.Context, _ *client.Registry, p registry.Prepared) error {
			p.Drop(left(ctx))
			return nil
		}, 0, []string{"face withdrawn"}, ""},
		{"its caller has left", nil, 0, func(ctx context.Context, _ *client.Registry, p registry.Prepared) error {
			_, err := p.Compare(left(ctx))
			return err
		}, 0, []string{"face withdrawn"}, sesuai.KindUnavailable},
		{"closed meanwhile", night, 4 * time.Hour, func(ctx context.Context, _ *client.Registry, p registry.Prepared) error {
			time.Sleep(2 * time.Hour)
			_, err := p.Compare(ctx)
			return err
		}, 0, []string{"face withdrawn"}, sesuai.KindUnavailable},
		{"closed", night, 6 * time.Hour, func(ctx context.Context, _ *client.Registry, p registry.Prepared) error {
			_, err := p.Compare(ctx)
			return err
		}, 0, nil, sesuai.KindUnavailable},
		{"opened meanwhile", night, 16*time.Hour + 59*time.Minute, func(ctx context.Context, _ *client.Registry, p registry.Prepared) error {
			time.Sleep(time.Minute)
			_, err := p.Compare(ctx)
			return err
		}, 2, []string{"face refused", "face match billed"}, ""},
	} {
		t.Run(tt.about, func(t *testing.T) {
			inBubble(t, tt.change, func(t *testing.T, u *upstream, r *client.Registry) {
				var calls atomic.Int32
				client.SetTransport(r, trips(func(ctx context.Context) (int, string, error) {
					if calls.Add(1) == 1 {
						return refuses(ctx)
					}
					return http.StatusOK, matched("6018", "7"), nil
				}))
				time.Sleep(tt.wait)
				p, err := r.Prepare(t.Context(), someClaim(t).NIK, someProbe())
				if err != nil {
					t.Fatal(err)
				}
				if err := tt.then(t.Context(), r, p); sesuai.KindOf(err) != tt.kind {
					t.Error(err)
				}
				if diff := cmp.Diff(tt.ledger, u.ledger.classes(t)); diff != "" || calls.Load() != tt.calls {
					t.Errorf("%d calls, account (-want +got):\n%s", calls.Load(), diff)
				}
			})
		})
	}
}

// TestPreparedFindsNoPlace: others have taken all meanwhile.
func TestPreparedFindsNoPlace(t *testing.T) {
	inBubble(t, func(o *client.Options) { o.Config.InFlight = 1 }, func(t *testing.T, u *upstream, r *client.Registry) {
		client.SetTransport(r, trips(stalls))
		nik := someClaim(t).NIK
		p, err := r.Prepare(t.Context(), nik, someProbe())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		other := make(chan error)
		go func() { _, err := r.Compare(ctx, nik, someProbe()); other <- err }()
		synctest.Wait()
		if _, err := p.Compare(t.Context()); retryAfter(t, err) != time.Second {
			t.Error(err)
		}
		cancel()
		<-other
		if diff := cmp.Diff([]string{"face withdrawn", "face left"}, u.ledger.classes(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestCannotPrepare: nothing is put on the account that cannot be made.
func TestCannotPrepare(t *testing.T) {
	u := newUpstream(t)
	r := u.open(t, nil)
	nik, probe := someClaim(t).NIK, someProbe()
	probe.Picture = picture(func(context.Context, int) ([]byte, error) { return nil, errors.New("no colours") })
	if p, err := r.Prepare(t.Context(), nik, probe); p != nil || sesuai.KindOf(err) != sesuai.KindUnavailable || len(u.ledger.calls) != 0 {
		t.Errorf("without a picture: %v, %v", p, err)
	}
	u.ledger.fails = errors.New("the disk is full")
	if p, err := r.Prepare(t.Context(), nik, someProbe()); p != nil || !errors.Is(err, u.ledger.fails) {
		t.Errorf("without an account: %v, %v", p, err)
	}
	if made := u.ledger.made(); u.requests() != 0 || made[ledger.FaceCheck] != 0 {
		t.Errorf("%d requests", u.requests())
	}
}
