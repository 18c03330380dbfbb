package face

import (
	"context"
	"errors"
	"time"
)

// Infer measures inference alone. A worker processes the photograph, and then runs
// its networks again on the inputs that they have got: the detector, the landmarks,
// the template and, if it is loaded, the liveness network once, and the eyes twice,
// as for a photograph whose face is found at once. It does so until each, which gets
// the time of each such run, returns false. On other inputs the networks may be
// faster: on zeros they take a third less. Infer is safe for concurrent use; each
// call takes a worker.
//
// A photograph that cannot be used is an error, as of Extract or Refusal.
func (e *Engine) Infer(ctx context.Context, photo []byte, each func(took time.Duration) (more bool)) error {
	return e.work(ctx, photo, func(w *worker, f *file) error {
		x, err := w.extractFile(ctx, f, ForLiveProbe)
		if err == nil {
			err = x.Refusal()
		}
		for more := true; err == nil && more; {
			start := time.Now()
			err = w.infer()
			more = each(time.Since(start))
		}
		return err
	})
}

// infer runs the networks of one photograph on the inputs that they have.
func (w *worker) infer() error {
	errs := []error{w.detector.Run(), w.landmarks.Run(), w.template.Run(), w.eyes.Run(), w.eyes.Run()}
	if w.liveness != nil {
		errs = append(errs, w.liveness.Run())
	}
	return errors.Join(errs...)
}
