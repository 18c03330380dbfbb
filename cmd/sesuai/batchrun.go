package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/client"
	"github.com/sesuai/sesuai/internal/batch"
)

// batchRun is a run of batch verify. While it has an ID or a Key it is in a file beside
// the results, which stays there if the run does not come to its end. Each line has the
// state of the run, and the last one counts.
type batchRun struct {
	runState
	file *os.File
}

// runState is what is in the file of a run. A run goes on only if all but the ID and
// the Key is what it was: the answers are found by the ID and the line, and are those to other questions
// otherwise.
type runState struct {
	// ID is that of the batch; "" until there is one.
	ID string `json:"batch_id"`
	// Key is the idempotency key of the upload to Server; "" if there is none.
	Key string `json:"idempotency_key,omitempty"`
	// Server is where the batch is; "" for here.
	Server   string         `json:"server,omitempty"`
	Endpoint batch.Endpoint `json:"endpoint"`
	// Photos is --photos. The thresholds are those of the flags.
	Photos        string  `json:"photos,omitempty"`
	Threshold     float64 `json:"threshold"`
	NameThreshold int     `json:"name_threshold"`
	// Size and Modified are those of the file of claims.
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

// openRun returns the run that was stopped, or a new one without an ID. Until it ends,
// there is no other with the same file of results. The caller must end it.
func (c *batchVerify) openRun(claims *os.File) (*batchRun, error) {
	info, err := claims.Stat()
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(c.Out+".run", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	r := &batchRun{runState{
		Server: c.Server, Endpoint: c.endpoint(), Photos: c.Photos, Threshold: c.Threshold, NameThreshold: c.NameThreshold,
		Size: info.Size(), Modified: info.ModTime().UTC(),
	}, file}
	if err := r.resume(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

// resume locks the file and takes the ID and the Key that are in it.
func (r *batchRun) resume() error {
	err := syscall.Flock(int(r.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return &sesuai.Error{Kind: sesuai.KindConflict, Detail: r.file.Name() + " is of a run that is in progress"}
	}
	var b []byte
	if err == nil {
		b, err = io.ReadAll(r.file)
	}
	if err != nil {
		return err
	}
	// What follows the last line was being written when the run was killed.
	whole := bytes.LastIndexByte(b, '\n') + 1
	if err := r.file.Truncate(int64(whole)); err != nil || whole == 0 {
		return err
	}
	line := b[:whole-1]
	var before runState
	err = json.Unmarshal(line[bytes.LastIndexByte(line, '\n')+1:], &before)
	if r.ID, r.Key = before.ID, before.Key; err != nil || before != r.runState {
		return &sesuai.Error{
			Kind:   sesuai.KindConflict,
			Detail: r.file.Name() + " is of a run over another file, with other flags, or by another server; remove it to start anew",
		}
	}
	return nil
}

// keep gives the run its ID, and returns once that is durable.
func (r *batchRun) keep(id string) error {
	r.ID = id
	return r.write()
}

// prepare gives the run a Key, and returns once that is durable, so that the upload is
// added once although the run is killed before it has an ID. It returns false if the run
// had one already. It is an error if the service may no longer have that.
func (r *batchRun) prepare() (first bool, err error) {
	if r.Key == "" {
		r.Key = rand.Text()
		return true, r.write()
	}
	info, err := r.file.Stat()
	if err == nil && time.Since(info.ModTime()) > client.KeyMaxAge {
		err = &sesuai.Error{
			Kind:   sesuai.KindConflict,
			Detail: r.file.Name() + " is of an upload of more than 24 hours ago, which may have been added; remove it to upload again",
		}
	}
	return false, err
}

// write adds the state of the run to its file.
func (r *batchRun) write() error {
	if err := json.NewEncoder(r.file).Encode(r.runState); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(r.file.Name()))
	if err != nil {
		return err
	}
	return errors.Join(r.file.Sync(), folder.Sync(), folder.Close())
}

// end ends the run. It removes the file if the run is complete, or verified nothing.
func (r *batchRun) end(complete bool) (err error) {
	if complete || r.ID == "" && r.Key == "" {
		err = os.Remove(r.file.Name())
	}
	return errors.Join(err, r.file.Close())
}
