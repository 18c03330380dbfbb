package failover_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inside is the environment variable of the process that runs the tests, which has
// a network of its own.
const inside = "FAILOVER_INSIDE"

// The machines' network is a switch. This process is one of the machines, and has
// the addresses of the nodes.
const lan = "switch"

var ownAddresses = []string{"10.213.7.1", nodeAddresses["one"], nodeAddresses["two"]}

// isolate runs the tests again in a new network, which ends with them. So they
// can use any address, and leave nothing behind. It returns the exit code.
func isolate() int {
	runtime.LockOSThread() // the child gets its signal when this thread ends
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "these tests need root, who may make networks:", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// startNetwork configures the network of this process.
func startNetwork() error {
	commands := [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", lan, "type", "bridge"},
		{"link", "set", lan, "up"},
	}
	for _, address := range ownAddresses {
		commands = append(commands, []string{"address", "add", address + "/24", "dev", lan})
	}
	for _, args := range commands {
		if err := ip(args...); err != nil {
			return err
		}
	}
	return nil
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %v: %w: %s", args, err, out)
	}
	return nil
}

// machine is a computer as far as its programs can tell: processes, network, shared
// memory and mounts are its own. When its first process is killed, the kernel kills
// all others.
type machine struct {
	name, address string
	// disk is the folder that is mounted at mount in the machine.
	disk, mount string
	program     []string
	environment []string
	pid         int
	ended       chan struct{} // closed when it has
}

// boot is the script that a machine runs first. Its arguments are the folder of the
// disk, where to mount it, the address, and the program.
const boot = `set -e
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir /run/postgresql
chown postgres: /run/postgresql
mount --bind "$1" "$2"
read -r connected
ip link set lo up
ip address add "$3/24" dev eth0
ip link set eth0 up
shift 3
exec setpriv --reuid=postgres --regid=postgres --clear-groups --pdeathsig=KILL -- "$@"
`

// newMachine makes a machine and its disk, which is mounted at mount, and starts a
// program on it. The disk has a configuration file of the given name and content.
func newMachine(t *testing.T, m machine, config, content string) *machine {
	t.Helper()
	var err error
	if m.disk, err = os.MkdirTemp("", "sesuai-failover-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(m.disk); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(m.disk, config), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("chown", "--recursive", "postgres:", m.disk).CombinedOutput(); err != nil {
		t.Fatalf("chown: %v: %s", err, out)
	}
	m.boot(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of %s ends with\n%s", m.name, m.logged())
		}
		m.kill(t)
	})
	return &m
}

func (m *machine) port() string { return "port-" + m.name }
func (m *machine) log() string  { return filepath.Join(m.disk, "log") }

// logged returns the end of the log of the machine's program.
func (m *machine) logged() string {
	b, err := os.ReadFile(m.log())
	if err != nil {
		return err.Error()
	}
	const enough = 8192
	return string(b[max(0, len(b)-enough):])
}

// boot starts the machine.
func (m *machine) boot(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(m.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the machine has its own
	cmd := exec.Command("sh", append([]string{"-c", boot, m.name, m.disk, m.mount, m.address}, m.program...)...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=" + m.mount}, m.environment...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
		Unshareflags: syscall.CLONE_NEWNS,
	}
	cable, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.ended = launch(t, cmd)
	m.pid = cmd.Process.Pid
	err = ip("link", "add", m.port(), "type", "veth", "peer", "name", "eth0", "netns", fmt.Sprint(m.pid))
	if err == nil {
		err = ip("link", "set", m.port(), "master", lan, "up")
	}
	if err == nil {
		_, err = io.WriteString(cable, "connected\n")
	}
	if err != nil {
		t.Fatalf("%v: %s", err, m.logged())
	}
	_ = cable.Close()
}

// launch starts a command, which is killed if this process dies. The channel is
// closed when the command has ended.
func launch(t *testing.T, cmd *exec.Cmd) (ended chan struct{}) {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr.Setpgid = true // a terminal's interrupt is for the tests
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the command gets its signal when this thread ends
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	return ended
}

// running reports whether the machine's first process has not ended.
func (m *machine) running() bool {
	select {
	case <-m.ended:
		return false
	default:
		return true
	}
}

// kill ends the machine as a loss of power does: the network goes first, so that
// nobody is told.
func (m *machine) kill(t *testing.T) {
	t.Helper()
	if !m.running() {
		return
	}
	if err := ip("link", "delete", m.port()); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(m.pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	<-m.ended
}

// cut disconnects the machine from the switch.
func (m *machine) cut(t *testing.T) {
	t.Helper()
	if err := ip("link", "set", m.port(), "down"); err != nil {
		t.Fatal(err)
	}
}

// connect connects the machine to the switch again.
func (m *machine) connect(t *testing.T) {
	t.Helper()
	if err := ip("link", "set", m.port(), "up"); err != nil {
		t.Fatal(err)
	}
}

// killProcess sends SIGKILL to a process with that number in the machine.
func (m *machine) killProcess(t *testing.T, pid string) {
	t.Helper()
	out, err := exec.Command("nsenter", "--target", fmt.Sprint(m.pid), "--pid", "--", "kill", "-KILL", pid).CombinedOutput()
	if err != nil {
		t.Fatalf("nsenter: %v: %s", err, out)
	}
}

// dial connects from the machine, which may be cut off, to an address.
func (m *machine) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread changes to the machine's network for good. It ends with this
		// goroutine, since that does not unlock it.
		runtime.LockOSThread()
		var f *os.File
		if f, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", m.pid)); err != nil {
			return
		}
		defer f.Close()
		if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
	}()
	<-done
	return conn, err
}
