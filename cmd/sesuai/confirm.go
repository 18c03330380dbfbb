package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/sesuai/sesuai"
)

// confirmOnTerminal asks a question on the terminal of the process, wherever its
// output goes. The error says that the answer is not yes, or otherwise if there is
// no terminal.
func confirmOnTerminal(question, otherwise string) error {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: otherwise}
	}
	defer tty.Close()
	if _, err := io.WriteString(tty, question); err != nil {
		return err
	}
	answer, err := bufio.NewReader(tty).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "ya":
		return nil
	default:
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "nobody was asked"}
	}
}
