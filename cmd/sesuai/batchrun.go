package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/batch"
)

// batchRun is a run of batch verify. While it has an ID it is in a file beside the
// results, which stays there if the run does not come to its end.
type batchRun struct {
	runState
	file *os.File
}

// runState is what is in the file of a run. A run goes on only if all but the ID is what it
// was: the answers are found by the ID and the line, and are those to other questions
// otherwise.
type runState struct {
	// ID is that of the batch; "" until there is one.
	ID string `json:"batch_id"`
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
	file, err := os.OpenFile(c.Out+".run", os.O_RDWR|os.O_CREATE, 0o600)
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

// resume locks the file and takes the ID that is in it.
func (r *batchRun) resume() error {
	err := syscall.Flock(int(r.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return &sesuai.Error{Kind: sesuai.KindConflict, Detail: r.file.Name() + " is of a run that is in progress"}
	}
	var b []byte
	if err == nil {
		b, err = io.ReadAll(r.file)
	}
	if err != nil || len(b) == 0 {
		return err
	}
	var before runState
	err = json.Unmarshal(b, &before)
	if r.ID = before.ID; err != nil || before != r.runState {
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
	if complete || r.ID == "" {
		err = os.Remove(r.file.Name())
	}
	return errors.Join(err, r.file.Close())
}
