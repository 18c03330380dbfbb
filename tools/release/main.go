// Command release makes what is handed out of a commit: for each architecture a
// tarball, a Debian package and an SBOM, an OCI image with its SBOM, and the digests
// of all. Made twice from one commit on one machine they are the same, byte for byte. It
// needs Debian on amd64, and no container engine.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	top := flag.String("top", ".", "the checkout, which must have no changes")
	out := flag.String("out", "build/release", "the folder that is replaced")
	flag.Parse()
	if err := run(*top, *out); err != nil {
		log.Fatal(err)
	}
}

// release is what all parts of a release share.
type release struct {
	work, out string // absolute paths
	// source is a clone of the checkout. Go records the commit in a clone, but not in a
	// worktree, and a clone has nothing that is not in the commit.
	source  string
	version string // as git describe says it
	made    time.Time
}

func run(top, out string) error {
	r, err := newRelease(top, out)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, a := range architectures {
		p, err := r.build(a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.debian, err)
		}
		if err := r.pack(p); err != nil {
			return fmt.Errorf("%s: %w", a.debian, err)
		}
	}
	return r.writeDigests()
}

func newRelease(top, out string) (r *release, err error) {
	r = &release{}
	if top, err = filepath.Abs(top); err != nil {
		return nil, err
	}
	if r.out, err = filepath.Abs(out); err != nil {
		return nil, err
	}
	r.work = filepath.Join(top, "build", "release-work")
	r.source = filepath.Join(r.work, "source")
	changed, err := r.output("git", "-C", top, "status", "--porcelain")
	if err != nil {
		return nil, err
	}
	if changed != "" {
		return nil, fmt.Errorf("the checkout has changes that would not be in the release; commit them first:\n%s", changed)
	}
	if err := os.RemoveAll(r.source); err != nil {
		return nil, err
	}
	if _, err := r.output("git", "clone", "--quiet", "--shared", top, r.source); err != nil {
		return nil, err
	}
	if r.version, err = r.output("git", "-C", r.source, "describe", "--tags", "--always"); err != nil {
		return nil, err
	}
	committed, err := r.output("git", "-C", r.source, "log", "-1", "--format=%ct")
	if err != nil {
		return nil, err
	}
	seconds, err := strconv.ParseInt(committed, 10, 64)
	if err != nil {
		return nil, err
	}
	r.made = time.Unix(seconds, 0).UTC()
	return r, nil
}

// pack writes the files of a program.
func (r *release) pack(p *program) error {
	if err := r.writeTarball(p); err != nil {
		return err
	}
	if err := r.writeDebianPackage(p); err != nil {
		return err
	}
	parts, err := r.components(p)
	if err != nil {
		return err
	}
	if err := r.writeSBOM(r.name("linux", p.debian, "cdx.json"), p, parts); err != nil {
		return err
	}
	if !p.image {
		return nil
	}
	libraries, err := r.libraries(p)
	if err != nil {
		return err
	}
	if err := r.writeImage(p, libraries); err != nil {
		return err
	}
	for _, l := range libraries {
		parts = append(parts, l.component())
	}
	return r.writeSBOM(r.name("image", p.debian, "cdx.json"), p, parts)
}

// name returns the path of a file of the release.
func (r *release) name(kind, architecture, suffix string) string {
	return filepath.Join(r.out, fmt.Sprintf("sesuai_%s_%s_%s.%s", r.version, kind, architecture, suffix))
}

// writeDigests writes SHA256SUMS, as sha256sum reads it.
func (r *release) writeDigests() error {
	files, err := filepath.Glob(filepath.Join(r.out, "sesuai_*"))
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(b), filepath.Base(file))
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(lines.String()), 0o644)
}

// command returns a command that dates what it makes as the commit.
func (r *release) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.made.Unix()))
	return cmd
}

// output runs a command and returns what it prints.
func (r *release) output(name string, args ...string) (string, error) {
	out, err := r.command(name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}
