package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a server's: the postmaster, whose children serve.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
	err   error         // how, then
}

// launch starts cmd, which is killed if this process dies, and appends what it
// says to the file named log.
func launch(cmd *exec.Cmd, log string) (*process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the child has its own
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	// A terminal's interrupt is for the tests, which then end the server.
	cmd.SysProcAttr.Setpgid = true
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The signal comes when the thread ends that has started the child: it
		// has to live as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.ended)
	}()
	return p, <-started
}

// signal sends the postmaster a signal; it may have ended.
func (p *process) signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// stop is PostgreSQL's fast shutdown.
func (p *process) stop() error {
	if err := p.endBy(syscall.SIGINT); err != nil {
		return err
	}
	return p.err
}

// quit is PostgreSQL's immediate shutdown: nothing is left but its folder, and
// that as a crash would leave it.
func (p *process) quit() error {
	return p.endBy(syscall.SIGQUIT)
}

// endBy sends a signal and waits for the end, which it brings about if need be.
func (p *process) endBy(sig os.Signal) error {
	if err := p.signal(sig); err != nil {
		return err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("PostgreSQL has not ended within %s of %s", patience, sig), p.kill())
	}
}

// kill kills the postmaster and its children, which have process groups of
// their own: it is stopped first, or it would go on to make more.
func (p *process) kill() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	children, err := p.freeze()
	if err != nil {
		return err
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	for _, child := range children {
		if err := syscall.Kill(child, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	<-p.ended
	// While one of them has the shared memory, the server cannot start again.
	for _, child := range children {
		if err := eventually("the children end", func() (bool, error) {
			state, _, err := stat(child)
			return state == gone || state == 'Z', err
		}); err != nil {
			return err
		}
	}
	return nil
}

// freeze has the postmaster stand still, and returns its children: it makes no more.
func (p *process) freeze() (children []int, err error) {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return nil, err
	}
	pid := p.cmd.Process.Pid
	if err := eventually("the postmaster stops", func() (bool, error) {
		state, _, err := stat(pid)
		return state == 'T' || state == gone || state == 'Z', err
	}); err != nil {
		return nil, err
	}
	return childrenOf(pid)
}

// Freeze has all processes of the server stand still, with their connections open, until
// thaw is called or the test ends.
func (s *Server) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	children, err := s.process.freeze()
	all := append(children, s.process.cmd.Process.Pid)
	each := func(sig syscall.Signal) error {
		var errs []error
		for _, pid := range all {
			if err := syscall.Kill(pid, sig); !errors.Is(err, syscall.ESRCH) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}
	thaw = sync.OnceFunc(func() {
		if err := each(syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(thaw)
	if err := errors.Join(err, each(syscall.SIGSTOP)); err != nil {
		t.Fatal(err)
	}
	return thaw
}

// eventually asks until it is done.
func eventually(what string, done func() (bool, error)) error {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-again.C {
		if ok, err := done(); ok || err != nil {
			return err
		}
	}
	return fmt.Errorf("pgtest: waited in vain until %s", what)
}

// gone is the state of a process that is not there.
const gone = 0

// stat is a process's state, as proc(5) has it, and its parent.
func stat(pid int) (state byte, parent int, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return gone, 0, nil
	}
	if err != nil {
		return gone, 0, err
	}
	// pid (name) state parent …; a name may hold anything.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	parent, err = strconv.Atoi(string(fields[1]))
	return fields[0][0], parent, err
}

// childrenOf are the processes that pid has started.
func childrenOf(pid int) ([]int, error) {
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, dir := range all {
		child, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		if _, parent, err := stat(child); err != nil {
			return nil, err
		} else if parent == pid {
			found = append(found, child)
		}
	}
	return found, nil
}

// given are the ports that freePort has returned: one of a server that is down
// is not another's.
var given sync.Map

// freePort is a port of 127.0.0.1 that nobody listens on. It is none of those
// that outgoing connections are given (from 32768 on, by Linux's default): a
// client that tries again and again to reach a server that is down would at
// last be given the server's own.
func freePort() (int, error) {
	const first, last = 15000, 32000
	for port := first + os.Getpid()%(last-first); ; port++ {
		if port == last {
			port = first
		}
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return 0, err
		}
		return port, l.Close()
	}
}

// removeSharedMemory removes the bit of System V shared memory that a server which
// was killed, and not started again, has left to the system.
func (s *Server) removeSharedMemory() error {
	b, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return nil // it has tidied up itself
	}
	lines := strings.Split(string(b), "\n")
	const keyAndID = 6 // the line's index, of PostgreSQL's miscadmin.h
	if len(lines) <= keyAndID {
		return nil // it had not come so far
	}
	fields := strings.Fields(lines[keyAndID])
	if len(fields) != 2 {
		return nil
	}
	id, err := strconv.Atoi(fields[1])
	if err != nil {
		return err
	}
	const remove = 0 // IPC_RMID
	if _, _, e := syscall.Syscall(syscall.SYS_SHMCTL, uintptr(id), remove, 0); e != 0 && e != syscall.EINVAL && e != syscall.EIDRM {
		return fmt.Errorf("removing shared memory: %w", e)
	}
	return nil
}
