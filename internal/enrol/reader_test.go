package enrol_test

import (
	"errors"
	"io"
	"strings"
	"testing/iotest"
)

var errDisk = errors.New("the disk is gone")

// readerThenError gives the text and then fails.
func readerThenError(text string) io.Reader {
	return io.MultiReader(strings.NewReader(text), iotest.ErrReader(errDisk))
}

// readerFunc is a reader of one function.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
