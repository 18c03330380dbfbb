package enrol_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/rows"
)

// atOnce is how many rows an import may have under way.
var atOnce = runtime.GOMAXPROCS(0) + 1

// assertCompletes reports whether running an import again does not end with
// all of n people on record, those of before untouched.
func assertCompletes(t *testing.T, memory *registrytest.Memory, people string, root *os.Root, n int) {
	t.Helper()
	before := count(t, memory)
	x := &extractor{}
	summary, rejects, err := run(t.Context(), newEnroller(memory, x), people, root)
	want := enrol.Summary{Rows: n, Added: n - before, Unchanged: before}
	if err != nil || rejects != nil || summary != want {
		t.Errorf("run again: %+v, want %+v; %v, %v", summary, want, rejects, err)
	}
	if got := count(t, memory); got != n {
		t.Errorf("run again: %d people on record, want %d", got, n)
	}
	if got := x.calls.Load(); got != int64(n-before) {
		t.Errorf("run again: %d extractions for %d new people", got, n-before)
	}
}

// TestImportAgain: the second run finds everything there, and pays for nothing.
func TestImportAgain(t *testing.T) {
	const n = 100
	memory, root := registrytest.NewMemory(), photos(t, n)
	summary, rejects, err := run(t.Context(), newEnroller(memory, &extractor{}), peopleRows(n), root)
	if err != nil || rejects != nil || summary != (enrol.Summary{Rows: n, Added: n}) {
		t.Fatalf("%+v, %v, %v", summary, rejects, err)
	}
	assertCompletes(t, memory, peopleRows(n), root, n)

	// One row changed is one row replaced.
	changed := strings.Replace(peopleRows(n), "Wirasaba Ke-50,", "Galuh Sekarwangi,", 1)
	summary, _, err = run(t.Context(), newEnroller(memory, &extractor{}), changed, root)
	if err != nil || summary != (enrol.Summary{Rows: n, Replaced: 1, Unchanged: n - 1}) {
		t.Errorf("with a change: %+v, %v", summary, err)
	}
}

// TestRegistryFailsMidway: the import stops with the registry's error, its
// summary is true, and the next run does the rest.
func TestRegistryFailsMidway(t *testing.T) {
	const n, failing = 300, 40
	down := errors.New("the registry is down")
	for _, test := range []struct {
		about string
		fail  func(*registrytest.Memory, error)
		after bool // the call that failed may have taken effect
	}{
		{"before it has written", (*registrytest.Memory).FailBefore, false},
		{"after it has written", (*registrytest.Memory).FailAfter, true},
	} {
		t.Run(test.about, func(t *testing.T) {
			memory, root := registrytest.NewMemory(), photos(t, n)
			x := &extractor{hook: func(_ context.Context, call int) error {
				if call == failing {
					test.fail(memory, down)
				}
				return nil
			}}
			summary, rejects, err := run(t.Context(), newEnroller(memory, x), peopleRows(n), root)
			if !errors.Is(err, down) || sesuai.KindOf(err) != sesuai.KindUnavailable {
				t.Errorf("error %v", err)
			}
			test.fail(memory, nil)
			recorded := count(t, memory)
			if rejects != nil || summary.Rows != summary.Added || summary.Added > recorded ||
				recorded-summary.Added > failing+atOnce || (!test.after && summary.Added != recorded) {
				t.Errorf("%+v, %d on record, rejects %v", summary, recorded, rejects)
			}
			if calls := int(x.calls.Load()); calls > failing+atOnce {
				t.Errorf("%d rows were tried after the registry failed", calls-failing)
			}
			assertCompletes(t, memory, peopleRows(n), root, n)
		})
	}
}

// TestStopped: a cancelled import ends while photographs are being worked on, its
// summary is true, and the next run does the rest.
func TestStopped(t *testing.T) {
	const n, stopping = 300, 40
	memory, root := registrytest.NewMemory(), photos(t, n)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	x := &extractor{hook: func(ctx context.Context, call int) error {
		if call < stopping {
			return nil
		}
		cancel()
		<-ctx.Done() // an extraction that would take for ever
		return ctx.Err()
	}}
	summary, rejects, err := run(ctx, newEnroller(memory, x), peopleRows(n), root)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if rejects != nil || summary.Rows != summary.Added || summary.Added != count(t, memory) || summary.Rows >= stopping {
		t.Errorf("%+v, %d on record, rejects %v", summary, count(t, memory), rejects)
	}
	if calls := int(x.calls.Load()); calls > stopping+atOnce {
		t.Errorf("%d rows were tried after the end", calls-stopping)
	}
	assertCompletes(t, memory, peopleRows(n), root, n)
}

// TestStoppedBefore: a context that has ended enrols nobody.
func TestStoppedBefore(t *testing.T) {
	memory := registrytest.NewMemory()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	summary, _, err := run(ctx, newEnroller(memory, &extractor{}), peopleRows(50), photos(t, 50))
	if !errors.Is(err, context.Canceled) || summary != (enrol.Summary{}) || count(t, memory) != 0 {
		t.Errorf("%+v, %v, %d on record", summary, err, count(t, memory))
	}
}

// TestStoppedAmongBadRows: a file of nothing but bad rows, which never reach a
// worker, can be stopped too.
func TestStoppedAmongBadRows(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const n, stopping = 100_000, 10
	job := enrol.Import{
		Enroller: newEnroller(registrytest.NewMemory(), &extractor{}), Photos: rows.Folder(photos(t, 0)),
		People: strings.NewReader(header + strings.Repeat("x,x,x,x\n", n)),
		Progress: func(rows, _ int) {
			if rows >= stopping {
				cancel()
			}
		},
	}
	summary, err := job.Run(ctx)
	if !errors.Is(err, context.Canceled) || summary != (enrol.Summary{Rows: summary.Rows, Rejected: summary.Rows}) || summary.Rows > n/10 {
		t.Errorf("%+v, %v", summary, err)
	}
}

// TestCallbacks: callbacks come one at a time, progress rises to the last row, and
// a row is reported as rejected before it is counted.
func TestCallbacks(t *testing.T) {
	const n = 400
	people := peopleRows(n)
	// Every third photograph is missing.
	for i := 0; i < n; i += 3 {
		people = strings.Replace(people, ","+photoName(i)+"\n", ",missing.jpg\n", 1)
	}
	var inside atomic.Int32
	alone := func() func() {
		if inside.Add(1) != 1 {
			t.Error("two callbacks at once")
		}
		runtime.Gosched() // lets another one in, if it may
		return func() { inside.Add(-1) }
	}
	done, rejected := 0, 0 // not atomic: the race detector watches
	job := enrol.Import{
		Enroller: newEnroller(registrytest.NewMemory(), &extractor{}), People: strings.NewReader(people), Photos: rows.Folder(photos(t, n)),
		Progress: func(rows, of int) {
			defer alone()()
			if rows <= done || rejected > rows || of != n {
				t.Errorf("progress %d of %d after %d rows, %d of them rejected", rows, of, done, rejected)
			}
			done = rows
		},
		Rejected: func(line int, why error) error {
			defer alone()()
			rejected++
			if (line-2)%3 != 0 || sesuai.KindOf(why) != sesuai.KindNoFile {
				t.Errorf("line %d: %v", line, why)
			}
			return nil
		},
	}
	summary, err := job.Run(t.Context())
	want := enrol.Summary{Rows: n, Added: n - rejected, Rejected: rejected}
	if err != nil || summary != want || done != n || rejected != (n+2)/3 {
		t.Errorf("%+v, want %+v; the last progress %d; %v", summary, want, done, err)
	}
}

// TestRowsGoSideBySide: while one row waits, others are worked on.
func TestRowsGoSideBySide(t *testing.T) {
	other := make(chan struct{})
	x := &extractor{hook: func(ctx context.Context, call int) error {
		if call > 1 {
			select {
			case other <- struct{}{}:
			default:
			}
			return nil
		}
		select {
		case <-other: // arrives, unless rows follow each other
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	summary, _, err := run(t.Context(), newEnroller(registrytest.NewMemory(), x), peopleRows(50), photos(t, 50))
	if err != nil || summary.Added != 50 {
		t.Errorf("%+v, %v", summary, err)
	}
}

// discard is a registry that keeps nothing.
type discard struct{ registry.Enroller }

func (discard) EnrolBatch(_ context.Context, batch []registry.Enrolment, _ bool) ([]registry.Change, error) {
	changes := make([]registry.Change, len(batch))
	for i := range changes {
		changes[i] = registry.Added
	}
	return changes, nil
}

// TestMemoryStaysFlat: of 20,000 rows, 18 MB of text, an import only holds those
// that it works on.
func TestMemoryStaysFlat(t *testing.T) {
	const n, first, maxGrowth = 20_000, 2_000, 6 << 20
	address := strings.Repeat("JALAN KARANGAN ", 30)
	i := 0
	pending := []byte("nik,name,date_of_birth,photo,address,city\n")
	people := readerFunc(func(b []byte) (int, error) {
		if len(pending) == 0 {
			if i++; i > n {
				return 0, io.EOF
			}
			pending = fmt.Appendf(pending, "9999%012d,Wirasaba Ke-%d,01-01-1990,,%s%d,%s%d\n", i, i, address, i, address, i)
		}
		read := copy(b, pending)
		pending = pending[read:]
		return read, nil
	})
	var before, after uint64
	job := enrol.Import{
		Enroller: newEnroller(discard{}, &extractor{}), People: people, Photos: rows.Folder(photos(t, 0)),
		Progress: func(rows, _ int) {
			// Called after a batch, not after each row.
			if before == 0 && rows >= first {
				before = heap()
			}
			if rows == n {
				after = heap()
			}
		},
	}
	summary, err := job.Run(t.Context())
	if err != nil || summary.Added != n {
		t.Fatalf("%+v, %v", summary, err)
	}
	t.Logf("heap %d KiB after %d rows, %d KiB after %d", before>>10, first, after>>10, n)
	if after > before+maxGrowth {
		t.Errorf("the heap has grown by %d KiB", (after-before)>>10)
	}
}

// heap is how many bytes are held once what is not needed any more is gone.
func heap() uint64 {
	// More than once: weak pointers and finalizers give things back late.
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
