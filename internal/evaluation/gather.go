package evaluation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// maxPhotograph is the largest photograph in bytes, as for the service. A larger
// one is a failure to acquire.
const maxPhotograph = 10 << 20

// Gathering makes the templates of a list's photographs.
type Gathering struct {
	Set *Set
	// Images is the folder that the list's paths are relative to. No path
	// leads out of it.
	Images    *os.Root
	Extractor face.Extractor
	// Model is the id of Extractor's templates.
	Model string
	// AllPairs makes every photograph both a reference and a probe. Without it
	// a photograph is what the list uses it as.
	AllPairs bool
	// Cache is the file (mode 0600) that keeps templates, which are biometric
	// data, for the next run. If it is empty, none are kept.
	Cache string
	// Key identifies everything that decides a template besides the photograph
	// and its use. Templates that were cached under another key are not used.
	Key [sha256.Size]byte
	// Progress, if not nil, is called with how many photographs are done. Calls
	// come one at a time.
	Progress func(done int)
}

// Templates is the result of a Gathering. It holds biometric data.
type Templates struct {
	set      *Set
	allPairs bool
	// templates are by sample and face.Use. One that is not wanted or could not
	// be made has no vector.
	templates [][2]face.Template
	// conditions are those of the photographs of templates.
	conditions [][2]condition
	failed     []Failure
}

// Run makes the templates, on all cores. A photograph that the engine refuses, or
// a file that is not a photograph, is a Failure. A file that is missing or cannot
// be read is an error, and so is a failure of the engine. The templates that were
// made are cached whether or not there is an error.
func (g *Gathering) Run(ctx context.Context) (*Templates, error) {
	t := &Templates{set: g.Set, allPairs: g.AllPairs, templates: make([][2]face.Template, len(g.Set.Samples)), conditions: make([][2]condition, len(g.Set.Samples))}
	wanted := make([][2]bool, len(g.Set.Samples))
	for _, p := range g.Set.Pairs {
		wanted[p.Reference][face.ForReference] = true
		wanted[p.Probe][face.ForProbe] = true
	}
	cached := newCache(g.Cache, g.Key)
	failures := make([]*Failure, len(g.Set.Samples))
	var done struct {
		sync.Mutex
		n int
	}
	group, running := errgroup.WithContext(ctx)
	// One more than there are cores: while one photograph is read the others
	// keep the cores busy.
	group.SetLimit(runtime.GOMAXPROCS(0) + 1)
	for i := range g.Set.Samples {
		if running.Err() != nil {
			break
		}
		group.Go(func() error {
			want := wanted[i]
			if g.AllPairs {
				want = [2]bool{true, true}
			}
			var err error
			var made [2]extracted
			if made, failures[i], err = g.one(running, i, want, cached); err != nil {
				return err
			}
			for use, x := range made {
				if x.vector != nil {
					t.templates[i][use] = face.Template{Model: g.Model, Vector: x.vector, Length: x.length}
					t.conditions[i][use] = x.condition
				}
			}
			done.Lock()
			defer done.Unlock()
			done.n++
			if g.Progress != nil {
				g.Progress(done.n)
			}
			return nil
		})
	}
	err := group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if saved := cached.save(err == nil); err == nil {
		err = saved
	}
	if err != nil {
		return nil, err
	}
	for _, f := range failures {
		if f != nil {
			t.failed = append(t.failed, *f)
		}
	}
	return t, nil
}

// one makes the wanted templates of a sample. It leaves out those that could not
// be made.
func (g *Gathering) one(ctx context.Context, i int, want [2]bool, cached *cache) ([2]extracted, *Failure, error) {
	var made [2]extracted
	var failure *Failure
	photo, err := g.read(i)
	if kind := sesuai.KindOf(err); kind == sesuai.KindTooLarge {
		return made, &Failure{Sample: i, Kind: kind}, nil
	}
	if err != nil {
		return made, nil, err
	}
	digest := sha256.Sum256(photo)
	for _, use := range []face.Use{face.ForReference, face.ForProbe} {
		if !want[use] {
			continue
		}
		key := cacheKey{digest, use}
		result, ok := cached.get(key)
		if !ok {
			if result, err = g.extract(ctx, photo, use); err != nil {
				if ctx.Err() != nil {
					return made, nil, ctx.Err()
				}
				return made, nil, fmt.Errorf("%s: %w", g.place(i), err)
			}
			cached.put(key, result)
		}
		if result.kind != "" {
			failure = &Failure{i, result.kind, result.measures}
			continue
		}
		made[use] = result
	}
	return made, failure, nil
}

// place says where a sample is in the list. It does not return the path, which
// may hold a name.
func (g *Gathering) place(i int) string {
	if i >= len(g.Set.first) {
		return fmt.Sprintf("photograph %d", i+1)
	}
	return fmt.Sprintf("the list: line %d: %s", g.Set.first[i].line, g.Set.first[i].column)
}

// read reads a photograph. One that is too large has an error of kind
// sesuai.KindTooLarge; any other error means that the list does not fit the
// folder.
func (g *Gathering) read(i int) ([]byte, error) {
	bad := func(why string) error {
		return &sesuai.Error{Kind: sesuai.KindNoFile, Detail: g.place(i) + ": " + why}
	}
	// Without O_NONBLOCK, opening a pipe would wait for its other end.
	f, err := g.Images.OpenFile(g.Set.Samples[i].File, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, bad("there is no such photograph")
	}
	if err != nil {
		return nil, bad("the photograph cannot be opened")
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, bad("the photograph is not a file")
	}
	photo, err := io.ReadAll(io.LimitReader(f, maxPhotograph+1))
	if err != nil {
		return nil, bad("the photograph cannot be read")
	}
	if len(photo) > maxPhotograph {
		return nil, &sesuai.Error{Kind: sesuai.KindTooLarge}
	}
	return photo, nil
}

// extract makes a template. A refusal is a result, and not an error.
func (g *Gathering) extract(ctx context.Context, photo []byte, use face.Use) (extracted, error) {
	x, err := g.Extractor.Extract(ctx, photo, use)
	if err == nil {
		err = x.Refusal()
	}
	switch kind := sesuai.KindOf(err); kind {
	case "":
		return extracted{vector: x.Template.Vector, length: x.Template.Length, condition: condition{x.Quality, x.Brightness}}, nil
	case sesuai.KindFaceNotDetected, sesuai.KindMultipleFaces, sesuai.KindFaceQuality,
		sesuai.KindUnsupportedImage, sesuai.KindInvalidImage, sesuai.KindTooLarge:
		refused, _ := errors.AsType[*sesuai.Error](err)
		return extracted{kind: kind, measures: refused.Measures}, nil
	default:
		return extracted{}, err
	}
}
