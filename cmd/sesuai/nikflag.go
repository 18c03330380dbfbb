package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/sesuai/sesuai"
)

// parseNIKFlag returns the NIK of a flag: - reads it from standard input, so that it is
// neither in the shell's history nor in the list of processes. It is zero if text is
// empty.
func parseNIKFlag(text string) (sesuai.NIK, error) {
	if text == "-" {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if line = strings.TrimSpace(line); line == "" && err != nil {
			return sesuai.NIK{}, fmt.Errorf("reading the NIK from standard input: %w", err)
		}
		text = line
	}
	if text == "" {
		return sesuai.NIK{}, nil
	}
	return sesuai.ParseNIK(text)
}
