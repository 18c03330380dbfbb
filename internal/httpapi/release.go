package httpapi

import "time"

// releaseStep is what the time of an unfavourable answer is a multiple of.
const releaseStep = 10 * time.Millisecond

// received notes that all of the request that its caller can delay has arrived.
func (w *reply) received() { w.arrived = time.Now() }

// release waits until the time since received is a multiple of releaseStep. An answer
// that is not favourable, and a refusal of credentials, wait for it, so that its time
// does not tell what it was given for: processors differ in what equal work costs. What
// is answered to the row of a batch does not wait.
func (w *reply) release() {
	if w.arrived.IsZero() {
		return
	}
	time.Sleep(releaseStep - time.Since(w.arrived)%releaseStep)
}
