package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// MaxKeys is the greatest number of master keys, including past ones.
const MaxKeys = 255

// Ring holds the available master keys by their numbers. It is safe for
// concurrent use, and no formatter prints it.
type Ring struct {
	path string // of the first key's file; "" if the ring has no files

	mu   sync.RWMutex
	keys map[byte]*Key
}

// New returns a ring without files. Its only master key has the number 1.
func New(master []byte) (*Ring, error) {
	k, err := NewKey(1, master)
	if err != nil {
		return nil, err
	}
	return &Ring{keys: map[byte]*Key{1: k}}, nil
}

// Path returns the path of the key file of a number. It is first for number 1,
// and first with the number appended for the others (master.key, master.key.2,
// master.key.3).
func Path(first string, id byte) string {
	if id == 1 {
		return first
	}
	return fmt.Sprintf("%s.%d", first, id)
}

// Key returns the master key of a number, and whether the ring has it.
func (r *Ring) Key(id byte) (*Key, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	k, ok := r.keys[id]
	return k, ok
}

// IDs returns the numbers of the ring's keys in ascending order.
func (r *Ring) IDs() []byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.keys))
}

// Refresh reads the key files of numbers that the ring does not have yet. It
// removes no key. Errors have kind sesuai.KindConfiguration.
func (r *Ring) Refresh() error {
	if r.path == "" {
		return nil
	}
	for id := byte(1); ; id++ {
		if _, there := r.Key(id); !there {
			k, err := readKey(r.path, id)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if err == nil {
				r.mu.Lock()
				r.keys[id] = k
				r.mu.Unlock()
			}
		}
		if id == MaxKeys {
			return nil
		}
	}
}

// Create adds a further master key to the ring. It creates the key's file with a
// random key, unless the file exists. Errors have kind
// sesuai.KindConfiguration.
func (r *Ring) Create(id byte) (*Key, error) {
	if r.path == "" {
		return nil, errors.New("keyring: the ring has no files")
	}
	path := Path(r.path, id)
	if err := create(path); err != nil {
		return nil, err
	}
	if err := syncName(path); err != nil {
		return nil, refuse(path, "cannot be made durable", err)
	}
	k, err := readKey(r.path, id)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[id] = k
	return k, nil
}

func readKey(first string, id byte) (*Key, error) {
	master, err := read(Path(first, id))
	if err != nil {
		return nil, err
	}
	defer clear(master)
	return NewKey(id, master)
}

// String implements fmt.Stringer and hides the keys.
func (*Ring) String() string { return "[keyring]" }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*Ring) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[keyring]") }

// LogValue implements slog.LogValuer and hides the keys.
func (*Ring) LogValue() slog.Value { return slog.StringValue("[keyring]") }
