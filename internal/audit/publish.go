package audit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// The default distance of two checkpoints: after so many events or, if there were any,
// after that time.
const (
	DefaultCheckpointEvents   = 10_000
	DefaultCheckpointInterval = 5 * time.Minute
)

// SignedCheckpoint is a checkpoint and its signed text.
type SignedCheckpoint struct {
	Checkpoint
	Signed []byte
}

// Sink is a place to which checkpoints are written.
type Sink interface {
	// Name names the kind of the sink in metrics and in the log.
	Name() string
	// Write writes a checkpoint. It may take long, and is called again with the
	// same checkpoint or a later one if it fails, but never twice at a time.
	Write(c SignedCheckpoint) error
}

// publisher signs checkpoints and writes them to sinks. A sink that fails or hangs
// keeps nobody waiting: offer returns at once. What it missed is not written later if
// there is a later checkpoint, which covers all the events of an earlier one.
type publisher struct {
	trail    *Trail
	events   int64
	interval time.Duration
	log      *slog.Logger
	outlets  []*outlet
	// last is the head that was signed last, and at when.
	last Head
	at   time.Time
}

// offer signs a verified head if it is time for a checkpoint, or if force is set. It has
// each sink that lacks a checkpoint try again.
func (p *publisher) offer(head Head, force bool) {
	now := time.Now()
	added := head.Seq - p.last.Seq
	if added > 0 && (force || added >= p.events || now.Sub(p.at) >= p.interval) {
		signed, err := p.trail.SignCheckpoint(head, now)
		if err != nil { // a programming error
			p.log.Error("the audit trail's checkpoint cannot be signed", "error", err)
			return
		}
		p.last, p.at = head, now
		c := &SignedCheckpoint{Checkpoint{head, p.trail.signer.Name(), now}, signed}
		for _, o := range p.outlets {
			o.set(c)
		}
	}
	for _, o := range p.outlets {
		o.start(p.log)
	}
}

// flush waits until no sink is being written to, or ctx ends.
func (p *publisher) flush(ctx context.Context) {
	for _, o := range p.outlets {
		o.mu.Lock()
		idle := o.idle
		o.mu.Unlock()
		if idle == nil {
			continue
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return
		}
	}
}

// outlet is a sink and what is to be written to it.
type outlet struct {
	sink Sink

	mu sync.Mutex
	// pending is what is to be written; nil if nothing is.
	pending *SignedCheckpoint
	// idle is closed when the sink is not written to any more; nil if it is not.
	idle chan struct{}
	// failures is how often writing failed, failing whether it did the last time,
	// and written the time of the last checkpoint that was written.
	failures int64
	failing  bool
	written  time.Time
}

func (o *outlet) set(c *SignedCheckpoint) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending = c
}

// start starts to write what is pending, unless that is being done.
func (o *outlet) start(log *slog.Logger) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending == nil || o.idle != nil {
		return
	}
	o.idle = make(chan struct{})
	go o.write(log)
}

// write writes what is pending until there is nothing more, or until that fails.
func (o *outlet) write(log *slog.Logger) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer func() {
		close(o.idle)
		o.idle = nil
	}()
	for o.pending != nil {
		c := o.pending
		o.mu.Unlock()
		err := o.sink.Write(*c)
		o.mu.Lock()
		failed := o.failing
		if o.failing = err != nil; o.failing {
			o.failures++
			if !failed {
				log.Error("a checkpoint of the audit trail cannot be written", "sink", o.sink.Name(), "error", err)
			}
			return
		}
		if failed {
			log.Info("checkpoints of the audit trail are written again", "sink", o.sink.Name())
		}
		o.written = c.Time
		if o.pending == c {
			o.pending = nil
		}
	}
}
