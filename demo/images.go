package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sesuai/sesuai/internal/face/facetest"
)

type imagesBenchCommand struct {
	Search int    `help:"How many files are made and tried." default:"150"`
	Worst  int    `help:"How many of the worst are sent again." default:"20"`
	Rounds int    `help:"How often each of the worst is sent." default:"3"`
	Seed   uint64 `help:"The seed of the search." default:"1"`
}

// measured is a file and the CPU time that a server spent on it.
type measured struct {
	name    string
	make    func() []byte
	bytes   int
	seconds float64
	status  int
}

// Run searches the fields of headers for the files that cost a server the most
// CPU time, and prints those. The server may be of another version: --sesuai.
func (b *imagesBenchCommand) Run(ctx context.Context, c *commandLine) error {
	return c.try(ctx, func(s *trial) error { return b.measure(ctx, s) })
}

func (b *imagesBenchCommand) measure(ctx context.Context, s *trial) error {
	send := func(m *measured) error {
		photo := m.make()
		before, err := cpuSeconds(s.cmd.Process.Pid)
		if err != nil {
			return err
		}
		answer, err := s.sender.Verify(ctx, s.first, photo)
		if err != nil {
			return err
		}
		after, err := cpuSeconds(s.cmd.Process.Pid)
		m.bytes, m.seconds, m.status = len(photo), max(m.seconds, after-before), answer.Status
		return err
	}
	files := append([]facetest.File{
		{Name: "100 scans of 40 megapixels and a stray byte", Make: facetest.ScansAndStrayByte},
		{Name: "PNG of 40 megapixels of 1 bit", Make: facetest.OneBit},
	}, facetest.Hostile(b.Seed, b.Search)...)
	all := make([]measured, len(files))
	for i, file := range files {
		all[i] = measured{name: file.Name, make: file.Make}
		if err := send(&all[i]); err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
	}
	slices.SortFunc(all, func(x, y measured) int { return cmp.Compare(y.seconds, x.seconds) })
	all = all[:min(b.Worst, len(all))]
	for range b.Rounds - 1 {
		for i := range all {
			if err := send(&all[i]); err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
		}
	}
	b.print(all)
	return nil
}

func (b *imagesBenchCommand) print(worst []measured) {
	slices.SortFunc(worst, func(x, y measured) int { return cmp.Compare(y.seconds, x.seconds) })
	perKiB := func(m measured) float64 { return m.seconds / (float64(m.bytes) / 1024) }
	fmt.Printf("The worst %d of %d files, largest CPU time of %d requests each:\n", len(worst), b.Search+2, b.Rounds)
	for _, m := range worst {
		fmt.Printf("  %6.3f s  %7.1f KiB  %9.6f s/KiB  %d  %s\n", m.seconds, float64(m.bytes)/1024, perKiB(m), m.status, m.name)
	}
	densest := slices.MaxFunc(worst, func(x, y measured) int { return cmp.Compare(perKiB(x), perKiB(y)) })
	fmt.Printf("CPU seconds per request: at most %.3f (wanted: at most 0.3); per KiB: at most %.6f\n", worst[0].seconds, perKiB(densest))
}

// cpuSeconds returns the CPU time of all threads of a process.
func cpuSeconds(pid int) (float64, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, file := range threads {
		b, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		nanoseconds, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseFloat(nanoseconds, 64)
		if err != nil {
			return 0, err
		}
		total += n / 1e9
	}
	return total, nil
}
