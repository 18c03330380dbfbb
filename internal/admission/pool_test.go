package admission_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/sesuai/sesuai/internal/admission"
)

// takeAll takes ones for the client until none is left for it.
func takeAll(p *admission.Pool, client string) (n int64) {
	for p.Take(client, 1) {
		n++
	}
	return n
}

// TestPoolLeavesSomething: clients that take all they can get leave something for
// the next one.
func TestPoolLeavesSomething(t *testing.T) {
	p := admission.NewPool(1 << 20)
	for i := range 20 {
		got := takeAll(p, fmt.Sprint(i))
		if i == 0 && got != 3<<18 {
			t.Errorf("one client alone gets %d of %d", got, 1<<20)
		}
		if i < 8 && got == 0 {
			t.Errorf("client %d gets nothing", i)
		}
	}
}

// TestPoolAfterTwo: two clients that compete leave a seventh.
func TestPoolAfterTwo(t *testing.T) {
	p := admission.NewPool(700)
	for a, b := true, true; a || b; {
		a, b = p.Take("a", 1), p.Take("b", 1)
	}
	if free := 700 - p.Taken(); free < 100 || free > 102 {
		t.Errorf("two clients leave %d of 700", free)
	}
	if !p.Take("c", 70) {
		t.Error("a third client does not get a tenth")
	}
}

func TestSmallPool(t *testing.T) {
	for size := range int64(4) {
		if got := takeAll(admission.NewPool(size), "a"); got != size {
			t.Errorf("a client gets %d of %d", got, size)
		}
	}
	if got := takeAll(admission.NewPool(8), "a"); got != 6 {
		t.Errorf("a client gets %d of 8, want 6", got)
	}
}

// TestPoolAtRandom: it is never over its size, and is empty once all is given
// back. Fits says what Take does.
func TestPoolAtRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 1))
	const size = 1000
	p := admission.NewPool(size)
	type held struct {
		client string
		n      int64
	}
	var all []held
	var sum int64
	for range 100_000 {
		if len(all) > 0 && rng.IntN(2) == 0 {
			i := rng.IntN(len(all))
			p.Give(all[i].client, all[i].n)
			sum -= all[i].n
			all[i] = all[len(all)-1]
			all = all[:len(all)-1]
			continue
		}
		h := held{fmt.Sprint(rng.IntN(5)), rng.Int64N(300)}
		fits := p.Fits(h.client, h.n)
		if took := p.Take(h.client, h.n); took != fits {
			t.Fatalf("Fits says %v, Take %v", fits, took)
		}
		if fits {
			all = append(all, h)
			sum += h.n
		}
		if sum > size || p.Taken() != sum {
			t.Fatalf("%d of %d are taken, it says %d", sum, size, p.Taken())
		}
	}
	for _, h := range all {
		p.Give(h.client, h.n)
	}
	if p.Taken() != 0 || takeAll(p, "a") != size*3/4 {
		t.Error("something is missing at the end")
	}
}
