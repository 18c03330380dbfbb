package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/sesuai/sesuai"
)

// askOnTerminal asks a question on the terminal of the process, wherever its
// output goes. The error says refused if the answer is not yes, or otherwise if there is
// no terminal. If ctx ends before there is an answer, it is the cause of that.
func askOnTerminal(ctx context.Context, question, refused, otherwise string) error {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: otherwise}
	}
	defer tty.Close()
	defer context.AfterFunc(ctx, func() { tty.Close() })() // ends a read
	if _, err := io.WriteString(tty, question); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	answer, err := bufio.NewReader(tty).ReadString('\n')
	if ended := context.Cause(ctx); ended != nil {
		return ended
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "ya":
		return nil
	default:
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: refused}
	}
}
