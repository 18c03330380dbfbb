package evaluation

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/face"
)

// extracted is the result of an extraction: a vector, the length that it had
// before scaling and the condition of the photograph, or the kind of the refusal.
type extracted struct {
	vector []float32
	length float64
	condition
	kind     sesuai.Kind
	measures []string
}

// condition is what is known of an acquired photograph besides its template.
type condition struct {
	// Quality is face.Extraction.Quality, and Brightness its Brightness.
	Quality    face.Quality
	Brightness float64
}

// cacheKey is a photograph, by its digest, and its use.
type cacheKey struct {
	photo [sha256.Size]byte
	use   face.Use
}

// cache keeps results of extractions in a file, for the next run. Without a path
// it keeps nothing. It is safe for concurrent use.
//
// The file is cacheMagic, the SHA-256 of all that follows, the Gathering's key,
// and the entries. A file of another form or of another key is ignored.
type cache struct {
	path string
	key  [sha256.Size]byte

	mu      sync.Mutex
	entries map[cacheKey]extracted
	used    map[cacheKey]bool
	changed bool
}

const cacheMagic = "sesuai templates 4\n"

// cacheEntry is an entry of the file.
type cacheEntry struct {
	Photo [sha256.Size]byte
	Use   face.Use
	// Vector is the template's vector without rounding, unlike that of
	// Template.MarshalBinary; empty if the photograph was refused.
	Vector []float32
	// Length is the template's length.
	Length    float64
	Condition condition
	Kind      sesuai.Kind
	Measures  []string
}

// newCache reads the file at path, if there is a valid one.
func newCache(path string, key [sha256.Size]byte) *cache {
	c := &cache{path: path, key: key, used: make(map[cacheKey]bool)}
	if path != "" {
		if b, err := os.ReadFile(path); err == nil {
			c.entries = parseCache(b, key)
		}
	}
	if c.entries == nil {
		c.entries = make(map[cacheKey]extracted)
	}
	return c
}

// parseCache returns nil for a file that is damaged or of another key.
func parseCache(b []byte, key [sha256.Size]byte) map[cacheKey]extracted {
	rest, ok := bytes.CutPrefix(b, []byte(cacheMagic))
	if !ok || len(rest) < 2*sha256.Size {
		return nil
	}
	digest, rest := rest[:sha256.Size], rest[sha256.Size:]
	if sum := sha256.Sum256(rest); !bytes.Equal(sum[:], digest) || !bytes.HasPrefix(rest, key[:]) {
		return nil
	}
	var read []cacheEntry
	if gob.NewDecoder(bytes.NewReader(rest[sha256.Size:])).Decode(&read) != nil {
		return nil
	}
	entries := make(map[cacheKey]extracted, len(read))
	for _, e := range read {
		x := extracted{kind: e.Kind, measures: e.Measures}
		if e.Kind == "" {
			var sum float64
			for _, c := range e.Vector {
				sum += float64(c) * float64(c)
			}
			// The template of a brightened probe is shorter than 1 (face.Template).
			if len(e.Vector) != face.TemplateSize || !(sum > 0.5 && sum < 1+1e-3) || !(e.Length > 0) {
				return nil
			}
			x.vector, x.length, x.condition = e.Vector, e.Length, e.Condition
		}
		entries[cacheKey{e.Photo, e.Use}] = x
	}
	return entries
}

func (c *cache) get(k cacheKey) (extracted, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x, ok := c.entries[k]
	if ok {
		c.used[k] = true
	}
	return x, ok
}

func (c *cache) put(k cacheKey, x extracted) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[k], c.used[k], c.changed = x, true, true
}

// save writes the file if anything has changed. After a complete run it keeps
// only what that run used, and so no templates of photographs that are no longer
// in the list.
func (c *cache) save(complete bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.path == "" || !c.changed && (!complete || len(c.used) == len(c.entries)) {
		return nil
	}
	var entries []cacheEntry
	for k, x := range c.entries {
		if complete && !c.used[k] {
			continue
		}
		entries = append(entries, cacheEntry{k.photo, k.use, x.vector, x.length, x.condition, x.kind, x.measures})
	}
	var body bytes.Buffer
	body.Write(c.key[:])
	if err := gob.NewEncoder(&body).Encode(entries); err != nil {
		return err
	}
	sum := sha256.Sum256(body.Bytes())
	return atomicfile.Write(c.path, 0o600, func(w io.Writer) error {
		_, err := io.Copy(w, io.MultiReader(strings.NewReader(cacheMagic), bytes.NewReader(sum[:]), &body))
		return err
	})
}
