package registrytest_test

import (
	"context"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// abroad is a registry in memory that answers as a Foreign does. It is no
// registry.Preparer.
type abroad struct {
	registry.Enroller
	registry.Exporter
}

func (a abroad) Ask(ctx context.Context, q registry.Question) (registry.Answer, error) {
	if err := ctx.Err(); err != nil {
		return registry.Answer{}, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err}
	}
	if q.Probe != nil {
		photo, err := q.Probe.Picture.JPEG(195_000)
		if err != nil {
			return registry.Answer{}, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err}
		}
		x, err := registrytest.PictureReader{}.Extract(ctx, photo, face.ForProbe)
		if err != nil {
			return registry.Answer{}, err
		}
		q.Probe = &face.Probe{Template: x.Template}
	}
	answer, err := a.Enroller.Ask(ctx, q)
	if answer.Status != sesuai.Active {
		answer.NameScore, answer.DateOfBirth = registry.NotScored, sesuai.NotCompared
	}
	if answer.Face.Portrait {
		answer.Face = abroadScored(answer.Face.Score)
	}
	return answer, err
}

func abroadScored(cosine float64) registry.Comparison {
	return registry.Comparison{
		Portrait: true, Score: 10 * cosine, Percentage: registrytest.Scale{}.Percentage(cosine),
		Model: "abroad", Calibration: "abroad",
	}
}

// Compared implements registrytest.Foreign.
func (abroad) Compared(cosine float64) registry.Comparison { return abroadScored(cosine) }

func TestForeignConformance(t *testing.T) {
	registrytest.Run(t, func(*testing.T) registry.Enroller {
		m := registrytest.NewMemory()
		return abroad{m, m}
	})
}
