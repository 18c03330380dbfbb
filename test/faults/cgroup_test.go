package faults_test

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sesuai/sesuai/test/process"
)

// newCgroup makes a cgroup whose processes may use so many bytes of memory and no swap,
// until the test ends. It returns its folder.
func newCgroup(t *testing.T, memory int64) string {
	t.Helper()
	root, limits := "/sys/fs/cgroup", []string{"memory.max", "memory.swap.max"}
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.subtree_control"))
	if err != nil || !strings.Contains(string(controllers), "memory") {
		root, limits = "/sys/fs/cgroup/memory", []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}
	}
	dir := filepath.Join(root, fmt.Sprint("sesuai-faults-", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		process.Skip(t, "this test needs to make a cgroup with a limit of memory, as root may: "+err.Error())
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	value := strconv.FormatInt(memory, 10)
	if err := os.WriteFile(filepath.Join(dir, limits[0]), []byte(value), 0); err != nil {
		t.Fatal(err)
	}
	if limits[1] == "memory.swap.max" {
		value = "0" // it is not part of the other one
	}
	if err := os.WriteFile(filepath.Join(dir, limits[1]), []byte(value), 0); err != nil {
		t.Logf("swap is not limited: %v", err)
	}
	return dir
}

// inCgroup returns a program that runs another one in a cgroup.
func inCgroup(t *testing.T, dir, program string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\necho $$ >%s/cgroup.procs && exec %s \"$@\"\n", dir, program)
	path := filepath.Join(folder, "sesuai")
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMemoryLimit: in a cgroup that has less memory than limits.memory and the program
// need, the service takes less, whatever is sent. Nothing kills it.
func TestMemoryLimit(t *testing.T) {
	need(t)
	const limit = 384 << 20
	dir := newCgroup(t, limit)
	s := newService(t, t.TempDir())
	s.Stop(t)
	models := filepath.Join(filepath.Dir(s.sesuai.Program), "..", "models")
	s.sesuai.Program = inCgroup(t, dir, s.sesuai.Program)
	s.sesuai.Env = append(s.sesuai.Env, "SESUAI_MODELS="+models, "SESUAI_TIMEOUTS_REQUEST=20s")
	s.start(t)
	s.load(t, false)
	s.resetOutcomes()
	large := largePhoto(t)
	var senders sync.WaitGroup
	for range 24 {
		senders.Go(func() {
			for range 2 {
				s.send(large)
			}
		})
	}
	senders.Wait()
	peak := int64(s.StatusKiB(t, "VmHWM")) << 10 // it has not been killed
	t.Logf("%d MiB of %d MiB were resident at most", peak>>20, limit>>20)
	if peak > limit {
		t.Error("the process is not in the cgroup")
	}
	s.awaitLog(t, "less is used")
	s.report(t, "memory limited by a cgroup")
	s.finish(t)
}

// send sends a large photograph in a verification of Ayu.
func (s *service) send(photo []byte) {
	outcome := "large: " + s.askAbout(fmt.Sprint("large-", s.next()), photo)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[outcome]++
}

// largePhoto returns a JPEG of 49 megapixels and nearly as many bytes as a request may
// have. It has no face.
func largePhoto(t *testing.T) []byte {
	t.Helper()
	const width, height = 8192, 6000
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	noise := rand.New(rand.NewPCG(1, 1))
	for i := range len(img.Y) / 4 {
		img.Y[i] = byte(noise.Uint32())
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 45}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
