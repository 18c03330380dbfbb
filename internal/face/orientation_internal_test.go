package face

import "testing"

// box moves a box as walk moves the pixels in it.
func TestOrientationOfBox(t *testing.T) {
	const w, h = 5, 3
	for o := upright; o <= 8; o++ {
		start, dx, dy := o.walk(w, h)
		across := w
		if o.swapsSides() {
			across = h
		}
		for y := range h {
			for x := range w {
				i := start + x*dx + y*dy
				ux, uy := float64(i%across), float64(i/across)
				got := o.box(Box{float64(x), float64(y), float64(x) + 1, float64(y) + 1}, w, h)
				if want := (Box{ux, uy, ux + 1, uy + 1}); got != want {
					t.Errorf("orientation %d, pixel %d,%d: %v, want %v", o, x, y, got, want)
				}
			}
		}
	}
}

// A photograph turned twice is turned once by what then returns.
func TestTurnThenTurn(t *testing.T) {
	const w, h = 5, 3
	b := Box{1, 0, 3, 1}
	all := append([]orientation{upright}, turns[:]...)
	for _, o := range all {
		for _, next := range all {
			w1, h1 := float64(w), float64(h)
			if o.swapsSides() {
				w1, h1 = h1, w1
			}
			twice := next.box(o.box(b, w, h), w1, h1)
			if once := o.then(next).box(b, w, h); once != twice {
				t.Errorf("%d then %d is %d: %v, want %v", o, next, o.then(next), once, twice)
			}
		}
	}
}
