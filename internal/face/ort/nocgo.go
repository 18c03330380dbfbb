//go:build !cgo

package ort

import (
	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// Options configures how networks are run.
type Options struct {
	Library  string
	SHA256   string
	Threads  int
	AsStored bool
}

// Inspect always returns an error, as NewLoader does.
func Inspect([]byte) (face.Declared, error) {
	_, err := NewLoader(Options{})
	return face.Declared{}, err
}

// NewLoader always returns an error, since ONNX Runtime needs cgo.
func NewLoader(Options) (face.Loader, error) {
	return nil, &sesuai.Error{
		Kind:   sesuai.KindConfiguration,
		Detail: "this binary was built with CGO_ENABLED=0 and has no face engine",
	}
}

// Digest returns "": without cgo there is no library.
func Digest(Options) string { return "" }

// Version is "": without cgo there is no library.
const Version = ""
