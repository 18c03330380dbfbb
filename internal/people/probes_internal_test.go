package people

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/replay"
)

// TestDecodeProbes: probes are read as they were written, and those of version 1,
// which had no result, as verified.
func TestDecodeProbes(t *testing.T) {
	probes := []replay.Probe{
		{Signature: face.Signature{File: [32]byte{1}, Look: [4]uint64{2}}, Request: replay.Request{3}, At: 4, Result: replay.Verified},
		{Signature: face.Signature{File: [32]byte{5}, Sketch: [2]uint64{6}}, At: 7, Result: replay.Match},
		{Signature: face.Signature{File: [32]byte{8}}, At: 9},
	}
	written := encodeProbes(probes)
	got, err := decodeProbes("c", written)
	if diff := cmp.Diff(probes, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}

	var unrated []byte
	for rest := written[1:]; len(rest) > 0; rest = rest[ratedSize:] {
		unrated = append(unrated, rest[:unratedSize]...)
	}
	for i := range probes {
		probes[i].Result = replay.Verified
	}
	got, err = decodeProbes("c", unrated)
	if diff := cmp.Diff(probes, got); err != nil || diff != "" {
		t.Errorf("version 1: %v (-want +got):\n%s", err, diff)
	}

	unknown := append([]byte{}, written...)
	unknown[len(unknown)-1] = byte(replay.Verified) + 1
	for about, b := range map[string][]byte{
		"nothing": nil, "another version": append([]byte{3}, written[1:]...), "too short": written[:len(written)-1],
		"too short, version 1": unrated[:len(unrated)-1], "an unknown result": unknown,
	} {
		if _, err := decodeProbes("c", b); !errors.Is(err, registry.ErrDamaged) {
			t.Errorf("%s: %v", about, err)
		}
	}
}
