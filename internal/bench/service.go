package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai/internal/app"
)

// service is a running service, and those who send to it.
type service struct {
	*trial
	senders []Sender // one for each client
	next    atomic.Int64
	end     context.CancelFunc
	served  chan error
}

// serve starts the service as sesuai serve does. It stops at stop, not when ctx ends:
// then the requests in progress are answered first.
func (t *trial) serve(ctx context.Context) (*service, error) {
	debug.FreeOSMemory() // what was needed to prepare is not the service's
	resetPeak()
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	s := &service{trial: t, end: end, served: make(chan error, 1)}
	started := make(chan net.Addr, 1)
	go func() {
		s.served <- app.Serve(serving, t.config, app.ServeOptions{Log: t.log, Started: func(address net.Addr) { started <- address }})
	}()
	select {
	case err := <-s.served:
		end()
		return nil, errors.Join(err, errors.New("the service has not started"))
	case address := <-started:
		keep := NewHTTPClient(clients * requestsOfClient)
		for _, c := range t.clients {
			s.senders = append(s.senders, Sender{"http://" + address.String(), c, keep})
		}
		return s, nil
	}
}

// stop stops the service and waits for it.
func (s *service) stop() error {
	s.senders[0].HTTP.CloseIdleConnections()
	s.end()
	return <-s.served
}

// measure runs the stages, which take about d, and completes the report.
func (s *service) measure(ctx context.Context, r *Report, load float64, d time.Duration) (err error) {
	before := useNow()
	share := func(of float64) time.Duration { return time.Duration(of * float64(d)) }
	defer func() {
		if ctx.Err() != nil { // what failed then failed for that
			err = errors.Join(ctx.Err(), err)
		}
		r.OthersShare = others(before, useNow())
		peak, unknown := peakMiB()
		r.MemoryMiB, err = peak, errors.Join(err, unknown)
	}()
	if _, err := s.closed(ctx, 2, share(warmUpShare), withPhoto); err != nil {
		return err
	}
	capacity := 0.0
	for _, n := range atOnce {
		stage, err := s.closed(ctx, n, share(stageShare), withPhoto)
		if err = cmp.Or(err, ctx.Err()); err != nil { // a stage that was cut short is none
			return err
		}
		r.Stages = append(r.Stages, stage)
		capacity = max(capacity, stage.PerSecond)
	}
	if capacity == 0 {
		return errors.New("every verification was refused: limits.max_in_flight or limits.memory is too low")
	}
	r.Load = plan(load, capacity)
	planned, err := s.open(ctx, capacity*PlannedShare, share(plannedShare))
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return err
	}
	r.Planned = &planned
	data, err := s.closed(ctx, requestsOfClient, share(dataShare), withoutPhoto)
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return err
	}
	r.Data = &data
	r.SenderMS, err = s.senderTime(ctx, share(senderShare))
	return err
}

// request is a kind of request about a person.
type request func(ctx context.Context, s *service, from Sender, c Claim) (Answer, error)

func withPhoto(ctx context.Context, s *service, from Sender, c Claim) (Answer, error) {
	return from.Verify(ctx, c, s.photo)
}

func withoutPhoto(ctx context.Context, _ *service, from Sender, c Claim) (Answer, error) {
	return from.VerifyData(ctx, c)
}

// verify sends a request about the next person. It returns whether there was a
// verdict, and if not, after how long to try again. An answer other than a verdict
// that verifies the person, or 503, is an error.
func (s *service) verify(ctx context.Context, send request, sender int) (verdict bool, retryAfter time.Duration, err error) {
	claim := s.claims[int(s.next.Add(1)-1)%len(s.claims)]
	answer, err := send(ctx, s, s.senders[sender%len(s.senders)], claim)
	switch {
	case err != nil:
		return false, 0, err
	case answer.Status == http.StatusServiceUnavailable:
		return false, answer.RetryAfter, nil
	case answer.Status != http.StatusOK || !bytes.Contains(answer.Body, []byte(`"verification_status":true`)):
		return false, 0, fmt.Errorf("the service answers %d: %s", answer.Status, answer.Body)
	default:
		return true, 0, nil
	}
}
