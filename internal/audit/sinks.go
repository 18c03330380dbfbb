package audit

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/syslog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/atomicfile"
)

// fileSink appends checkpoints to a file, with an empty line between two.
type fileSink struct {
	path string
	// old is the path of the file of earlier versions, whose place path takes; "" if
	// there is none.
	old string
}

// Name implements Sink.
func (fileSink) Name() string { return "file" }

// Write implements Sink. The checkpoint is durable when it returns.
func (s fileSink) Write(c SignedCheckpoint) error {
	if isJSON, err := startsJSON(s.path); err != nil || isJSON {
		if err != nil {
			return err
		}
		return atomicfile.Write(s.path, 0o600, func(w io.Writer) error {
			_, err := w.Write(c.Signed)
			return err
		})
	}
	if err := appendDurably(s.path, c.Signed); err != nil {
		return err
	}
	if s.old == "" {
		return nil
	}
	if err := os.Remove(s.old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// startsJSON reports whether the file is a checkpoint from before schema 14.
func startsJSON(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	var first [1]byte
	_, err = f.Read(first[:])
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return first[0] == '{', err
}

// appendDurably appends a signed note to a file. If the last one was written in part,
// the new one is a note of its own all the same: see eachNote.
func appendDurably(path string, signed []byte) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var separator []byte
	if size := info.Size(); size > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
		if separator = []byte("\n"); last[0] != '\n' {
			separator = []byte("\n\n")
		}
	}
	if _, err := f.Write(append(separator, signed...)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil || info.Size() > 0 {
		return err
	}
	return atomicfile.SyncFolder(filepath.Dir(path))
}

// NewFolderSink returns a Sink that writes each checkpoint to a new file in a folder and
// never opens one again, so that the folder may be one to which nothing but new files
// can be written, such as a mounted object store with retention.
func NewFolderSink(folder string) Sink { return folderSink(folder) }

type folderSink string

// Name implements Sink.
func (folderSink) Name() string { return "folder" }

// Write implements Sink. Several nodes may write to the same folder: two that sign the
// same head in the same second write the same file.
func (s folderSink) Write(c SignedCheckpoint) (err error) {
	path := filepath.Join(string(s), fmt.Sprintf("%020d-%s.checkpoint", c.Seq, c.Time.UTC().Format("20060102T150405Z")))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if b, unread := os.ReadFile(path); unread == nil && bytes.Equal(b, c.Signed) {
			return nil
		}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(c.Signed)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	err = atomicfile.SyncFolder(string(s))
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil // a mounted object store may have no such call
	}
	return err
}

// NewSyslogSink returns a Sink that sends each checkpoint to syslog as one line, with the
// signed checkpoint in base64. address is "local", or a server as udp://host:port or
// tcp://host:port. The error has kind sesuai.KindConfiguration.
func NewSyslogSink(address string) (Sink, error) {
	if address == "local" {
		return &syslogSink{}, nil
	}
	network, host, _ := strings.Cut(address, "://")
	if _, _, err := net.SplitHostPort(host); err != nil || network != "udp" && network != "tcp" {
		return nil, &sesuai.Error{
			Kind: sesuai.KindConfiguration, Detail: "a syslog is local, udp://host:port or tcp://host:port", Err: err,
		}
	}
	return &syslogSink{network: network, host: host}, nil
}

type syslogSink struct {
	network, host string
	w             *syslog.Writer
}

// Name implements Sink.
func (*syslogSink) Name() string { return "syslog" }

// Write implements Sink. It cannot know whether a server has received a datagram.
func (s *syslogSink) Write(c SignedCheckpoint) error {
	if s.w == nil {
		w, err := syslog.Dial(s.network, s.host, syslog.LOG_NOTICE|syslog.LOG_AUTHPRIV, "sesuai-audit")
		if err != nil {
			return err
		}
		s.w = w
	}
	line := fmt.Sprintf("checkpoint event=%d time=%s signed=%s", c.Seq, c.Time.UTC().Format(time.RFC3339), base64.StdEncoding.EncodeToString(c.Signed))
	if err := s.w.Notice(line); err != nil {
		err = errors.Join(err, s.w.Close())
		s.w = nil
		return err
	}
	return nil
}
