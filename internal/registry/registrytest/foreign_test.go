package registrytest_test

import (
	"context"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// abroad is a registry in memory that answers as somebody else's does.
type abroad struct{ *registrytest.Memory }

func (a abroad) Check(ctx context.Context, claim sesuai.Claim) (registry.Record, error) {
	r, err := a.Memory.Check(ctx, claim)
	if r.Revision = ""; r.Found {
		r.Portrait = true
	}
	if r.Status != sesuai.Active {
		r.NameScore, r.DateOfBirth = -1, sesuai.NotCompared
	}
	return r, err
}

func (a abroad) Compare(ctx context.Context, nik sesuai.NIK, probe face.Probe) (registry.Comparison, error) {
	photo, err := probe.Picture.JPEG(ctx, 195_000)
	if err != nil {
		return registry.Comparison{}, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err}
	}
	x, err := registrytest.PictureReader{}.Extract(ctx, photo, face.ForProbe)
	if err != nil {
		return registry.Comparison{}, err
	}
	c, err := a.Memory.Compare(ctx, nik, face.Probe{Template: x.Template})
	if err != nil || !c.Portrait {
		return registry.Comparison{}, err
	}
	return abroadScored(c.Score), nil
}

func abroadScored(cosine float64) registry.Comparison {
	return registry.Comparison{
		Portrait: true, Score: 10 * cosine, Percentage: registrytest.Scale{}.Percentage(cosine),
		Model: "abroad", Calibration: "abroad",
	}
}

// Compared implements registrytest.Foreign.
func (abroad) Compared(cosine float64) registry.Comparison { return abroadScored(cosine) }

func TestSomebodyElsesRegistryPassesTheExam(t *testing.T) {
	registrytest.TestRegistry(t, func(*testing.T) registry.Enroller { return abroad{registrytest.NewMemory()} })
}
