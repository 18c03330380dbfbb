package report_test

import (
	"fmt"
	"math"
	"time"

	"github.com/sesuai/sesuai/internal/evaluation"
)

// normal returns the share of a normal distribution above x.
func normal(x, mean, deviation float64) float64 {
	return math.Erfc((x-mean)/deviation/math.Sqrt2) / 2
}

// realistic returns a synthetic report of a realistic size: 2,000 people, scores
// from two normal distributions, and one group with higher rates than the other.
func realistic() *evaluation.Report {
	const genuinePairs, impostorPairs, peoplePairs = 6_100, 11_200_000, 1_999_000
	fmr := func(c float64) float64 { return normal(c, 0.02, 0.105) }
	fnmr := func(c float64) float64 { return 0.004 + 0.996*(1-normal(c, 0.66, 0.105)) }
	rate := func(value, of, relative float64) evaluation.Rate {
		r := evaluation.Rate{Errors: math.Round(value * of), Of: of}
		r.Value = r.Errors / of
		r.Low, r.High = r.Value*(1-relative), min(r.Value*(1+relative), 1)
		if r.Errors == 0 {
			r.Low, r.High = 0, 3/of
		}
		return r
	}
	at := func(name string, cosine, percentage, stated float64) evaluation.RatesAt {
		return evaluation.RatesAt{
			Name: name, Score: cosine, Percentage: percentage, StatedFMR: stated,
			FMR: rate(fmr(cosine), impostorPairs, 0.2), FMRByPeople: rate(fmr(cosine)*0.9, peoplePairs, 0.15),
			FNMR: rate(fnmr(cosine), genuinePairs, 0.18),
		}
	}
	r := &evaluation.Report{
		Tool: "v0.3.0-12-g01e9a37", Date: "2026-11-23", Duration: 83*time.Second + 412*time.Millisecond,
		Title: "synthetic_pairs.csv", ListSHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Model: "mobilefacenet-87aacdfe", Calibration: "general-2026-11", Subject: "dominant", Gate: true, AllPairs: true,
		Photographs: 6_412, People: 2_000, GenuinePairs: genuinePairs, ImpostorPairs: impostorPairs, ImpostorPeoplePairs: peoplePairs,
		Acquisition: evaluation.Acquisition{
			FTA:      rate(0.0081, 6_412, 0.3),
			Causes:   map[string]int{"LOW_QUALITY": 31, "NO_FACE": 14, "SEVERAL_FACES": 7},
			Measures: map[string]int{"sharpness": 19, "pose_yaw": 9, "inter_eye_distance": 9},
		},
		At: []evaluation.RatesAt{
			at("anchor", 0.264, 50, 1e-2), at("anchor", 0.345, 62.5, 1e-3), at(evaluation.ThresholdName, 0.411, 75, 1e-4),
			at("anchor", 0.468, 85, 1e-5), at("anchor", 0.60, 95, 1e-6),
		},
		AtFMR: []evaluation.RatesAt{
			at("FMR 1e-2", 0.2643, 50.02, 1e-2), at("FMR 1e-3", 0.3445, 62.41, 1.02e-3),
			at("FMR 1e-4", 0.4105, 74.9, 1.02e-4), at("FMR 1e-5", 0.4678, 84.96, 1.01e-5),
		},
		Folds: &evaluation.Folds{Number: 10, Accuracy: 0.99433, Deviation: 0.00351},
		Groups: &evaluation.Groups{
			Each: []evaluation.GroupRates{
				{Name: "coast", Rates: at(evaluation.ThresholdName, 0.405, 75, 1e-4), FTA: rate(0.006, 3_100, 0.4)},
				{Name: "highlands", Rates: at(evaluation.ThresholdName, 0.38, 75, 1e-4), FTA: rate(0.01, 3_312, 0.35)},
			},
		},
	}
	part := func(from, to, share, fmr, fnmr float64) evaluation.Part {
		p := evaluation.Part{FMR: rate(fmr*1e-4, share*impostorPairs, 0.3), FNMR: rate(fnmr*0.015, math.Round(share*genuinePairs), 0.4)}
		if from > 0 {
			p.From = &from
		}
		if to > 0 {
			p.To = &to
		}
		p.FMRRatio, p.FNMRRatio = evaluation.Ratio{Value: fmr, Low: fmr * 0.6, High: fmr * 1.5}, evaluation.Ratio{Value: fnmr, Low: fnmr * 0.7, High: fnmr * 1.4}
		return p
	}
	byLength := evaluation.Breakdown{By: "length", Parts: []evaluation.Part{
		part(0, 2.75, 0.1, 0.6, 5.2), part(2.75, 3.1, 0.15, 0.8, 1.3), part(3.1, 3.42, 0.25, 0.9, 0.6),
		part(3.42, 3.7, 0.25, 1.1, 0.3), part(3.7, 4.02, 0.15, 1.3, 0.2), part(4.02, 0, 0.1, 1.7, 0),
	}}
	byYaw := evaluation.Breakdown{By: "yaw", Unit: "°", HigherIsWorse: true, Parts: []evaluation.Part{
		part(24.5, 0, 0.5, 1.2, 1.4), part(0, 24.5, 0.5, 0.8, 0.6),
	}}
	for _, b := range []*evaluation.Breakdown{&byLength, &byYaw} {
		b.FMR, b.FNMR = evaluation.Spread{Mean: rate(1e-4, impostorPairs, 0.2)}, evaluation.Spread{Mean: rate(0.015, genuinePairs, 0.18)}
		b.FMR.Ratio, b.FNMR.Ratio = b.Parts[0].FMRRatio, b.Parts[0].FNMRRatio
	}
	byLength.FMR.Worst, byLength.FMR.Ratio, byLength.FNMR.Uneven = 5, byLength.Parts[5].FMRRatio, []int{0}
	r.Evenness = []evaluation.Breakdown{byLength, byYaw, {By: "brightness", FMR: evaluation.Spread{Worst: -1}, FNMR: evaluation.Spread{Worst: -1}}}
	for i := range 200 {
		c := -0.3 + 1.1*float64(i)/199
		p := evaluation.DETPoint{Score: c, FMR: math.Round(fmr(c)*impostorPairs) / impostorPairs, FNMR: fnmr(c)}
		r.DET = append(r.DET, p)
	}
	r.Genuine = evaluation.Histogram{From: -0.4, Width: 0.014}
	r.Impostor = r.Genuine
	for i := range 100 {
		from := -0.4 + 0.014*float64(i)
		r.Genuine.Shares = append(r.Genuine.Shares, fnmr(from+0.014)-fnmr(from))
		r.Impostor.Shares = append(r.Impostor.Shares, fmr(from)-fmr(from+0.014))
	}
	for i := range 20 {
		r.Worst.Genuine = append(r.Worst.Genuine, evaluation.WorstPair{
			Reference: fmt.Sprintf("coast/person_%04d/person_%04d_0001.jpg", 37*i, 37*i),
			Probe:     fmt.Sprintf("coast/person_%04d/person_%04d_0002.jpg", 37*i, 37*i),
			Score:     0.02 + 0.011*float64(i), Percentage: 1.7 + 2.3*float64(i),
		})
		r.Worst.Impostor = append(r.Worst.Impostor, evaluation.WorstPair{
			Reference: fmt.Sprintf("coast/person_%04d/person_%04d_0003.jpg", 41*i, 41*i),
			Probe:     fmt.Sprintf("highlands/person_%04d/person_%04d_0001.jpg", 53*i+1, 53*i+1),
			Score:     0.58 - 0.004*float64(i), Percentage: 94.12 - 0.75*float64(i),
		})
		r.Worst.Failed = append(r.Worst.Failed, evaluation.FailedSample{
			File: fmt.Sprintf("highlands/person_%04d/person_%04d_0002.jpg", 29*i, 29*i), Code: "LOW_QUALITY",
		})
	}
	return r
}
