package audit

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// State is something that changes describe: the people or the clients on record.
// It is checked in parts, so that a check is short. One that has a single part is
// checked each time.
type State interface {
	// Parts is the number of parts.
	Parts() int
	// CheckPart checks a part, from 0. If the part is not as the recorded head of
	// the trail says, the error is a *BrokenError; other errors have kind
	// sesuai.KindUnavailable. Changes may be made meanwhile.
	CheckPart(ctx context.Context, part int) error
}

// The default intervals of a Checker.
const (
	DefaultCheckInterval = time.Minute
	DefaultFullCheck     = time.Hour
)

// recent is the number of events before the last one that each check verifies
// again, at least.
const recent = 1000

// maxAtStart is the number of events that Start verifies at most. It bounds how
// much longer a start takes, to about a second.
const maxAtStart = 100_000

// CheckerOptions are what a Checker is made of. Trail and Log are required.
type CheckerOptions struct {
	Trail *Trail
	// States are what the trail's changes describe.
	States []State
	// Interval is the time between two checks, and Full the time in which they
	// verify all events and all states once; the defaults if 0.
	Interval, Full time.Duration
	// File is the path of the file to which checkpoints are appended, and with whose
	// latest one Start compares the trail; none if empty. OldFile is the path of that of
	// versions before schema 14, which File replaces.
	File, OldFile string
	// Sinks are where else checkpoints are written.
	Sinks []Sink
	// CheckpointEvents and CheckpointInterval are the distance of two checkpoints:
	// one is signed at the first check that has verified so many further events or,
	// if there are any, after that time; the defaults if 0.
	CheckpointEvents   int64
	CheckpointInterval time.Duration
	Log                *slog.Logger
}

// Checker checks a trail and its states while a service runs. Its methods are
// safe for concurrent use.
type Checker struct {
	o         CheckerOptions
	parts     []part
	file      fileSink
	publisher publisher

	mu sync.Mutex // held during a check
	// from is where each check starts to verify. later is where the checks after
	// the next ones will start. Both are behind the last event.
	from, later Head
	// last is the head that the last check has verified.
	last Head
	// full is how far the present pass over all events has come.
	full Head
	next int // part
	// What is broken: the last events, one of the earlier ones, the checkpoint's
	// file, and parts by their index.
	lastBroken, fullBroken, fileBroken error
	partsBroken                        map[int]error
	status                             struct {
		sync.Mutex
		broken  error
		seq     int64
		checked time.Time
	}
}

// part is a part of a state.
type part struct {
	state State
	n     int
}

// NewChecker returns a Checker. Call Start and then Run.
func NewChecker(o CheckerOptions) *Checker {
	if o.Interval == 0 {
		o.Interval = DefaultCheckInterval
	}
	if o.Full == 0 {
		o.Full = DefaultFullCheck
	}
	if o.CheckpointEvents == 0 {
		o.CheckpointEvents = DefaultCheckpointEvents
	}
	if o.CheckpointInterval == 0 {
		o.CheckpointInterval = DefaultCheckpointInterval
	}
	c := &Checker{o: o, partsBroken: make(map[int]error), file: fileSink{o.File, o.OldFile}}
	c.publisher = publisher{trail: o.Trail, events: o.CheckpointEvents, interval: o.CheckpointInterval, log: o.Log}
	if o.File != "" {
		c.publisher.outlets = append(c.publisher.outlets, &outlet{sink: c.file})
	}
	for _, sink := range o.Sinks {
		c.publisher.outlets = append(c.publisher.outlets, &outlet{sink: sink})
	}
	for _, state := range o.States {
		for n := range state.Parts() {
			c.parts = append(c.parts, part{state, n})
		}
	}
	return c
}

// Start makes the first check, which is short. It compares the trail with the
// checkpoint that the last process left in the file, and verifies the last
// events. The error has kind sesuai.KindUnavailable if the trail could not be
// read. That the trail is broken is no error: see Err.
func (c *Checker) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, err := c.readFile()
	if err := found(&c.fileBroken, err); err != nil {
		return err
	}
	head, err := c.o.Trail.Head(ctx)
	if err != nil && !isBroken(err) {
		return err
	}
	if c.o.File != "" && c.fileBroken == nil && kept == (Head{}) && head.Seq > 0 {
		c.o.Log.Warn("there is no file of checkpoints of the audit trail: events that were removed from its end before this start do not show",
			"file", c.o.File)
	}
	c.from, c.full, c.publisher.last = kept, kept, kept
	if head.Seq-kept.Seq > maxAtStart {
		// The first pass over all events starts at the checkpoint.
		if c.from, err = c.o.Trail.headAt(ctx, head.Seq-recent); err != nil {
			return err
		}
	}
	c.later = c.from
	if head, err = c.checkLast(ctx); err != nil {
		return err
	}
	c.report(head, c.broken(), true)
	return nil
}

// lastCheckpoint is how long Run waits at its end for the last checkpoint to be written.
const lastCheckpoint = 2 * time.Second

// Run checks at each interval until ctx ends. Then it writes a checkpoint of what was
// verified last.
func (c *Checker) Run(ctx context.Context) {
	ticker := time.NewTicker(c.o.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			c.signLast()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCheckpoint)
			defer cancel()
			c.Flush(ctx)
			return
		case <-ticker.C:
		}
		if err := c.Check(ctx); err != nil && ctx.Err() == nil {
			c.o.Log.Warn("the audit trail cannot be checked", "error", err)
		}
	}
}

// signLast signs the head that the last check has verified, if nothing is broken.
func (c *Checker) signLast() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken() == nil {
		c.publisher.offer(c.last, true)
	}
}

// Err returns what the last check found broken, a *BrokenError, or nil.
func (c *Checker) Err() error {
	c.status.Lock()
	defer c.status.Unlock()
	return c.status.broken
}

// Check makes one check: of the recorded head, of the last events, of as many of
// the others and of the states as belong to one interval, and of all that was
// broken before. If nothing is broken it writes the file. The error has kind
// sesuai.KindUnavailable if something could not be read; what is broken besides is
// reported.
func (c *Checker) Check(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	head, err := c.checkLast(ctx)
	if err == nil && c.lastBroken == nil {
		err = c.checkFull(ctx, head)
	}
	if err == nil {
		err = c.checkParts(ctx)
	}
	broken := c.broken()
	if err != nil && broken == nil {
		return err
	}
	if broken == nil {
		c.publisher.offer(head, false)
	}
	c.report(head, broken, err == nil)
	return err
}

// report publishes the result of a check. complete is whether everything that the
// check is about could be read.
func (c *Checker) report(head Head, broken error, complete bool) {
	c.status.Lock()
	defer c.status.Unlock()
	switch before := c.status.broken; {
	case broken != nil && (before == nil || before.Error() != broken.Error()):
		c.o.Log.Error("the audit trail is broken", "error", broken)
	case broken == nil && before != nil:
		c.o.Log.Info("the audit trail is whole again")
	}
	c.status.broken = broken
	if complete {
		c.status.checked = time.Now()
	}
	if broken == nil {
		c.status.seq = head.Seq
	}
}

// broken returns the first of what is broken.
func (c *Checker) broken() error {
	for _, err := range []error{c.lastBroken, c.fullBroken, c.fileBroken} {
		if err != nil {
			return err
		}
	}
	for i := range c.parts {
		if err := c.partsBroken[i]; err != nil {
			return err
		}
	}
	return nil
}

// found sets what is broken to err, and returns err if it is of another kind.
func found(what *error, err error) error {
	if err != nil && !isBroken(err) {
		return err
	}
	*what = err
	return nil
}

// checkLast verifies the last events and those that were appended since.
func (c *Checker) checkLast(ctx context.Context) (Head, error) {
	head, err := c.o.Trail.VerifyFrom(ctx, c.from)
	if err := found(&c.lastBroken, err); err != nil || c.lastBroken != nil {
		return head, err
	}
	if head.Seq-c.later.Seq >= recent {
		c.from, c.later = c.later, head
	}
	c.last = head
	return head, nil
}

// checkFull goes on with the pass over all events, which ends at head.
func (c *Checker) checkFull(ctx context.Context, head Head) error {
	base, err := c.o.Trail.Base(ctx)
	if err != nil {
		return found(&c.fullBroken, err)
	}
	if c.full.Seq < base.Seq {
		c.full = base
	}
	remaining := max(pageSize, c.share(head.Seq-base.Seq))
	for c.full.Seq < head.Seq && remaining > 0 {
		limit := min(remaining, pageSize, head.Seq-c.full.Seq)
		next, err := c.o.Trail.verifyPage(ctx, c.full, base, c.full.Seq+limit)
		if err == nil && next.Seq < c.full.Seq+limit {
			err = next.Check(head) // events are missing
		}
		if isBroken(err) && c.o.Trail.removedMeanwhile(ctx, base) {
			return nil // the next check starts at the new base
		}
		if isBroken(err) {
			c.full, c.fullBroken = Head{}, c.o.Trail.dated(ctx, err)
			return nil
		}
		if err != nil {
			return err
		}
		c.full = next
		remaining -= limit
	}
	if c.full.Seq < head.Seq {
		return nil
	}
	err = found(&c.fullBroken, c.full.Check(head))
	c.full = Head{}
	return err
}

// share is the part of n that belongs to one interval, at least 1.
func (c *Checker) share(n int64) int64 {
	share := float64(n) * float64(c.o.Interval) / float64(c.o.Full)
	return min(max(n, 1), int64(share)+1)
}

// checkParts checks the next parts, those of states with a single one, and those
// that were broken. One that cannot be read does not keep it from the others.
func (c *Checker) checkParts(ctx context.Context) error {
	n := len(c.parts)
	if n == 0 {
		return nil
	}
	todo := make(map[int]bool)
	for i := range c.partsBroken {
		todo[i] = true
	}
	for i, p := range c.parts {
		if p.state.Parts() == 1 {
			todo[i] = true
		}
	}
	for range c.share(int64(n)) {
		todo[c.next] = true
		c.next = (c.next + 1) % n
	}
	var unread error
	for i := range todo {
		broken := c.partsBroken[i]
		if err := found(&broken, c.parts[i].state.CheckPart(ctx, c.parts[i].n)); err != nil {
			unread = errors.Join(unread, err)
			continue
		}
		delete(c.partsBroken, i)
		if broken != nil {
			c.partsBroken[i] = broken
		}
	}
	return unread
}

// CheckAll verifies all events from a head, which the caller trusts, and all
// states. It returns the recorded head. The error is a *BrokenError, or has kind
// sesuai.KindUnavailable.
func (c *Checker) CheckAll(ctx context.Context, from Head) (Head, error) {
	kept, err := c.readFile()
	if err != nil {
		return Head{}, err
	}
	head, err := c.o.Trail.VerifyFrom(ctx, from)
	if err != nil {
		return head, err
	}
	if kept != (Head{}) {
		if _, err := c.o.Trail.VerifyFrom(ctx, kept); err != nil {
			return head, err
		}
	}
	for _, p := range c.parts {
		if err := p.state.CheckPart(ctx, p.n); err != nil {
			return head, err
		}
	}
	return head, nil
}

// readFile returns the last checkpoint in the file; the zero Head if there is none.
func (c *Checker) readFile() (Head, error) {
	if c.o.File == "" {
		return Head{}, nil
	}
	return c.file.last(c.o.Trail)
}

// Flush waits until the checkpoints that were signed are written, or could not be, or ctx
// ends.
func (c *Checker) Flush(ctx context.Context) { c.publisher.flush(ctx) }
