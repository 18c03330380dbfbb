package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// deadline is how long the service may take to become ready.
const deadline = 3 * time.Minute

// folder returns that of the release.
func folder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("RELEASE")
	if dir == "" || os.Getuid() != 0 {
		t.Skip("this test needs root and what make release has made: run make release-check")
	}
	return dir
}

// made returns the one file of the release that matches a pattern.
func made(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder(t), pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d files %s in the release, %v", len(found), pattern, err)
	}
	return found[0]
}

// command runs a command and returns what it prints.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// debian returns a new root of Debian with systemd. mmdebstrap makes it once, from what
// this machine's apt is configured with.
func debian(t *testing.T) string {
	t.Helper()
	archive := filepath.Join(folder(t), "..", "release-root.tar")
	if _, err := os.Stat(archive); err != nil {
		t.Logf("making %s", archive)
		command(t, "mmdebstrap", "--format=tar", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,libstdc++6", "bookworm", archive+".new")
		if err := os.Rename(archive+".new", archive); err != nil {
			t.Fatal(err)
		}
	}
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, "tar", "-C", root, "-xf", archive)
	return root
}

// inside returns a command in a root as a user, where /proc is mounted for it alone.
func inside(root, user string, env []string, args ...string) *exec.Cmd {
	const script = `root=$1 user=$2; shift 2
		/usr/bin/mount -t proc proc "$root/proc" && exec /usr/sbin/chroot --userspec="$user" "$root" "$@"`
	cmd := exec.Command("unshare", append([]string{"--mount", "/bin/sh", "-c", script, "sh", root, user}, args...)...)
	cmd.Dir, cmd.Env = "/", append([]string{"PATH=/usr/bin:/bin"}, env...)
	return cmd
}

// tryProgram runs version, and serves until the self-test has passed, as a user who is
// not root.
func tryProgram(t *testing.T, root, user string, env []string, program ...string) {
	t.Helper()
	out, err := inside(root, user, env, append(program[:1:1], "version")...).CombinedOutput()
	if err != nil {
		t.Fatalf("sesuai version: %v\n%s", err, out)
	}
	t.Logf("%s", out)
	if !strings.Contains(string(out), "(tree clean)") || !strings.Contains(string(out), "JPEG decoder libjpeg-turbo") {
		t.Error("it was not built from a clean tree with libjpeg-turbo")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	var log strings.Builder
	serve := inside(root, user, append(env, "SESUAI_LISTEN="+address), program...)
	serve.Stdout, serve.Stderr = &log, &log
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- serve.Wait() }()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	for status := 0; status != http.StatusOK; {
		select {
		case err := <-stopped:
			t.Fatalf("serve ended: %v\n%s", err, log.String())
		case <-ctx.Done():
			_ = serve.Process.Kill()
			<-stopped
			t.Fatalf("it is not ready: status %d\n%s", status, log.String())
		case <-time.After(200 * time.Millisecond):
		}
		if resp, err := http.Get("http://" + address + "/readyz"); err == nil {
			status = resp.StatusCode
			resp.Body.Close()
		}
	}
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", serve.Process.Pid))
	if err != nil {
		t.Error(err)
	}
	uid, _, _ := strings.Cut(user, ":")
	if !strings.Contains(string(state), "\nUid:\t"+uid+"\t") {
		t.Errorf("it does not run as the user %s:\n%s", uid, state)
	}
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("serve: %v\n%s", err, log.String())
	}
	for line := range strings.Lines(log.String()) {
		if !strings.Contains(line, "GET /readyz") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// TestDigests: SHA256SUMS names every file.
func TestDigests(t *testing.T) {
	cmd := exec.Command("sha256sum", "--strict", "-c", "SHA256SUMS")
	cmd.Dir = folder(t)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	files, err := os.ReadDir(cmd.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if checked := strings.Count(string(out), ": OK\n"); checked != len(files)-1 {
		t.Errorf("%d of %d files have digests", checked, len(files)-1)
	}
	t.Logf("%s", out)
}

// TestTarball: extracted in a clean root, it runs as nobody.
func TestTarball(t *testing.T) {
	root := debian(t)
	opt := filepath.Join(root, "opt/sesuai")
	if err := os.Mkdir(opt, 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, "tar", "-C", opt, "--strip-components=1", "-xzf", made(t, "sesuai_*_linux_amd64.tar.gz"))
	tryProgram(t, root, "65534:65534", []string{"SESUAI_DATA=/tmp/data"}, "/opt/sesuai/bin/sesuai", "serve")
}

// TestEmulated: the program for arm64 starts in an emulator. Nothing else of it is
// tested.
func TestEmulated(t *testing.T) {
	archive := made(t, "sesuai_*_linux_arm64.tar.gz")
	const emulator = "qemu-aarch64-static"
	if _, err := exec.LookPath(emulator); err != nil {
		t.Skip("this test needs Debian's package qemu-user-static")
	}
	dir := t.TempDir()
	command(t, "tar", "-C", dir, "--strip-components=1", "-xzf", archive)
	out := command(t, emulator, "-L", "/usr/aarch64-linux-gnu", filepath.Join(dir, "bin/sesuai"), "version")
	t.Log(out)
	if !strings.Contains(out, "linux/arm64") || !strings.Contains(out, "(tree clean)") {
		t.Error("it is not the program for arm64 of a clean tree")
	}
}

// bootCheck runs in the booted root. It starts the unit, waits until it is ready and
// stops it, without and with a credential for the master key.
const bootCheck = `#!/bin/bash
set -eu
ready() { exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 && grep -q '^HTTP/1.. 200' <&3; }
serve() {
	systemctl start sesuai
	for i in $(seq 180); do
		if (ready) 2>/dev/null; then break; fi
		sleep 1
	done
	(ready)
	test "$(stat -c %U "/proc/$(systemctl show --value -p MainPID sesuai)")" = sesuai
	systemctl show -p ActiveState,NRestarts,User sesuai
}
stop() {
	systemctl stop sesuai
	systemctl show -p Result,ExecMainStatus sesuai
}
serve
test -e /var/lib/sesuai/data/master.key
stop
rm -r /var/lib/sesuai/data
echo 'with a credential:'
mkdir -p -m 700 /etc/credstore.encrypted
head -c 32 /dev/urandom | systemd-creds encrypt --name=master.key - /etc/credstore.encrypted/sesuai.master.key
echo 'master_key: $CREDENTIALS_DIRECTORY/master.key' >>/etc/sesuai/sesuai.yaml
serve
test ! -e /var/lib/sesuai/data/master.key
stop
echo checked
`

const bootUnit = `[Unit]
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=/bin/bash /check.sh
StandardOutput=file:/check.out
StandardError=inherit
[Install]
WantedBy=multi-user.target
`

// TestDebianPackage: dpkg installs it in a clean root, systemd-analyze accepts its
// unit, and where systemd-nspawn works, the unit serves.
func TestDebianPackage(t *testing.T) {
	root := debian(t)
	deb := made(t, "sesuai_*_debian_amd64.deb")
	command(t, "cp", deb, filepath.Join(root, "sesuai.deb"))
	chroot := func(args ...string) string { return command(t, "chroot", append([]string{root}, args...)...) }
	t.Log(chroot("dpkg", "-i", "/sesuai.deb"))
	t.Log(chroot("getent", "passwd", "sesuai"))
	if conffiles := chroot("dpkg-query", "-W", "-f", "${Conffiles}", "sesuai"); !strings.Contains(conffiles, "/etc/sesuai/sesuai.yaml") {
		t.Errorf("its conffiles are %q", conffiles)
	}
	if differs := chroot("dpkg", "--verify", "sesuai"); differs != "" {
		t.Errorf("dpkg --verify: %s", differs)
	}
	if said := chroot("systemd-analyze", "verify", "/usr/lib/systemd/system/sesuai.service"); said != "" {
		t.Errorf("systemd-analyze verify: %s", said)
	}
	rated := chroot("systemd-analyze", "security", "--offline=true", "--threshold=20", "sesuai.service")
	t.Log(rated[strings.LastIndex(strings.TrimSpace(rated), "\n"):])
	if output, err := inside(root, "sesuai:sesuai", nil, "/usr/bin/sesuai", "version").CombinedOutput(); err != nil {
		t.Errorf("sesuai version: %v\n%s", err, output)
	}
	t.Run("boot", func(t *testing.T) { boot(t, root) })
	t.Log(chroot("dpkg", "--remove", "sesuai"))
}

// boot boots a root with a network of its own and runs bootCheck.
func boot(t *testing.T, root string) {
	nspawn := func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, "systemd-nspawn", append([]string{
			"--quiet", "--directory=" + root, "--register=no", "--keep-unit", "--private-network",
		}, args...)...)
	}
	if out, err := nspawn(t.Context(), "/bin/true").CombinedOutput(); err != nil {
		t.Skipf("this test needs a machine where systemd-nspawn works: %v\n%s", err, out)
	}
	for name, content := range map[string]string{"check.sh": bootCheck, "etc/systemd/system/check.service": bootUnit} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, "chroot", root, "systemctl", "enable", "check.service")
	ctx, cancel := context.WithTimeout(t.Context(), 2*deadline)
	defer cancel()
	console, err := nspawn(ctx, "--boot").CombinedOutput()
	said, readErr := os.ReadFile(filepath.Join(root, "check.out"))
	t.Logf("%s", said)
	if err != nil || readErr != nil || !strings.HasSuffix(string(said), "checked\n") {
		t.Errorf("boot: %v, %v\n%s", err, readErr, console)
	}
	for _, want := range []string{"\nActiveState=active\n", "\nNRestarts=0\n", "\nUser=sesuai\n", "\nResult=success\n", "\nExecMainStatus=0\n"} {
		if strings.Count("\n"+string(said), want) != 2 {
			t.Errorf("the unit's state is not %q both times", want)
		}
	}
}

// TestImage: its layers are those that it names, and its entry point runs in its
// unpacked root as its user.
func TestImage(t *testing.T) {
	archive := made(t, "sesuai_*_image_amd64.tar")
	dir := t.TempDir()
	command(t, "tar", "-C", dir, "-xf", archive)
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			t.Fatal(err)
		}
		content, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		size, err := io.Copy(io.Discard, content)
		if err != nil {
			t.Errorf("layer %s: %v", digest, err)
		}
		t.Logf("layer %s, %d bytes uncompressed", digest, size)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	unpack := exec.Command("tar", "-C", root, "-xp", "--numeric-owner")
	files := mutate.Extract(image)
	defer files.Close()
	unpack.Stdin = files
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o555); err != nil { // as a runtime does
		t.Fatal(err)
	}
	c := config.Config
	if c.User == "" || strings.HasPrefix(c.User, "0") {
		t.Fatalf("its user is %q", c.User)
	}
	tryProgram(t, root, c.User, c.Env, append(c.Entrypoint, c.Cmd...)...)
}
