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

// MaxKeys is how many master keys there can be, one after the other.
const MaxKeys = 255

// Ring is the master keys that are there, by their numbers. It is safe for
// concurrent use, and no formatter prints it.
type Ring struct {
	path string // of the first one; "" if it comes from no file

	mu   sync.RWMutex
	keys map[byte]*Key
}

// New is a ring of one master key, with the number 1, that comes from no file.
func New(master []byte) (*Ring, error) {
	k, err := NewKey(1, master)
	if err != nil {
		return nil, err
	}
	return &Ring{keys: map[byte]*Key{1: k}}, nil
}

// Path is where the file of that number is: the first one's path, with the
// number behind it for all others (master.key, master.key.2, master.key.3).
func Path(first string, id byte) string {
	if id == 1 {
		return first
	}
	return fmt.Sprintf("%s.%d", first, id)
}

// Key is the master key of that number, if it is there.
func (r *Ring) Key(id byte) (*Key, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	k, ok := r.keys[id]
	return k, ok
}

// IDs are the numbers of the keys that are there, ascending.
func (r *Ring) IDs() []byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.keys))
}

// Refresh reads the key files that have come since. Errors have kind
// sesuai.KindConfiguration; the keys that are there stay.
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

// Create makes the file of a further master key, with a random key, and takes
// it into the ring. A file that is there already is taken as it is. Errors have
// kind sesuai.KindConfiguration.
func (r *Ring) Create(id byte) (*Key, error) {
	if r.path == "" {
		return nil, errors.New("keyring: the ring comes from no file")
	}
	path := Path(r.path, id)
	if err := create(path); err != nil {
		return nil, err
	}
	if err := settle(path); err != nil {
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

// String implements fmt.Stringer and shows nothing.
func (*Ring) String() string { return "[keyring]" }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*Ring) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[keyring]") }

// LogValue implements slog.LogValuer and shows nothing.
func (*Ring) LogValue() slog.Value { return slog.StringValue("[keyring]") }
