package fileperm_test

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sesuai/sesuai/internal/fileperm"
)

// file is what os.Stat would return about a file of that mode and owner.
type file struct {
	mode  fs.FileMode
	owner int
}

func (f file) Name() string       { return "file" }
func (f file) Size() int64        { return 0 }
func (f file) Mode() fs.FileMode  { return f.mode }
func (f file) ModTime() time.Time { return time.Time{} }
func (f file) IsDir() bool        { return f.mode.IsDir() }
func (f file) Sys() any           { return &syscall.Stat_t{Uid: uint32(f.owner)} }

func TestPermissions(t *testing.T) {
	me, other := os.Geteuid(), os.Geteuid()+1
	for _, test := range []struct {
		of               file
		private, trusted string // a part of the error; none if empty
	}{
		{file{0o600, me}, "", ""},
		{file{0o400, me}, "", ""},
		{file{0o600, 0}, "", ""},
		{file{fs.ModeDir | 0o700, me}, "", ""},
		{file{0o644, me}, "(mode 0644); chmod 600 it", ""},
		{file{0o640, me}, "(mode 0640)", ""},
		{file{0o604, me}, "(mode 0604)", ""},
		{file{0o610, me}, "(mode 0610)", ""},
		{file{fs.ModeDir | 0o755, me}, "(mode 0755); chmod 700 it", ""},
		{file{0o664, me}, "(mode 0664)", "may be changed by others (mode 0664); chmod go-w it"},
		{file{0o646, me}, "(mode 0646)", "(mode 0646)"},
		{file{fs.ModeDir | fs.ModeSticky | 0o777, me}, "(mode 0777)", "(mode 0777)"},
		{file{0o644, other}, "(mode 0644)", "belongs to user"},
	} {
		assertError(t, "private", test.of, fileperm.Private(test.of), test.private)
		assertError(t, "trusted", test.of, fileperm.Trusted(test.of), test.trusted)
	}
	// Root may use what belongs to somebody else, but must not load it.
	private := "belongs to user"
	if me == 0 {
		private = ""
	}
	assertError(t, "private", file{0o600, other}, fileperm.Private(file{0o600, other}), private)
	assertError(t, "trusted", file{0o600, other}, fileperm.Trusted(file{0o600, other}), "belongs to user")
}

// TestNoOwner: a file system without owners is refused where the owner matters.
func TestNoOwner(t *testing.T) {
	info, err := fs.Stat(fstest.MapFS{"file": {Mode: 0o600}}, "file")
	if err != nil {
		t.Fatal(err)
	}
	if err := fileperm.Trusted(info); err == nil {
		t.Error("a file without an owner is trusted")
	}
}

func assertError(t *testing.T, check string, of file, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s %v of user %d: %v, want %q", check, of.mode, of.owner, err, want)
	}
}
