// Package evaluation measures the face engine on lists of labelled photographs
// by ISO/IEC 19795-1: it makes templates, compares them, counts errors, and makes
// a calibration of the scores of different people. It leaves running networks to
// face and drawing to evaluation/report, and must not know how either is done.
// It decides about nobody.
package evaluation

import (
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// Sample is one photograph of a list.
type Sample struct {
	// File is the path in the list.
	File string
	// Person and Group index Set.People and Set.Groups; Group is -1 if the
	// list has none.
	Person, Group int
}

// Pair is a line of a list: two photographs, by their index in Set.Samples.
type Pair struct {
	Same             bool
	Reference, Probe int
	// Fold numbers the part of a cross-validation from 0; -1 if the list has
	// none.
	Fold int
}

// Set is the content of a list.
type Set struct {
	Samples []Sample
	People  []string
	Groups  []string
	Pairs   []Pair
	// SHA256 is the digest of the list, in hex.
	SHA256 string
	// first is where the list first names each sample; empty if the set was
	// not read from a list.
	first []mention
}

// Failure is a photograph of which no template could be made.
type Failure struct {
	// Sample indexes Set.Samples.
	Sample int
	Kind   sesuai.Kind
	// Measures names the quality measures that failed.
	Measures []string
}

// Score is the comparison of a reference and a probe, by their index in
// Set.Samples.
type Score struct {
	Reference, Probe int32
	// Value is the comparison score by Scores.Formula.
	Value float32
}

// Scores are all comparisons of one evaluation. A genuine pair with a photograph
// that failed to be acquired has no score: it is in Missed.
type Scores struct {
	Set *Set
	// Formula is that of the scores.
	Formula face.Formula
	Genuine []Score
	// Missed are the genuine pairs that could not be compared.
	Missed []Pair
	// Impostors are the scores of different people.
	Impostors Impostors
	// AllPairs is whether Impostors has all pairs of different people; if not,
	// it has only the listed ones.
	AllPairs bool
	// Failed are the photographs that could not be acquired, in the order of
	// Set.Samples.
	Failed []Failure
	// folded are the listed pairs, if the list has folds.
	folded []foldedScore
	// acquired is by sample and face.Use.
	acquired [][2]acquired
}

// Shorter returns the length that counts for a score: face.Similarity.Length.
func (s *Scores) Shorter(of Score) float64 {
	return face.Similarity{
		Reference: s.acquired[of.Reference][face.ForReference].length, Probe: s.acquired[of.Probe][face.ForProbe].length,
	}.Length()
}

// Impostors are the scores of pairs of different people. They are too many to
// keep, so all are counted and only the highest are kept.
//
// Every score has two weights. By photographs, each score has weight 1. By
// people, all scores of the same two people together have weight 1.
type Impostors struct {
	// Pairs is how many pairs of photographs were compared, PeoplePairs how
	// many pairs of people.
	Pairs, PeoplePairs int64
	// Counts and Weights hold, for each of Bins equal parts of -1..1, the
	// number of scores and their weight by people.
	Counts  [Bins]int64
	Weights [Bins]float64
	// Tail holds every score of at least Floor, highest first.
	Tail  []Score
	Floor float64
	// PerPair returns how many pairs of photographs of two people, the smaller
	// index first, were compared. A score's weight by people is 1/PerPair.
	PerPair func(a, b int) int
	// perPerson is how many photographs of each person were compared, if
	// PerPair is the product of these numbers; else it is nil.
	perPerson []int
}

// Bins is the number of bins that all scores are counted in.
const Bins = 4000

// Report is the result of an evaluation. It holds no template and no
// photograph, and names of files only in Worst.
type Report struct {
	// Tool is the version of the program, Date the day, Duration the time
	// that it took.
	Tool     string        `json:"tool"`
	Date     string        `json:"date"`
	Duration time.Duration `json:"duration_ns"`
	// Title is the list's file name, ListSHA256 its digest.
	Title      string `json:"title"`
	ListSHA256 string `json:"list_sha256"`
	// Model and Calibration are those that were measured. Subject is which of
	// several faces was taken: central, largest or dominant.
	Model       string `json:"model"`
	Calibration string `json:"calibration"`
	Subject     string `json:"subject"`
	// LengthWeight is the weight of the length in the scores (face.Formula); 0
	// if they are cosines.
	LengthWeight float64 `json:"length_weight,omitempty"`
	// ReferencesWithoutLength is whether the references were compared as if they
	// had been stored without a length.
	ReferencesWithoutLength bool `json:"references_without_length,omitempty"`
	// Gate is whether photographs of low quality were refused.
	Gate bool `json:"quality_gate"`
	// AllPairs is whether all pairs of different people of the list were
	// compared; if not, only the listed pairs were.
	AllPairs bool `json:"all_pairs"`

	Photographs int `json:"photographs"`
	People      int `json:"people"`
	// Acquisition counts the photographs of which no template could be made.
	Acquisition Acquisition `json:"acquisition"`
	// GenuinePairs counts pairs of photographs of one person, ImpostorPairs of
	// two people, and ImpostorPeoplePairs the pairs of people in the latter.
	GenuinePairs        int   `json:"genuine_pairs"`
	ImpostorPairs       int64 `json:"impostor_pairs"`
	ImpostorPeoplePairs int64 `json:"impostor_people_pairs"`

	// At are the error rates at the calibration's anchors and the threshold.
	At []RatesAt `json:"at"`
	// AtFMR are the error rates at the scores where this list's own false
	// match rate, counted by pairs of photographs, is 1e-2, 1e-3, and so on
	// down to what the number of pairs allows.
	AtFMR []RatesAt `json:"at_fmr"`
	// Stored is what storing the references changes; nil if it was not
	// measured.
	Stored *Stored `json:"stored,omitempty"`
	// Folds is set if the list has folds.
	Folds *Folds `json:"folds,omitempty"`
	// DET is the detection error trade-off, from the lowest score up.
	DET []DETPoint `json:"det"`
	// Genuine and Impostor are the score histograms.
	Genuine  Histogram `json:"genuine_histogram"`
	Impostor Histogram `json:"impostor_histogram"`
	// Groups holds the rates of the list's groups at the threshold; set if it has
	// any.
	Groups *Groups `json:"groups,omitempty"`
	// Evenness compares the rates at the threshold between parts of the pairs, by
	// each property of the photographs and by group.
	Evenness []Breakdown `json:"evenness,omitempty"`
	// Worst are the pairs to look at.
	Worst Worst `json:"worst"`
}

// Rate is a share of errors with its 95 % interval.
type Rate struct {
	// Errors were counted in Of trials; Value is their share, from 0 to 1.
	Errors float64 `json:"errors"`
	Of     float64 `json:"of"`
	Value  float64 `json:"value"`
	// Low and High bound the value with 95 % confidence: by bootstrap over
	// people, or by the Rule of 3 if no error was seen.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Acquisition says how many photographs failed, and why.
type Acquisition struct {
	// FTA is the failure to acquire rate, over photographs.
	FTA Rate `json:"fta"`
	// Causes counts the failures by the API's error code.
	Causes map[string]int `json:"causes"`
	// Measures counts the measures that failed, of photographs of low quality.
	Measures map[string]int `json:"measures,omitempty"`
}

// RatesAt are the error rates at one score.
type RatesAt struct {
	// Name says what the score is: ThresholdName, "anchor", "FMR 1e-4".
	Name  string  `json:"name"`
	Score float64 `json:"score"`
	// Percentage and StatedFMR are the percentage and the false match rate that
	// the calibration states for the score.
	Percentage float64 `json:"percentage"`
	StatedFMR  float64 `json:"stated_fmr"`
	// FMR counts pairs of photographs. FMRByPeople counts pairs of people, so
	// that one person with many photographs does not decide it.
	FMR         Rate `json:"fmr"`
	FMRByPeople Rate `json:"fmr_by_people"`
	// FNMR counts a pair that could not be compared as an error.
	FNMR Rate `json:"fnmr"`
}

// Folds is a cross-validated accuracy: the accuracy on each fold at the score
// that is best on all other folds.
type Folds struct {
	Number   int     `json:"number"`
	Accuracy float64 `json:"accuracy"`
	// Deviation is the standard deviation over the folds.
	Deviation float64 `json:"deviation"`
}

// DETPoint is one point of the detection error trade-off.
type DETPoint struct {
	Score float64 `json:"score"`
	FMR   float64 `json:"fmr"`
	FNMR  float64 `json:"fnmr"`
}

// Histogram counts scores: a share of Shares[i] lies from From+i·Width to
// From+(i+1)·Width.
type Histogram struct {
	From   float64   `json:"from"`
	Width  float64   `json:"width"`
	Shares []float64 `json:"shares"`
}

// Groups holds the rates of groups of people.
type Groups struct {
	// Each holds one group's own rates at the threshold; impostors are pairs
	// within the group.
	Each []GroupRates `json:"each"`
}

// GroupRates are the rates within one group.
type GroupRates struct {
	Name  string  `json:"name"`
	Rates RatesAt `json:"rates"`
	// FTA is over the group's photographs.
	FTA Rate `json:"fta"`
}

// Worst lists pairs that somebody should look at: wrong labels are among them.
type Worst struct {
	// Genuine are the lowest scores of one person. Impostor are the highest
	// scores of two people, one pair of photographs for each pair of people.
	Genuine  []WorstPair `json:"genuine"`
	Impostor []WorstPair `json:"impostor"`
	// Failed are photographs that could not be acquired.
	Failed []FailedSample `json:"failed"`
}

// WorstPair is a pair of photographs by their names in the list.
type WorstPair struct {
	Reference  string  `json:"reference"`
	Probe      string  `json:"probe"`
	Score      float64 `json:"score"`
	Percentage float64 `json:"percentage"`
}

// FailedSample is a photograph that could not be acquired, and why.
type FailedSample struct {
	File string `json:"file"`
	Code string `json:"code"`
}
