package evaluation

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

// FuzzCache: whatever a cache file holds, even under a digest that is right,
// nothing panics and every template that is taken from it is one.
func FuzzCache(f *testing.F) {
	var key [sha256.Size]byte
	v := make([]float32, face.TemplateSize)
	v[0] = 1
	for _, entries := range [][]cacheEntry{nil, {{Vector: v}}, {{Kind: "FACE_QUALITY", Measures: []string{"pose"}}, {Vector: v[:9]}}} {
		var body bytes.Buffer
		if err := gob.NewEncoder(&body).Encode(entries); err != nil {
			f.Fatal(err)
		}
		f.Add(body.Bytes())
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		rest := append(key[:], body...)
		sum := sha256.Sum256(rest)
		for _, file := range [][]byte{body, append(append([]byte(cacheMagic), sum[:]...), rest...)} {
			for _, x := range parseCache(file, key) {
				if x.kind == "" && len(x.vector) != face.TemplateSize {
					t.Errorf("a template of %d numbers", len(x.vector))
				}
			}
		}
	})
}
