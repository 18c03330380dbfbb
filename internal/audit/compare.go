package audit

import (
	"context"
)

// CompareCheckpoints compares the trail with checkpoints that were kept elsewhere. The
// error is a *BrokenError if an event is not the one that a checkpoint is of. Then
// somebody has changed the trail who was able to compute its hashes. Verify the trail
// first.
//
// Checkpoints of events that were removed because of their age are omitted. If all are
// of such events the error has kind sesuai.KindMalformed; other errors have kind
// sesuai.KindUnavailable.
func (t *Trail) CompareCheckpoints(ctx context.Context, heads []Head) error {
	base, err := t.Base(ctx)
	if err != nil {
		return err
	}
	end, err := t.Head(ctx)
	if err != nil {
		return err
	}
	matched, compared := base, false
	for _, h := range heads {
		if h.Seq < base.Seq {
			continue
		}
		if h.Seq > end.Seq {
			return t.dated(ctx, brokenAt(end.Seq+1, "it is missing, and so are all up to %d, of which there is a checkpoint", h.Seq))
		}
		stored := base
		if h.Seq > base.Seq {
			if stored, err = t.headAt(ctx, h.Seq); err != nil {
				return err
			}
		}
		if stored.Hash != h.Hash {
			return t.dated(ctx, brokenAt(h.Seq,
				"it is not the one of the checkpoint: one of the events from %d on was changed, and the hashes were made again", matched.Seq+1))
		}
		matched, compared = h, true
	}
	if !compared {
		return badCheckpoint("it is of events that were removed because of their age")
	}
	return nil
}
