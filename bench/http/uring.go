//go:build linux

package main

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is an io_uring. Its layout is that of linux/io_uring.h.
type ring struct {
	fd         int
	tail       *uint32 // of the submissions
	sqes       []sqe
	head, last *uint32 // of the completions
}

// sqe is a submission.
type sqe struct {
	opcode, flags uint8
	ioprio        uint16
	fd            int32
	off, addr     uint64
	len, msgFlags uint32
	userData      uint64
	_             [24]byte
}

// ringParams is struct io_uring_params.
type ringParams struct {
	sqEntries, cqEntries, flags, threadCPU, threadIdle, features, wqFD uint32
	_                                                                  [3]uint32
	sq, cq                                                             ringOffsets
}

// ringOffsets are the places in the shared memory. In cq, cqes is the place of the completions.
type ringOffsets struct {
	head, tail, mask, entries, _, cqes, _, _ uint32
	_                                        uint64
}

const (
	opSend       = 26         // IORING_OP_SEND
	getEvents    = 1          // IORING_ENTER_GETEVENTS
	offsetSQEs   = 0x10000000 // IORING_OFF_SQES
	sizeCQE      = 16
	ringEntries  = 4096
	noSQArray    = 1 << 16 // IORING_SETUP_NO_SQARRAY, of Linux 6.6
	submitAll    = 1 << 7  // IORING_SETUP_SUBMIT_ALL: go on after a submission that fails
	singleIssuer = 1 << 12 // IORING_SETUP_SINGLE_ISSUER
	deferTasks   = 1 << 13 // IORING_SETUP_DEFER_TASKRUN
)

func checkRing() error {
	r, err := newRing()
	if err == nil {
		err = syscall.Close(r.fd)
	}
	return err
}

// newRing makes a ring that only the calling thread may use.
func newRing() (*ring, error) {
	p := ringParams{flags: noSQArray | submitAll | singleIssuer | deferTasks}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, ringEntries, uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r := &ring{fd: int(fd)}
	// Since Linux 5.4, both rings are in one area.
	area, err := unix.Mmap(r.fd, 0, int(p.cq.cqes+p.cqEntries*sizeCQE), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("mmap of the rings: %w", err)
	}
	sqes, err := unix.Mmap(r.fd, offsetSQEs, int(p.sqEntries*uint32(unsafe.Sizeof(sqe{}))), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("mmap of the submissions: %w", err)
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&area[offset])) }
	r.tail, r.head, r.last = at(p.sq.tail), at(p.cq.head), at(p.cq.tail)
	r.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&sqes[0])), p.sqEntries)
	return r, nil
}

// writeRing makes a system call for each 4,096 clients.
func writeRing() func(fds []int, b []byte) {
	var r *ring
	return func(fds []int, b []byte) {
		if r == nil {
			runtime.LockOSThread() // a ring belongs to its thread
			var err error
			r, err = newRing()
			must(err)
		}
		for some := range slices.Chunk(fds, len(r.sqes)) {
			must(r.send(some, b))
		}
	}
}

// send sends b to each of fds, and waits until the kernel does not need b.
func (r *ring) send(fds []int, b []byte) error {
	tail := *r.tail
	for _, fd := range fds {
		r.sqes[tail%ringEntries] = sqe{opcode: opSend, fd: int32(fd), addr: uint64(uintptr(unsafe.Pointer(&b[0]))), len: uint32(len(b)), msgFlags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL}
		tail++
	}
	atomic.StoreUint32(r.tail, tail)
	for submit, open := len(fds), len(fds); open > 0; {
		n, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(submit), uintptr(open), getEvents, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return fmt.Errorf("io_uring_enter: %w", errno)
		}
		submit -= int(n)
		head, last := *r.head, atomic.LoadUint32(r.last)
		open -= int(last - head) // the clients tell whether something is missing
		atomic.StoreUint32(r.head, last)
	}
	runtime.KeepAlive(b)
	return nil
}
