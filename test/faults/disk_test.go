package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/test/process"
)

// disk is an ext4 file system of its own in a file.
type disk struct {
	image, dir string
}

// newDisk makes and mounts a disk until the test ends. After an error of the file system
// it becomes read-only, as Debian installs it.
func newDisk(t *testing.T) *disk {
	t.Helper()
	for _, name := range []string{"mkfs.ext4", "e2fsck", "fsfreeze", "findmnt"} {
		process.NeedCommand(t, name)
	}
	d := &disk{filepath.Join(t.TempDir(), "image"), t.TempDir()}
	run(t, "truncate", "--size=48M", d.image)
	run(t, "mkfs.ext4", "-q", "-F", "-m", "0", d.image)
	d.mount(t)
	t.Cleanup(func() { d.unmount(t) })
	return d
}

func (d *disk) mount(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "loop,errors=remount-ro", d.image, d.dir).CombinedOutput(); err != nil {
		process.Skip(t, "this test needs to mount a loop device, as root may on a machine of its own: "+string(out))
	}
}

func (d *disk) unmount(t *testing.T) {
	t.Helper()
	run(t, "umount", d.dir)
}

// freeze has everything that writes to the disk wait.
func (d *disk) freeze(t *testing.T, frozen bool) {
	t.Helper()
	option := "--freeze"
	if !frozen {
		option = "--unfreeze"
	}
	run(t, "fsfreeze", option, d.dir)
}

// fail has ext4 report an error, after which the disk is read-only.
func (d *disk) fail(t *testing.T) {
	t.Helper()
	device := strings.TrimSpace(run(t, "findmnt", "--noheadings", "--output", "SOURCE", "--mountpoint", d.dir))
	if !strings.HasPrefix(device, "/dev/loop") {
		t.Fatalf("%s is not on a loop device but on %s", d.dir, device)
	}
	file := filepath.Join("/sys/fs/ext4", filepath.Base(device), "trigger_fs_error")
	if err := os.WriteFile(file, []byte("a test of Sesuai"), 0); err != nil {
		t.Fatal(err)
	}
}

// repair makes a read-only disk writable again, which nothing has a file open on.
func (d *disk) repair(t *testing.T) {
	t.Helper()
	d.unmount(t)
	// It says 1 if it has repaired something.
	out, err := exec.Command("e2fsck", "-f", "-y", d.image).CombinedOutput()
	if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() > 1) { //nolint:errorlint // Run does not wrap it
		t.Fatalf("e2fsck: %v: %s", err, out)
	}
	d.mount(t)
}

// run runs a command, which must succeed, and returns its output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
