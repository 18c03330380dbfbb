package keyring

import (
	"context"
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
	o Options // zero if the ring has no files
	// turn is held by the one call of Refresh that reads files.
	turn chan struct{}

	mu   sync.RWMutex
	keys map[byte]*Key
	// sealed are the numbers of the keys that were read from sealed files.
	sealed map[byte]bool
}

func newRing(o Options) *Ring {
	return &Ring{o: o, turn: make(chan struct{}, 1), keys: make(map[byte]*Key), sealed: make(map[byte]bool)}
}

// New returns a ring without files. Its only master key has the number 1.
func New(master []byte) (*Ring, error) {
	k, err := NewKey(1, master)
	if err != nil {
		return nil, err
	}
	r := newRing(Options{})
	r.keys[1] = k
	return r, nil
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

// Sealed reports whether the key of a number was read from a sealed file.
func (r *Ring) Sealed(id byte) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.sealed[id]
}

// Refresh reads the key files of numbers that the ring does not have yet. It
// removes no key. Calls take turns, so that however many need a sealed key the KMS
// is asked once. Errors have kind sesuai.KindConfiguration.
func (r *Ring) Refresh(ctx context.Context) error {
	if r.o.Path == "" {
		return nil
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return refuse(r.o.Path, "was not read in time", ctx.Err())
	}
	for id := byte(1); ; id++ {
		if _, there := r.Key(id); !there {
			if _, err := r.load(ctx, id); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
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
func (r *Ring) Create(ctx context.Context, id byte) (*Key, error) {
	if r.o.Path == "" {
		return nil, errors.New("keyring: the ring has no files")
	}
	k, err := r.load(ctx, id)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	path := Path(r.o.Path, id)
	if err := r.create(ctx, path); err != nil {
		return nil, err
	}
	if err := syncName(path); err != nil {
		return nil, refuse(path, "cannot be made durable", err)
	}
	return r.load(ctx, id)
}

// load reads the key of a number from its file, and adds it to the ring. If there
// is no file, the error is fs.ErrNotExist.
func (r *Ring) load(ctx context.Context, id byte) (*Key, error) {
	master, sealed, err := r.read(ctx, Path(r.o.Path, id))
	if err != nil {
		return nil, err
	}
	defer clear(master)
	k, err := NewKey(id, master)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[id], r.sealed[id] = k, sealed
	return k, nil
}

// String implements fmt.Stringer and hides the keys.
func (*Ring) String() string { return "[keyring]" }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*Ring) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[keyring]") }

// LogValue implements slog.LogValuer and hides the keys.
func (*Ring) LogValue() slog.Value { return slog.StringValue("[keyring]") }
