package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai/internal/face"
)

// labelled is the folder of the photographs for development, beside the project.
const labelled = "../shared/faces"

type importBenchCommand struct {
	Max int `help:"The greatest number of photographs." default:"100000"`
}

// Run compares an import of the photographs for development with extracting the
// same files, on all cores. It extracts half of them before the import and half
// after it, so that other load of the machine affects both alike.
func (b *importBenchCommand) Run(ctx context.Context, c *commandLine) (err error) {
	files, err := photographs(labelled, b.Max)
	if err != nil || len(files) == 0 {
		fmt.Printf("import: not measured: no photographs in %s\n", labelled)
		return nil
	}
	work, err := os.MkdirTemp("", "sesuai-import-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	people := filepath.Join(work, "people.csv")
	if err := writePeople(people, files); err != nil {
		return err
	}
	workers := runtime.GOMAXPROCS(0)
	engine, err := c.engine(func(o *face.Options) { o.Workers = workers })
	if err != nil {
		return err
	}
	defer engine.Close()
	var good int
	var bare time.Duration
	extract := func(files []string) error {
		start := time.Now()
		fit, err := extractAll(ctx, engine, files, workers)
		bare += time.Since(start)
		good += fit
		return err
	}
	if err := extract(files[:len(files)/2]); err != nil {
		return err
	}
	start := time.Now()
	var summary struct{ Rows, Added, Rejected int }
	err = c.sesuai(ctx, &summary, "person", "import", people, "--photos", labelled, "--data", filepath.Join(work, "data"))
	imported := time.Since(start)
	if err != nil && !negative(err) {
		return err
	}
	if err := extract(files[len(files)/2:]); err != nil {
		return err
	}
	if summary.Added != good || summary.Rows != len(files) {
		return fmt.Errorf("the import has added %d of %d photographs, of which %d are fit for a reference", summary.Added, len(files), good)
	}
	rate := func(d time.Duration) float64 { return float64(len(files)) / d.Seconds() }
	fmt.Printf("%d photographs on %d cores, %d of them fit for a reference:\n", len(files), workers, good)
	fmt.Printf("  face.Extract alone                    %6.1f/s\n", rate(bare))
	fmt.Printf("  person import, from start to end      %6.1f/s   %.2f × (wanted: at least 0.85)\n",
		rate(imported), bare.Seconds()/imported.Seconds())
	return nil
}

// photographs returns the photographs in a folder and its subfolders, by their
// relative paths.
func photographs(folder string, limit int) (files []string, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".jpg") || len(files) >= limit {
			return err
		}
		path, err = filepath.Rel(folder, path)
		files = append(files, path)
		return err
	})
	return files, err
}

// writePeople writes a file of people with one photograph each.
func writePeople(path string, files []string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := csv.NewWriter(f)
	rows := [][]string{{"nik", "name", "date_of_birth", "photo"}}
	for i, file := range files {
		rows = append(rows, []string{fmt.Sprintf("9999%012d", i), fmt.Sprintf("WIRASABA KE-%d", i), "01-02-1990", file})
	}
	return w.WriteAll(rows)
}

// extractAll extracts the files, and counts those that are fit for a reference.
func extractAll(ctx context.Context, engine *face.Engine, files []string, workers int) (good int, err error) {
	fit := make([]bool, len(files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i, file := range files {
		group.Go(func() error {
			photo, err := os.ReadFile(filepath.Join(labelled, file))
			if err != nil {
				return err
			}
			x, err := engine.Extract(ctx, photo, face.ForReference)
			fit[i] = err == nil && x.Refusal() == nil
			return ctx.Err()
		})
	}
	err = group.Wait()
	for _, ok := range fit {
		if ok {
			good++
		}
	}
	return good, err
}
