package pgtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Disk is a small file system of its own.
type Disk struct {
	// Dir is where it is mounted.
	Dir string
}

// NewDisk is Mount for the data of a Server: of so many MiB, at a new folder.
func NewDisk(t testing.TB, size int) *Disk {
	t.Helper()
	need(t)
	dir, err := here.folder("")
	if err != nil {
		t.Fatal(err)
	}
	options := fmt.Sprintf("size=%dm,mode=0700", size)
	if here.owner != nil {
		options += fmt.Sprintf(",uid=%d,gid=%d", here.owner.Uid, here.owner.Gid)
	}
	return Mount(t, dir, options)
}

// Mount mounts a file system in memory at a folder until the test ends, with these
// options of tmpfs(5). Where this process may not mount, the test is skipped.
func Mount(t testing.TB, dir, options string) *Disk {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
		skip(t, fmt.Sprintf("this test needs to mount a file system in memory, as root may outside of most containers: %v: %s", err, out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return &Disk{dir}
}

func (d *Disk) ballast() string { return filepath.Join(d.Dir, "ballast") }

// Fill leaves no room on the disk, not a byte.
func (d *Disk) Fill(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk ended with %v", err)
	}
}

// Free makes the room again that Fill took.
func (d *Disk) Free(t testing.TB) {
	t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		t.Fatal(err)
	}
}

// zeros is read without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
