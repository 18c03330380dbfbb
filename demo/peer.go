package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/bench"
	"github.com/sesuai/sesuai/internal/face"
)

// The folder of the peer, which make bench fetches, and the photographs for both:
// two of each of peerPeople people.
const (
	peerFolder  = "build/peer"
	peerScript  = "../../demo/peer/peer.mjs"
	facesFolder = "../shared/faces"
	peerPeople  = 100
	peerFMR     = 1e-3
)

// described is the result of one of the two for a photograph.
type described struct {
	vector []float64 // nil: no face was found
	took   time.Duration
}

// peer compares the engine with npm's @vladmandic/face-api on the same
// photographs, for the face nearest the centre of each, with one thread. The
// engine's time includes decoding the photograph, the peer's does not.
func (b *benchCommand) peer(ctx context.Context, extract func(photo []byte) (face.Extraction, error)) error {
	files, err := peerPhotographs()
	if errors.Is(err, os.ErrNotExist) {
		fmt.Printf("Not compared with face-api: no photographs in %s\n", facesFolder)
		return nil
	}
	if err != nil {
		return err
	}
	ours := make([]described, len(files))
	for i, file := range files {
		photo, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		start := time.Now()
		x, err := extract(photo)
		if err != nil {
			return err
		}
		ours[i].took = time.Since(start)
		for _, v := range x.Template.Vector {
			ours[i].vector = append(ours[i].vector, float64(v))
		}
	}
	theirs, err := askPeer(ctx, files)
	if err != nil {
		return err
	}
	fmt.Printf("%d photographs of %d people of LFW, one at a time, the face nearest the centre:\n", len(files), len(files)/2)
	var took [2]time.Duration
	for i, engine := range []struct {
		name  string
		found []described
	}{{"face-api (WASM), without decoding", theirs}, {"face.Extract, decoding included", ours}} {
		var times []time.Duration
		for _, d := range engine.found {
			times = append(times, d.took)
		}
		took[i] = bench.Quantile(times, 0.5)
		missed, fnmr := errorRates(engine.found)
		fmt.Printf("  %-34s %7.1f ms   %d not found   FNMR %.1f %% at FMR %g\n", engine.name, ms(took[i]), missed, 100*fnmr, peerFMR)
	}
	fmt.Printf("  1/%.0f of its time (wanted: at most 1/12)\n", float64(took[0])/float64(took[1]))
	return nil
}

// peerPhotographs returns two photographs of each of peerPeople people, spread
// over the list.
func peerPhotographs() ([]string, error) {
	f, err := os.Open(filepath.Join(facesFolder, "lfw_pairs.csv"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	var pairs [][]string
	for _, row := range rows[1:] {
		last := len(pairs) - 1
		if row[0] == "1" && (last < 0 || filepath.Dir(pairs[last][1]) != filepath.Dir(row[1])) {
			pairs = append(pairs, row)
		}
	}
	var files []string
	n := min(peerPeople, len(pairs))
	for i := range n {
		for _, name := range pairs[i*len(pairs)/n][1:] {
			file, err := filepath.Abs(filepath.Join(facesFolder, name))
			if err != nil {
				return nil, err
			}
			files = append(files, file)
		}
	}
	return files, nil
}

// askPeer returns the peer's results for the photographs.
func askPeer(ctx context.Context, files []string) ([]described, error) {
	cmd := exec.CommandContext(ctx, "node", peerScript)
	cmd.Dir = peerFolder
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n") + "\n")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var found []described
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, errors.Join(err, cmd.Wait())
		}
		var answer struct {
			Descriptor []float64
			MS         float64
		}
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &answer) != nil {
			continue // output of its libraries
		}
		found = append(found, described{answer.Descriptor, time.Duration(answer.MS * float64(time.Millisecond))})
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("face-api: %w: %s", err, complaints.String())
	}
	if len(found) != len(files) {
		return nil, fmt.Errorf("face-api answered about %d of %d photographs", len(found), len(files))
	}
	return found, nil
}

// errorRates returns the number of photographs without a face, and the FNMR at
// peerFMR over all pairs of different people. Photographs 2i and 2i+1 are of one
// person. A pair that cannot be compared is an error.
func errorRates(found []described) (missed int, fnmr float64) {
	var impostors []float64
	for i, a := range found {
		if a.vector == nil {
			missed++
			continue
		}
		for j := i + 1; j < len(found); j++ {
			if j/2 != i/2 && found[j].vector != nil {
				impostors = append(impostors, apart(a.vector, found[j].vector))
			}
		}
	}
	if len(impostors) == 0 {
		return missed, 1
	}
	slices.SortFunc(impostors, func(a, b float64) int { return cmp.Compare(a, b) })
	threshold := impostors[int(peerFMR*float64(len(impostors)))]
	errs := 0
	for i := 0; i+1 < len(found); i += 2 {
		a, b := found[i].vector, found[i+1].vector
		if a == nil || b == nil || apart(a, b) >= threshold {
			errs++
		}
	}
	return missed, float64(errs) / float64(len(found)/2)
}

// apart returns the Euclidean distance of two vectors, by which face-api
// compares. For unit vectors it gives the same order as the cosine.
func apart(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return math.Sqrt(sum)
}
