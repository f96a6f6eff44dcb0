"""Kernels compiled in the process by llvmlite: what they are written in, how they are compiled, and how they run."""

from intertwine.ops.llvm.code import Code, Lanes, Register
from intertwine.ops.llvm.compile import Kernel, Machine, folder, host, load, probe, versions
from intertwine.ops.llvm.launch import launch

__all__ = ["Code", "Kernel", "Lanes", "Machine", "Register", "folder", "host", "launch", "load", "probe", "versions"]
