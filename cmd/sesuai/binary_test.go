package main

import (
	"debug/elf"
	"slices"
	"testing"

	"github.com/sesuai/sesuai/test/process"
)

// TestBinaryIsHardened: the built program is loaded at an address that cannot be
// guessed (PIE), and what the loader has resolved cannot be written to afterwards
// (full RELRO).
func TestBinaryIsHardened(t *testing.T) {
	f, err := elf.Open(process.Program(t, root(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Type != elf.ET_DYN {
		t.Errorf("its type is %v, not that of a position-independent executable", f.Type)
	}
	has := func(t elf.ProgType, flags elf.ProgFlag) bool {
		return slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == t && p.Flags&flags == flags })
	}
	if !has(elf.PT_GNU_RELRO, 0) {
		t.Error("it has no RELRO segment")
	}
	if has(elf.PT_GNU_STACK, elf.PF_X) || has(elf.PT_LOAD, elf.PF_W|elf.PF_X) {
		t.Error("memory can be written to and executed")
	}
	flags, err := f.DynValue(elf.DT_FLAGS)
	if err != nil {
		t.Fatal(err)
	}
	flags1, err := f.DynValue(elf.DT_FLAGS_1)
	if err != nil {
		t.Fatal(err)
	}
	now := slices.ContainsFunc(flags, func(v uint64) bool { return elf.DynFlag(v)&elf.DF_BIND_NOW != 0 })
	now1 := slices.ContainsFunc(flags1, func(v uint64) bool { return elf.DynFlag1(v)&elf.DF_1_NOW != 0 })
	if !now && !now1 {
		t.Error("symbols are bound when they are first used, so RELRO is partial")
	}
}
