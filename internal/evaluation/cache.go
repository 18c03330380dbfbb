package evaluation

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"math"
	"os"
	"path/filepath"
	"sync"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// extracted is what became of a photograph: a vector, or the kind of its
// refusal.
type extracted struct {
	vector   []float32
	kind     sesuai.Kind
	measures []string
}

// cacheKey says which photograph, by its digest, and what for.
type cacheKey struct {
	photo [sha256.Size]byte
	use   face.Use
}

// cache keeps what was extracted in a file, for the next run. Without a path
// it keeps nothing. It is safe for concurrent use.
//
// The file is cacheMagic, the SHA-256 of all that follows, the key of whoever
// wrote it, and the entries. A file that is not exactly that, or is of another
// key, counts as none.
type cache struct {
	path string
	key  [sha256.Size]byte

	mu      sync.Mutex
	entries map[cacheKey]extracted
	used    map[cacheKey]bool
	changed bool
}

const cacheMagic = "sesuai templates 2\n"

// cacheEntry is an entry as the file has it.
type cacheEntry struct {
	Photo [sha256.Size]byte
	Use   face.Use
	// Vector is the template's, as it was extracted: Template.MarshalBinary
	// rounds it. Empty if it was refused.
	Vector   []float32
	Kind     sesuai.Kind
	Measures []string
}

// newCache reads the file at path, if there is one that can be trusted.
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

// parseCache returns nil for what is damaged, or of another key.
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
			if len(e.Vector) != face.TemplateSize || !(math.Abs(sum-1) < 1e-3) {
				return nil
			}
			x.vector = e.Vector
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

// save writes the file if there is anything new. After a run that is complete
// it holds what that run used and nothing else: templates of photographs that
// are no longer in the list are not kept.
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
		entries = append(entries, cacheEntry{k.photo, k.use, x.vector, x.kind, x.measures})
	}
	var body bytes.Buffer
	body.Write(c.key[:])
	if err := gob.NewEncoder(&body).Encode(entries); err != nil {
		return err
	}
	sum := sha256.Sum256(body.Bytes())
	return writeWhole(c.path, []byte(cacheMagic), sum[:], body.Bytes())
}

// writeWhole writes a file of mode 0600, whole or not at all.
func writeWhole(path string, parts ...[]byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already, if all went well
	for _, p := range parts {
		if _, err = f.Write(p); err != nil {
			break
		}
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
