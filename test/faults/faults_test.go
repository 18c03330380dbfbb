// Package faults_test has the machine fail under the running program: its disk, its
// file, its file handles and its memory. It checks what callers see and what survives.
package faults_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// need skips a test that mounts a file system, sets a limit as root, or takes ten seconds.
func need(t *testing.T) {
	t.Helper()
	if os.Getenv("FAULTS") == "" {
		t.Skip("this test needs FAULTS=1, as make faults sets it")
	}
}

// refused is how a response starts that is no verdict because something is unavailable.
const refused = `503 {"verification_status":false,"reason":"Something wrong`

// TestDiskFull: no verdicts on a full disk. With space again the same process answers.
func TestDiskFull(t *testing.T) {
	need(t)
	d := newDisk(t)
	s := newService(t, d.dir)
	s.load(t, true)
	s.resetOutcomes()
	ballast := filepath.Join(d.dir, "ballast")
	fill(t, ballast)
	s.await(t, refused)
	s.report(t, "disk full")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.resetOutcomes()
	s.await(t, verdict)
	s.await(t, "enrolled")
	s.report(t, "space again")
	s.finish(t)
}

// fill fills a disk, to the last byte.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = io.Copy(f, bytes.NewReader(make([]byte, size)))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// TestReadOnly: no verdicts on a disk that ext4 has made read-only. Repaired, the service
// is started again. While ext4 aborts its journal, its fsync returns 0 for what is not on
// the disk (Linux 6.18; docs/operate/faults.md), so what each caller was told at that
// moment may be lost, and no more.
func TestReadOnly(t *testing.T) {
	need(t)
	d := newDisk(t)
	s := newService(t, d.dir)
	s.load(t, true)
	s.resetOutcomes()
	d.fail(t)
	s.await(t, refused)
	s.report(t, "disk read-only")
	s.unload(t)
	s.Kill(t)
	d.repair(t)
	s.start(t)
	s.load(t, true)
	s.await(t, "enrolled")
	s.report(t, "repaired and started again")
	s.finishLosing(t, verifiers+1)
}

// TestFrozenDisk: a disk on which every write waits, as one that is very slow. Requests
// are refused in time, and the same process answers afterwards.
func TestFrozenDisk(t *testing.T) {
	need(t)
	d := newDisk(t)
	s := newService(t, d.dir)
	s.load(t, true)
	s.resetOutcomes()
	thaw := sync.OnceFunc(func() { d.freeze(t, false) })
	d.freeze(t, true)
	defer thaw()
	s.hangs(t, "disk", thaw)
}

// TestCorruptPage: a page of the people on record is overwritten while the service runs.
// Nobody whose record is on it has a verdict. With the page as it was, the same process
// answers.
func TestCorruptPage(t *testing.T) {
	const size = 8192
	dir := t.TempDir()
	s := newService(t, dir)
	path := filepath.Join(dir, "data", "sesuai.db")
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	var page int64
	err = db.QueryRowContext(t.Context(), "SELECT rootpage FROM sqlite_master WHERE name = 'people'").Scan(&page)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	whole := make([]byte, size)
	if _, err := f.ReadAt(whole, (page-1)*size); err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		if _, err := f.WriteAt(b, (page-1)*size); err != nil {
			t.Fatal(err)
		}
	}
	s.load(t, false)
	write(bytes.Repeat([]byte{0xa5}, size))
	s.resetOutcomes()
	s.await(t, refused)
	s.report(t, "page overwritten")
	write(whole)
	s.resetOutcomes()
	s.await(t, verdict)
	s.report(t, "page as it was")
	s.finish(t)
}

// TestFileHandles: the process may open no further file than it has open without a
// request. Callers wait for one another. With the limit as it was, all are answered.
func TestFileHandles(t *testing.T) {
	need(t)
	s := newService(t, t.TempDir())
	handles, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	limit := s.limit(t, unix.RLIMIT_NOFILE, uint64(len(handles)))
	s.loadUntil(t, true, "") // whatever becomes of them
	s.awaitLog(t, "too many open files")
	s.report(t, "no file handles")
	s.limit(t, unix.RLIMIT_NOFILE, limit)
	s.resetOutcomes()
	s.await(t, verdict)
	s.report(t, "file handles again")
	s.finish(t)
}

// limit sets a soft limit of the process, and returns what it was.
func (s *service) limit(t *testing.T, resource int, soft uint64) (before uint64) {
	t.Helper()
	var old unix.Rlimit
	err := unix.Prlimit(s.PID(), resource, nil, &old)
	if err == nil {
		err = unix.Prlimit(s.PID(), resource, &unix.Rlimit{Cur: soft, Max: old.Max}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return old.Cur
}

// TestMemory: the process gets no further memory of the system and ends, if it needs any.
// Started again, it has all that was acknowledged.
func TestMemory(t *testing.T) {
	s := newService(t, t.TempDir())
	s.load(t, true)
	s.resetOutcomes()
	s.limit(t, unix.RLIMIT_AS, uint64(s.StatusKiB(t, "VmSize"))<<10)
	for range 40 { // each reads a photograph, all at the same time
		s.group.Go(s.verify)
	}
	s.await(t, noAnswer)
	s.report(t, "no memory")
	s.unload(t)
	s.Kill(t)
	s.start(t)
	s.load(t, true)
	s.report(t, "started again")
	s.finish(t)
}
