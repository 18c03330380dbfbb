package recorder

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
	"github.com/sesuai/sesuai/internal/webhook"
)

// entry is what one verification leaves behind.
type entry struct {
	// event is what is recorded, and answer what the client gets; nil if that is not
	// stored. They are what outcomeOf returned last.
	event  audit.Event
	answer *answer.Answer
	// outcomeOf returns them: see verify.Recorder.
	outcomeOf func(seen bool, prior limit.Prior, err error) (audit.Event, *answer.Answer)
	// lease is that of the request; nil if it is not counted. prior is what the
	// transaction that was run last has found.
	lease *limit.Lease
	prior limit.Prior
	// attempts are those of earlier transactions. The last one may have been
	// committed although it failed.
	attempts []attempt
	// failed is why the transaction failed, if others of the batch did not.
	failed error
	// lost is whether another call has taken the key of the answer.
	lost bool

	// The rest is about the probe of a person, and zero without one.

	nik   sesuai.NIK
	probe *replay.Probe
	// seen and err are what the transaction that was run last has found: whether
	// the probe was sent before, or why that is not known.
	seen bool
	err  error
	// done is false if that transaction has left out the entry, since another one
	// is changing the person.
	done bool
}

// decide makes the event and the answer, given what is known before. It is called with
// nothing known first: the keys of the answer are held before the trail's lock is.
func (e *entry) decide(prior limit.Prior) {
	e.prior = prior
	e.event, e.answer = e.outcomeOf(e.seen, prior, e.err)
}

// attempt is an event with the number that it has if its transaction was committed, and
// what was known before.
type attempt struct {
	seq   int64
	event audit.Event
	prior limit.Prior
}

// commit commits entries in one transaction. If that fails and some have a probe
// and some have none, those without are tried again: the trail may be healthy
// although the memory of probes is not.
func (r *Recorder) commit(entries []*entry) error {
	err := r.inTx(entries)
	if err == nil {
		return nil
	}
	events := slices.DeleteFunc(slices.Clone(entries), func(e *entry) bool { return e.probe != nil })
	if len(events) == 0 || len(events) == len(entries) {
		return err
	}
	fail(entries, err)
	fail(events, r.inTx(events))
	return nil
}

// fail says why the transaction of entries failed, if err is not nil.
func fail(entries []*entry, err error) {
	for _, e := range entries {
		if e.failed = err; e.lost {
			e.failed = answer.ErrLost
		}
	}
}

// inTx commits entries in one transaction, without those whose keys are lost.
func (r *Recorder) inTx(entries []*entry) error {
	for {
		err := r.tryTx(entries)
		if err == nil {
			r.completed(entries)
		}
		if !errors.Is(err, answer.ErrLost) {
			return err
		}
		if entries = slices.DeleteFunc(slices.Clone(entries), func(e *entry) bool { return e.lost }); len(entries) == 0 {
			return nil
		}
	}
}

// completed tells the keys and the leases of entries that they are committed.
func (r *Recorder) completed(entries []*entry) {
	for _, e := range entries {
		if leftOut := e.probe != nil && !e.done; leftOut {
			continue
		}
		e.lease.Completed()
		if e.answer != nil && e.answer.Key != nil {
			e.answer.Key.Answered()
		}
	}
	if r.counting != nil {
		r.counting.Committed()
	}
}

// tryTx commits entries in one transaction. If a key is lost, it commits nothing, and the
// error is answer.ErrLost. It leaves out entries about people whom another transaction
// is changing: the others must not wait for that.
func (r *Recorder) tryTx(entries []*entry) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	r.counting = nil
	var updates []replay.Update
	for _, e := range entries {
		if e.probe != nil {
			updates = append(updates, replay.Update{NIK: e.nik, Change: r.change(e)})
		}
	}
	if len(updates) == 0 {
		return r.o.DB.InTx(ctx, func(tx *sqldb.Tx) error { return r.appendTx(ctx, tx, entries) })
	}
	// The rows of people come before the head of the trail: whoever changes a
	// person has this order, too, and the head is what everybody waits for.
	return r.o.Vault.Change(ctx, func(tx *sqldb.Tx, keys *vault.Keys) error {
		for _, e := range entries {
			e.done = e.probe == nil
		}
		if err := r.o.Probes.UpdateTx(ctx, tx, keys, updates); err != nil {
			return err
		}
		done := slices.DeleteFunc(slices.Clone(entries), func(e *entry) bool { return !e.done })
		return r.appendTx(ctx, tx, done)
	})
}

// change returns what the entry does with the earlier probes of its person: it
// judges the entry's probe and decides on the event.
func (r *Recorder) change(e *entry) func([]replay.Probe, error) []replay.Probe {
	return func(earlier []replay.Probe, err error) (kept []replay.Probe) {
		e.seen, e.err, e.done = false, err, true
		if err == nil {
			e.seen, kept, e.err = r.judge(earlier, *e.probe)
		}
		e.decide(limit.Prior{})
		return kept
	}
}

// judge is replay.Judge. A panic becomes an error, since the entries of others
// share the transaction. The error says only the type of the panic's value, which
// may hold part of the probe.
func (r *Recorder) judge(earlier []replay.Probe, p replay.Probe) (seen bool, kept []replay.Probe, err error) {
	defer func() {
		if v := recover(); v != nil {
			seen, kept, err = false, nil, fmt.Errorf("panic: %T", v)
		}
	}()
	seen, kept = replay.Judge(earlier, p, r.o.MaxAge)
	return seen, kept, nil
}

// appendTx appends the events to the trail, stores the answers, and adds verified
// people to the outbox. It leaves out entries with an event that an earlier attempt has
// recorded.
func (r *Recorder) appendTx(ctx context.Context, tx *sqldb.Tx, entries []*entry) error {
	var absent []*entry
	for _, e := range entries {
		recorded, err := r.recordedTx(ctx, tx, e)
		if err != nil {
			return err
		}
		if !recorded {
			recorded, err = answeredTx(ctx, tx, e, false)
		}
		if err != nil {
			return err
		}
		if !recorded {
			absent = append(absent, e)
		}
	}
	if len(absent) == 0 {
		return nil
	}
	if err := r.holdKeys(ctx, tx, absent); err != nil {
		return err
	}
	first, err := r.o.Trail.AppendLockedTx(ctx, tx, func() ([]audit.Event, error) { return r.countTx(ctx, tx, absent) })
	if err != nil {
		return err
	}
	if err := r.addRows(ctx, tx, first, absent); err != nil {
		return err
	}
	for i, e := range absent {
		e.attempts = append(e.attempts, attempt{first + int64(i), e.event, e.prior})
	}
	return nil
}

// countTx counts entries, one after the other, and returns their events, which may depend
// on that, and further ones. No other transaction counts meanwhile.
func (r *Recorder) countTx(ctx context.Context, tx *sqldb.Tx, entries []*entry) ([]audit.Event, error) {
	events := make([]audit.Event, len(entries))
	if r.o.Limits == nil {
		for i, e := range entries {
			events[i] = e.event
		}
		return events, nil
	}
	leases := make([]*limit.Lease, len(entries))
	for i, e := range entries {
		leases[i] = e.lease
	}
	counting, err := r.o.Limits.CountTx(ctx, tx, leases)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		if prior := counting.Prior(e.lease); prior != e.prior {
			e.decide(prior)
			if _, err := answeredTx(ctx, tx, e, true); err != nil {
				return nil, err
			}
		}
		if err := counting.Complete(ctx, e.lease, e.event); err != nil {
			return nil, err
		}
		events[i] = e.event
	}
	r.counting = counting
	further, err := counting.WriteTx(ctx)
	return append(events, further...), err
}

// holdKeys keeps the keys of answers from being taken by other calls. If one of them is
// lost, the error is answer.ErrLost. It comes before the head of the trail, for which
// everybody waits.
func (r *Recorder) holdKeys(ctx context.Context, tx *sqldb.Tx, entries []*entry) error {
	var keys []*answer.Reservation
	for _, e := range entries {
		if e.answer != nil && e.answer.Key != nil {
			keys = append(keys, e.answer.Key)
		}
	}
	if r.o.Answers == nil || len(keys) == 0 {
		return nil
	}
	lost, err := r.o.Answers.HoldTx(ctx, tx, keys)
	if err != nil || len(lost) == 0 {
		return err
	}
	for _, e := range entries {
		if e.answer != nil && slices.Contains(lost, e.answer.Key) {
			e.lost, e.failed = true, answer.ErrLost
		}
	}
	return answer.ErrLost
}

// addRows adds the rows of other tables that belong to the events from a number on.
func (r *Recorder) addRows(ctx context.Context, tx *sqldb.Tx, first int64, entries []*entry) error {
	var returned []balikan.Row
	var answers []answer.Row
	for i, e := range entries {
		seq := first + int64(i)
		if e.event.Result == audit.Verified && !e.event.Flags.Has(audit.Trial) { // of a trial nobody became a customer
			returned = append(returned, balikan.Row{Seq: seq, At: e.event.Time, Customer: e.event.RequestID, NIK: e.event.NIK})
		}
		if e.answer != nil {
			answers = append(answers, answer.Row{
				Seq: seq, At: e.event.Time, Client: e.event.Client, Endpoint: e.event.Endpoint.String(), Answer: *e.answer,
			})
		}
	}
	if r.o.Answers != nil && len(answers) > 0 {
		if err := r.o.Answers.AddTx(ctx, tx, answers); err != nil {
			return err
		}
	}
	if messages := r.messages(answers); len(messages) > 0 {
		if err := r.o.Webhooks.AddTx(ctx, tx, messages); err != nil {
			return err
		}
	}
	if r.o.Outbox != nil && len(returned) > 0 {
		return r.o.Outbox.AddTx(ctx, tx, returned)
	}
	return nil
}

// messages are what clients are told of answers, if they want that.
func (r *Recorder) messages(answers []answer.Row) (all []webhook.Message) {
	for _, a := range answers {
		if r.o.Webhooks == nil || !r.o.Webhooks.Wants(a.Client, webhook.VerificationCompleted) {
			continue
		}
		all = append(all, webhook.Message{
			Client: a.Client, Event: webhook.VerificationCompleted, At: a.At,
			Data: webhook.Verification{
				RequestID: a.Request, ReferenceID: a.Reference, Endpoint: a.Endpoint, Time: a.At.UTC(), Status: a.Status, Answer: a.Body,
			},
		})
	}
	return all
}

// answeredTx has the entry's answer stored elsewhere, and reports whether another one
// was there already. With replace, that is one of the same transaction.
func answeredTx(ctx context.Context, tx *sqldb.Tx, e *entry, replace bool) (bool, error) {
	if e.answer == nil || e.answer.Keep == nil {
		return false, nil
	}
	kept, err := e.answer.Keep(ctx, tx, replace)
	return !kept, err
}

// recordedTx reports whether one of the attempts was committed. The entry is then that
// attempt.
func (r *Recorder) recordedTx(ctx context.Context, tx *sqldb.Tx, e *entry) (bool, error) {
	for _, a := range e.attempts {
		recorded, err := r.o.Trail.RecordedTx(ctx, tx, a.seq, a.event)
		if err != nil {
			return false, err
		}
		if recorded {
			e.prior = a.prior
			return true, nil
		}
	}
	return false, nil
}
