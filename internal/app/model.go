package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/face/ort"
	"github.com/sesuai/sesuai/internal/face/turbo"
)

// largestModel is how many bytes an ONNX file can have: a protocol buffer
// holds no more.
const largestModel = 1<<31 - 1

// CheckModel finds out whether the ONNX file at path could take the place of
// the template network, fed as feeding says (Channels, Mean and Divisor). What
// cannot be read as a network is an error of kind sesuai.KindConfiguration.
func CheckModel(ctx context.Context, c Config, path string, feeding face.Candidate) (face.Checked, error) {
	manifest, err := Manifest(c)
	if err != nil {
		return face.Checked{}, err
	}
	if feeding.ONNX, err = readModel(path); err != nil {
		return face.Checked{}, err
	}
	load, err := newLoader(c, 1)
	if err != nil {
		return face.Checked{}, err
	}
	if feeding.Declared, err = ort.Inspect(feeding.ONNX); err != nil {
		return face.Checked{}, err
	}
	feeding.File = filepath.Base(path)
	return face.Check(ctx, face.Options{
		Models: c.modelsDir(), Manifest: manifest, Load: load, DecodeJPEG: turbo.Decode,
	}, feeding)
}

// readModel reads a file that may be anything.
func readModel(path string) ([]byte, error) {
	bad := func(what string, err error) error {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: fmt.Sprintf("the model file %s", what), Err: err}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, bad("cannot be read", err)
	case !info.Mode().IsRegular():
		return nil, bad("is not a file", nil)
	case info.Size() == 0 || info.Size() > largestModel:
		return nil, bad("is empty, or larger than an ONNX file can be", nil)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, bad("cannot be read", err)
	}
	return b, nil
}
