package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

type cutCommand struct{}

func (cutCommand) Run(c *commandLine) error { return c.cut() }

// cut cuts the sample photographs to single people, by the rectangles in
// cuts.csv. It keeps files that exist.
func (c *commandLine) cut() error {
	rows, err := readCSV(filepath.Join(c.Files, "cuts.csv"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.photos(), 0o755); err != nil {
		return err
	}
	samples := make(map[string]image.Image)
	for _, row := range rows {
		out := filepath.Join(c.photos(), row["photo"])
		if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		name := row["sample"]
		if samples[name] == nil {
			if samples[name], err = decode(filepath.Join(c.Samples, name)); err != nil {
				return err
			}
		}
		var edges [4]int
		for i, column := range []string{"left", "top", "right", "bottom"} {
			if edges[i], err = strconv.Atoi(row[column]); err != nil {
				return fmt.Errorf("cuts.csv: %w", err)
			}
		}
		person := image.NewRGBA(image.Rect(0, 0, edges[2]-edges[0], edges[3]-edges[1]))
		draw.Draw(person, person.Bounds(), samples[name], image.Pt(edges[0], edges[1]), draw.Src)
		if err := writeJPEG(out, person); err != nil {
			return err
		}
	}
	return nil
}

func decode(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return jpeg.Decode(f)
}

// writeJPEG writes the file atomically.
func writeJPEG(path string, img image.Image) error {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 92}); err != nil {
		return err
	}
	return writeFile(path, b.Bytes(), 0o644)
}

// writeFile writes a temporary file and renames it.
func writeFile(path string, b []byte, mode os.FileMode) error {
	if err := os.WriteFile(path+".new", b, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// readCSV reads a file with a header line. It returns each row by the names of
// its columns.
func readCSV(path string) ([]map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := make(map[string]string)
		for i, column := range lines[0] {
			row[column] = line[i]
		}
		rows = append(rows, row)
	}
	return rows, nil
}
